// @ts-check
/**
 * Exact tiling, as `adain/stylizer/halo.py` has it: only the statistics are of the whole; a tile with a halo as wide as
 * the networks reach gives the very values that the whole picture gives. Boxes are in cells of 8 px.
 *
 * Tiles begin where those of kernel/kernel-blocks.h do, at whose depth a cell is a place: what is computed of other
 * places is rounded otherwise.
 */

import { InputError, STRIDE } from "./pixels.js";

/** @typedef {import("./pixels.js").Box} Box */

/** Cells around a tile that its features depend on (30 px), and those that its pixels do. */
export const ENCODER_HALO = 4;
export const DECODER_HALO = 4;

/** Cells that tiles begin at multiples of. */
const STEP = 4;

/** Least side of a tile in pixels. */
export const LEAST_TILE = 64;

/** A length cut into the fewest parts of at most so many, about as long all of them. */
function spans(length, most) {
  const steps = Math.ceil(length / STEP);
  const count = Math.ceil(steps / Math.floor(most / STEP));
  const ends = Array.from({ length: count + 1 }, (_, k) => Math.min(length, STEP * Math.floor((steps * k) / count)));
  return ends.slice(1).map((end, k) => [ends[k], end]);
}

/**
 * The tiles of so many rows and columns of cells, in reading order.
 * @param {number} rows
 * @param {number} columns
 * @param {number} tile longest side in pixels; 0 for one tile
 * @returns {Box[]}
 */
export function tilesOf(rows, columns, tile) {
  if (!tile) return [{ top: 0, left: 0, bottom: rows, right: columns }];
  if (!(tile >= LEAST_TILE)) throw new InputError(`tiles must be at least ${LEAST_TILE} px a side, not ${tile}`);
  const most = Math.floor(tile / STRIDE);
  const across = spans(columns, most);
  return spans(rows, most).flatMap(([top, bottom]) => across.map(([left, right]) => ({ top, left, bottom, right })));
}

/** A box with a margin, as far as there is something. @param {Box} box */
export function grown(box, by, rows, columns) {
  return {
    top: Math.max(0, box.top - by),
    left: Math.max(0, box.left - by),
    bottom: Math.min(rows, box.bottom + by),
    right: Math.min(columns, box.right + by),
  };
}

/** A box of cells in pixels of a picture, whose last cells may be there in part. @param {Box} box */
export function pixelsOf(box, height, width) {
  return {
    top: box.top * STRIDE,
    left: box.left * STRIDE,
    bottom: Math.min(height, box.bottom * STRIDE),
    right: Math.min(width, box.right * STRIDE),
  };
}

/** How many cells a box has. @param {Box} box */
export function areaOf(box) {
  return (box.bottom - box.top) * (box.right - box.left);
}

/**
 * Copy a box out of planes into planes of its own size.
 * @param {Float32Array} source planes of a larger box
 * @param {Box} whole that larger box
 * @param {Box} box within it
 * @param {Float32Array} target
 */
export function cut(source, whole, box, target) {
  copy(source, whole, target, box, box);
}

/** Copy planes of a box into those of a larger one. @param {Box} box @param {Box} whole */
export function paste(source, box, target, whole) {
  copy(source, box, target, whole, box);
}

/** Copy `part` from planes of the box `from` to those of the box `to`. */
function copy(source, from, target, to, part) {
  const [wide, broad] = [from.right - from.left, to.right - to.left];
  const [size, area] = [areaOf(from), areaOf(to)];
  const length = part.right - part.left;
  for (let plane = 0; plane < source.length / size; plane++) {
    for (let row = part.top; row < part.bottom; row++) {
      const start = plane * size + (row - from.top) * wide + part.left - from.left;
      const end = plane * area + (row - to.top) * broad + part.left - to.left;
      target.set(source.subarray(start, start + length), end);
    }
  }
}
