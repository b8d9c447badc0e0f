// @ts-check
/** The artworks to choose from, as thumbnails. */

import { $, make, press, replace } from "./dom.js";
import { withArtwork } from "./labels.js";
import { DRAGGED } from "./sources.js";

/** A picture of the pad has four corners at most, and so has a blend. */
export const MOST_ARTWORKS = 4;
const THUMB = 160;

export class Gallery {
  #engine;
  #state;
  /** @type {Map<string, any>} */ #styles = new Map();
  #say;

  /**
   * @param {import("./engine.js").Engine} engine
   * @param {import("./state.js").State} state
   * @param {(text: string) => void} say
   */
  constructor(engine, state, say) {
    this.#engine = engine;
    this.#state = state;
    this.#say = say;
    state.addEventListener("change", () => this.#mark());
    $("gallery").addEventListener("keydown", (event) => this.#step(event));
  }

  /** All artworks that are known, in their order. */
  get all() {
    return [...this.#styles.values()];
  }

  /** Artworks to offer; those of one's own come first. @param {any[]} styles */
  offer(styles) {
    for (const style of styles) this.#styles.set(style.id, style);
    const own = (style) => Number(style.source !== "upload");
    replace(
      $("gallery"),
      this.all.sort((a, b) => own(a) - own(b)).map((style) => this.#button(style)),
    );
    this.#mark();
  }

  /** Choose artworks beside those that are chosen, or leave out those that are. @param {string[]} ids */
  toggle(...ids) {
    if (ids.length === 0) return;
    const { mode, labelMap } = this.#state.now;
    if (mode === "labels" && labelMap) {
      const next = ids.reduce(withArtwork, labelMap);
      if (next === labelMap) this.#say("Every label has an artwork: choose another one in its list.");
      this.#state.change({ labelMap: next });
      return;
    }
    let styles = [...this.#state.now.styles];
    for (const id of ids) {
      const is = styles.some((style) => style.id === id);
      styles = is ? styles.filter((style) => style.id !== id) : [...styles, this.#chosen(id, styles.length)];
    }
    const dropped = styles.splice(0, Math.max(0, styles.length - MOST_ARTWORKS));
    this.#become(styles);
    if (dropped.length > 0) {
      this.#say(
        `Up to ${MOST_ARTWORKS} artworks come together: ${dropped.map((style) => style.name).join(", ")} was left out.`,
      );
    }
  }

  /** Choose an artwork beside those that are chosen. @param {string} id */
  choose(id) {
    const button = [...$("gallery").children].find((each) => each.dataset.style === id);
    if (button?.getAttribute("aria-pressed") === "false") this.toggle(id);
  }

  /** Choose this artwork and no other. @param {string} id */
  only(id) {
    const kept = this.#state.now.styles.find((style) => style.id === id);
    this.#become([kept ?? this.#chosen(id, 0)]);
  }

  /** Artworks with the shares scaled to 1. */
  #become(styles) {
    const total = styles.reduce((sum, style) => sum + style.weight, 0);
    const scaled = styles.map((style) => ({ ...style, weight: total ? style.weight / total : 1 / styles.length }));
    this.#state.change({ styles: scaled });
  }

  /** A new one gets the share that it has among equals. */
  #chosen(id, others) {
    const { name, title } = this.#styles.get(id) ?? { name: id, title: "" };
    return { id, name: title || name, weight: others ? 1 / others : 1, alpha: 1, mask: null };
  }

  #button(style) {
    const name = style.title || style.name;
    const said = style.author ? `${name}, by ${style.author}` : name;
    const image = make("img", {
      src: this.#engine.picture(style.id, THUMB),
      alt: "",
      loading: "lazy",
      width: 84,
      height: 84,
      draggable: false, // the button is
    });
    image.addEventListener("error", () => (image.hidden = true)); // a style that is numbers alone has no picture
    const button = make(
      "button",
      { type: "button", className: "thumb", title: said, data: { style: style.id }, id: `artwork-${style.id}` },
      image,
      make("span", { className: "name" }, name),
    );
    button.draggable = true;
    button.addEventListener("dragstart", (event) => event.dataTransfer?.setData(DRAGGED, style.id));
    button.addEventListener("click", () => this.toggle(style.id));
    button.addEventListener("dblclick", () => this.only(style.id));
    return button;
  }

  #mark() {
    const { mode, styles, labelMap } = this.#state.now;
    const isByLabel = mode === "labels" && labelMap;
    const chosen = new Set(isByLabel ? labelMap.labels.map((label) => label.style) : styles.map((style) => style.id));
    for (const button of $("gallery").children) press(button, chosen.has(button.dataset.style));
  }

  /** Arrows go from one to the next; Shift+Enter chooses one alone. @param {KeyboardEvent} event */
  #step(event) {
    const buttons = [...$("gallery").children];
    const at = buttons.indexOf(document.activeElement);
    if (at < 0) return;
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      this.only(buttons[at].dataset.style);
      return;
    }
    const across = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    const next = by === undefined ? undefined : buttons[at + by];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}
