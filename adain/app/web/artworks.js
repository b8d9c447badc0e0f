// @ts-check
/** The statistics of artworks: those of the site as they come with it, others once they are asked for. */

import { EngineError } from "../page/wire.js";
import { bytes, damaged } from "./files.js";
import { SUFFIX, readStyle } from "./saved-style.js";
import { shownStyle } from "./shown-style.js";

const UNFIT = 422;

/** Artworks at some size that are kept; of the base model each takes 12 kB. */
const MOST = 256;

/** @typedef {import("./adain.js").Style} Style */

export class Artworks {
  #held;
  #path;

  /** @type {import("./compute.js").Compute} what encodes; another one, once that was ended for good */
  compute;

  /** @type {Map<string, {row: number, size: number}>} */ #rows = new Map();
  /** @type {Promise<Float32Array> | null} */ #statistics = null;
  /** @type {Map<string, Promise<Style>>} the one that was used last comes last */ #made = new Map();

  /**
   * @param {import("./held.js").HeldPictures} held
   * @param {import("./compute.js").Compute} compute
   * @param {string} path of the statistics of those of the site
   */
  constructor(held, compute, path) {
    this.#held = held;
    this.compute = compute;
    this.#path = path;
  }

  /** @param {{id: string, size: number}[]} gallery in the order of the statistics */
  offer(gallery) {
    for (const [row, { id, size }] of gallery.entries()) this.#rows.set(id, { row, size });
  }

  /** Those of the site, all together. */
  statistics() {
    this.#statistics ??= bytes(this.#path).then((buffer) => {
      const isWhole = buffer.byteLength > 0 && buffer.byteLength % (8 * this.#rows.size) === 0;
      if (!isWhole) throw damaged(this.#path);
      return new Float32Array(buffer);
    });
    this.#statistics.catch(() => (this.#statistics = null));
    return this.#statistics;
  }

  /**
   * Those of an artwork with its shorter side at so many pixels.
   * @param {string} id
   * @param {number} size
   * @returns {Promise<Style>}
   */
  async of(id, size) {
    const known = this.#rows.get(id);
    const held = this.#held.of(id);
    if (known && (known.size === size || known.size === 0)) return this.#row(known.row);
    if (known && !held.picture) {
      throw new EngineError(
        `${held.name} is here as its statistics at ${known.size} px alone: set the style size to that, or add its picture`,
        UNFIT,
      );
    }
    if (!known && !held.picture) {
      throw new EngineError(
        `${held.name} is here as its statistics for another model alone: choose that one, or add its picture`,
        UNFIT,
      );
    }
    const key = `${id} ${size}`;
    const made = this.#made.get(key) ?? this.#make(held, size);
    this.#made.delete(key);
    this.#made.set(key, made);
    for (const old of this.#made.keys()) if (this.#made.size > MOST) this.#made.delete(old);
    made.catch(() => this.#made.get(key) === made && this.#made.delete(key));
    return made;
  }

  /** See that one that was added can be used, as far as that is known without a computation. @param {string} id */
  async check(id) {
    const held = this.#held.of(id);
    if (!isSaved(held)) return;
    const style = await this.of(id, 0);
    held.thumb ||= URL.createObjectURL(await shownStyle(style));
  }

  /** How many channels the model has. */
  async channels() {
    return (await this.statistics()).length / (2 * this.#rows.size);
  }

  /** @param {number} row @returns {Promise<Style>} */
  async #row(row) {
    const [all, count] = [await this.statistics(), await this.channels()];
    const start = 2 * row * count;
    return { mean: all.slice(start, start + count), std: all.slice(start + count, start + 2 * count) };
  }

  async #make(held, size) {
    if (isSaved(held)) {
      return readStyle(await (await this.#held.blob(held.id)).arrayBuffer(), held.name, await this.channels());
    }
    const pixels = await this.#held.pixels(held.id);
    return this.compute.call("encodeStyle", { pixels, size }, { transfer: [pixels.data.buffer] });
  }
}

/** Whether it is a style's file, and no picture. @param {import("./held.js").Held} held */
function isSaved({ name }) {
  return name.toLowerCase().endsWith(SUFFIX);
}
