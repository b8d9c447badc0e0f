// @ts-check
/** The preview follows the state: one is computed, one waits, and the newest takes the place of that which waits. */

import { EngineError } from "./engine.js";
import { lackOf } from "./order.js";
import { pause } from "./wire.js";

/** What takes longer is told of: milliseconds. */
const SLOW = 700;

/** Fires "painted", "slow" where that takes a while, "lack" with what is missing, and "trouble" with an error. */
export class Previews extends EventTarget {
  #engine;
  #view;
  /** @type {import("./state.js").Snapshot | null} */ #wanted = null;
  /** @type {import("./state.js").Snapshot | null} */ #newest = null;
  /** @type {AbortController | null} */ #working = null;
  /** @type {string | null} the photograph that is shown or computed */ #content = null;
  /** @type {import("./state.js").Snapshot | null} what is shown as it was finished */ #finished = null;

  /** @param {import("./engine.js").Engine} engine @param {import("./view.js").View} view */
  constructor(engine, view) {
    super();
    this.#engine = engine;
    this.#view = view;
    engine.addEventListener("back", () => this.#newest && this.#newest !== this.#finished && this.ask(this.#newest));
  }

  /**
   * The finished picture of a snapshot stands in the place of its preview, until something changes.
   * @param {ImageBitmap} image
   * @param {import("./state.js").Snapshot} now
   */
  finish(image, now) {
    if (now !== this.#newest) {
      image.close();
      return;
    }
    this.#wanted = null;
    this.#working?.abort();
    this.#put(image, now);
    this.#finished = now;
  }

  /** A preview of this snapshot, as soon as the one at work is there. @param {import("./state.js").Snapshot} now */
  ask(now) {
    const lack = lackOf(now);
    const content = now.content?.id ?? null;
    if (this.#content !== content) {
      this.#working?.abort(); // it is of another photograph
      this.#put(null, now);
      this.#content = content;
    }
    this.#newest = now;
    this.#finished = null;
    this.#wanted = lack ? null : now;
    if (lack) this.#put(null, now);
    this.dispatchEvent(new CustomEvent("lack", { detail: lack }));
    if (!this.#working) this.#work();
  }

  async #work() {
    while (this.#wanted) {
      const now = this.#wanted;
      this.#wanted = null;
      const working = (this.#working = new AbortController());
      document.body.dataset.busy = "preview";
      const slow = setTimeout(() => this.dispatchEvent(new CustomEvent("slow", { detail: now })), SLOW);
      try {
        const { image, notes } = await this.#engine.preview(now, { signal: working.signal });
        if (working.signal.aborted) image.close();
        else this.#paint(now, image, notes);
      } catch (error) {
        await this.#fail(error, now);
      } finally {
        clearTimeout(slow);
      }
      this.#working = null;
    }
    document.body.dataset.busy = "";
  }

  /**
   * @param {import("./state.js").Snapshot} now
   * @param {ImageBitmap} image
   * @param {Record<string, any>} notes what was found on the way
   */
  #paint(now, image, notes) {
    const newest = this.#newest;
    if (!newest || newest.content?.id !== now.content?.id || lackOf(newest)) {
      image.close(); // of what is no longer asked for
      return;
    }
    this.#put(image, now, notes);
  }

  /** Show a picture of a snapshot, or the photograph alone; counted once it is seen. */
  #put(image, now, notes = {}) {
    const last = this.#view.after;
    if (last === image) return;
    this.#view.after = image;
    painted().then(() => {
      if (last instanceof ImageBitmap) last.close();
      document.body.dataset.painted = String(Number(document.body.dataset.painted) + 1);
      if (image) this.dispatchEvent(new CustomEvent("painted", { detail: { now, notes } }));
    });
  }

  async #fail(error, now) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (error instanceof EngineError && error.status === 409) {
      if (now === this.#newest) this.#wanted ??= now; // this page's newest is never the older one
      await pause(50);
      return;
    }
    if (error instanceof EngineError && error.status === 429) {
      await pause(1000 * Math.min(error.wait || 1, 10));
      if (now === this.#newest) this.#wanted ??= now;
      return;
    }
    if (error instanceof EngineError && error.isGone) return; // the engine says so, and when it is back
    this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
  }
}

/** Resolves when the frame that was begun is on the screen; soon, where none is drawn. */
function painted() {
  return new Promise((resolve) => {
    if (document.hidden) return setTimeout(resolve);
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel(); // its message comes after the frame's painting
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  });
}
