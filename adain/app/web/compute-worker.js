// @ts-check
/**
 * The worker: what computes, away from the page. It fetches nothing; model and kernel come with the first message.
 *
 * Messages are `{id, call, ...}`, answers `{id, ok: true, ...}` or `{id, error, kind}`, and `{id, done, total}` while
 * tiles are worked on. They are worked on in turn. `{isGpuFaster}` comes unasked, once that has been found out. Kinds of errors: "input" for what would have to be asked otherwise,
 * "gone" for a photograph that is no longer kept, "memory" where there was too little, "failed" for all else; after the
 * last two the worker is to be ended and started anew, see compute.js.
 */

import { Content, encodeStyle } from "./content.js";
import { InputError, artwork, photograph } from "./pixels.js";
import { openNetworks } from "./networks.js";

/** Photographs that are kept: the one that is seen, and the one that is finished. */
const MOST = 2;

/** @type {import("./networks.js").Networks | null} */
let networks = null;

/** @type {Map<string, Content>} the one that was used last comes last */
const contents = new Map();

class Gone extends Error {}

function opened() {
  if (!networks) throw new Error("nothing is open yet");
  return networks;
}

/** What can be asked; each answers with what goes back. */
const CALLS = {
  /** @param {Parameters<typeof openNetworks>[0]} given */
  async open(given) {
    networks = await openNetworks(given, (isGpuFaster) => self.postMessage({ isGpuFaster }));
    return {};
  },

  /** @param {{pixels: import("./pixels.js").Pixels, size: number}} given */
  async encodeStyle({ pixels, size }) {
    return encodeStyle(opened(), artwork(pixels, size));
  },

  /** @param {{key: string, pixels: import("./pixels.js").Pixels, size: number, tile?: number, most?: number}} given */
  async encodeContent({ key, pixels, size, tile, most }, progress) {
    const content = new Content(opened(), photograph(pixels, size), { tile, most });
    contents.delete(key);
    forget(MOST - 1);
    await content.encode(progress);
    contents.set(key, content);
    return { width: content.picture.width, height: content.picture.height };
  },

  /** @param {{key: string} & import("./content.js").Look} given */
  async decode({ key, ...look }, progress) {
    const content = contents.get(key);
    if (!content) throw new Gone(`the photograph ${key} is no longer kept: encode it again`);
    contents.delete(key);
    contents.set(key, content);
    return content.decode(look, progress);
  },

  async drop({ key }) {
    contents.delete(key);
    return {};
  },

  async stats() {
    const { kind, bytes } = opened();
    return { kind, bytes, keptBytes: [...contents.values()].reduce((sum, each) => sum + each.bytes, 0) };
  },
};

/** Let go of the photographs that were used longest ago, but so many. @param {number} count */
function forget(count) {
  for (const key of [...contents.keys()].slice(0, Math.max(0, contents.size - count))) contents.delete(key);
}

/** What can be told of an error. @param {any} error */
function told(error) {
  const text = String(error?.message ?? error);
  if (error instanceof InputError) return { error: text, kind: "input" };
  if (error instanceof Gone) return { error: text, kind: "gone" };
  if (error instanceof RangeError || /allocat|out of memory/i.test(text)) {
    return {
      error: "there is too little memory for this picture in one piece: compute it in tiles, or make it smaller",
      kind: "memory",
    };
  }
  if (error instanceof WebAssembly.CompileError) {
    return { error: "this browser's WebAssembly has no SIMD, which computes the pictures: use a newer one", kind: "failed" };
  }
  return { error: text.split("\n")[0], kind: "failed" };
}

let last = Promise.resolve();

self.addEventListener("message", (event) => {
  const { id, call, ...given } = event.data;
  const progress = (done, total) => self.postMessage({ id, done, total });
  last = last.then(async () => {
    try {
      const answer = await CALLS[call](given, progress);
      const buffers = answer.data ? [answer.data.buffer] : [];
      self.postMessage({ id, ok: true, ...answer }, { transfer: buffers });
    } catch (error) {
      self.postMessage({ id, ...told(error) });
    }
  });
});
