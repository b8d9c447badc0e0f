// @ts-check
/** Label maps, as `adain/control/labels.py` reads them: the very numbers that a PNG stores, which no canvas gives. */

import { InputError } from "./pixels.js";
import { readPng } from "./png-read.js";

/** Labels that are listed, the largest first. */
const MOST = 256;

/** The label of pixels that are more than half transparent: they belong to no region. */
const UNLABELLED = -1;

/**
 * @typedef {{width: number, height: number, values: Int32Array, isColored: boolean, colorOf: (value: number) => string}} LabelMap
 */

/** @param {number} value */
const hexadecimal = (value) => `#${value.toString(16).padStart(6, "0")}`;

/**
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {string} name
 * @param {number} most pixels
 * @returns {Promise<LabelMap>}
 */
export async function readLabels(file, name, most) {
  const { width, height, depth, channels, samples, palette, transparent, isGrey } = await readPng(file, name, most);
  const values = new Int32Array(width * height);
  const isColored = !palette && !isGrey;
  const half = depth === 16 ? 32768 : 128;
  for (let k = 0, at = 0; k < values.length; k++, at += channels) {
    if (isColored) {
      if (depth === 16 && (samples[at] % 257 || samples[at + 1] % 257 || samples[at + 2] % 257)) {
        throw new InputError(
          "a label map in colours has 8 bits, as #rrggbb does, and this one has colours between those: save it as an " +
            "RGB PNG of 8 bits, or its labels as numbers, in grey",
        );
      }
      const shift = depth === 16 ? 8 : 0; // of 257 times a byte, the byte
      values[k] = ((samples[at] >> shift) << 16) | ((samples[at + 1] >> shift) << 8) | (samples[at + 2] >> shift);
    } else {
      values[k] = samples[at];
    }
    const isSeen =
      channels === 2 || channels === 4
        ? samples[at + channels - 1] >= half
        : !transparent || transparent.some((sample, c) => sample !== samples[at + c]);
    if (!isSeen && !palette && !(isGrey && depth === 1)) values[k] = UNLABELLED;
  }
  const colorOf = (value) => {
    if (isColored) return hexadecimal(value);
    if (palette) return hexadecimal((palette[3 * value] << 16) | (palette[3 * value + 1] << 8) | palette[3 * value + 2]);
    return hexadecimal(Math.round((255 * value) / (2 ** depth - 1)) * 0x010101);
  };
  return { width, height, values, isColored, colorOf };
}

/** What a map holds. @param {LabelMap} map */
export function heldLabels({ values, isColored, colorOf }) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (let start = 0, k = 1; k <= values.length; k++) {
    if (k < values.length && values[k] === values[start]) continue;
    counts.set(values[start], (counts.get(values[start]) ?? 0) + k - start);
    start = k;
  }
  const share = (count) => Number((count / values.length).toFixed(6));
  const unlabelled = share(counts.get(UNLABELLED) ?? 0);
  counts.delete(UNLABELLED);
  const sorted = [...counts].sort(([a, many], [b, more]) => more - many || a - b);
  const labels = sorted.slice(0, MOST).map(([value, count]) => ({
    value: isColored ? hexadecimal(value) : value,
    share: share(count),
    color: colorOf(value),
  }));
  return { labels, total: counts.size, unlabelled };
}

/**
 * The mask of each label.
 * @param {LabelMap} map
 * @param {(number | string)[]} labels as {@link heldLabels} lists them
 */
export function labelMasks({ width, height, values }, labels) {
  return labels.map((label) => {
    const wanted = typeof label === "string" ? parseInt(label.slice(1), 16) : label;
    const data = new Uint8ClampedArray(values.length);
    let found = false;
    for (let k = 0; k < values.length; k++) {
      if (values[k] === wanted) {
        data[k] = 255;
        found = true;
      }
    }
    if (!found) throw new InputError(`the label map has no label ${label}: open it again`);
    return { width, height, data, name: `of label ${label}` };
  });
}
