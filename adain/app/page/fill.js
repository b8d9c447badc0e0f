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
 * Of the pixels found, those that hang together with one, by their sides.
 * @param {Uint8Array} found
 * @param {number} width
 * @param {number} start
 */
function connectedTo(found, width, start) {
  const kept = new Uint8Array(found.length);
  const rows = [start];
  while (rows.length) {
    const seed = /** @type {number} */ (rows.pop());
    if (kept[seed] || !found[seed]) continue;
    const row = seed - (seed % width);
    let left = seed;
    let right = seed;
    while (left > row && found[left - 1]) left--;
    while (right + 1 < row + width && found[right + 1]) right++;
    kept.fill(255, left, right + 1);
    for (const step of [-width, width]) {
      // One seed for each run in the neighbouring row.
      for (let i = left + step, was = 0; i <= right + step; i++) {
        const is = found[i] && !kept[i] ? 1 : 0;
        if (is && !was) rows.push(i);
        was = is;
      }
    }
  }
  return kept;
}

/**
 * Fills small holes: a stroke would not leave them, and grain makes hundreds.
 * @param {Uint8Array} kept
 * @param {number} width
 * @param {number} most pixels of a hole
 * @param {(index: number) => boolean} stops
 */
function withoutHoles(kept, width, most, stops) {
  const seen = kept.slice();
  for (let start = 0; start < seen.length; start++) {
    if (seen[start]) continue;
    // All of the hole is walked, so that each pixel is seen once; it is remembered as long as it may be small.
    seen[start] = 1;
    const queue = [start];
    const hole = [];
    while (queue.length) {
      const i = /** @type {number} */ (queue.pop());
      if (hole.length <= most) hole.push(i);
      const x = i % width;
      for (const next of [x ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width]) {
        if (next < 0 || next >= seen.length || seen[next]) continue;
        seen[next] = 1;
        queue.push(next);
      }
    }
    if (hole.length <= most) for (const i of hole) if (!stops(i)) kept[i] = 255;
  }
  return kept;
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
  return withoutHoles(kept, width, (Math.max(width, height) * SMALL) ** 2, limits.stops);
}
