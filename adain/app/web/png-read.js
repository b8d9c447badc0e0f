// @ts-check
/** The samples that a PNG stores, of any kind and depth, interlaced or not (ISO/IEC 15948). */

import { InputError } from "./pixels.js";
import { nearest } from "./png-write.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

/** Of the passes of an interlaced picture: the first column and row, and the steps. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/**
 * @typedef {{width: number, height: number, depth: number, channels: number, isGrey: boolean,
 *   samples: Uint8Array | Uint16Array, palette: Uint8Array | null, transparent: number[] | null}} Stored `samples` are
 *   `channels` a pixel, those of a palette its numbers; `transparent` is the one value that is seen through
 */

/**
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {string} name that messages call it by
 * @param {number} most pixels that it may have
 * @returns {Promise<Stored>}
 */
export async function readPng(file, name, most) {
  if (SIGNATURE.some((byte, k) => file[k] !== byte)) {
    throw new InputError(`${name} is no PNG, which stores labels as they are: save the label map as PNG`);
  }
  const { header, palette, transparency, packed } = chunksOf(file, name);
  const { width, height, depth, kind, isInterlaced } = header;
  if (width * height > most) {
    throw new InputError(`${name} has ${width} x ${height} pixels, more than the limit of ${most}: make it smaller first`);
  }
  const channels = CHANNELS[kind];
  const samples = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * channels);
  const passes = (isInterlaced ? PASSES : [[0, 0, 1, 1]]).map(([left, top, across, down]) => ({
    left,
    top,
    across,
    down,
    wide: Math.ceil((width - left) / across),
    tall: Math.ceil((height - top) / down),
  }));
  const kept = passes.filter(({ wide, tall }) => wide > 0 && tall > 0);
  const rowBytes = (wide) => Math.ceil((wide * channels * depth) / 8);
  const length = kept.reduce((sum, { wide, tall }) => sum + tall * (1 + rowBytes(wide)), 0);
  const bytes = await inflated(packed, length, name);
  const before = Math.max(1, (channels * depth) / 8);
  let at = 0;
  for (const { left, top, across, down, wide, tall } of kept) {
    const size = rowBytes(wide);
    let last = new Uint8Array(size);
    for (let y = 0; y < tall; y++) {
      const row = bytes.subarray(at + 1, at + 1 + size);
      unfilter(bytes[at], row, last, before, name);
      const start = (top + y * down) * width + left;
      for (let x = 0; x < wide; x++) {
        for (let c = 0; c < channels; c++) samples[(start + x * across) * channels + c] = sampleOf(row, x * channels + c, depth);
      }
      last = row;
      at += 1 + size;
    }
  }
  const transparent =
    transparency && kind !== 3 ? Array.from({ length: channels }, (_, c) => (transparency[2 * c] << 8) | transparency[2 * c + 1]) : null;
  return { width, height, depth, channels, isGrey: kind === 0 || kind === 4, samples, palette, transparent };
}

/** @param {Uint8Array<ArrayBuffer>} file @param {string} name */
function chunksOf(file, name) {
  const numbers = new DataView(file.buffer, file.byteOffset, file.byteLength);
  /** @type {any} */ let header = null;
  /** @type {Uint8Array | null} */ let palette = null;
  /** @type {Uint8Array | null} */ let transparency = null;
  const packed = [];
  for (let at = 8; at + 12 <= file.length; ) {
    const length = numbers.getUint32(at);
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const body = file.subarray(at + 8, at + 8 + length);
    if (body.length < length) break;
    if (kind === "IHDR" && length === 13) {
      const own = new DataView(body.buffer, body.byteOffset, 13);
      header = { width: own.getUint32(0), height: own.getUint32(4), depth: body[8], kind: body[9], isInterlaced: body[12] === 1 };
    } else if (kind === "PLTE") palette = body;
    else if (kind === "tRNS") transparency = body;
    else if (kind === "IDAT") packed.push(body);
    else if (kind === "IEND") break;
    at += 12 + length;
  }
  const isSound = header && header.width > 0 && header.height > 0 && DEPTHS[header.kind]?.includes(header.depth);
  if (!isSound || packed.length === 0 || (header.kind === 3 && !palette)) throw damaged(name);
  return { header, palette: header.kind === 3 ? palette : null, transparency, packed };
}

/** @param {Uint8Array<ArrayBuffer>[]} packed @param {number} length that comes of it */
async function inflated(packed, length, name) {
  const bytes = new Uint8Array(length);
  const reader = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  let at = 0;
  try {
    while (at < length) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes.set(value.subarray(0, length - at), at);
      at += value.length;
    }
  } catch {
    throw damaged(name);
  }
  reader.cancel().catch(() => {});
  if (at < length) throw damaged(name);
  return bytes;
}

/** Undo what a row was filtered by. @param {Uint8Array} row @param {Uint8Array} last @param {number} before bytes of a pixel */
function unfilter(filter, row, last, before, name) {
  if (filter > 4) throw damaged(name);
  if (filter === 0) return;
  for (let k = 0; k < row.length; k++) {
    const left = k >= before ? row[k - before] : 0;
    const above = last[k];
    if (filter === 1) row[k] += left;
    else if (filter === 2) row[k] += above;
    else if (filter === 3) row[k] += (left + above) >> 1;
    else row[k] += nearest(left, above, k >= before ? last[k - before] : 0);
  }
}

/** The sample at a place of a row. @param {Uint8Array} row */
function sampleOf(row, place, depth) {
  if (depth === 8) return row[place];
  if (depth === 16) return (row[2 * place] << 8) | row[2 * place + 1];
  const bit = place * depth;
  return (row[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function damaged(name) {
  return new InputError(`${name} is damaged: save it anew as PNG`);
}
