// @ts-check
/** How large previews and results are, and in what tiles they are computed. */

import { LEAST } from "./pixels.js";
import { scaled } from "./resize.js";

/** How many times as many pixels as a square of its size a preview may have; see `adain/app/preview.py`. */
const LONG = 4;

/** Numbers of a result's maps at their largest, beyond which it is computed in tiles, and their side. */
const WHOLE = 3e7;
const SIDE = 512;

/** The tiles to try one after the other, where memory is short. */
const SMALLER = { 0: SIDE, [SIDE]: 256, 256: 128 };

/**
 * The shorter side of a preview, and its size in that of the result.
 * @param {{width: number, height: number}} content
 * @param {number | null} wanted shorter side of the result; 0 or null for that of the photograph
 * @param {number} most
 */
export function previewSize({ width, height }, wanted, most) {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const whole = wanted || short;
  const size = Math.min(whole, most, Math.floor(most * Math.sqrt(LONG / Math.max(long / short, LONG))));
  const own = Math.max(size, Math.min(whole, LEAST));
  return { size: own, scale: own / whole };
}

/**
 * The tiles that a result is computed in; 0 for one piece.
 * @param {{width: number, height: number}} content
 * @param {number} size shorter side of the result
 * @param {number} channels channels of the model at the picture's own size
 */
export function tileOf({ width, height }, size, channels) {
  const [wide, tall] = scaled(width, height, size);
  return wide * tall * channels > WHOLE ? SIDE : 0;
}

/** The next smaller tiles; null, if there are none. @param {number} tile @returns {number | null} */
export function smallerTile(tile) {
  return SMALLER[tile] ?? null;
}
