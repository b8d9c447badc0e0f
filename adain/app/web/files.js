// @ts-check
/**
 * The files of the site by their paths in it, such as `model/weights.bin`: from its host, or out of the page itself.
 *
 * A page of one file holds each in an element of its own, `<script type="text/plain" data-file="model/weights.bin"
 * data-type="application/octet-stream" data-packed="gzip">base64…</script>`; `data-packed` only where it is packed. The
 * code of a worker is in one piece there and on a host, a script.
 */

import { EngineError } from "../page/wire.js";

/** The status of such an error: the page tells it, and does not wait for a server. */
const MISSING = 404;

const SAID = "could not be loaded: see that the connection is there, and try again";

/** @type {Set<string>} files that came damaged, which the browser is not to take out of its cache again */
const doubtful = new Set();

/** @type {Map<string, Promise<string>>} addresses of what lies in the page */
const addresses = new Map();

/** @param {string} path @returns {HTMLElement | null} */
function inside(path) {
  return document.querySelector(`script[data-file="${CSS.escape(path)}"]`);
}

/** Where a file is, for what takes addresses: pictures, links and modules. @param {string} path */
export function address(path) {
  return inside(path) ? held(path) : Promise.resolve(new URL(path, document.baseURI).href);
}

/** @param {string} path */
function held(path) {
  let made = addresses.get(path);
  if (!made) {
    made = blob(path).then((each) => URL.createObjectURL(each));
    made.catch(() => addresses.delete(path));
    addresses.set(path, made);
  }
  return made;
}

/** @param {string} path @returns {Promise<Blob>} */
export async function blob(path) {
  const element = inside(path);
  if (!element) return (await answer(path)).blob();
  const type = element.dataset.type ?? "application/octet-stream";
  return new Blob([await unpacked(element)], { type });
}

/** @param {string} path @returns {Promise<ArrayBuffer>} */
export async function bytes(path) {
  const element = inside(path);
  try {
    return element ? await unpacked(element) : await (await answer(path)).arrayBuffer();
  } catch (error) {
    throw error instanceof EngineError ? error : new EngineError(`${path} ${SAID}`, MISSING);
  }
}

/** @param {string} path */
export async function json(path) {
  const text = new TextDecoder().decode(await bytes(path));
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path);
  }
}

/** What is said of a file that is there, and is not what it should be. @param {string} path */
export function damaged(path) {
  doubtful.add(path);
  return new EngineError(`${path} came damaged, or of another version of the page: try again, or load the page anew`, MISSING);
}

/** An answer that is there, of this host. @param {string} path */
async function answer(path) {
  let response;
  try {
    const cache = doubtful.has(path) ? "reload" : "default";
    response = await fetch(new URL(path, document.baseURI), { credentials: "same-origin", cache });
  } catch {
    throw new EngineError(`${path} ${SAID}`, MISSING);
  }
  if (!response.ok) throw new EngineError(`${path} ${SAID} (${response.status})`, MISSING);
  return response;
}

/** @param {HTMLElement} element */
async function unpacked(element) {
  const letters = atob((element.textContent ?? "").trim());
  const packed = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k++) packed[k] = letters.charCodeAt(k);
  if (element.dataset.packed !== "gzip") return packed.buffer;
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** What the code of a worker ends with: it is in one piece, see `adain/app/offline/bundle.py`. */
const LAST = "})();";

/** @type {Map<string, Promise<string>>} */
const texts = new Map();

/**
 * The code of a worker, which is kept: one that is begun anew needs no network.
 * @param {string} path
 */
export function codeOf(path) {
  let text = texts.get(path);
  if (!text) {
    text = bytes(path).then((buffer) => {
      const code = new TextDecoder().decode(buffer);
      if (!code.trimEnd().endsWith(LAST)) throw damaged(path); // what is not whole may never answer
      return `"use strict";\n${code}`;
    });
    text.catch(() => texts.delete(path));
    texts.set(path, text);
  }
  return text;
}

/**
 * A worker of the site. Its code comes out of the page, so that it is bound by the page's own policy: one that is loaded
 * by its address has a policy of its own, or none.
 * @param {string} path of its code
 */
export async function startWorker(path) {
  const source = URL.createObjectURL(new Blob([await codeOf(path)], { type: "text/javascript" }));
  // No module: pages from a disk begin none as workers.
  const worker = new Worker(source);
  // Not at once: the worker has yet to read it.
  setTimeout(() => URL.revokeObjectURL(source), 60_000);
  return worker;
}
