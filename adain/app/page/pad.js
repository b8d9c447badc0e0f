// @ts-check
// <blend-pad>: several styles as the corners of a figure, and a point among them that says how much of each.
//
//   pad.names = ["wave", "harbour", "night"]; pad.weights = [0.2, 0.3, 0.5];
//   pad.addEventListener("input", …) while it is moved, "change" after; then read pad.weights (sum 1).

import { corners, inside, outline, pointOf, rounded, weightsAt } from "./corners.js";
import { adopt } from "./sheet.js";

const SNAP = 0.04; // so near to a corner, the point is the corner
const STEP = 0.02;

const RULES = `
:host { display: block; max-width: 20rem; --line: color-mix(in srgb, currentColor 45%, transparent); }
:host([hidden]) { display: none; }
.names { display: flex; justify-content: space-between; gap: 0.5rem; font-size: 0.85em; }
.names.middle { justify-content: center; }
.name { overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; min-width: 0;
  padding: 0.15rem 0; cursor: pointer; }
.names:not(.middle) .name:last-child { text-align: end; }
.names:not(.middle) .name { max-width: calc(50% - 0.25rem); }
.names:first-child { align-items: flex-end; }
.name.main { font-weight: 600; }
.frame { padding: 14px; touch-action: none; cursor: pointer; }
.area { position: relative; aspect-ratio: 1; }
.area.line { aspect-ratio: auto; height: 0; margin-top: -1px; border-bottom: 2px solid var(--line); }
.area.line > .point, .area.line > .corner { translate: 0 1px; }
.area.triangle { aspect-ratio: 1.1547; }
svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
polygon { fill: color-mix(in srgb, currentColor 9%, transparent); stroke: var(--line); stroke-width: 2px;
  vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.point, .corner { forced-color-adjust: none; }
.corner { position: absolute; width: 8px; height: 8px; margin: -4px; border-radius: 50%; background: var(--line); }
.point { position: absolute; width: 24px; height: 24px; margin: -12px; border-radius: 50%; box-sizing: border-box;
  background: var(--accent, Highlight); border: 3px solid #fff; box-shadow: 0 0 0 1.5px #0009; cursor: grab; }
.point:active { cursor: grabbing; }
.point:focus-visible { outline: 3px solid var(--accent, Highlight); outline-offset: 3px; }
`;

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SHAPES = ["", "", "line", "triangle", "square"];
const SVG = "http://www.w3.org/2000/svg";

