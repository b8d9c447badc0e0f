// @ts-check
// The handle between before and after: a line over the picture, moved by pointer or keys.

import { adopt } from "./sheet.js";

/** @typedef {import("./view.js").View} View */

const GRIP = 34; // px of CSS that its grip takes

adopt(`
.view-split { position: absolute; left: 0; width: 2px; margin-left: -1px; background: #fff; touch-action: none;
  box-shadow: 0 0 0 1px #0009; cursor: ew-resize; }
.view-split[hidden] { display: none; }
.view-split::before { content: "↔"; position: absolute; left: 50%; top: 50%;
  translate: calc(-50% + var(--shift, 0px)) -50%; width: 30px;
  height: 30px; border-radius: 50%; background: #fff; color: #222; display: grid; place-content: center;
  box-shadow: 0 0 0 1px #0009; font: 18px/1 system-ui, sans-serif; }
.view-split::after { content: ""; position: absolute; inset: 0 -9px; }
.view:not([data-tool="pan"]) > .view-split { pointer-events: none; } /* painting goes on below it */
.view:not([data-tool="pan"]) > .view-split:not(:focus)::before { opacity: 0; }
.view-split:focus-visible { outline: none; }
.view-split:focus-visible::before { outline: 3px solid Highlight; outline-offset: 2px; }
`);

/** @type {Record<string, number>} */
const STEPS = {
  ArrowRight: 1, ArrowUp: 1, PageUp: 10, End: 100,
  ArrowLeft: -1, ArrowDown: -1, PageDown: -10, Home: -100,
};

export class SplitHandle {
  #held = false;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const element = document.createElement("div");
    element.className = "view-split";
    element.tabIndex = 0;
    element.hidden = true;
    for (const [name, value] of Object.entries({
      role: "slider",
      "aria-label": "Result from the left, photograph from the right",
      "aria-orientation": "horizontal",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    })) {
      element.setAttribute(name, value);
    }
    if (!document.getElementById("split")) element.id = "split";
    view.element.append(element);
    this.element = element;
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.#held = true;
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      if (this.#held) this.#moveTo(event);
    });
    element.addEventListener("lostpointercapture", () => (this.#held = false));
    element.addEventListener("keydown", (event) => this.#step(event));
  }

  /** @param {PointerEvent} event */
  #moveTo(event) {
    const { x } = this.view.pointers.where(event);
    const rect = this.view.place.rect;
    this.view.split = (Math.round(x) - rect.x) / rect.width;
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const wide = event.shiftKey && Math.abs(step) === 1 ? 10 : 1;
    this.view.split = (Math.round(this.view.split * 100) + step * wide) / 100;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Puts the line where the picture is parted, or at the view's edge if that column is not seen. */
  place() {
    const { before, after, place, split, canvas } = this.view;
    const { style } = this.element;
    this.element.hidden = !(before && after);
    if (this.element.hidden) return;
    const { ratio } = canvas;
    const rect = place.rect;
    const top = Math.max(0, rect.y);
    const column = Math.min(place.boxWidth, Math.max(0, rect.x + Math.round(split * rect.width)));
    style.top = `${top / ratio}px`;
    style.height = `${(Math.min(place.boxHeight, rect.y + rect.height) - top) / ratio}px`;
    // The grip stays whole where the line is at the view's edge.
    const width = place.boxWidth / ratio;
    const middle = Math.min(width - GRIP / 2, Math.max(GRIP / 2, column / ratio));
    style.setProperty("--shift", `${middle - column / ratio}px`);
    style.transform = `translateX(${column / ratio}px)`;
    const shown = Math.round(split * 100);
    this.element.setAttribute("aria-valuenow", String(shown));
    this.element.setAttribute("aria-valuetext", `${shown} % result, ${100 - shown} % photograph`);
  }
}
