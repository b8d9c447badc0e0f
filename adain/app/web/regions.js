// @ts-check
/**
 * Masks laid on a photograph and followed down to the cells of its features, as `adain/control/masks.py` and
 * `adain/control/regions.py` do it.
 */

import { InputError, STRIDE } from "./pixels.js";
import { resizePlane } from "./resize.js";

/**
 * @typedef {{width: number, height: number, data: Uint8Array | Uint8ClampedArray, name?: string}} Mask one byte a pixel,
 *   255 where the style goes; painted over the whole photograph at any size
 */

/** How far the aspect ratios of a mask and its picture may lie apart. */
const ASPECT_TOLERANCE = 0.02;

/** A mask with nothing brighter is taken as black: what lossy compression leaves of it. */
const BLACK = 1 / 255;

/** Least area of a region in cells, and least share of some one cell that it must fill. */
const LEAST_AREA = 0.25;
const LEAST_PEAK = 0.05;

/** What resizing and blurring leave of a white mask, in the worst case of rounding. */
const FULL = 1 - 1e-5;

/** Deviation of the Gaussian that softens an edge, of its radius; where it is cut off; how fine and how coarse it is drawn. */
const SIGMA_PER_RADIUS = 0.5;
const REACH = 3;
const FINE = 4;
const COARSEST = 32;

/**
 * The share of each cell's pixels that each mask has; cells are 8 px, the last ones as large as the picture leaves them.
 * @param {Mask[]} masks
 * @param {number} width of the photograph in pixels
 * @param {number} height
 * @param {number} feather radius in its pixels
 * @returns {Float32Array[]}
 */
export function layCells(masks, width, height, feather) {
  return masks.map((mask, k) => {
    const name = `mask ${mask.name || k + 1}`;
    const cells = cellMeans(lay(mask, name, width, height, feather), width, height);
    const { area, peak } = extent(cells);
    if (area >= LEAST_AREA && peak >= LEAST_PEAK) return cells;
    throw new InputError(
      `${name} vanishes in the features: it fills ${Number(area.toPrecision(2))} of ${cells.length} cells, at most ` +
        `${Math.round(100 * peak)}% of any one; enlarge its white area or the picture`,
    );
  });
}

/**
 * What the cells of regions leave for a background; null where that is nothing to speak of.
 * @param {Float32Array[]} cells
 * @returns {Float32Array | null}
 */
export function uncovered(cells) {
  const rest = new Float32Array(cells[0].length).fill(1);
  for (const mask of cells) for (let k = 0; k < rest.length; k++) rest[k] -= mask[k];
  for (let k = 0; k < rest.length; k++) rest[k] = Math.max(0, rest[k]);
  const { area, peak } = extent(rest);
  return area >= LEAST_AREA && peak >= LEAST_PEAK ? rest : null;
}

/** Whether masks are the same to the byte. @param {Mask[]} some @param {Mask[]} others */
export function sameMasks(some, others) {
  return some.length === others.length && some.every((mask, k) => isSame(mask, others[k]));
}

/** @param {Mask} one @param {Mask} other */
function isSame(one, other) {
  if (one.width !== other.width || one.height !== other.height || one.name !== other.name) return false;
  for (let k = 0; k < one.data.length; k++) if (one.data[k] !== other.data[k]) return false;
  return one.data.length === other.data.length;
}

/** @param {Float32Array} cells */
function extent(cells) {
  let [area, peak] = [0, 0];
  for (const cell of cells) {
    area += cell;
    peak = Math.max(peak, cell);
  }
  return { area, peak };
}

/** One mask at the photograph's size, in 0 to 1, its edges softened. @returns {Float32Array} */
function lay(mask, name, width, height, feather) {
  checkAspect(mask, name, width, height);
  const stored = new Float32Array(mask.data.length);
  for (let k = 0; k < stored.length; k++) stored[k] = mask.data[k] / 255;
  const laid = resizePlane(stored, mask.width, mask.height, width, height);
  let peak = 0;
  for (let k = 0; k < laid.length; k++) if (laid[k] > peak) peak = laid[k];
  if (!(peak > BLACK)) {
    throw new InputError(`${name} is black everywhere at ${width}x${height} px: paint white where its style should go`);
  }
  const soft = soften(laid, width, height, feather);
  for (let k = 0; k < soft.length; k++) if (soft[k] > FULL) soft[k] = 1;
  return soft;
}

