// @ts-check
// The brush and the eraser: strokes in a mask's pixels. Arrays only: nothing here knows the page.

/** @typedef {import("./tiles.js").Rect} Rect */
/** @typedef {{x: number, y: number, radius: number}} Spot  in pixels of the mask; (0, 0) is its corner */

/** Nothing. @returns {Rect} */
export const nowhere = () => ({ x: 0, y: 0, width: 0, height: 0 });

/** The least rectangle around two. @param {Rect} a @param {Rect} b @returns {Rect} */
export function around(a, b) {
  if (!a.width || !a.height) return b;
  if (!b.width || !b.height) return a;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

/**
 * How much a brush covers at a distance from its path, 0 to 1: all within r·(1 − softness), nothing from r on, and
 * a smoothstep between; the step is one pixel wide at least, around r if the brush is hard.
 * @param {number} distance
 * @param {number} radius
 * @param {number} softness 0 to 1
 */
export function profile(distance, radius, softness) {
  const wide = Math.max(1, softness * radius);
  const t = (radius * (1 - softness / 2) + wide / 2 - distance) / wide;
  return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/** The pixels of one mask while they are painted. */
export class Painting {
  #softness = 0;
  #erases = false;
  #isOn = false;
  #dirty = nowhere();
  #base;
  #coverage;

  /**
   * @param {number} width
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8ClampedArray(width * height);
    this.#base = new Uint8ClampedArray(width * height);
    this.#coverage = new Uint8Array(width * height);
  }

  /** Whether a stroke is under way. */
  get isOn() {
    return this.#isOn;
  }

  /** @param {{softness: number, erases: boolean}} brush */
  begin({ softness, erases }) {
    if (this.#isOn) this.cancel();
    this.#softness = softness;
    this.#erases = erases;
    this.#isOn = true;
    this.#dirty = nowhere();
    this.#base.set(this.pixels);
  }

  /**
   * Draws from one spot to another; the radius may change on the way. A stroke covers by its most, not by its sum:
   * it may cross itself, and its segments overlap without a trace.
   * @param {Spot} from
   * @param {Spot} to
   * @returns {Rect} what may have changed
   */
  line(from, to) {
    const reach = Math.max(from.radius, to.radius) + 1;
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
    const right = Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + reach));
    const bottom = Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + reach));
    if (right <= left || bottom <= top) return nowhere();
    for (let y = top; y < bottom; y++) this.#row(y, from, to, reach, left, right);
    const changed = { x: left, y: top, width: right - left, height: bottom - top };
    this.#dirty = around(this.#dirty, changed);
    return changed;
  }

  /**
   * @param {number} y
   * @param {Spot} from
   * @param {Spot} to
   * @param {number} reach
   * @param {number} left
   * @param {number} right
   */
  #row(y, from, to, reach, left, right) {
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const length = dx * dx + dy * dy;
    const py = y + 0.5 - from.y;
    // Only the part of the path that is within reach of this row can cover it.
    let [t0, t1] = dy ? [(py - reach) / dy, (py + reach) / dy] : [0, 1];
    if (t0 > t1) [t0, t1] = [t1, t0];
    t0 = Math.max(0, t0);
    t1 = Math.min(1, t1);
    if (t0 > t1) return;
    const [x0, x1] = [from.x + t0 * dx, from.x + t1 * dx];
    const first = Math.max(left, Math.floor(Math.min(x0, x1) - reach));
    const last = Math.min(right, Math.ceil(Math.max(x0, x1) + reach));
    const softness = this.#softness;
    const growth = to.radius - from.radius;
    for (let x = first, i = y * this.width + first; x < last; x++, i++) {
      if (this.#coverage[i] === 255) continue;
      const px = x + 0.5 - from.x;
      let t = length ? (px * dx + py * dy) / length : 0;
      t = t < 0 ? 0 : t > 1 ? 1 : t;
      const ex = px - t * dx;
      const ey = py - t * dy;
      const square = ex * ex + ey * ey;
      const radius = from.radius + growth * t;
      if (square >= (radius + 0.5) * (radius + 0.5)) continue;
      const covered = Math.round(255 * profile(Math.sqrt(square), radius, softness));
      if (covered > this.#coverage[i]) this.#cover(i, covered);
    }
  }

  /** @param {number} i @param {number} covered */
  #cover(i, covered) {
    this.#coverage[i] = covered;
    const before = this.#base[i];
    const left = this.#erases ? before : 255 - before;
    const kept = Math.round((left * (255 - covered)) / 255);
    this.pixels[i] = this.#erases ? kept : 255 - kept;
  }

  /**
   * Covers what an array says, as a stroke would: the filled area of a bucket.
   * @param {Uint8Array} covered one byte a pixel
   * @returns {Rect}
   */
  cover(covered) {
    for (let i = 0; i < covered.length; i++) if (covered[i] > this.#coverage[i]) this.#cover(i, covered[i]);
    this.#dirty = { x: 0, y: 0, width: this.width, height: this.height };
    return this.#dirty;
  }

  /** Ends the stroke. @returns {Rect} what it may have changed */
  end() {
    const { x, y, width, height } = this.#dirty;
    for (let start = y * this.width + x, row = 0; row < height; row++, start += this.width) {
      this.#coverage.fill(0, start, start + width);
    }
    this.#isOn = false;
    return this.#dirty;
  }

  /** Ends the stroke and takes it back. @returns {Rect} what it had changed */
  cancel() {
    this.pixels.set(this.#base);
    return this.end();
  }
}
