// @ts-check
/** Painting in the picture: which area is painted, by what tool, and what a stroke changes. */

import { $, press } from "./dom.js";
import { Mask, workingSize } from "./masks.js";
import { PAINTED } from "./order.js";
import { COLORS, PROTECTED } from "./regions.js";

/** @type {Record<import("./view.js").Tool, string>} */
const TOOLS = { pan: "h", brush: "b", eraser: "e", fill: "g" };

const TOOL_NAMES = /** @type {import("./view.js").Tool[]} */ (Object.keys(TOOLS));

/** Fires "active" when another area is painted. */
export class Painting extends EventTarget {
  #state;
  #view;
  /** @type {number | "protect"} */ #active = 0;
  /** Whether what is painted is taken from the other areas. */
  isExclusive = true;
  #isShown = true;

  /** @param {import("./state.js").State} state @param {import("./view.js").View} view */
  constructor(state, view) {
    super();
    this.#state = state;
    this.#view = view;
    view.addEventListener("stroke", (event) => this.#paint(/** @type {CustomEvent} */ (event).detail));
    view.addEventListener("brush", () => this.#showBrush());
    state.addEventListener("change", (event) => this.#follow(/** @type {CustomEvent} */ (event).detail));
    for (const tool of TOOL_NAMES) $(`tool-${tool}`).addEventListener("click", () => this.use(tool));
    $("show-areas").addEventListener("click", () => this.#reveal(!this.#isShown));
    for (const name of ["size", "softness"]) {
      const range = $(`brush-${name}`);
      range.addEventListener("input", () => (view.brush = { [name]: range.valueAsNumber }));
      view.brush = { [name]: range.valueAsNumber };
    }
    $("toolbar").addEventListener("keydown", (event) => this.#key(event));
    $("view").addEventListener("keydown", (event) => this.#key(event));
  }

  /** The index of the artwork whose region is painted, or "protect". */
  get active() {
    return this.#active;
  }

  /** Whether there is anything to paint. */
  get isOn() {
    const { mode, styles, options, content } = this.#state.now;
    return Boolean(content) && ((mode === "regions" && styles.length > 0) || options.protect === PAINTED);
  }

  /** Paint another area; with the brush, unless another tool is in hand. @param {number | "protect"} which */
  activate(which) {
    this.#active = which;
    if (this.#view.tool === "pan") this.use("brush");
    this.#show();
    this.dispatchEvent(new Event("active"));
  }

  /** @param {import("./view.js").Tool} tool */
  use(tool) {
    this.#view.tool = this.isOn ? tool : "pan";
    if (this.#view.tool !== "pan") this.#reveal(true);
    for (const each of TOOL_NAMES) press($(`tool-${each}`), each === this.#view.tool);
  }

  /** Areas in their colours, or the picture as it is; what is hidden is not painted in. @param {boolean} is */
  #reveal(is) {
    this.#isShown = is;
    press($("show-areas"), is);
    if (!is) this.use("pan");
    this.#show();
  }

  fill() {
    const { width, height } = this.#size();
    this.#paint(Mask.full(width, height));
  }

  clear() {
    this.#paint(null);
  }

  invert() {
    const { width, height } = this.#size();
    this.#paint((this.#mask() ?? Mask.empty(width, height)).inverted());
  }

  /** The area from a picture, stretched over the photograph. @param {File} file */
  async load(engine, file) {
    const made = await engine.addMask(file);
    const image = await engine.image(made.id, 0);
    const { width, height } = this.#size();
    this.#paint(Mask.fromImage(image).resized(width, height));
    image.close();
  }

  #size() {
    const { width, height } = /** @type {any} */ (this.#state.now.content);
    return workingSize(width, height);
  }

  /** @returns {Mask | null} */
  #mask() {
    const { styles, protect } = this.#state.now;
    return this.#active === "protect" ? protect : (styles[this.#active]?.mask ?? null);
  }

  /** @param {Mask | null} mask */
  #paint(mask) {
    if (!this.isOn) return;
    const { styles } = this.#state.now;
    if (this.#active === "protect") {
      this.#state.change({ protect: mask });
      return;
    }
    const k = this.#active;
    const added = this.isExclusive && mask ? mask : null;
    const taken = (style) => (added && style.mask ? { ...style, mask: without(style.mask, added) } : style);
    this.#state.change({ styles: styles.map((style, i) => (i === k ? { ...style, mask } : taken(style))) });
  }

  #follow({ before, now }) {
    const began = (now.mode === "regions" && before.mode !== "regions") || now.styles.length !== before.styles.length;
    const isProtecting = now.options.protect === PAINTED;
    const last = this.#active;
    if (isProtecting && before.options.protect !== PAINTED) this.#active = "protect";
    if (this.#active === "protect" && !isProtecting) this.#active = 0;
    if (now.mode !== "regions" && isProtecting) this.#active = "protect";
    if (this.#active !== "protect" && this.#active >= now.styles.length)
      this.#active = Math.max(0, now.styles.length - 1);
    const wasOff = $("tools").hidden;
    this.#show();
    if (this.isOn && (wasOff || began) && this.#view.tool === "pan" && now.mode === "regions") this.use("brush");
    if (!this.isOn) this.use("pan");
    if (last !== this.#active) this.dispatchEvent(new Event("active"));
  }

  #show() {
    const isOn = this.isOn;
    $("tools").hidden = !isOn;
    if (!isOn || !this.#isShown) {
      this.#view.setMask(null);
      return;
    }
    const { mode, styles, protect, options } = this.#state.now;
    /** @type {{mask: Mask | null, color: string, k: number | "protect"}[]} */
    const areas = mode === "regions" ? styles.map((style, k) => ({ mask: style.mask, color: COLORS[k], k })) : [];
    if (options.protect === PAINTED) areas.push({ mask: protect, color: PROTECTED, k: "protect" });
    const own = areas.find((area) => area.k === this.#active);
    if (own)
      this.#view.setMask(
        own.mask,
        own.color,
        areas.filter((area) => area !== own && area.mask),
      );
  }

  #showBrush() {
    const { size, softness } = this.#view.brush;
    $("brush-size").value = String(size);
    $("brush-softness").value = String(softness);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "a" && this.isOn) this.#reveal(!this.#isShown);
    const tool = TOOL_NAMES.find((each) => TOOLS[each] === event.key.toLowerCase());
    if (tool && this.isOn) {
      this.use(tool);
      event.preventDefault();
    }
  }
}

/**
 * A mask without what another one has; itself, where they have nothing in common.
 * @param {Mask} mask
 * @param {Mask} other
 */
function without(mask, other) {
  if (mask.width !== other.width || mask.height !== other.height) return mask;
  const data = mask.data.slice();
  const taken = other.data;
  for (let k = 0; k < data.length; k++) if (taken[k] > 0) data[k] = Math.min(data[k], 255 - taken[k]);
  return mask.changed(data, { x: 0, y: 0, width: mask.width, height: mask.height });
}