/** @param {Mask} mask */
function checkAspect(mask, name, width, height) {
  const skew = Math.abs((mask.width * height) / (mask.height * width) - 1);
  // A side of the mask, or of the picture, may have been rounded to the pixel when one was made from the other.
  const across = Math.abs(mask.width - (width * mask.height) / height);
  const down = Math.abs(mask.height - (height * mask.width) / width);
  const rounding = Math.min(across, down, (across * height) / mask.height, (down * width) / mask.width);
  if (skew > ASPECT_TOLERANCE && rounding >= 1) {
    throw new InputError(
      `${name} is ${mask.width}x${mask.height} px and the picture ${width}x${height} px: their shapes differ, ` +
        "paint the mask over the whole picture",
    );
  }
}

/**
 * A mask with soft edges: a Gaussian, reflected at the borders; of a large radius drawn at a reduced size.
 * @param {Float32Array} plane
 * @returns {Float32Array}
 */
export function soften(plane, width, height, radius) {
  if (!(Number.isFinite(radius) && radius >= 0)) {
    throw new InputError(`a feather radius in pixels must be 0 (hard edges) or more, not ${radius}`);
  }
  if (radius === 0) return plane;
  const sigma = radius * SIGMA_PER_RADIUS;
  const reduced = (side) => Math.min(side, Math.max(Math.min(side, COARSEST), Math.ceil(side * Math.min(1, FINE / sigma))));
  const [wide, tall] = [reduced(width), reduced(height)];
  const small = resizePlane(plane, width, height, wide, tall);
  const rows = blur(small, wide, tall, 1, wide, gaussian(wide, (sigma * wide) / width));
  const both = blur(rows, tall, wide, wide, 1, gaussian(tall, (sigma * tall) / height));
  return resizePlane(both, wide, tall, width, height);
}

/** The weights of a Gaussian along a side, whose reflection reaches no further than the opposite border. */
function gaussian(side, sigma) {
  const reach = Math.min(Math.ceil(REACH * sigma), side - 1);
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Blur along lines of a plane. @param {number} step between the places of a line @param {number} pitch between lines */
function blur(plane, length, lines, step, pitch, weights) {
  const reach = (weights.length - 1) / 2;
  const result = new Float32Array(plane.length);
  const line = new Float32Array(length + 2 * reach);
  for (let number = 0; number < lines; number++) {
    for (let k = 0; k < line.length; k++) {
      const place = length - 1 - Math.abs(length - 1 - Math.abs(k - reach));
      line[k] = plane[number * pitch + place * step];
    }
    for (let place = 0; place < length; place++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += line[place + k] * weights[k];
      result[number * pitch + place * step] = sum;
    }
  }
  return result;
}

/** The mean of each cell's pixels. @param {Float32Array} plane @returns {Float32Array} */
export function cellMeans(plane, width, height) {
  const [columns, rows] = [Math.ceil(width / STRIDE), Math.ceil(height / STRIDE)];
  const cells = new Float32Array(columns * rows);
  for (let row = 0, cell = 0; row < rows; row++) {
    const bottom = Math.min(height, (row + 1) * STRIDE);
    for (let column = 0; column < columns; column++, cell++) {
      const [left, right] = [column * STRIDE, Math.min(width, (column + 1) * STRIDE)];
      let sum = 0;
      for (let y = row * STRIDE; y < bottom; y++) {
        for (let at = y * width + left, end = y * width + right; at < end; at++) sum += plane[at];
      }
      cells[cell] = sum / ((bottom - row * STRIDE) * (right - left));
    }
  }
  return cells;
}
