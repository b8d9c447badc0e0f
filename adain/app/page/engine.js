// @ts-check
/** What computes, by HTTP. An engine that computes in the browser has these methods, and no other file changes. */

import { orderOf } from "./order.js";
import { followJob } from "./job.js";
import { EngineError, Wire } from "./wire.js";

export { EngineError, GONE } from "./wire.js";

/**
 * Pictures have an id in the page for good. The server may forget its own, or be another one by now: then what lies in
 * the page is uploaded again, and the page's id means the new one.
 *
 * @typedef {"contents" | "styles" | "masks"} Kind
 * @typedef {{format: string, quality: number, model?: string, more?: Record<string, any>}} FileWish
 */
export class Engine extends EventTarget {
  #wire = new Wire();
  /** @type {Record<string, any>} */ #defaults = {};
  /** @type {Map<string, {kind: Kind, file: File | Blob, name: string}>} */ #kept = new Map();
  /** @type {Map<string, string>} ids of the page to those of the server, where they differ */ #ids = new Map();
  /** @type {Map<string, Kind>} */ #kinds = new Map();
  /** @type {WeakMap<object, Promise<string>>} */ #masks = new WeakMap();
  #slot = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  /** Whether what colours need is loaded with the first picture that keeps some. */
  loadsColours = true;

  constructor() {
    super();
    for (const type of ["gone", "back"]) this.#wire.addEventListener(type, () => this.dispatchEvent(new Event(type)));
  }

  /** What there is to choose from, with ranges, defaults and help of the options. */
  async setup() {
    const setup = await this.#wire.json("/setup");
    this.#defaults = Object.fromEntries(Object.entries(setup.options).map(([name, each]) => [name, each.default]));
    for (const content of setup.contents) this.#kinds.set(content.id, "contents");
    return setup;
  }

  /** Resolves when the server answers. */
  back() {
    return this.#wire.back();
  }

  /** A photograph from a file. @param {File} file */
  openContent(file) {
    return this.#add("contents", file, file.name || "photo.png");
  }

  /** A photograph that the server has. @param {string} id */
  knownContent(id) {
    this.#kinds.set(id, "contents");
    return this.#wire.json(`/contents/${encodeURIComponent(id)}`);
  }

