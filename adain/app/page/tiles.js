// @ts-check
// A mask's pixels in square tiles, so that the many masks of an undo history share what did not change, and the rest
// is small: a tile of one value is one byte, a tile of long runs is kept as runs.

export const TILE = 128;

/** @typedef {{kind: "solid" | "runs" | "raw", bytes: Uint8Array}} Tile  never written to */
/** @typedef {{x: number, y: number, width: number, height: number}} Rect  in pixels */

/** @type {Tile[]} */
const SOLID = Array.from({ length: 256 }, (_, value) => ({ kind: "solid", bytes: Uint8Array.of(value) }));

/** @param {number} value 0 to 255 @returns {Tile} */
export const solid = (value) => SOLID[value];

/**
 * The tiles' places, row by row.
 * @param {number} width
 * @param {number} height
 * @returns {Rect[]}
 */
export function grid(width, height) {
  const places = [];
  for (let y = 0; y < height; y += TILE) {
    for (let x = 0; x < width; x += TILE) {
      places.push({ x, y, width: Math.min(TILE, width - x), height: Math.min(TILE, height - y) });
    }
  }
  return places;
}

/** @param {Rect} a @param {Rect} b */
export function touches(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** @param {Uint8Array} raw */
function runs(raw) {
  const most = raw.length >> 1; // more is not worth it
  const bytes = [];
  for (let start = 0; start < raw.length && bytes.length < most; ) {
    let end = start + 1;
    while (end < raw.length && end - start < 256 && raw[end] === raw[start]) end++;
    bytes.push(end - start - 1, raw[start]);
    start = end;
  }
  return bytes.length < most ? Uint8Array.from(bytes) : null;
}

/**
 * One tile, cut from a picture's rows.
 * @param {Uint8ClampedArray} data
 * @param {number} stride pixels in a row
 * @param {Rect} place
 * @returns {Tile}
 */
export function cut(data, stride, place) {
  const raw = new Uint8Array(place.width * place.height);
  for (let y = 0; y < place.height; y++) {
    const from = (place.y + y) * stride + place.x;
    raw.set(data.subarray(from, from + place.width), y * place.width);
  }
  if (raw.every((value) => value === raw[0])) return solid(raw[0]);
  const packed = runs(raw);
  return packed ? { kind: "runs", bytes: packed } : { kind: "raw", bytes: raw };
}

/** @param {Tile} tile @param {Rect} place */
function unpacked(tile, place) {
  const raw = new Uint8Array(place.width * place.height);
  for (let i = 0, at = 0; i < tile.bytes.length; at += tile.bytes[i] + 1, i += 2) {
    raw.fill(tile.bytes[i + 1], at, at + tile.bytes[i] + 1);
  }
  return raw;
}

/**
 * Writes a tile back into a picture's rows.
 * @param {Tile} tile
 * @param {Uint8ClampedArray} data
 * @param {number} stride
 * @param {Rect} place
 */
export function paste(tile, data, stride, place) {
  const raw = tile.kind === "runs" ? unpacked(tile, place) : tile.bytes;
  for (let y = 0; y < place.height; y++) {
    const to = (place.y + y) * stride + place.x;
    if (tile.kind === "solid") data.fill(raw[0], to, to + place.width);
    else data.set(raw.subarray(y * place.width, (y + 1) * place.width), to);
  }
}

/** @param {Tile} a @param {Tile} b */
export function same(a, b) {
  if (a === b) return true;
  return a.kind === b.kind && a.bytes.length === b.bytes.length && a.bytes.every((value, i) => value === b.bytes[i]);
}
