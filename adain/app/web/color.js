// @ts-check
/**
 * The lightness of a stylised picture with the colours of the photograph, as `preserve_luminance` of
 * `adain/control/color.py`.
 */

import { InputError } from "./pixels.js";

/** @typedef {{space?: "ycbcr" | "lab", strength?: number}} Colors */

/** ITU-R BT.601. */
const LUMA = [0.299, 0.587, 0.114];

/** Linear RGB to XYZ relative to the white point D65, row by row, and back. */
const WHITE = [0.95047, 1.0, 1.08883];
const TO_XYZ = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
].map((row, k) => row.map((weight) => weight / WHITE[k]));
const FROM_XYZ = inverse(TO_XYZ);

const DELTA = 6 / 29; // of CIE Lab: below its cube the cube root goes over into a straight line

/** Each level of a photograph, which has no others, in linear light. */
const LINEAR = Float64Array.from({ length: 256 }, (_, level) => toLinear(level / 255));

/**
 * Change planes of the result in place.
 * @param {Float32Array} output three planes in 0 to 1
 * @param {Float32Array} content the photograph's at the same place
 * @param {Colors} colors
 */
export function keepColors(output, content, { space = "ycbcr", strength = 1 }) {
  if (space !== "ycbcr" && space !== "lab") throw new InputError(`a colour space is "ycbcr" or "lab", not ${space}`);
  if (!(strength >= 0 && strength <= 1)) throw new InputError(`a strength of colours is 0 to 1, not ${strength}`);
  if (strength === 0) return;
  const size = output.length / 3;
  const [lightness, moved] = space === "lab" ? [lightnessOf, inLab] : [luma, inLuma];
  const pixel = new Float64Array(3);
  for (let at = 0; at < size; at++) {
    const own = lightness(output[at], output[at + size], output[at + 2 * size]);
    moved(content[at], content[at + size], content[at + 2 * size], own, pixel);
    for (let k = 0, place = at; k < 3; k++, place += size) {
      const mixed = strength === 1 ? pixel[k] : output[place] + strength * (pixel[k] - output[place]);
      output[place] = Math.min(1, Math.max(0, mixed));
    }
  }
}

function luma(red, green, blue) {
  return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue;
}

/** The same number added to all three changes the luma by it, and no chroma. */
function inLuma(red, green, blue, lightness, result) {
  const more = lightness - luma(red, green, blue);
  result[0] = red + more;
  result[1] = green + more;
  result[2] = blue + more;
}

/** Likewise in f(X), f(Y), f(Z), of which the a and b of Lab are differences. */
function inLab(red, green, blue, lightness, result) {
  const [r, g, b] = [LINEAR[Math.round(255 * red)], LINEAR[Math.round(255 * green)], LINEAR[Math.round(255 * blue)]];
  const fx = cubeRoot(dot(TO_XYZ[0], r, g, b));
  const fy = cubeRoot(dot(TO_XYZ[1], r, g, b));
  const fz = cubeRoot(dot(TO_XYZ[2], r, g, b));
  const more = lightness - fy;
  const [x, y, z] = [cubed(fx + more), cubed(lightness), cubed(fz + more)];
  for (let k = 0; k < 3; k++) result[k] = fromLinear(dot(FROM_XYZ[k], x, y, z));
}

function lightnessOf(red, green, blue) {
  return cubeRoot(dot(TO_XYZ[1], toLinear(red), toLinear(green), toLinear(blue)));
}

function dot(row, a, b, c) {
  return row[0] * a + row[1] * b + row[2] * c;
}

function toLinear(value) {
  return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
}

function fromLinear(value) {
  return value > 0.0031308 ? 1.055 * value ** (1 / 2.4) - 0.055 : 12.92 * value;
}

function cubeRoot(value) {
  return value > DELTA ** 3 ? Math.cbrt(value) : value / (3 * DELTA ** 2) + 4 / 29;
}

function cubed(value) {
  return value > DELTA ? value ** 3 : (value - 4 / 29) * (3 * DELTA ** 2);
}

/** @param {number[][]} m three rows of three */
function inverse([a, b, c]) {
  const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const columns = [cross(b, c), cross(c, a), cross(a, b)];
  const whole = dot(a, ...columns[0]);
  return [0, 1, 2].map((row) => columns.map((column) => column[row] / whole));
}