  /** An artwork from a file. @param {File} file */
  async addStyle(file) {
    return {
      title: "",
      author: "",
      source: "upload",
      ...(await this.#add("styles", file, file.name || "artwork.png")),
    };
  }

  /** A mask or a label map from a file. @param {File} file */
  addMask(file) {
    return this.#add("masks", file, file.name || "mask.png");
  }

  /** The labels of a label map. @param {string} id */
  async labels(id) {
    return (await this.#again([id], () => this.#wire.json(`/masks/${this.#path(id)}/labels`))).labels;
  }

  /** The address of a picture, its shorter side at most `size` px; 0: as large as it is. @param {string} id */
  picture(id, size) {
    const kind = this.#kinds.get(id) ?? "styles";
    return kind === "masks" ? `/masks/${this.#path(id)}` : `/${kind}/${this.#path(id)}/picture?size=${size}`;
  }

  /** A picture, decoded. @param {string} id @param {number} size @param {AbortSignal} [signal] */
  async image(id, size, signal) {
    const response = await this.#again([id], () => this.#wire.fetch(this.picture(id, size), { signal }));
    return createImageBitmap(await response.blob());
  }

  /**
   * The picture of a snapshot, small.
   * @param {import("./state.js").Snapshot} now
   * @param {{signal?: AbortSignal}} [how]
   */
  async preview(now, { signal } = {}) {
    const response = await this.#ordered("/stylize", now, { preview: true, slot: this.#slot }, signal);
    const image = await createImageBitmap(await response.blob());
    const notes = JSON.parse(response.headers.get("Adain-Notes") ?? "{}");
    return { image, notes, timing: response.headers.get("Server-Timing") ?? "" };
  }

  /**
   * The picture of a snapshot at full size, as a file. One that the server forgot on its way is begun again.
   * @param {import("./state.js").Snapshot} now
   * @param {FileWish} file
   * @param {{progress?: (job: any) => void, signal?: AbortSignal}} [how]
   */
  async finish(now, file, how = {}) {
    try {
      return await this.#finish(now, file, how);
    } catch (error) {
      if (!(error instanceof EngineError) || error.status !== 404) throw error;
      return this.#finish(now, file, how);
    }
  }

  /**
   * @param {import("./state.js").Snapshot} now
   * @param {FileWish} file
   * @param {{progress?: (job: any) => void, signal?: AbortSignal}} how
   */
  async #finish(now, file, { progress = () => {}, signal }) {
    // Without the signal: an order that is cancelled on its way would be a job that nobody can cancel.
    const job = await (await this.#ordered("/stylize", now, wished(file))).json();
    const forget = () => this.#wire.fetch(`/jobs/${job.job}`, { method: "DELETE", keepalive: true }).catch(() => {});
    if (signal?.aborted) forget();
    signal?.addEventListener("abort", forget, { once: true });
    addEventListener("pagehide", forget, { once: true }); // nobody would have the file of a page that is closed
    try {
      const done = await followJob(this.#wire, job, progress, signal);
      const blob = await (await this.#wire.fetch(done.result, { signal })).blob();
      forget(); // the file is in the page now
      return { blob, name: done.name, width: done.width, height: done.height, notes: done.notes };
    } finally {
      signal?.removeEventListener("abort", forget);
      removeEventListener("pagehide", forget);
    }
  }

  /**
   * The same file by the command line and by Python.
   * @param {import("./state.js").Snapshot} now
   * @param {FileWish} file
   */
  async command(now, file) {
    const made = await (await this.#ordered("/command", now, wished(file))).json();
    return { ...made, files: made.files.map(named), inputs: made.inputs.map(named) };
  }

  /** @param {Kind} kind @param {File} file @param {string} name */
  async #add(kind, file, name) {
    const made = await this.#wire.upload(`/${kind}`, file, name);
    this.#kept.set(made.id, { kind, file, name });
    this.#kinds.set(made.id, kind);
    return made;
  }

  /** @param {string} id */
  #path(id) {
    return encodeURIComponent(this.#ids.get(id) ?? id);
  }

  /** What asks for pictures by id; once more with all of them uploaded anew, if one is forgotten. */
  async #again(ids, ask) {
    try {
      return await ask();
    } catch (error) {
      const lost = ids.filter((id) => this.#kept.has(id));
      if (!(error instanceof EngineError) || error.status !== 404 || lost.length === 0) throw error;
      await this.#restore(lost);
      return ask();
    }
  }

  /** @param {string[]} ids */
  async #restore(ids) {
    for (const id of new Set(ids)) {
      const kept = this.#kept.get(id);
      if (kept) this.#ids.set(id, (await this.#wire.upload(`/${kept.kind}`, kept.file, kept.name)).id);
    }
  }

  /** Post a snapshot, its masks uploaded, its pictures by the ids of the server. */
  async #ordered(path, now, more, signal) {
    const order = orderOf(now, this.#defaults);
    const send = async () => this.#wire.post(path, { ...(await this.#resolved(order)), ...more }, signal);
    const masks = [order.options.masks, order.options.protect].flat().filter((each) => each?.toBlob);
    const { label_map, background, protect } = order.options;
    const ids = [order.content, ...order.styles, label_map, background, protect].filter((id) => this.#kept.has(id));
    try {
      return await send();
    } catch (error) {
      const isForgotten = error instanceof EngineError && error.status === 404;
      if (!isForgotten || (ids.length === 0 && masks.length === 0)) throw error;
      for (const mask of masks) this.#masks.delete(mask);
      await this.#restore(ids);
      return send();
    }
  }

  /** @param {import("./order.js").Order} order */
  async #resolved({ content, styles, options }) {
    const known = (id) => this.#ids.get(id) ?? id;
    const made = { ...options };
    for (const name of ["label_map", "background"]) if (name in made) made[name] = known(made[name]);
    if (options.masks) made.masks = await Promise.all(options.masks.map((mask) => this.#mask(mask)));
    if (options.protect)
      made.protect = options.protect.toBlob ? await this.#mask(options.protect) : known(options.protect);
    return { content: known(content), styles: styles.map(known), options: made };
  }

  /** The server's id of a painted mask, uploaded once. @param {import("./masks.js").Mask} mask */
  #mask(mask) {
    let id = this.#masks.get(mask);
    if (!id) {
      id = this.#upload(mask);
      id.catch(() => this.#masks.delete(mask));
      this.#masks.set(mask, id);
    }
    return id;
  }

  async #upload(mask) {
    return (await this.#wire.upload("/masks", await mask.toBlob(), "mask.png")).id;
  }
}

/** The name is part of the address, as that which the server gives a file comes before that of a link. */
function named({ name, url }) {
  return { name, url: `${url}?name=${encodeURIComponent(name)}` };
}

/** @param {FileWish} file */
function wished({ format, quality, model, more = {} }) {
  return { preview: false, format, quality, ...(model ? { model } : {}), file: more };
}
