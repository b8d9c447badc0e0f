// @ts-check
// A grey PNG of eight bits, written byte by byte: a canvas would store colours, and some browsers blur what it gives.

export const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

const CRCS = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes */
function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRCS[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/**
 * A part of a PNG.
 * @param {string} kind four letters
 * @param {Uint8Array} body
 */
export function chunk(kind, body) {
  const bytes = new Uint8Array(body.length + 12);
  const numbers = new DataView(bytes.buffer);
  numbers.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = kind.charCodeAt(i);
  bytes.set(body, 8);
  numbers.setUint32(body.length + 8, crc(bytes.subarray(4, body.length + 8)));
  return bytes;
}

/**
 * Rows as differences from the row above ("Up"): flat areas of a mask become zeros, which pack to almost nothing.
 * @param {number} width
 * @param {number} height
 * @param {Uint8ClampedArray} data
 */
function filtered(width, height, data) {
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    const from = y * width;
    const to = y * (width + 1);
    rows[to] = y ? 2 : 0;
    for (let x = 0; x < width; x++) rows[to + 1 + x] = data[from + x] - (y ? data[from + x - width] : 0);
  }
  return rows;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The PNG of one byte a pixel, row by row.
 * @param {number} width
 * @param {number} height
 * @param {Uint8ClampedArray} data
 * @returns {Promise<Blob>}
 */
export async function greyPng(width, height, data) {
  const header = new Uint8Array(13);
  const numbers = new DataView(header.buffer);
  numbers.setUint32(0, width);
  numbers.setUint32(4, height);
  header[8] = 8; // bits; the colour type, at 9, stays 0: grey
  const body = await deflated(filtered(width, height, data));
  const chunks = [chunk("IHDR", header), chunk("IDAT", body), chunk("IEND", new Uint8Array(0))];
  return new Blob([new Uint8Array(SIGNATURE), ...chunks], { type: "image/png" });
}
