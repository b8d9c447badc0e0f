// @ts-check
/** The finished picture: made at full size, watched, cancelled, downloaded; and the same by a command. */

import { $, make } from "./dom.js";
import { field } from "./fields.js";
import { spokenFindings } from "./findings.js";
import { lackOf } from "./order.js";
import { showCommand } from "./copying.js";

const FORMATS = { png: "PNG", jpeg: "JPEG", webp: "WebP", tiff: "TIFF" };

export class Export {
  #engine;
  #state;
  #page;
  /** @type {Record<string, any>} */ #wish = {};
  /** @type {AbortController | null} */ #working = null;
  /** @type {import("./state.js").Snapshot | null} what the download shows */ #made = null;
  #address = "";

  /**
   * @param {import("./engine.js").Engine} engine
   * @param {import("./state.js").State} state
   * @param {{setup: any, say: (text: string) => void, complain: (error: unknown) => void,
   *   shown: (image: ImageBitmap, now: import("./state.js").Snapshot) => void}} page
   */
  constructor(engine, state, page) {
    this.#engine = engine;
    this.#state = state;
    this.#page = page;
    this.#makeFields(page.setup);
    $("finish").addEventListener("click", () => this.finish());
    $("cancel").addEventListener("click", () => this.#working?.abort());
    $("copy-command").addEventListener("click", () => this.#copy());
    state.addEventListener("change", () => this.#show());
    this.#show();
  }

  /** Whether a picture is being made. */
  get isWorking() {
    return this.#working !== null;
  }

  /** Make the picture at full size. */
  async finish() {
    const now = this.#state.now;
    if (this.#working || lackOf(now)) return;
    const working = (this.#working = new AbortController());
    const began = performance.now();
    this.#show();
    $("progress-line").hidden = false;
    const progress = (job) => this.#progress(job, performance.now() - began);
    progress({ state: "waiting", fraction: 0 });
    $("cancel").focus();
    try {
      this.#offer(now, await this.#engine.finish(now, this.#file(), { progress, signal: working.signal }));
    } catch (error) {
      if (working.signal.aborted) this.#page.say("Cancelled. Nothing else has changed.");
      else this.#page.complain(error);
    }
    this.#working = null;
    const hadFocus = $("progress-line").contains(document.activeElement);
    $("progress-line").hidden = true;
    this.#show();
    if (hadFocus) (this.#made === now ? $("download") : $("finish")).focus();
  }

  /** A file to be had, and the picture to be looked at. */
  async #offer(now, { blob, name, width, height, notes = {} }) {
    URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(blob);
    const link = $("download");
    link.href = this.#address;
    link.download = name;
    link.title = name;
    this.#made = now;
    $("result").hidden = false;
    const size = `${width} × ${height} px, ${megabytes(blob.size)}`;
    $("result-note").dataset.size = size;
    this.#page.say(`${name} is finished: ${size}. ${spokenFindings(notes, now.options)}`.trim());
    try {
      this.#page.shown(await createImageBitmap(blob), now);
    } catch {
      // Browsers show no TIFF, nor what is too large for them: the file is there all the same.
    }
  }

  #progress({ state, phase, done, total, fraction }, elapsed) {
    const bar = $("progress");
    if (state === "waiting") bar.removeAttribute("value");
    else bar.value = fraction;
    const tiles = total > 1 ? `, tile ${done} of ${total}` : "";
    const left = fraction > 0.04 ? (elapsed / fraction) * (1 - fraction) : null;
    const words = { encode: "Looking at the photograph", decode: "Painting", write: "Writing the file" };
    const what = state === "waiting" ? "Waiting for its turn" : (words[phase] ?? "Working");
    $("progress-text").textContent = `${what}${tiles}${left === null ? "" : ` · ${spokenTime(left)} left`}`;
  }

  #show() {
    const now = this.#state.now;
    const lack = lackOf(now);
    $("finish").disabled = Boolean(lack) || this.#working !== null;
    $("finish").title = lack;
    $("copy-command").disabled = Boolean(lack);
    const { size } = $("result-note").dataset;
    $("result-note").textContent = this.#made === now ? size : `${size}; before your last changes`;
  }

  async #copy() {
    try {
      showCommand(await this.#engine.command(this.#state.now, this.#file()));
    } catch (error) {
      this.#page.complain(error);
    }
  }

  /** @returns {import("./engine.js").FileWish} */
  #file() {
    const { format, quality, model, ...rest } = this.#wish;
    const more = Object.fromEntries(Object.entries(rest).filter(([name]) => this.#fits(name)));
    return { format, quality, model, more };
  }

  /** @param {string} name */
  #fits(name) {
    const { format, bits } = this.#wish;
    const { files } = this.#page.setup;
    if (files[name] && !files[name].formats.includes(format)) return false;
    return name !== "dither" || bits !== 16 || !this.#fits("bits");
  }

  #makeFields({ formats, files, options, models, finish }) {
    const fields = new Map();
    const show = () => {
      for (const [name, { element, show: showValue }] of fields) {
        showValue(name === "content_size" ? this.#state.now.options[name] : this.#wish[name]);
        element.hidden = !this.#fits(name);
      }
    };
    const page = {
      input: (name, value) => {
        if (name === "content_size") this.#state.set(name, value);
        else this.#wish[name] = value;
        show();
      },
      settle: () => {},
    };
    const add = (name, declared, choices, help = false) => {
      this.#wish[name] = declared.default;
      const made = field(name, declared, page, { choices, help });
      fields.set(name, made);
      return made.element;
    };
    const plain = { low: null, high: null, choices: [], kind: "str" };
    const offered = formats.map((format) => [format, FORMATS[format] ?? format]);
    const what = "How the file is written; PNG keeps every pixel.";
    const first = [
      add("format", { ...plain, default: formats[0], help: what }, offered),
      add("quality", files.quality),
    ];
    const rest = [];
    if (models.length > 1) {
      const known = models.map((name) => [name, name]);
      rest.push(
        add("model", { ...plain, default: finish.model, help: "Which of the shipped models paints it." }, known),
      );
    }
    if (options.content_size) rest.push(add("content_size", options.content_size, undefined, true));
    for (const [name, declared] of Object.entries(files)) {
      if (name === "quality") continue;
      const choices =
        name === "bits"
          ? [
              ["8", "8"],
              ["16", "16"],
            ]
          : undefined;
      rest.push(add(name, declared, choices, true));
    }
    delete this.#wish.content_size;
    const inside = make("div", { className: "fields" }, ...rest);
    $("file-options").append(...first, make("details", {}, make("summary", {}, "More about the file"), inside));
    this.#state.addEventListener("change", show);
    show();
  }
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} milliseconds */
function spokenTime(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 90 ? `about ${seconds} s` : `about ${Math.round(seconds / 60)} min`;
}
