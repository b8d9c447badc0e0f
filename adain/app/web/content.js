// @ts-check
/** Pictures through the encoder, and a photograph's features through the decoder: in one piece, or tile by tile. */

import { Running, blend, change, scaleAndShift, shares, styleOf } from "./adain.js";
import { keepColors } from "./color.js";
import { InputError, STRIDE, planes, write } from "./pixels.js";
import { layCells, sameMasks, uncovered } from "./regions.js";
import { DECODER_HALO, ENCODER_HALO, areaOf, cut, grown, paste, pixelsOf, tilesOf } from "./tiles.js";

/**
 * @typedef {import("./pixels.js").Picture} Picture
 * @typedef {import("./pixels.js").Box} Box
 * @typedef {import("./adain.js").Style} Style
 * @typedef {import("./adain.js").Statistics} Statistics
 * @typedef {import("./regions.js").Mask} Mask
 * @typedef {(done: number, total: number) => void} Progress
 *
 * @typedef {{styles: Style[], weights?: number[], masks?: Mask[], background?: Style, alpha?: number, alphas?: number[],
 *   feather?: number, color?: import("./color.js").Colors | null, tile?: number}} Look styles, mixed everywhere by
 *   weights, or each where its mask is and the background in the rest, which without one stays the photograph's; the
 *   strength of all and those of regions, the background's last; a radius in pixels of the result; colours to keep
 */

/** A picture of more pixels than this is worked on in tiles of that side, which bounds the memory. */
const LARGE = 1 << 20;
const SIDE = 512;

/** The side of tiles for a picture, where none is asked for; 0 for one piece. @param {Picture} picture */
function sideFor({ width, height }) {
  return width * height > LARGE ? SIDE : 0;
}

/**
 * Most bytes of features that are kept: those of a larger photograph are computed anew for each tile that needs them. For
 * 12 megapixels they are 288 MB; a device that tells of 4 GB of memory or less keeps fewer.
 */
export const MOST_KEPT = Math.min(320, 64 * (/** @type {any} */ (navigator).deviceMemory ?? 8)) * 2 ** 20;

/**
 * The statistics of an artwork.
 * @param {import("./networks.js").Networks} networks
 * @param {Picture} picture
 */
export async function encodeStyle(networks, picture) {
  const rows = Math.ceil(picture.height / STRIDE);
  const columns = Math.ceil(picture.width / STRIDE);
  /** @type {Running | null} */
  let running = null;
  for (const box of tilesOf(rows, columns, sideFor(picture))) {
    const features = await encodePart(networks, picture, box, false);
    running ??= new Running(features.length / areaOf(box));
    running.add(features);
  }
  if (!running) throw new Error("a picture has cells");
  return styleOf(running.result());
}

/**
 * The features of a box of cells, to the values that they have in the whole picture.
 * @param {boolean} isCompleted whether the last cells are filled up by reflection, as those that are decoded are
 * @returns {Promise<Float32Array>}
 */
async function encodePart(networks, picture, box, isCompleted) {
  const rows = Math.ceil(picture.height / STRIDE);
  const columns = Math.ceil(picture.width / STRIDE);
  const outer = grown(box, ENCODER_HALO, rows, columns);
  const { width, height, data } = planes(picture, pixelsOf(outer, picture.height, picture.width), isCompleted);
  const features = await networks.encode(data, height, width);
  if (areaOf(outer) === areaOf(box)) return features;
  const inner = new Float32Array((features.length / areaOf(outer)) * areaOf(box));
  cut(features, outer, box, inner);
  return inner;
}

/** A photograph after the encoder, to be decoded in any number of styles. */
export class Content {
  /** @type {Float32Array | null} */ #features = null;
  /** @type {Float32Array} */ #scratch = new Float32Array(0);
  /** @type {{masks: Mask[], feather: number, cells: Float32Array[], statistics: Statistics[]} | null} */ #laid = null;

  /**
   * @param {import("./networks.js").Networks} networks
   * @param {Picture} picture
   * @param {{tile?: number, most?: number}} how longest side of a tile in pixels, 0 for one piece; and most bytes of
   *   features that are kept
   */
  constructor(networks, picture, { tile = sideFor(picture), most = MOST_KEPT } = {}) {
    this.networks = networks;
    this.picture = picture;
    this.tile = tile;
    this.most = most;
    this.channels = 0;
    /** @type {Statistics} */
    this.statistics = { mean: new Float64Array(0), std: new Float64Array(0) };
    this.rows = Math.ceil(picture.height / STRIDE);
    this.columns = Math.ceil(picture.width / STRIDE);
  }

  /** The box of all cells. */
  get whole() {
    return { top: 0, left: 0, bottom: this.rows, right: this.columns };
  }

