// @ts-check
/**
 * Sizes as the library changes them, which is by Pillow: to the bit of what Pillow gives for pixels of 8 bits, to rounding
 * for masks of floats. A browser's own scaling is another filter, and its results would be further off than any promise.
 */

/** @typedef {{reach: number, weight: (x: number) => number}} Filter a kernel that is 0 beyond its reach */

/** @type {Filter} */
export const LANCZOS = { reach: 3, weight: (x) => (x < -3 || x >= 3 ? 0 : sinc(x) * sinc(x / 3)) };

/** @type {Filter} the triangle, which is bilinear where a side grows */
export const TRIANGLE = { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };

/** Bits behind the point of a weight: as many as leave room for 8 of a pixel, and for sums beyond their range. */
const PRECISION = 22;

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/**
 * What each place of the new side is made of.
 * @param {number} before pixels of the side
 * @param {number} after
 * @param {Filter} filter widened by the step where the side shrinks
 */
function mixture(before, after, filter) {
  const step = before / after;
  const scale = Math.max(step, 1);
  const reach = filter.reach * scale;
  const first = new Int32Array(after);
  const count = new Int32Array(after);
  const most = Math.ceil(reach) * 2 + 1;
  const weights = new Float64Array(after * most);
  for (let place = 0; place < after; place++) {
    const centre = (place + 0.5) * step;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const length = Math.min(before, Math.trunc(centre + reach + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < length; k++) {
      const weight = filter.weight((k + start - centre + 0.5) / scale);
      weights[place * most + k] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let k = 0; k < length; k++) weights[place * most + k] /= sum;
    first[place] = start;
    count[place] = length;
  }
  return { first, count, most, weights };
}

/** The weights in whole numbers, rounded away from 0 at halves. @param {Float64Array} weights */
function fixed(weights) {
  const unit = 2 ** PRECISION;
  return Int32Array.from(weights, (weight) => Math.trunc(weight < 0 ? weight * unit - 0.5 : weight * unit + 0.5));
}

/**
 * Pixels of 8 bits at another size; first the rows are made of that length, then the columns.
 * @param {Uint8Array | Uint8ClampedArray} data `channels` bytes a pixel, row by row
 * @param {number} width
 * @param {number} height
 * @param {number} channels
 * @param {number} wide of the result
 * @param {number} tall
 * @param {Filter} filter
 * @returns {Uint8ClampedArray}
 */
export function resizeBytes(data, width, height, channels, wide, tall, filter = LANCZOS) {
  let rows = data instanceof Uint8ClampedArray ? data : new Uint8ClampedArray(data);
  if (wide !== width) rows = across(rows, width, height, channels, wide, filter);
  return tall === height ? rows : down(rows, wide, height, channels, tall, filter);
}

const HALF = 1 << (PRECISION - 1);

/** @returns {Uint8ClampedArray} */
function across(data, width, height, channels, wide, filter) {
  const { first, count, most, weights } = mixture(width, wide, filter);
  const shares = fixed(weights);
  const result = new Uint8ClampedArray(wide * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < wide; x++) {
      const start = (y * width + first[x]) * channels;
      for (let channel = 0; channel < channels; channel++, to++) {
        let sum = HALF;
        const end = x * most + count[x];
        for (let w = x * most, at = start + channel; w < end; w++, at += channels) sum = (sum + data[at] * shares[w]) | 0;
        result[to] = sum >> PRECISION; // the array clamps
      }
    }
  }
  return result;
}

/** @returns {Uint8ClampedArray} */
function down(data, width, height, channels, tall, filter) {
  const { first, count, most, weights } = mixture(height, tall, filter);
  const shares = fixed(weights);
  const pitch = width * channels;
  const result = new Uint8ClampedArray(pitch * tall);
  const sums = new Int32Array(pitch);
  for (let y = 0; y < tall; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]; k++) {
      const share = shares[y * most + k];
      for (let x = 0, at = (first[y] + k) * pitch; x < pitch; x++, at++) sums[x] += data[at] * share;
    }
    for (let x = 0, to = y * pitch; x < pitch; x++, to++) result[to] = sums[x] >> PRECISION;
  }
  return result;
}

/**
 * One plane of floats at another size, averaged where it shrinks and bilinear where it grows.
 * @param {Float32Array} plane
 * @param {number} width
 * @param {number} height
 * @param {number} wide
 * @param {number} tall
 * @returns {Float32Array} the plane itself where nothing changes
 */
export function resizePlane(plane, width, height, wide, tall) {
  let rows = plane;
  if (wide !== width) {
    const { first, count, most, weights } = mixture(width, wide, TRIANGLE);
    rows = new Float32Array(wide * height);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < wide; x++, to++) {
        let sum = 0;
        for (let k = 0, at = y * width + first[x]; k < count[x]; k++) sum += plane[at + k] * weights[x * most + k];
        rows[to] = sum;
      }
    }
  }
  if (tall === height) return rows;
  const { first, count, most, weights } = mixture(height, tall, TRIANGLE);
  const result = new Float32Array(wide * tall);
  const sums = new Float64Array(wide);
  for (let y = 0; y < tall; y++) {
    sums.fill(0);
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[y * most + k];
      for (let x = 0, at = (first[y] + k) * wide; x < wide; x++, at++) sums[x] += rows[at] * weight;
    }
    result.set(sums, y * wide);
  }
  return result;
}

/**
 * Both sides with the shorter one at so many pixels and the aspect kept; 0 keeps both.
 * @param {number} width
 * @param {number} height
 * @param {number} shorter
 * @returns {[number, number]}
 */
export function scaled(width, height, shorter) {
  const short = Math.min(width, height);
  if (shorter === 0 || shorter === short) return [width, height];
  const side = (length) => Math.floor((length * shorter + Math.floor(short / 2)) / short);
  return [side(width), side(height)];
}
