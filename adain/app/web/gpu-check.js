// @ts-check
/** Whether a device's results are right: those of the kernel, of a test picture as a whole, of others in a corner. */

import { STRIDE } from "./pixels.js";
import { DECODER_HALO, ENCODER_HALO, areaOf, cut, grown, pixelsOf } from "./tiles.js";

/**
 * @typedef {import("./networks.js").Networks} Networks
 * @typedef {import("./pixels.js").Box} Box
 * @typedef {"encode" | "decode"} Call
 */

/** How far results may be off: features of the largest, pixels of 1. */
const TOLERANCE = 1e-3;

/** Cells of the corner that is compared, each way, the halo apart. */
const CORNER = 2;

/** Three planes of pixels with something everywhere. @param {number} side */
export function testPicture(side) {
  return Float32Array.from({ length: 3 * side ** 2 }, (_, k) => ((k * 2654435761) >>> 0) / 2 ** 32);
}

/** @param {Call} call @param {Float32Array} found @param {Float32Array} known */
export function agree(call, found, known) {
  if (found.length !== known.length) return false;
  const largest = call === "decode" ? 1 : known.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return found.every((value, k) => Math.abs(value - known[k]) <= TOLERANCE * largest);
}

/**
 * Whether a result's last rows and columns, which lie behind all others in memory, are the kernel's.
 * @param {Networks} kernel
 * @param {Call} call
 * @param {Float32Array} values
 * @param {number} height of what the call is given, as `width`
 * @param {number} width
 * @param {Float32Array} found
 */
export async function isRightInCorner(kernel, call, values, height, width, found) {
  const isEncoder = call === "encode";
  const [tall, wide] = isEncoder ? [height, width] : [STRIDE * height, STRIDE * width];
  const [rows, columns] = [Math.ceil(tall / STRIDE), Math.ceil(wide / STRIDE)];
  const inPixels = (/** @type {Box} */ box) => pixelsOf(box, tall, wide);
  const asItIs = (/** @type {Box} */ box) => box;
  const [given, made] = isEncoder ? [inPixels, asItIs] : [asItIs, inPixels];
  const whole = { top: 0, left: 0, bottom: rows, right: columns };
  const corner = { ...whole, top: Math.max(0, rows - CORNER), left: Math.max(0, columns - CORNER) };
  const outer = grown(corner, isEncoder ? ENCODER_HALO : DECODER_HALO, rows, columns);
  const { top, left, bottom, right } = given(outer);
  const known = await kernel[call](part(values, given(whole), given(outer)), bottom - top, right - left);
  return agree(call, part(found, made(whole), made(corner)), part(known, made(outer), made(corner)));
}

/** A box of planes. @param {Float32Array} planes @param {Box} whole @param {Box} box */
function part(planes, whole, box) {
  const made = new Float32Array((planes.length / areaOf(whole)) * areaOf(box));
  cut(planes, whole, box, made);
  return made;
}