  /** Bytes that it keeps. */
  get bytes() {
    return (this.#features?.byteLength ?? 0) + this.#scratch.byteLength + this.picture.data.byteLength;
  }

  /** Encode. @param {Progress} [progress] after each tile */
  async encode(progress) {
    const tiles = tilesOf(this.rows, this.columns, this.tile);
    /** @type {Running | null} */
    let running = null;
    for (const [k, box] of tiles.entries()) {
      const part = await encodePart(this.networks, this.picture, box, true);
      const channels = part.length / areaOf(box);
      running ??= new Running(channels);
      running.add(part);
      this.#keep(part, box, channels);
      progress?.(k + 1, tiles.length);
    }
    if (!running) throw new Error("a picture has cells");
    this.channels = running.mean.length;
    this.statistics = running.result();
  }

  /** @param {Float32Array} part @param {Box} box @param {number} channels */
  #keep(part, box, channels) {
    const length = channels * this.rows * this.columns;
    if (4 * length > this.most) return;
    if (part.length === length) {
      this.#features = part;
      return;
    }
    try {
      this.#features ??= new Float32Array(length);
    } catch {
      this.most = 0; // there is no room for them
      return;
    }
    paste(part, box, this.#features, this.whole);
  }

  /** Copy, or compute, the features of a box into an array that only lasts until the next ones. @param {Box} box */
  async #part(box) {
    const length = this.channels * areaOf(box);
    if (!this.#features) return encodePart(this.networks, this.picture, box, true);
    if (this.#scratch.length < length) this.#scratch = new Float32Array(length);
    const part = this.#scratch.subarray(0, length);
    cut(this.#features, this.whole, box, part);
    return part;
  }

  /** The statistics inside each region. @param {Float32Array[]} cells */
  async #regional(cells) {
    const running = cells.map(() => new Running(this.channels));
    const tiles = this.#features ? [this.whole] : tilesOf(this.rows, this.columns, this.tile);
    for (const box of tiles) {
      const part = this.#features ?? (await this.#part(box));
      for (const [k, mask] of cells.entries()) running[k].add(part, this.#within(mask, box));
    }
    return running.map((each) => each.result());
  }

  /** A plane of cells cut to a box. @param {Float32Array} plane @param {Box} box */
  #within(plane, box) {
    if (areaOf(box) === plane.length) return plane;
    const part = new Float32Array(areaOf(box));
    cut(plane, this.whole, box, part);
    return part;
  }

  /** Where masks lie and what is in them, worked out once for as long as they stay. @param {Mask[]} masks */
  async #lay(masks, feather) {
    if (this.#laid && this.#laid.feather === feather && sameMasks(this.#laid.masks, masks)) return this.#laid;
    const cells = layCells(masks, this.picture.width, this.picture.height, feather);
    const rest = uncovered(cells);
    const statistics = await this.#regional(rest ? [...cells, rest] : cells);
    this.#laid = { masks, feather, cells: rest ? [...cells, rest] : cells, statistics };
    return this.#laid;
  }

  /**
   * What becomes of the features: a change everywhere, or one for each region with its share of each cell.
   * @param {Look & {alpha: number, feather: number}} look
   */
  async #changes({ styles, weights, masks, background, alpha, alphas, feather }) {
    if (!masks) {
      return { changes: [scaleAndShift(this.statistics, blend(styles, weights), alpha)], portions: null };
    }
    if (masks.length !== styles.length) throw new InputError(`${masks.length} masks need as many styles`);
    const { cells, statistics } = await this.#lay(masks, feather);
    const placed = (background ? [...styles, background] : styles).slice(0, cells.length);
    const changes = placed.map((style, k) => scaleAndShift(statistics[k], style, alpha * (alphas?.[k] ?? 1)));
    return { changes, portions: shares(cells.slice(0, placed.length)) };
  }

  /**
   * The picture in a style, or in several by region.
   * @param {Look} look
   * @param {Progress} [progress]
   * @returns {Promise<{width: number, height: number, data: Uint8ClampedArray<ArrayBuffer>}>}
   */
  async decode({ alpha = 1, feather = 0, color = null, tile = this.tile, ...look }, progress) {
    const { width, height, opacity } = this.picture;
    checkStrengths([alpha, ...(look.alphas ?? [])]);
    const { changes, portions } = await this.#changes({ alpha, feather, ...look });
    const result = { width, height, data: new Uint8ClampedArray(4 * width * height) };
    const tiles = tilesOf(this.rows, this.columns, tile);
    for (const [k, box] of tiles.entries()) {
      const outer = grown(box, DECODER_HALO, this.rows, this.columns);
      const part = await this.#part(outer);
      change(part, changes, portions && portions.map((portion) => this.#within(portion, outer)));
      const [tall, wide] = [outer.bottom - outer.top, outer.right - outer.left];
      const pixels = await this.networks.decode(part, tall, wide);
      const place = pixelsOf(outer, height, width);
      if (color) keepColors(pixels, planes(this.picture, place, true).data, color);
      const own = pixelsOf(box, height, width);
      write(pixels, STRIDE * wide, STRIDE * tall, own.top - place.top, own.left - place.left, result, own, opacity);
      progress?.(k + 1, tiles.length);
    }
    return result;
  }
}

/** @param {number[]} alphas */
function checkStrengths(alphas) {
  const wrong = alphas.find((alpha) => !(alpha >= 0 && alpha <= 1));
  if (wrong === undefined) return;
  throw new InputError(`alpha is a strength from 0, the photograph, to 1, the full style, not ${wrong}`);
}
