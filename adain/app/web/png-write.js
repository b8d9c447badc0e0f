// @ts-check
/**
 * A PNG of a picture, with its opacity only where it has one. A canvas keeps colours multiplied by opacity, which no file
 * gets back, has a largest size, and writes an opacity that there is not.
 */

import { SIGNATURE, chunk } from "../page/png.js";

/** Rows that are filtered before they are packed. */
const BAND = 64;

/**
 * @param {import("./pixels.js").Pixels} pixels
 * @param {boolean} isOpaque
 * @returns {Promise<Blob>}
 */
export async function writePng({ width, height, data }, isOpaque) {
  const channels = isOpaque ? 3 : 4;
  const header = new Uint8Array(13);
  const numbers = new DataView(header.buffer);
  numbers.setUint32(0, width);
  numbers.setUint32(4, height);
  header[8] = 8;
  header[9] = isOpaque ? 2 : 6;
  const stream = new CompressionStream("deflate");
  const reader = stream.readable.getReader();
  const [parts] = await Promise.all([packed(reader), fill(stream.writable.getWriter(), width, height, data, channels)]);
  const whole = [new Uint8Array(SIGNATURE), chunk("IHDR", header), ...parts, chunk("IEND", new Uint8Array(0))];
  return new Blob(whole, { type: "image/png" });
}

/** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
async function packed(reader) {
  const parts = [];
  while (true) {
    const { done, value } = await reader.read();
    if (done) return parts;
    parts.push(chunk("IDAT", value));
  }
}

async function fill(writer, width, height, data, channels) {
  const filter = new Filter(width, channels);
  for (let top = 0; top < height; top += BAND) {
    const tall = Math.min(BAND, height - top);
    const band = new Uint8Array(tall * filter.length);
    for (let y = 0; y < tall; y++) filter.row(data, (top + y) * width * 4, band, y * filter.length);
    await writer.write(band);
  }
  await writer.close();
}

/** Rows as differences from what is beside and above, whichever leaves the least to be packed. */
class Filter {
  /** @param {number} width @param {number} channels */
  constructor(width, channels) {
    this.width = width;
    this.channels = channels;
    this.length = 1 + width * channels;
    this.above = new Uint8Array(width * channels);
    this.own = new Uint8Array(width * channels);
    this.tries = [1, 2, 3, 4].map((kind) => ({ kind, bytes: new Uint8Array(width * channels) }));
  }

  /** @param {Uint8ClampedArray} data RGBA @param {number} from @param {Uint8Array} target @param {number} to */
  row(data, from, target, to) {
    const { width, channels, own, above } = this;
    for (let x = 0, at = from, k = 0; x < width; x++, at += 4) for (let c = 0; c < channels; c++) own[k++] = data[at + c];
    let best = this.tries[0];
    let least = Infinity;
    for (const each of this.tries) {
      const sum = differences(each.kind, own, above, channels, each.bytes);
      if (sum < least) [best, least] = [each, sum];
    }
    target[to] = best.kind;
    target.set(best.bytes, to + 1);
    [this.own, this.above] = [above, own];
  }
}

/** Write a row by one filter; the sum of what it leaves. */
function differences(kind, own, above, before, bytes) {
  let sum = 0;
  for (let k = 0; k < own.length; k++) {
    const left = k >= before ? own[k - before] : 0;
    let guess = left;
    if (kind === 2) guess = above[k];
    else if (kind === 3) guess = (left + above[k]) >> 1;
    else if (kind === 4) guess = nearest(left, above[k], k >= before ? above[k - before] : 0);
    const difference = (own[k] - guess) & 255;
    bytes[k] = difference;
    sum += difference < 128 ? difference : 256 - difference;
  }
  return sum;
}

/** That of three which is nearest to the first two less the third (Paeth). */
export function nearest(left, above, corner) {
  const a = Math.abs(above - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + above - 2 * corner);
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}
