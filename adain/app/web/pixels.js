// @ts-check
/** Between the bytes of a canvas and what the networks take: sizes, transparency, planes of floats, cells of 8 px. */

import { resizeBytes, scaled } from "./resize.js";

/** Pixels a cell of the features has each way. */
export const STRIDE = 8;

/** Least side of a picture in pixels. */
export const LEAST = 16;

/** How many times as long as the size it is scaled to an artwork may become, see `adain/image/source.py`. */
const LONGEST = 16;

/** What cannot be used as it is, in a line that says what would be right. */
export class InputError extends Error {}

/**
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Pixels RGBA, as ImageData has them
 * @typedef {{width: number, height: number, data: Uint8ClampedArray, opacity: Uint8Array | null}} Picture
 *   colours with nothing seen through them, and beside them how opaque they were
 * @typedef {{top: number, left: number, bottom: number, right: number}} Box
 */

/** Each level as a float of 32 bits. */
const LEVELS = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/**
 * A photograph with its shorter side at so many pixels; 0 keeps its size.
 * @param {Pixels} pixels
 * @param {number} size
 * @returns {Picture}
 */
export function photograph(pixels, size) {
  return checked(opaque(resized(pixels, ...scaled(pixels.width, pixels.height, size))), "the photograph");
}

/**
 * An artwork with its shorter side at so many pixels, of a very long one fewer; 0 keeps its size.
 * @param {Pixels} pixels
 * @param {number} size
 * @returns {Picture}
 */
export function artwork(pixels, size) {
  const short = Math.min(pixels.width, pixels.height);
  const long = Math.max(pixels.width, pixels.height);
  const bounded = size && long > LONGEST * short ? even((LONGEST * size * short) / long) : size;
  if (size && bounded < LEAST) {
    throw new InputError(
      `the artwork is ${pixels.width}x${pixels.height} px, too long for its height: cut a part out of it, ` +
        `or ask for a style_size of ${Math.ceil((LEAST * long) / (LONGEST * short))}`,
    );
  }
  return checked(opaque(resized(pixels, ...scaled(pixels.width, pixels.height, bounded))), "the artwork");
}

/** To the nearest whole number, at halves to the even one. @param {number} value */
function even(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** @param {Picture} picture @param {string} name */
function checked(picture, name) {
  if (Math.min(picture.width, picture.height) < LEAST) {
    throw new InputError(
      `${name} is ${picture.width}x${picture.height} px: at least ${LEAST} px a side are needed, ` +
        "enlarge it or ask for a larger size",
    );
  }
  return picture;
}

/** @param {Pixels} pixels @param {number} wide @param {number} tall @returns {Pixels} */
function resized({ width, height, data }, wide, tall) {
  if (wide === width && tall === height) return { width, height, data };
  if (isOpaque(data)) return { width: wide, height: tall, data: resizeBytes(data, width, height, 4, wide, tall) };
  // Colours weigh as much as they are seen, as if each were mixed with black first.
  const mixed = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3];
    for (let k = 0; k < 3; k++) mixed[at + k] = product(data[at + k], alpha);
    mixed[at + 3] = alpha;
  }
  const result = resizeBytes(mixed, width, height, 4, wide, tall);
  for (let at = 0; at < result.length; at += 4) {
    const alpha = result[at + 3];
    if (alpha === 255 || alpha === 0) continue;
    for (let k = 0; k < 3; k++) result[at + k] = Math.floor((255 * result[at + k]) / alpha);
  }
  return { width: wide, height: tall, data: result };
}

/** Of two shares of 255, rounded. @param {number} a @param {number} b */
function product(a, b) {
  const whole = a * b + 128;
  return ((whole >> 8) + whole) >> 8;
}

/** @param {Uint8ClampedArray} data */
function isOpaque(data) {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

/**
 * Colours without transparency. What is not seen at all has the mean colour of the rest: the one stored there is
 * arbitrary, and would enter the statistics and bleed over edges.
 * @param {Pixels} pixels
 * @returns {Picture}
 */
function opaque({ width, height, data }) {
  if (isOpaque(data)) return { width, height, data, opacity: null };
  const opacity = new Uint8Array(width * height);
  const sums = [0, 0, 0];
  let total = 0;
  let least = 255;
  for (let at = 0, pixel = 0; at < data.length; at += 4, pixel++) {
    const alpha = data[at + 3];
    opacity[pixel] = alpha;
    least = Math.min(least, alpha);
    total += alpha;
    for (let k = 0; k < 3; k++) sums[k] += alpha * data[at + k];
  }
  const mean = sums.map((sum) => even(sum / total));
  const filled = data.slice();
  for (let at = 0, pixel = 0; at < filled.length; at += 4, pixel++) {
    if (least === 0 && total > 0 && opacity[pixel] === 0) filled.set(mean, at);
    filled[at + 3] = 255;
  }
  return { width, height, data: filled, opacity };
}

/**
 * A part of a picture as the encoder takes it: three planes of floats in 0 to 1.
 * @param {Picture} picture
 * @param {Box} box in pixels
 * @param {boolean} isCompleted whether cells that are there in part are filled up by reflection
 * @returns {{width: number, height: number, data: Float32Array}}
 */
export function planes(picture, box, isCompleted) {
  const [tall, wide] = [box.bottom - box.top, box.right - box.left];
  const [height, width] = isCompleted ? [tall + (-tall & 7), wide + (-wide & 7)] : [tall, wide];
  const size = width * height;
  const data = new Float32Array(3 * size);
  for (let y = 0, to = 0; y < height; y++) {
    const row = (box.top + inside(y, tall)) * picture.width + box.left;
    for (let x = 0; x < width; x++, to++) {
      const at = 4 * (row + inside(x, wide));
      data[to] = LEVELS[picture.data[at]];
      data[to + size] = LEVELS[picture.data[at + 1]];
      data[to + 2 * size] = LEVELS[picture.data[at + 2]];
    }
  }
  return { width, height, data };
}

/** A place, reflected at the last one. @param {number} place @param {number} length */
function inside(place, length) {
  return place < length ? place : 2 * (length - 1) - place;
}

/**
 * Write planes of floats into a picture's bytes.
 * @param {Float32Array} source three planes of that width and height
 * @param {number} width
 * @param {number} height
 * @param {number} top of them, what stands in the upper left corner of the box
 * @param {number} left
 * @param {Pixels} result
 * @param {Box} box in its pixels
 * @param {Uint8Array | null} opacity of the result
 */
export function write(source, width, height, top, left, result, box, opacity) {
  const size = width * height;
  for (let y = box.top; y < box.bottom; y++) {
    let from = (top + y - box.top) * width + left;
    let pixel = y * result.width + box.left;
    for (let x = box.left; x < box.right; x++, from++, pixel++) {
      const to = 4 * pixel;
      // The array clamps, and rounds halves to even, as the library does.
      result.data[to] = Math.fround(source[from] * 255);
      result.data[to + 1] = Math.fround(source[from + size] * 255);
      result.data[to + 2] = Math.fround(source[from + 2 * size] * 255);
      result.data[to + 3] = opacity ? opacity[pixel] : 255;
    }
  }
}
