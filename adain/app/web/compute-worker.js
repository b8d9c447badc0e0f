// @ts-check
/**
 * The worker: what computes, away from the page. It fetches nothing; graphs and runtime come with the first message.
 *
 * Messages are `{id, call, ...}`, answers `{id, ok: true, ...}` or `{id, error, kind}`, and `{id, done, total}` while
 * tiles are worked on. They are worked on in turn. Kinds of errors: "input" for what would have to be asked otherwise,
 * "gone" for a photograph that is no longer kept, "memory" where there was too little, "failed" for all else; after the
 * last two the worker is to be ended and started anew, see compute.js.
 */

import { blend } from "./adain.js";
import { Content, MOST_KEPT, encodeStyle } from "./content.js";
import { InputError, artwork, photograph } from "./pixels.js";
import { layCells, uncovered } from "./regions.js";
import { openNetworks, wasmBytes } from "./runtime.js";

/** Photographs that are kept: the one that is seen, and the one that is finished. */
const MOST = 2;

/** @type {import("./runtime.js").Networks | null} */
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
    networks = await openNetworks(given);
    return {};
  },

  /** @param {{pixels: import("./pixels.js").Pixels, size: number}} given */
  async encodeStyle({ pixels, size }) {
    return encodeStyle(opened(), artwork(pixels, size));
  },

  /** @param {{key: string, pixels: import("./pixels.js").Pixels, size: number, tile?: number}} given */
  async encodeContent({ key, pixels, size, tile = 0 }, progress) {
    const content = new Content(opened(), photograph(pixels, size), tile);
    contents.delete(key);
    await content.encode(progress);
    contents.set(key, content);
    forget(key);
    return { width: content.picture.width, height: content.picture.height };
  },

  /**
   * `styles` are mixed by `weights`, or lie one in each of `masks`, the rest in `background` or as the photograph is;
   * `alphas` are the strengths of regions, that of the background last, and `alpha` that of all.
   */
  async decode({ key, styles, weights, masks, alphas, background, alpha = 1, feather = 0, color = null, tile }, progress) {
    const content = contents.get(key);
    if (!content) throw new Gone(`the photograph ${key} is no longer kept: encode it again`);
    contents.delete(key);
    contents.set(key, content);
    const { width, height } = content.picture;
    /** @type {import("./adain.js").Target} */
    const target = { styles: [], alphas: [], cells: null };
    if (masks) {
      const cells = layCells(masks, width, height, feather);
      const rest = background ? uncovered(cells) : null;
      target.styles = rest ? [...styles, background] : styles;
      target.cells = rest ? [...cells, rest] : cells;
      if (styles.length !== masks.length) throw new InputError(`${masks.length} masks need as many styles`);
      target.alphas = target.styles.map((_, k) => checkAlpha(alpha) * checkAlpha(alphas?.[k] ?? 1));
    } else {
      target.styles = [blend(styles, weights)];
      target.alphas = [checkAlpha(alpha)];
    }
    return content.decode(target, { tile, color, progress });
  },

  async drop({ key }) {
    contents.delete(key);
    return {};
  },

  async stats() {
    return { wasmBytes: wasmBytes(), keptBytes: [...contents.values()].reduce((sum, each) => sum + each.bytes, 0) };
  },
};

/** @param {number} alpha */
function checkAlpha(alpha) {
  if (alpha >= 0 && alpha <= 1) return alpha;
  throw new InputError(`alpha is a strength from 0, the photograph, to 1, the full style, not ${alpha}`);
}

/** Let go of the photographs that were used longest ago, as far as there are too many or too large ones. */
function forget(kept) {
  const bytes = () => [...contents.values()].reduce((sum, each) => sum + each.bytes, 0);
  for (const key of contents.keys()) {
    if (key !== kept && (contents.size > MOST || bytes() > 2 * MOST_KEPT)) contents.delete(key);
  }
}

/** What can be told of an error. @param {any} error */
function told(error) {
  const text = String(error?.message ?? error);
  if (error instanceof InputError) return { error: text, kind: "input" };
  if (error instanceof Gone) return { error: text, kind: "gone" };
  if (error instanceof RangeError || /bad_alloc|allocat|out of memory|Aborted|memory access/i.test(text)) {
    return {
      error: "there is too little memory for this picture in one piece: compute it in tiles, or make it smaller",
      kind: "memory",
    };
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