export class BlendPad extends HTMLElement {
  /** @type {string[]} */
  #names = [];
  /** @type {number[]} */
  #weights = [];
  #place = { x: 0.5, y: 0.5 };
  #held = false;
  #root;
  #point;
  #area = element("div", "area");

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open" });
    adopt(RULES, this.#root);
    const point = element("div", "point");
    point.tabIndex = 0;
    point.setAttribute("role", "slider");
    point.setAttribute("aria-roledescription", "blend of styles");
    point.setAttribute("aria-valuemin", "0");
    point.setAttribute("aria-valuemax", "100");
    point.addEventListener("keydown", (event) => this.#key(event));
    this.#point = point;
    this.#build();
  }

  get names() {
    return [...this.#names];
  }

  /** What the corners are called; their number makes the figure. Weights begin equal if that number changes. */
  set names(names) {
    const count = this.#names.length;
    if (names.length === count && names.every((name, i) => name === this.#names[i])) return;
    this.#names = [...names];
    if (names.length !== count) this.#weights = rounded(names.map(() => 1));
    this.#place = pointOf(this.#weights);
    this.#build();
  }

  get weights() {
    return [...this.#weights];
  }

  /** One for each name, in its order; scaled to the sum of 1. What no point of a square has stays as it is given. */
  set weights(weights) {
    if (weights.length !== this.#names.length || !weights.every((weight) => weight >= 0)) {
      throw new RangeError(`${this.#names.length} weights of at least 0, one for each name, not [${weights}]`);
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    const scaled = sum > 0 ? weights.map((weight) => weight / sum) : rounded(weights);
    if (scaled.every((weight, i) => weight === this.#weights[i])) return;
    this.#weights = scaled;
    this.#place = pointOf(scaled);
    this.#show();
  }

  #build() {
    const count = this.#names.length;
    this.#area = element("div", `area ${SHAPES[count] ?? "polygon"}`);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS(SVG, "polygon");
    const points = outline(count).map(({ x, y }) => `${100 * x},${100 * y}`);
    shape.setAttribute("points", points.join(" "));
    svg.append(shape);
    this.#area.append(svg);
    if (count > 1) for (const corner of corners(count)) this.#area.append(at(element("div", "corner"), corner));
    this.#area.append(this.#point);
    const frame = element("div", "frame");
    frame.append(this.#area);
    this.#listen(frame);
    const [above, below] = this.#labels();
    this.#root.replaceChildren(above, frame, below);
    frame.hidden = count < 2;
    this.#show();
  }

  /** The names, above and below the figure, near their corners. */
  #labels() {
    const count = this.#names.length;
    const top = { 3: [0], 4: [0, 1] }[count] ?? (count > 4 ? [0] : []);
    const places = corners(count);
    const below = places.map((_, i) => i).filter((i) => !top.includes(i));
    const rows = [top, below.sort((a, b) => places[a].x - places[b].x)];
    return rows.map((row) => {
      const line = element("div", row.length === 1 ? "names middle" : "names");
      for (const i of row) {
        const name = element("span", "name");
        name.textContent = name.title = this.#names[i];
        name.dataset.index = String(i);
        name.addEventListener("click", () => this.#choose(i));
        line.append(name);
      }
      return line;
    });
  }

  /** @param {HTMLElement} frame */
  #listen(frame) {
    frame.addEventListener("pointerdown", (event) => {
      if (event.button || this.#held) return;
      this.#held = true;
      frame.setPointerCapture(event.pointerId);
      this.#follow(event);
      this.#point.focus({ preventScroll: true });
      event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => {
      if (this.#held) this.#follow(event);
    });
    frame.addEventListener("lostpointercapture", () => {
      if (this.#held) this.#tell("change");
      this.#held = false;
    });
  }

  /** @param {PointerEvent} event */
  #follow(event) {
    const bounds = this.#area.getBoundingClientRect();
    const part = (/** @type {number} */ value, /** @type {number} */ side) => (side ? value / side : 0.5);
    const x = part(event.clientX - bounds.left, bounds.width);
    const y = part(event.clientY - bounds.top, bounds.height);
    const near = corners(this.#names.length).find((corner) => Math.hypot(corner.x - x, corner.y - y) < SNAP);
    this.#move(near ?? { x, y });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const count = this.#names.length;
    let way = ARROWS[event.key];
    if (way && count === 2) way = [way[0] - way[1], 0]; // up is more, as on any slider
    const jump = { Home: 0, End: count - 1 }[event.key] ?? (/^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1);
    if (way) {
      const step = event.shiftKey ? 5 * STEP : STEP;
      this.#move({ x: this.#place.x + way[0] * step, y: this.#place.y + way[1] * step });
      this.#tell("change");
    } else if (jump >= 0 && jump < count) {
      this.#choose(jump);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** All of one style. @param {number} index */
  #choose(index) {
    this.#move(corners(this.#names.length)[index]);
    this.#tell("change");
  }

  /** @param {{x: number, y: number}} point */
  #move(point) {
    const count = this.#names.length;
    this.#place = inside(point, count);
    const weights = weightsAt(this.#place, count);
    const isSame = weights.every((weight, i) => weight === this.#weights[i]);
    this.#weights = weights;
    this.#show();
    if (!isSame) this.#tell("input");
  }

  #show() {
    at(this.#point, this.#place);
    const parts = this.#names.map((name, i) => `${name} ${Math.round(100 * this.#weights[i])} %`);
    const most = this.#weights.indexOf(Math.max(...this.#weights));
    const now = this.#names.length === 2 ? this.#weights[1] : (this.#weights[most] ?? 0);
    this.#point.setAttribute("aria-label", `Blend of ${this.#names.join(", ")}`);
    this.#point.setAttribute("aria-valuenow", String(Math.round(100 * now)));
    this.#point.setAttribute("aria-valuetext", parts.join(", "));
    for (const name of this.#root.querySelectorAll(".name")) {
      name.classList.toggle("main", Number(/** @type {HTMLElement} */ (name).dataset.index) === most);
    }
  }

  /** @param {"input" | "change"} name */
  #tell(name) {
    this.dispatchEvent(new Event(name, { bubbles: true, composed: true }));
  }
}

/** @param {string} kind @param {string} className */
function element(kind, className) {
  const made = document.createElement(kind);
  made.className = className;
  return made;
}

/** @template {HTMLElement} T @param {T} placed @param {{x: number, y: number}} point @returns {T} */
function at(placed, point) {
  placed.style.left = `${100 * point.x}%`;
  placed.style.top = `${100 * point.y}%`;
  return placed;
}

customElements.define("blend-pad", BlendPad);
