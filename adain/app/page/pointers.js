// @ts-check
// Mouse, pen and fingers on a view: panning, pinching, painting, and the wheel.

/** @typedef {import("./view.js").View} View */
/** @typedef {{x: number, y: number}} Point  in pixels of the screen, from the view's corner */

const FAINTEST = 0.1; // of the brush's size, under a pen that hardly touches
const STILL = 6; // px of CSS that a click may move
const PER_PX = 0.002; // of the bucket's tolerance
const ERASER_BUTTON = 5; // the other end of a pen
const WHEEL = 0.0015; // zoom, as a logarithm, for a pixel of the wheel

export class Pointers {
  /** @type {Map<number, Point>} */
  #down = new Map();
  /** @type {"none" | "pan" | "paint" | "fill" | "pinch" | "spent"} */
  #act = "none";
  /** The pointer that pans or paints. */
  #first = -1;
  #started = { x: 0, y: 0 };
  #isPen = false;
  #tolerance = 0;
  #refilling = 0;
  /** @type {Point | null} where the brush's ring is drawn */
  cursor = null;
  /** Space is held: whatever the tool, the picture is moved. */
  pans = false;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const { top } = view.canvas;
    top.addEventListener("pointerdown", (event) => this.#press(event));
    top.addEventListener("pointermove", (event) => this.#move(event));
    top.addEventListener("pointerup", (event) => this.#lift(event));
    for (const name of ["pointercancel", "lostpointercapture"]) {
      top.addEventListener(name, (event) => this.#drop(/** @type {PointerEvent} */ (event)));
    }
    top.addEventListener("pointerleave", () => this.#ring(null));
    top.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    top.addEventListener("dblclick", (event) => this.#double(event));
    top.addEventListener("contextmenu", (event) => {
      if (this.#act !== "none") event.preventDefault(); // a long press is a stroke, too
    });
  }

  /** @param {MouseEvent} event @returns {Point} */
  where(event) {
    const bounds = this.view.canvas.top.getBoundingClientRect();
    const { place } = this.view;
    return {
      x: ((event.clientX - bounds.left) * place.boxWidth) / bounds.width,
      y: ((event.clientY - bounds.top) * place.boxHeight) / bounds.height,
    };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const { view } = this;
    if (this.#isPen && event.pointerType === "touch") return; // the hand that holds the pen
    const point = this.where(event);
    this.#down.set(event.pointerId, point);
    view.canvas.top.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch" && this.#down.size > 1) {
      this.#pinch();
      return;
    }
    if (this.#act !== "none") return;
    this.#first = event.pointerId;
    this.#started = point;
    const erases = event.button === ERASER_BUTTON || view.tool === "eraser" || (view.tool === "brush" && event.altKey);
    const isMain = event.button === 0 || event.button === ERASER_BUTTON;
    if (event.button === 1 || (isMain && (this.pans || view.tool === "pan" || !view.painter.canPaint))) {
      this.#act = "pan";
    } else if (!isMain) {
      this.#act = "spent";
    } else if (view.tool === "fill" && event.button === 0) {
      this.#act = "fill";
      this.#tolerance = view.brush.tolerance;
      view.painter.beginFill(view.place.fraction(point), { erases: event.altKey, everywhere: event.shiftKey });
    } else {
      this.#act = "paint";
      this.#isPen = event.pointerType === "pen";
      view.painter.begin(view.place.fraction(point), { pressure: pressure(event), erases, joins: event.shiftKey });
    }
  }

  #pinch() {
    // What one finger began was no stroke: it waited for the second.
    this.view.painter.cancel();
    this.#act = this.#down.size === 2 ? "pinch" : "spent";
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const point = this.where(event);
    const before = this.#down.get(event.pointerId);
    if (event.pointerType !== "touch") this.#ring(point);
    if (!before) return;
    const { view } = this;
    if (this.#act === "pinch") this.#pinchTo(event.pointerId, before, point);
    this.#down.set(event.pointerId, point);
    if (event.pointerId !== this.#first) return;
    if (this.#act === "pan") view.panBy(point.x - before.x, point.y - before.y);
    if (this.#act === "fill" && view.painter.isOn) this.#fillTo(point);
    if (this.#act === "paint") {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) {
        view.painter.move(view.place.fraction(this.where(each)), pressure(each));
      }
    }
  }

  /** A bucket that is drawn to the right takes more, to the left less; it is seen at once. @param {Point} point */
  #fillTo(point) {
    const { view } = this;
    const across = (point.x - this.#started.x) / view.canvas.ratio;
    const beyond = Math.sign(across) * Math.max(0, Math.abs(across) - STILL);
    if (!beyond && view.brush.tolerance === this.#tolerance) return;
    view.setTolerance(this.#tolerance + beyond * PER_PX);
    this.#refilling ||= requestAnimationFrame(() => this.#refill());
  }

  #refill() {
    if (!this.#refilling) return;
    cancelAnimationFrame(this.#refilling);
    this.#refilling = 0;
    this.view.painter.refill();
  }

  /**
   * @param {number} id
   * @param {Point} before
   * @param {Point} after
   */
  #pinchTo(id, before, after) {
    const { view } = this;
    const other = [...this.#down].find(([each]) => each !== id)?.[1];
    if (!other) return;
    const spread = distance(after, other) / Math.max(1, distance(before, other));
    const [old, now] = [middle(before, other), middle(after, other)];
    if (view.place.scale * spread <= view.place.fitting && spread < 1) {
      view.zoom = "fit";
      return;
    }
    if (spread !== 1) view.zoomAt(view.place.scale * spread, old);
    view.panBy(now.x - old.x, now.y - old.y);
  }

  /** @param {PointerEvent} event */
  #lift(event) {
    const { view } = this;
    if (!this.#down.delete(event.pointerId)) return;
    if (event.pointerId === this.#first) {
      if (this.#act === "fill") this.#refill();
      if (this.#act === "paint" || this.#act === "fill") view.painter.end();
    }
    this.#rest();
  }

  /** The browser has taken the pointer away. @param {PointerEvent} event */
  #drop(event) {
    if (!this.#down.delete(event.pointerId)) return;
    if (event.pointerId === this.#first) this.view.painter.cancel();
    this.#rest();
  }

  #rest() {
    if (this.#down.size) {
      // One finger of a pinch that stays down does nothing more.
      if (this.#act === "pinch" || this.#act === "spent") this.#act = "spent";
      return;
    }
    this.#act = "none";
    this.#first = -1;
    this.#isPen = false;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const { view } = this;
    if (!view.size || view.painter.isOn) return;
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    if (!pixels || (pixels > 0 && view.zoom === "fit" && !event.ctrlKey)) return; // the page may scroll
    event.preventDefault();
    const scale = view.place.scale * Math.exp(-pixels * WHEEL * (event.ctrlKey ? 6 : 1));
    view.zoomAt(pixels > 0 && scale <= view.place.fitting ? "fit" : scale, this.where(event));
  }

  /** The whole picture, or the pixels under the pointer. @param {MouseEvent} event */
  #double(event) {
    const { view } = this;
    if (view.tool === "pan" && view.size) view.zoomAt(view.zoom === "fit" ? 1 : "fit", this.where(event));
  }

  /** @param {Point | null} point */
  #ring(point) {
    this.cursor = point;
    if (this.view.tool !== "pan") this.view.canvas.requestMask();
  }
}

/** The part of the brush's size that a pen's pressure makes; 1 for whatever has none. @param {PointerEvent} event */
function pressure(event) {
  return event.pointerType === "pen" ? Math.max(FAINTEST, event.pressure) : 1;
}

/** @param {Point} a @param {Point} b */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** @param {Point} a @param {Point} b */
function middle(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
