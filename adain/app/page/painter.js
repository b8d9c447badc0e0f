// @ts-check
// What is painted in a view: the mask that tools change, its overlay, and the bucket's picture.

import { around, nowhere, Painting } from "./brush.js";
import { flood } from "./fill.js";
import { canvasContext, Mask, workingSize } from "./masks.js";
import { Overlay } from "./overlay.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {{x: number, y: number}} Point  0 to 1 inside the picture */

const SHOWN_BESIDE = 1024; // the longest side of masks that are only shown
const THICKEST = 8;
const NOTHING = 6; // of 255: what no eye sees does not stop a fill

export class Painter {
  /** @type {Mask | null} what the page has given, or was given by the last stroke */
  #given = null;
  /** @type {Mask | null} what stands in the pixels, between strokes */
  #base = null;
  /** @type {string | null} */
  #color = null;
  /** @type {Painting | null} */
  #painting = null;
  /** @type {Overlay | null} */
  #overlay = null;
  /** @type {{mask: Mask, color: string, overlay: Overlay}[]} */
  #others = [];
  #dirty = nowhere();
  #isFresh = true; // nothing of the pixels was drawn yet, and they began empty
  /** @type {import("./brush.js").Spot | null} */
  #last = null;
  /** @type {((tolerance: number) => void) | null} */
  #fill = null;
  /** @type {Uint8ClampedArray | null} the photograph at the mask's size */
  #colors = null;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
  }

  /** Whether a stroke is under way. */
  get isOn() {
    return this.#painting?.isOn ?? false;
  }

  get canPaint() {
    return this.#color !== null && this.view.size !== null;
  }

  /**
   * @param {Mask | null} mask
   * @param {string | null} color
   * @param {{mask: Mask | null, color: string}[]} others
   */
  show(mask, color, others) {
    this.#showBeside(others);
    if (mask === this.#given && color === this.#color) return;
    this.cancel();
    if (color !== this.#color) this.#overlay = null; // all of it is drawn anew
    if (mask !== this.#given || !mask) this.#last = null;
    this.#given = mask;
    this.#color = color;
    if (color === null || !mask) {
      this.#base = this.#painting = this.#overlay = null; // made by the first stroke
    } else {
      this.#load(mask);
    }
  }

  /** Puts a mask into the pixels: only what differs from what stands there. @param {Mask} mask */
  #load(mask) {
    const { width, height } = mask;
    if (this.#painting?.width !== width || this.#painting.height !== height) {
      this.#painting = new Painting(width, height);
      this.#base = Mask.empty(width, height); // as new pixels are: what is empty is not written, nor drawn
      this.#overlay = this.#colors = null;
      this.#dirty = nowhere();
      this.#isFresh = true;
    }
    const places = mask.pasteInto(this.#painting.pixels, this.#base);
    for (const place of places) this.#dirty = around(this.#dirty, place);
    this.#base = mask;
  }

  /** @param {{mask: Mask | null, color: string}[]} others */
  #showBeside(others) {
    this.#others = others.flatMap(({ mask, color }) => {
      if (!mask || mask.isEmpty) return [];
      const kept = this.#others.find((other) => other.mask === mask && other.color === color);
      if (kept) return [kept];
      const { width, height, data } = mask.thinned(SHOWN_BESIDE);
      const overlay = new Overlay(width, height, color);
      overlay.draw(data, { x: 0, y: 0, width, height });
      return [{ mask, color, overlay }];
    });
  }

  /** The pixels, at the size that masks of this picture have: whatever was given is brought to it. */
  #ready() {
    const size = this.view.size;
    if (!size || this.#color === null) return null;
    const { width, height } = workingSize(size.width, size.height);
    const mask = this.#base ?? Mask.empty(width, height);
    this.#load(mask.resized(width, height));
    return this.#painting;
  }

  /** @param {Point} point @param {number} pressure 0 to 1 @param {Painting} painting */
  #spot(point, pressure, painting) {
    const shown = this.view.place.rect.width / this.view.canvas.ratio;
    const radius = ((this.view.brush.size / 2) * painting.width) / shown;
    return { x: point.x * painting.width, y: point.y * painting.height, radius: radius * pressure };
  }

  /**
   * @param {Point} point
   * @param {{pressure?: number, erases?: boolean, joins?: boolean}} [stroke] joins: from where the last one ended
   */
  begin(point, { pressure = 1, erases = false, joins = false } = {}) {
    const painting = this.#ready();
    if (!painting) return;
    const spot = this.#spot(point, pressure, painting);
    this.#fill = null;
    painting.begin({ softness: this.view.brush.softness, erases });
    this.#stroke(painting, joins && this.#last ? this.#last : spot, spot);
  }

  /** @param {Point} point @param {number} [pressure] */
  move(point, pressure = 1) {
    const painting = this.#painting;
    if (!painting?.isOn || !this.#last) return;
    this.#stroke(painting, this.#last, this.#spot(point, pressure, painting));
  }

  /**
   * @param {Painting} painting
   * @param {import("./brush.js").Spot} from
   * @param {import("./brush.js").Spot} to
   */
  #stroke(painting, from, to) {
    this.#dirty = around(this.#dirty, painting.line(from, to));
    this.#last = to;
    this.view.canvas.requestMask();
  }

  /** Ends the stroke and hands its mask on. */
  end() {
    if (!this.#painting?.isOn || !this.#base) return;
    const changed = this.#base.changed(this.#painting.pixels, this.#painting.end());
    if (changed === this.#base) return;
    this.#base = this.#given = changed;
    this.view.dispatchEvent(new CustomEvent("stroke", { detail: changed }));
  }

  /** Ends the stroke and takes it back. */
  cancel() {
    if (!this.#painting?.isOn) return;
    this.#dirty = around(this.#dirty, this.#painting.cancel());
    this.#last = null;
    this.view.canvas.requestMask();
  }

  /**
   * The bucket: fills what is alike in the photograph and hangs together, up to what is painted already. Like a
   * stroke, it is under way until it ends.
   * @param {Point} point
   * @param {{erases?: boolean, everywhere?: boolean}} [fill]
   */
  beginFill(point, { erases = false, everywhere = false } = {}) {
    this.cancel();
    const painting = this.#ready();
    if (!painting || point.x < 0 || point.y < 0 || point.x >= 1 || point.y >= 1) return;
    const { width, height, pixels } = painting;
    const at = { x: Math.floor(point.x * width), y: Math.floor(point.y * height) };
    const isDone = (/** @type {number} */ i) => (erases ? pixels[i] < NOTHING : pixels[i] > 255 - NOTHING);
    const stops = isDone(at.y * width + at.x) ? () => false : isDone;
    const colors = this.#photograph(width, height);
    this.#fill = (tolerance) => {
      const covered = flood(colors, width, height, at, { tolerance, connected: !everywhere, stops });
      painting.begin({ softness: 0, erases });
      this.#dirty = around(this.#dirty, painting.cover(covered));
      this.view.canvas.requestMask();
    };
    this.#fill(this.view.brush.tolerance);
  }

  /** The fill that is under way, with the tolerance as it is now. */
  refill() {
    if (!this.#painting?.isOn || !this.#fill) return;
    this.#dirty = around(this.#dirty, this.#painting.cancel());
    this.#fill(this.view.brush.tolerance);
  }

  /**
   * The photograph's colours at the mask's size, or the result's if there is none.
   * @param {number} width
   * @param {number} height
   */
  #photograph(width, height) {
    if (this.#colors) return this.#colors;
    const context = canvasContext(width, height);
    context.imageSmoothingQuality = "high";
    const picture = this.view.before ?? this.view.after;
    if (picture) context.drawImage(picture, 0, 0, width, height);
    this.#colors = context.getImageData(0, 0, width, height).data;
    return this.#colors;
  }

  /** Another photograph has come. */
  forget() {
    this.#colors = null;
  }

  /**
   * Draws all masks over the picture.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./tiles.js").Rect} rect where the picture lies
   */
  draw(context, rect) {
    const put = (/** @type {Overlay} */ overlay) => {
      context.drawImage(overlay.canvas, rect.x, rect.y, rect.width, rect.height);
    };
    for (const { overlay } of this.#others) put(overlay);
    const painting = this.#painting;
    if (!painting || this.#color === null) return;
    const { width, height, pixels } = painting;
    const whole = { x: 0, y: 0, width, height };
    const wanted = Math.round((width / rect.width) * this.view.canvas.ratio);
    const thickness = Math.min(THICKEST, Math.max(1, wanted));
    if (!this.#overlay) {
      this.#overlay = new Overlay(width, height, this.#color);
      this.#overlay.thickness = thickness;
      if (!this.#isFresh) this.#dirty = whole;
      this.#isFresh = false;
    }
    if (this.#overlay.thickness !== thickness) {
      this.#overlay.thickness = thickness;
      this.#dirty = whole;
    }
    this.#overlay.draw(pixels, this.#dirty);
    this.#dirty = nowhere();
    put(this.#overlay);
  }
}
