// @ts-check
// The bucket: what has the colours of the place that was pointed at. Arrays only: nothing here knows the page.

const SMALL = 0.01; // of the longest side: a hole of that width is filled

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{tolerance: number, connected: boolean, stops: (index: number) => boolean}} Limits
 *   tolerance 0 to 1, 1: any colour; connected: only what hangs together; stops: where it may not go */

/**
 * The colour around a pixel: the mean of nine, so that grain does not decide.
 * @param {Uint8ClampedArray} colors four bytes a pixel
 * @param {number} width
 * @param {number} height
 * @param {Point} at
 */
function meanColor(colors, width, height, at) {
  const sum = [0, 0, 0];
  let count = 0;
  for (let y = Math.max(0, at.y - 1); y <= Math.min(height - 1, at.y + 1); y++) {
    for (let x = Math.max(0, at.x - 1); x <= Math.min(width - 1, at.x + 1); x++, count++) {
      for (let c = 0; c < 3; c++) sum[c] += colors[4 * (y * width + x) + c];
    }
  }
  return sum.map((value) => value / count);
}

/**
 * Which pixels are alike: their colour is at most the tolerance away, as a part of the way from black to white.
 * @param {Uint8ClampedArray} colors four bytes a pixel
 * @param {number[]} color
 * @param {Limits} limits
 */
function alike(colors, color, { tolerance, stops }) {
  const [red, green, blue] = color;
  const most = 3 * (255 * tolerance) ** 2;
  const found = new Uint8Array(colors.length / 4);
  for (let i = 0, c = 0; i < found.length; i++, c += 4) {
    const r = colors[c] - red;
    const g = colors[c + 1] - green;
    const b = colors[c + 2] - blue;
    if (r * r + g * g + b * b <= most && !stops(i)) found[i] = 255;
  }
  return found;
}

/**
 * Walks over all that hangs together with a pixel by its sides, in runs of a row, and closes it.
 * @param {Uint8Array} open not 0 where it may be walked
 * @param {number} width
 * @param {number} start
 * @param {(left: number, right: number) => void} visit a run; right is beyond its end
 */
function walk(open, width, start, visit) {
  const seeds = [start];
  while (seeds.length) {
    const seed = /** @type {number} */ (seeds.pop());
    if (!open[seed]) continue;
    const row = seed - (seed % width);
    let left = seed;
    let right = seed + 1;
    while (left > row && open[left - 1]) left--;
    while (right < row + width && open[right]) right++;
    open.fill(0, left, right);
    visit(left, right);
    for (const step of [-width, width]) {
      if (left + step < 0 || left + step >= open.length) continue;
      // One seed for each run in the neighbouring row.
      for (let i = left + step, was = 0; i < right + step; i++) {
        if (open[i] && !was) seeds.push(i);
        was = open[i];
      }
    }
  }
}

/**
 * Of the pixels found, those that hang together with one.
 * @param {Uint8Array} found
 * @param {number} width
 * @param {number} start
 */
function connectedTo(found, width, start) {
  const kept = new Uint8Array(found.length);
  walk(found, width, start, (left, right) => kept.fill(255, left, right));
  return kept;
}

/**
 * Fills small holes: a stroke would not leave them, and grain makes hundreds.
 * @param {Uint8Array} kept
 * @param {number} width
 * @param {number} most pixels of a hole
 * @param {(index: number) => boolean} stops
 */
function fillHoles(kept, width, most, stops) {
  const open = kept.map((value) => 255 - value);
  for (let start = open.indexOf(255); start >= 0; start = open.indexOf(255, start)) {
    let size = 0;
    /** @type {[number, number][]} */
    const runs = [];
    walk(open, width, start, (left, right) => {
      size += right - left;
      if (size <= most) runs.push([left, right]);
    });
    if (size > most) continue;
    for (const [left, right] of runs) for (let i = left; i < right; i++) if (!stops(i)) kept[i] = 255;
  }
}

/**
 * The area of a bucket: 255 where it fills, one byte a pixel.
 * @param {Uint8ClampedArray} colors the photograph at the mask's size, four bytes a pixel
 * @param {number} width
 * @param {number} height
 * @param {Point} at whole pixels
 * @param {Limits} limits
 * @returns {Uint8Array}
 */
export function flood(colors, width, height, at, limits) {
  const found = alike(colors, meanColor(colors, width, height, at), limits);
  const start = at.y * width + at.x;
  found[start] = 255; // grain may have set the very pixel apart
  const kept = limits.connected ? connectedTo(found, width, start) : found;
  fillHoles(kept, width, (Math.max(width, height) * SMALL) ** 2, limits.stops);
  return kept;
}
