// @ts-check
/** A style's file, as `adain.Style.save` writes it: the statistics of an artwork, without its picture. */

import { InputError } from "./pixels.js";

export const SUFFIX = ".safetensors";
const FORMATS = ["adain-style-1", "adain-style-2"];

/** Most bytes of the part that says what is in the file. */
const MOST_HEADER = 1 << 20;

/**
 * @param {ArrayBuffer} file
 * @param {string} name that messages call it by
 * @param {number} channels of the model here
 * @returns {import("./adain.js").Style}
 */
export function readStyle(file, name, channels) {
  const wrong = new InputError(`cannot read ${name}: it is damaged, or holds no style; write one with Style.save`);
  if (file.byteLength < 8) throw wrong;
  const length = Number(new DataView(file).getBigUint64(0, true));
  if (length > Math.min(MOST_HEADER, file.byteLength - 8)) throw wrong;
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  } catch {
    throw wrong;
  }
  if (!FORMATS.includes(header?.__metadata__?.format)) throw wrong;
  if (header.__metadata__.format !== FORMATS[0] || header.fine_std) {
    throw new InputError(`${name} was specialised, or has a fine size, which is not served here: add the artwork's picture`);
  }
  const [mean, std] = ["mean", "std"].map((part) => valuesOf(file, 8 + length, header[part]));
  if (!mean || !std || mean.length !== std.length || std.some((value) => !(value > 0))) throw wrong;
  if (mean.length !== channels) {
    throw new InputError(
      `${name} is a style of ${mean.length} channels, and the model here has ${channels}: add the artwork's picture`,
    );
  }
  return { mean, std };
}

/** The numbers of one part, if they are sound. @returns {Float32Array | null} */
function valuesOf(file, start, part) {
  const [first, end] = part?.data_offsets ?? [];
  const count = part?.shape?.reduce((product, side) => product * side, 1);
  const isSound = part?.dtype === "F32" && first >= 0 && end - first === 4 * count && start + end <= file.byteLength;
  if (!isSound || count !== part.shape[1]) return null;
  const values = new Float32Array(file.slice(start + first, start + end));
  return values.every(Number.isFinite) ? values : null;
}
