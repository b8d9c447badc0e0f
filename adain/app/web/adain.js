// @ts-check
/**
 * AdaIN over features that lie in plain arrays: statistics, blends, strengths and regions. The formulas are those of
 * `adain/nn/statistics.py` and `adain/nn/instance_norm.py`; sums are of 64 bits.
 *
 * Features are planes, one a channel, each row by row.
 */

import { InputError } from "./pixels.js";

/** Added to the variance before the root. */
export const EPS = 1e-5;

/**
 * @typedef {{mean: Float32Array, std: Float32Array}} Style statistics of an artwork, one number a channel
 * @typedef {{mean: Float64Array, std: Float64Array}} Statistics
 */

/** Mean and deviation of features that come in parts, everywhere or by weights; merged exactly (Chan et al. 1979). */
export class Running {
  #area = 0;

  /** @param {number} channels */
  constructor(channels) {
    this.mean = new Float64Array(channels);
    this.spread = new Float64Array(channels);
  }

  /**
   * @param {Float32Array} features
   * @param {Float32Array | null} weights one a cell; null for all alike
   */
  add(features, weights = null) {
    const count = features.length / this.mean.length;
    const area = weights ? weights.reduce((sum, weight) => sum + weight, 0) : count;
    if (area === 0) return;
    const whole = this.#area + area;
    for (let channel = 0, start = 0; channel < this.mean.length; channel++, start += count) {
      const mean = weighted(features, start, count, weights, 0, 1) / area;
      const spread = weighted(features, start, count, weights, mean, 2);
      const change = mean - this.mean[channel];
      this.mean[channel] += (change * area) / whole;
      this.spread[channel] += spread + (change * change * this.#area * area) / whole;
    }
    this.#area = whole;
  }

  /** @returns {Statistics} */
  result() {
    return { mean: this.mean, std: this.spread.map((spread) => Math.sqrt(spread / this.#area + EPS)) };
  }
}

/** The sum of (f - from) or of its square over a plane, by weights or without. */
function weighted(features, start, count, weights, from, power) {
  let sum = 0;
  const end = start + count;
  if (power === 1) {
    if (!weights) for (let at = start; at < end; at++) sum += features[at];
    else for (let at = start, k = 0; at < end; at++, k++) sum += weights[k] * features[at];
    return sum;
  }
  for (let at = start, k = 0; at < end; at++, k++) {
    const change = features[at] - from;
    sum += (weights ? weights[k] : 1) * change * change;
  }
  return sum;
}

/** Statistics as a style has them. @param {Statistics} statistics @returns {Style} */
export function styleOf({ mean, std }) {
  return { mean: Float32Array.from(mean), std: Float32Array.from(std) };
}

/**
 * A style between several: the mean of their statistics by weights, which are scaled to sum 1; equal ones by default.
 * @param {Style[]} styles
 * @param {number[] | null} [weights]
 * @returns {Style}
 */
export function blend(styles, weights = null) {
  const given = weights ?? styles.map(() => 1);
  const total = given.reduce((sum, weight) => sum + weight, 0);
  if (given.length !== styles.length || !(total > 0) || given.some((weight) => !(weight >= 0))) {
    throw new InputError(`${styles.length} styles need as many weights of 0 or more, and one above 0`);
  }
  const kept = styles.map((style, k) => ({ style, share: given[k] / total })).filter(({ share }) => share > 0);
  if (kept.length === 1) return kept[0].style;
  const mixed = (name) => {
    const sums = new Float64Array(styles[0].mean.length);
    for (const { style, share } of kept) for (let c = 0; c < sums.length; c++) sums[c] += share * style[name][c];
    return Float32Array.from(sums);
  };
  return { mean: mixed("mean"), std: mixed("std") };
}

/**
 * What AdaIN at some strength multiplies each channel by and adds to it.
 * @param {Statistics} content
 * @param {Style} style
 * @param {number} alpha
 */
export function scaleAndShift(content, style, alpha) {
  const scale = new Float64Array(style.mean.length);
  const shift = new Float64Array(style.mean.length);
  for (let c = 0; c < scale.length; c++) {
    const ratio = style.std[c] / content.std[c];
    scale[c] = 1 - alpha + alpha * ratio;
    shift[c] = alpha * (style.mean[c] - content.mean[c] * ratio);
  }
  return { scale, shift };
}

/**
 * What each region has of each cell: its mask, where several overlap by what they are together.
 * @param {Float32Array[]} cells
 * @returns {Float32Array[]}
 */
export function shares(cells) {
  const sums = new Float32Array(cells[0].length);
  for (const mask of cells) for (let k = 0; k < sums.length; k++) sums[k] += mask[k];
  return cells.map((mask) => mask.map((value, k) => value / Math.max(1, sums[k])));
}

/**
 * Change features, in place, to those that the decoder makes the result of. What no region covers stays as it is.
 * @param {Float32Array} features
 * @param {{scale: Float64Array, shift: Float64Array}[]} changes of each region, or the only one
 * @param {Float32Array[] | null} portions of {@link shares} at these cells; null for everywhere
 */
export function change(features, changes, portions) {
  const channels = changes[0].scale.length;
  const count = features.length / channels;
  for (let c = 0, at = 0; c < channels; c++) {
    if (!portions) {
      const [scale, shift] = [changes[0].scale[c], changes[0].shift[c]];
      for (const end = at + count; at < end; at++) features[at] = features[at] * scale + shift;
      continue;
    }
    const scales = changes.map(({ scale }) => scale[c] - 1);
    const shifts = changes.map(({ shift }) => shift[c]);
    for (let k = 0; k < count; k++, at++) {
      let scale = 1;
      let shift = 0;
      for (let r = 0; r < portions.length; r++) {
        scale += portions[r][k] * scales[r];
        shift += portions[r][k] * shifts[r];
      }
      features[at] = features[at] * scale + shift;
    }
  }
}
