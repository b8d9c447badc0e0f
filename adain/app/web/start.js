// @ts-check
/**
 * The beginning of a page on a web host. Its service worker comes first: it answers without a network, and gives the
 * page the headers with which the browser lets it compute in several threads, where the host does not give them.
 */

import "./about.js";

const WORKER = "service-worker.js";

/** Milliseconds to wait for it. Without it, or without threads, the page works as well, but slower. */
const PATIENCE = 4000;

await isolate();
await import("../page/main.js");

/** Has the page under its service worker, with its headers; begins the page once more for that, if it must. */
async function isolate() {
  const workers = navigator.serviceWorker; // none where the address is not a safe one, and in some private windows
  if (!workers) return;
  try {
    await workers.register(WORKER, { updateViaCache: "none" });
  } catch {
    return;
  }
  workers.ready.then((registration) => registration.active?.postMessage("keep"));
  const [navigation] = performance.getEntriesByType("navigation");
  // Once at most: a page that was loaded anew and is still not under it is never to be.
  const may = /** @type {PerformanceNavigationTiming} */ (navigation)?.type !== "reload";
  if (crossOriginIsolated || workers.controller || !may) return;
  await new Promise((resolve) => {
    workers.addEventListener("controllerchange", resolve, { once: true });
    setTimeout(resolve, PATIENCE);
  });
  if (!workers.controller) return;
  location.reload();
  await new Promise(() => {});
}
