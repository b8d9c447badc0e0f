// @ts-check
/**
 * Keeps the files of the site, each checked by its digest, so that the page works without a network after the first
 * visit; and gives what it answers the headers of HEADERS. Nothing but the files of the site is kept.
 *
 * The three constants are filled in when the site is written.
 */

/** Changes with any file. */
const VERSION = "";

/** @type {Record<string, string>} digests of the files by their paths, as fetch checks them */
const FILES = {};

/** @type {Record<string, string>} */
const HEADERS = {};

/** What is kept once it is asked for: many pages never are. */
const LATER = ["finish/", "gallery/finish.bin"];

const INDEX = "index.html";
const scope = /** @type {any} */ (self).registration.scope;
const prefix = `adain ${scope} `;
const name = prefix + VERSION;

/** @type {Map<string, Promise<Response>>} what is on its way */
const coming = new Map();

self.addEventListener("install", (event) => {
  // A newer site takes over when all of it is there, and no page of the older one is open.
  const isFirst = !(/** @type {any} */ (self).registration.active);
  if (!isFirst) /** @type {any} */ (event).waitUntil(keepAll());
});

self.addEventListener("activate", (event) => /** @type {any} */ (event).waitUntil(begin()));

self.addEventListener("message", (event) => {
  if (event.data === "keep") /** @type {any} */ (event).waitUntil(keepAll());
});

self.addEventListener("fetch", (given) => {
  const event = /** @type {any} */ (given);
  const path = pathOf(event.request.url);
  if (event.request.method === "GET" && path !== null) event.respondWith(answer(path, event.request));
});

async function begin() {
  for (const each of await caches.keys()) if (each.startsWith(prefix) && each !== name) await caches.delete(each);
  await /** @type {any} */ (self).clients.claim();
}

/** The path of a file of the site; null of anything else. @param {string} url */
function pathOf(url) {
  const address = new URL(url);
  const whole = address.origin + address.pathname;
  if (!whole.startsWith(scope)) return null;
  const path = whole.slice(scope.length) || INDEX;
  return Object.hasOwn(FILES, path) ? path : null;
}

async function keepAll() {
  const cache = await caches.open(name);
  for (const path of Object.keys(FILES)) {
    const isLater = LATER.some((each) => path.startsWith(each));
    if (isLater && !(await caches.match(scope + path))) continue; // nor was that of an older site
    if (!(await cache.match(scope + path))) await kept(path).catch(() => {});
  }
}

/** @param {string} path @param {Request} request */
async function answer(path, request) {
  const found = await (await caches.open(name)).match(scope + path);
  return withHeaders(found ?? (await kept(path).catch(() => fetch(request))));
}

/** A file from the host, kept if it is the one that belongs to this site. @param {string} path */
async function kept(path) {
  let waiting = coming.get(path);
  if (!waiting) {
    waiting = load(path).finally(() => coming.delete(path));
    coming.set(path, waiting);
  }
  return (await waiting).clone();
}

/** @param {string} path */
async function load(path) {
  const response = await fetch(scope + path, { cache: "no-cache", integrity: FILES[path], credentials: "same-origin" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  // In full, as it is asked for more than once.
  const whole = new Response(await response.blob(), { headers: plain(response.headers) });
  const cache = await caches.open(name);
  // Where there is no room, the page works, but not without a network.
  await cache.put(scope + path, whole.clone()).catch(() => {});
  return whole;
}

/** @param {Headers} given */
function plain(given) {
  const headers = new Headers(given);
  for (const each of ["Content-Encoding", "Content-Length", "Set-Cookie"]) headers.delete(each);
  return headers;
}

/** @param {Response} response */
function withHeaders(response) {
  if (response.type === "opaqueredirect" || response.type === "error" || response.redirected) return response;
  const headers = plain(response.headers);
  for (const [each, value] of Object.entries(HEADERS)) headers.set(each, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
