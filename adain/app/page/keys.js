// @ts-check
// The keys of a view. With the hand, arrows move the picture; with another tool they move the brush, Enter puts it
// down and lifts it, so that masks are painted without a pointer.

/** @typedef {import("./view.js").View} View */

const ZOOM = 1.25;
const BRUSH = 1.15;
const STEP = 48; // px of CSS that an arrow moves the picture
const LABEL =
  "Picture. Keys: plus and minus zoom, 0 shows all, 1 shows pixels, arrows move. " +
  "While painting: arrows move the brush, Enter paints, Escape gives up, brackets change its size, " +
  "or how much the bucket takes.";

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keys {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const { top } = view.canvas;
    top.setAttribute("aria-label", LABEL);
    top.addEventListener("keydown", (event) => {
      if (!event.defaultPrevented) this.take(event);
    });
    top.addEventListener("keyup", (event) => {
      if (event.key === " ") view.pointers.pans = false;
    });
    top.addEventListener("blur", () => {
      view.pointers.pans = false;
      this.#lift();
    });
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it meant something */
  take(event) {
    const { view } = this;
    if (event.ctrlKey || event.metaKey || event.altKey || !view.size) return false;
    const done = this.#zoom(event.key) || this.#brush(event.key) || this.#arrow(event) || this.#other(event.key);
    if (done) event.preventDefault();
    return done;
  }

  /** @param {string} key */
  #zoom(key) {
    const { view } = this;
    const { scale, fitting } = view.place;
    if (key === "+" || key === "=") view.zoom = scale * ZOOM;
    else if (key === "-" || key === "_") view.zoom = scale / ZOOM <= fitting ? "fit" : scale / ZOOM;
    else if (key === "0") view.zoom = "fit";
    else if (key === "1") view.zoom = 1;
    else return false;
    return true;
  }

  /** @param {string} key */
  #brush(key) {
    if (key !== "[" && key !== "]") return false;
    this.view.scaleBrush(key === "]" ? BRUSH : 1 / BRUSH);
    return true;
  }

  /** @param {KeyboardEvent} event */
  #arrow(event) {
    const way = ARROWS[event.key];
    if (!way) return false;
    const { view } = this;
    const { ratio } = view.canvas;
    if (view.tool === "pan" || !view.painter.canPaint) {
      view.panBy(-way[0] * STEP * ratio, -way[1] * STEP * ratio);
      return true;
    }
    const step = ratio * (event.shiftKey ? 1 : Math.max(4, view.brush.size / 4));
    const { place, pointers, painter } = view;
    const from = pointers.cursor ?? { x: place.boxWidth / 2, y: place.boxHeight / 2 };
    const to = { x: from.x + way[0] * step, y: from.y + way[1] * step };
    // At the view's edge the picture moves instead.
    const inside = { x: clamp(to.x, place.boxWidth), y: clamp(to.y, place.boxHeight) };
    if (inside.x !== to.x || inside.y !== to.y) view.panBy(inside.x - to.x, inside.y - to.y);
    pointers.cursor = inside;
    painter.move(place.fraction(inside));
    view.canvas.requestMask();
    return true;
  }

  /** @param {string} key */
  #other(key) {
    const { view } = this;
    if (key === "Escape" && view.painter.isOn) {
      view.painter.cancel();
      return true;
    }
    if (key === " ") {
      view.pointers.pans = true;
      return true;
    }
    if (key !== "Enter" || view.tool === "pan" || !view.painter.canPaint) return false;
    const { place, pointers, painter } = view;
    pointers.cursor ??= { x: place.boxWidth / 2, y: place.boxHeight / 2 };
    const point = place.fraction(pointers.cursor);
    if (painter.isOn) {
      painter.end();
    } else if (view.tool === "fill") {
      painter.beginFill(point);
      painter.end();
    } else {
      painter.begin(point, { erases: view.tool === "eraser" });
    }
    view.canvas.requestMask();
    return true;
  }

  #lift() {
    this.view.painter.end();
  }
}

/** @param {number} value @param {number} most */
function clamp(value, most) {
  return Math.min(most, Math.max(0, value));
}
