// @ts-check
// View: the picture before and after, zoomed and moved, with a mask that is painted over it.
//
//   const view = new View(element);          element: any block with a size of its own
//   view.before = photograph; view.after = result; view.size = {width, height};   the photograph's own pixels
//   view.setMask(mask or null, "#e4572e");   what the tools paint in; null with a colour: an empty one
//   view.addEventListener("stroke", (event) => event.detail /* Mask */);
//
// Events: "split" (0 to 1), "zoom" ("fit" or a number), "brush" ({size, softness, tolerance}, changed in the view),
// "painting" (once a frame while a stroke is under way), "stroke" (Mask: after each stroke that changed something).

import { Canvas } from "./canvas.js";
import { Keys } from "./keys.js";
import { Painter } from "./painter.js";
import { sizeOf } from "./picture.js";
import { Place } from "./place.js";
import { Pointers } from "./pointers.js";
import { SplitHandle } from "./split.js";

/** @typedef {import("./masks.js").Mask} Mask */
/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {"pan" | "brush" | "eraser" | "fill"} Tool */
/** @typedef {{size: number, softness: number, tolerance: number}} Brush
 *   size: its diameter on the screen, in px of CSS; softness 0 to 1; tolerance 0 to 1, of the bucket */

const SIZES = { least: 1, most: 500 };

export class View extends EventTarget {
  /** @type {Picture | null} */
  #before = null;
  /** @type {Picture | null} */
  #after = null;
  /** @type {{width: number, height: number} | null} */
  #size = null;
  #split = 1;
  /** @type {Tool} */
  #tool = "pan";
  /** @type {Brush} */
  #brush = { size: 40, softness: 0.5, tolerance: 0.1 };

  /** @param {HTMLElement} element */
  constructor(element) {
    super();
    this.element = element;
    this.place = new Place();
    this.painter = new Painter(this);
    this.canvas = new Canvas(this);
    this.handle = new SplitHandle(this);
    this.pointers = new Pointers(this);
    this.keys = new Keys(this);
    this.#touched();
  }

  /** The photograph, or null. */
  get before() {
    return this.#before;
  }

  set before(picture) {
    this.#before = picture;
    this.painter.forget();
    this.#came(picture);
  }

  /** The result, or null; drawn at the same place as the photograph, whatever its pixels. */
  get after() {
    return this.#after;
  }

  set after(picture) {
    this.#after = picture;
    this.#came(picture);
  }

  /** The picture's own size, which zoom and masks go by: the photograph's, if it is shown by a smaller one. */
  get size() {
    if (this.#size) return this.#size;
    const sizes = [this.#before, this.#after].flatMap((picture) => (picture ? [sizeOf(picture)] : []));
    return sizes.sort((a, b) => b.width - a.width)[0] ?? null;
  }

  set size(size) {
    this.#size = size ? { width: size.width, height: size.height } : null;
    this.#resized();
  }

  /** How much of the width, from the left, shows the result, 0 to 1. */
  get split() {
    return this.#split;
  }

  set split(value) {
    const split = Math.min(1, Math.max(0, Number(value) || 0));
    if (split === this.#split) return;
    this.#split = split;
    this.canvas.request();
    this.#tell("split", split);
  }

  /** "fit", or how many pixels of the screen a picture's pixel takes. @returns {"fit" | number} */
  get zoom() {
    return this.place.zoom;
  }

  set zoom(zoom) {
    this.zoomAt(zoom, { x: this.place.boxWidth / 2, y: this.place.boxHeight / 2 });
  }

  /**
   * Another zoom that keeps a point of the view where it is.
   * @param {"fit" | number} zoom
   * @param {{x: number, y: number}} point in pixels of the screen, from the view's corner
   */
  zoomAt(zoom, point) {
    const before = this.place.zoom;
    this.place.zoomAt(zoom === "fit" ? zoom : Number(zoom) || 1, point);
    this.#touched();
    this.canvas.request();
    if (this.place.zoom !== before) this.#tell("zoom", this.place.zoom);
  }

  /** @param {number} dx pixels of the screen @param {number} dy */
  panBy(dx, dy) {
    this.place.panBy(dx, dy);
    this.canvas.request();
  }

  get tool() {
    return this.#tool;
  }

  set tool(tool) {
    this.painter.cancel();
    this.#tool = tool;
    this.#touched();
    this.canvas.request();
  }

  /** @returns {Brush} */
  get brush() {
    return { ...this.#brush };
  }

  /** @param {Partial<Brush>} brush what is not named stays */
  set brush(brush) {
    const { size, softness, tolerance } = { ...this.#brush, ...brush };
    this.#brush = {
      size: Math.min(SIZES.most, Math.max(SIZES.least, Number(size) || SIZES.least)),
      softness: Math.min(1, Math.max(0, Number(softness) || 0)),
      tolerance: Math.min(1, Math.max(0, Number(tolerance) || 0)),
    };
    this.canvas.request();
  }

  /** A larger or smaller brush, or more or less for the bucket, by keys. @param {number} factor */
  scaleBrush(factor) {
    if (this.#tool === "fill") {
      this.setTolerance(Math.max(0.01, this.#brush.tolerance) * factor);
      return;
    }
    const size = this.#brush.size * factor;
    this.brush = { size: factor > 1 ? Math.ceil(size) : Math.floor(size) };
    this.#tell("brush", this.brush);
  }

  /** How much of the colours a bucket takes, changed by the user in the view. @param {number} tolerance 0 to 1 */
  setTolerance(tolerance) {
    this.brush = { tolerance };
    this.#tell("brush", this.brush);
  }

  /**
   * The mask that tools paint in, and those that are shown beside it.
   * @param {Mask | null} mask null: an empty one, which the first stroke makes
   * @param {string | null} [color] any colour of CSS; null: nothing is shown, nor can be painted
   * @param {{mask: Mask | null, color: string}[]} [others] only shown
   */
  setMask(mask, color = null, others = []) {
    this.painter.show(mask, color, others);
    this.canvas.request();
  }

  /** Takes a key that was pressed elsewhere in the page; true if it meant something. @param {KeyboardEvent} event */
  key(event) {
    return this.keys.take(event);
  }

  /** Draws now what the next frame would: for tests, and for pictures of the page. */
  drawNow() {
    this.canvas.draw();
  }

  /** @param {Picture | null} picture */
  #came(picture) {
    this.#resized();
    if (!(picture instanceof HTMLImageElement) || picture.complete) return;
    const again = () => (picture === this.#before ? (this.before = picture) : this.#resized());
    picture.addEventListener("load", again, { once: true });
  }

  #resized() {
    const size = this.size;
    this.place.width = size?.width ?? 0;
    this.place.height = size?.height ?? 0;
    this.place.settle();
    this.#touched();
    this.canvas.request();
  }

  /** A finger scrolls the page while there is nothing else that it could do here. */
  #touched() {
    const isFree = this.#tool === "pan" && this.place.zoom === "fit";
    this.element.style.touchAction = isFree ? "pan-y" : "none";
    this.element.dataset.tool = this.#tool;
  }

  /** @param {string} name @param {unknown} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
