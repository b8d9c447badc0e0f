// @ts-check
// Mask: where a style goes. A value that never changes, so that states can share it and an undo is a pointer.

import { sizeOf } from "./picture.js";
import { greyPng } from "./png.js";
import { cut, grid, paste, same, solid, touches } from "./tiles.js";

/** @typedef {import("./tiles.js").Tile} Tile */
/** @typedef {import("./tiles.js").Rect} Rect */

/** The longest side of a mask, in pixels: the library resizes masks, and a brush's edge needs no more. */
export const LONGEST = 2048;

/**
 * The size that a photograph's masks are painted at.
 * @param {number} width
 * @param {number} height
 * @returns {{width: number, height: number}}
 */
export function workingSize(width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

export class Mask {
  /** @type {Tile[]} */
  #tiles;
  /** @type {WeakRef<Uint8ClampedArray> | null} */
  #data = null;

  /**
   * @param {number} width
   * @param {number} height
   * @param {Uint8ClampedArray | Tile[]} pixels one byte a pixel, row by row; copied
   */
  constructor(width, height, pixels) {
    if (!(width >= 1 && height >= 1)) throw new RangeError(`a mask has at least one pixel, not ${width}×${height}`);
    if (!Array.isArray(pixels) && pixels.length !== width * height) {
      throw new RangeError(`a mask of ${width}×${height} has ${width * height} bytes, not ${pixels.length}`);
    }
    this.width = width;
    this.height = height;
    this.#tiles = Array.isArray(pixels) ? pixels : grid(width, height).map((place) => cut(pixels, width, place));
    Object.freeze(this);
  }

  /** Nothing inside. @param {number} width @param {number} height */
  static empty(width, height) {
    return new Mask(width, height, grid(width, height).map(() => solid(0)));
  }

  /** All inside. @param {number} width @param {number} height */
  static full(width, height) {
    return new Mask(width, height, grid(width, height).map(() => solid(255)));
  }

  /**
   * A picture as a mask: its luma (BT.601), and what is transparent lies outside, as the library reads masks.
   * A larger one than LONGEST is made smaller.
   * @param {import("./picture.js").Picture} image
   */
  static fromImage(image) {
    const own = sizeOf(image);
    const size = workingSize(own.width, own.height);
    const context = canvasContext(size.width, size.height);
    context.fillStyle = "#000";
    context.fillRect(0, 0, size.width, size.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, size.width, size.height);
    const colors = context.getImageData(0, 0, size.width, size.height).data;
    const data = new Uint8ClampedArray(size.width * size.height);
    for (let i = 0, c = 0; i < data.length; i++, c += 4) {
      data[i] = (colors[c] * 299 + colors[c + 1] * 587 + colors[c + 2] * 114) / 1000;
    }
    return new Mask(size.width, size.height, data);
  }

  /** One byte a pixel, row by row, 255: the style goes here. To be read only: put together when it is asked for. */
  get data() {
    const kept = this.#data?.deref();
    if (kept) return kept;
    const data = new Uint8ClampedArray(this.width * this.height);
    this.pasteInto(data);
    this.#data = new WeakRef(data);
    return data;
  }

  /** Whether nothing lies inside. */
  get isEmpty() {
    return this.#tiles.every((tile) => tile === solid(0));
  }

  /** Bytes that the pixels take, those shared with other masks included. */
  get bytes() {
    return this.#tiles.reduce((sum, tile) => sum + tile.bytes.length, 0);
  }

  /**
   * Writes the pixels into an array of this size; where `known` is given and of this size, only what differs from it.
   * @param {Uint8ClampedArray} data
   * @param {Mask | null} known what stands in it already
   * @returns {Rect[]} the tiles that were written
   */
  pasteInto(data, known = null) {
    const others = known && known.width === this.width && known.height === this.height ? known.#tiles : [];
    const written = [];
    for (const [i, place] of grid(this.width, this.height).entries()) {
      if (this.#tiles[i] === others[i]) continue;
      paste(this.#tiles[i], data, this.width, place);
      written.push(place);
    }
    return written;
  }

  /**
   * This mask with other pixels, which differ in a rectangle at most: all other tiles are shared with this one.
   * @param {Uint8ClampedArray} data of this size
   * @param {Rect} changed
   * @returns {Mask} this one itself, if nothing differs
   */
  changed(data, changed) {
    const places = grid(this.width, this.height);
    const tiles = this.#tiles.map((tile, i) => {
      if (!touches(places[i], changed)) return tile;
      const now = cut(data, this.width, places[i]);
      return same(now, tile) ? tile : now;
    });
    return tiles.every((tile, i) => tile === this.#tiles[i]) ? this : new Mask(this.width, this.height, tiles);
  }

  /** Inside out. */
  inverted() {
    return new Mask(this.width, this.height, this.data.map((value) => 255 - value));
  }

  /** Stretched to another size, smoothly. @param {number} width @param {number} height */
  resized(width, height) {
    if (width === this.width && height === this.height) return this;
    const context = canvasContext(width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#picture(), 0, 0, width, height);
    const colors = context.getImageData(0, 0, width, height).data;
    const data = new Uint8ClampedArray(width * height);
    for (let i = 0; i < data.length; i++) data[i] = colors[4 * i];
    return new Mask(width, height, data);
  }

  /**
   * Some of the pixels, one in a few of each row and column: quick, for looking at.
   * @param {number} longest side at most
   */
  thinned(longest) {
    const step = Math.ceil(Math.max(this.width, this.height) / longest);
    const [width, height] = [Math.ceil(this.width / step), Math.ceil(this.height / step)];
    const all = this.data;
    const data = new Uint8ClampedArray(width * height);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0, from = y * step * this.width; x < width; x++, from += step) data[to++] = all[from];
    }
    return { width, height, data };
  }

  #picture() {
    const data = this.data;
    const image = new ImageData(this.width, this.height);
    const colors = new Uint32Array(image.data.buffer);
    for (let i = 0; i < data.length; i++) colors[i] = 0xff000000 | (data[i] * 0x010101);
    const context = canvasContext(this.width, this.height);
    context.putImageData(image, 0, 0);
    return context.canvas;
  }

  /** A grey PNG of eight bits with exactly these values. @returns {Promise<Blob>} */
  toBlob() {
    return greyPng(this.width, this.height, this.data);
  }
}

/** @param {number} width @param {number} height */
export function canvasContext(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser cannot draw: reload the page, or close other pages");
  return context;
}
