// @ts-check
/** The photograph: taken in, shown at once, and more finely where one looks closely. */

import { $ } from "./dom.js";
import { lackOf } from "./order.js";

/** The shorter side of what is shown at first; larger ones come when pixels are looked at. */
const SHOWN = 1440;

export class Photograph {
  #engine;
  #state;
  #view;
  #page;
  /** @type {string | null} */ #shown = null;
  #isWhole = false;
  #opened = 0;
  /** @type {AbortController | null} */ #loading = null;

  /**
   * @param {import("./engine.js").Engine} engine
   * @param {import("./state.js").State} state
   * @param {import("./view.js").View} view
   * @param {{say: (text: string) => void, hint: (text: string) => void, complain: (error: unknown) => void}} page
   */
  constructor(engine, state, view, page) {
    this.#engine = engine;
    this.#state = state;
    this.#view = view;
    this.#page = page;
    state.addEventListener("change", () => this.#show());
  }

  /** @param {File} file */
  async open(file) {
    this.#page.say(`Reading ${file.name}…`);
    await this.#take(this.#engine.openContent(file));
  }

  /** One that the server has. @param {string} id */
  async openKnown(id) {
    await this.#take(this.#engine.knownContent(id));
  }

  /** Of several that are on their way the last one stays, whichever comes last. @param {Promise<any>} coming */
  async #take(coming) {
    const turn = (this.#opened += 1);
    const made = await coming;
    if (turn === this.#opened) this.#become(made);
  }

  /** Load all of its pixels, if there are more than are shown. */
  async whole() {
    const { content } = this.#state.now;
    if (this.#isWhole || !content || content.id !== this.#shown) return;
    this.#isWhole = true;
    await this.#load(content, 0);
  }

  /** Areas that were painted over another one's shape stay with that, in the step before. */
  #become({ id, name, width, height }) {
    const last = this.#state.now.content;
    const isAlike = last !== null && last.width === width && last.height === height;
    const { styles, protect, labelMap } = this.#state.now;
    const kept = isAlike ? {} : { styles: styles.map((style) => ({ ...style, mask: null })), protect: null };
    this.#state.change({ content: { id, name, width, height }, labelMap: isAlike ? labelMap : null, ...kept });
    this.#page.say("");
    this.#page.hint(`${name}, ${width} × ${height} px. ${lackOf(this.#state.now)}`);
  }

  #show() {
    const { content } = this.#state.now;
    if ((content?.id ?? null) === this.#shown) return;
    this.#shown = content?.id ?? null;
    this.#loading?.abort();
    for (const id of ["view", "toolbar"]) $(id).hidden = content === null;
    $("empty").hidden = content !== null;
    this.#view.before = null;
    this.#view.zoom = "fit";
    document.title = content ? `${content.name} – adain` : "adain: photographs painted like artworks";
    if (!content) return;
    this.#view.size = { width: content.width, height: content.height };
    this.#isWhole = Math.min(content.width, content.height) <= SHOWN;
    this.#load(content, SHOWN);
  }

  async #load(content, size) {
    const loading = (this.#loading = new AbortController());
    try {
      const image = await this.#engine.image(content.id, size, loading.signal);
      if (this.#shown !== content.id) return;
      const last = this.#view.before;
      this.#view.before = image;
      if (last instanceof ImageBitmap) last.close();
    } catch (error) {
      this.#page.complain(error);
    }
  }
}
