// @ts-check
/** What computes, in the browser itself: the methods of the page's engine for a server, and no word over the network. */

import { orderOf } from "../page/order.js";
import { EngineError } from "../page/wire.js";
import { Artworks } from "./artworks.js";
import { Compute, ComputeError } from "./compute.js";
import { copied, nameOf } from "./copied.js";
import { json } from "./files.js";
import { HeldPictures } from "./held.js";
import { paintOf } from "./paint.js";
import { partsOf } from "./parts.js";
import { served } from "./served.js";
import { previewSize, smallerTile, tileOf } from "./shapes.js";

export { EngineError, GONE } from "../page/wire.js";

/** Milliseconds before what did not come is asked for again. */
const AGAIN = 3000;

const UNFIT = 422;

/** Of all the work on a picture, what comes before the decoder, and what comes before the file. */
const ENCODED = 0.45;
const PAINTED = 0.95;

/**
 * @typedef {import("../page/state.js").Snapshot} Snapshot
 * @typedef {{format: string, quality: number, model?: string}} FileWish
 * @typedef {"model" | "finish"} Folder of a model's files: that of previews, and another that finishes pictures
 */
export class Engine extends EventTarget {
  /** @type {any} */ #setup = null;
  /** @type {Record<string, any>} */ #defaults = {};
  #held = new HeldPictures();
  /** @type {any[]} */ #gallery = [];
  /** @type {Map<Folder, Promise<any>>} */ #loading = new Map();
  #live = new Compute(() => this.#parts("model"));
  #artworks = new Artworks(this.#held, this.#live, "gallery/statistics.bin");
  /** @type {Artworks | null} for the model that finishes, where that is another one */ #finer = null;
  /** @type {Set<string>} photographs that were given to the worker, with their sizes */ #given = new Set();

  /** See the page's engine: here nothing is loaded later. */
  loadsColours = false;

  /** What there is to choose from, with ranges, defaults and help of the options. */
  async setup() {
    const [whole, gallery] = await Promise.all([json("setup.json"), json("gallery/gallery.json")]).catch((error) => {
      throw new EngineError(error.message); // without these there is no page: it waits for them, see back
    });
    const setup = served(whole);
    this.#defaults = Object.fromEntries(Object.entries(setup.options).map(([name, each]) => [name, each.default]));
    await this.#held.offer(gallery, setup.contents, setup.limits.pixels);
    this.#artworks.offer(gallery);
    this.#gallery = gallery;
    this.#setup = setup;
    // Ahead of the first preview; what does not come now is asked for again then, and told.
    this.#parts("model").catch(() => {});
    this.#artworks.statistics().catch(() => {});
    this.#held.prepare().catch(() => {});
    return setup;
  }

  /** Resolves when it is worth to ask again for what did not come. */
  back() {
    return new Promise((resolve) => {
      setTimeout(resolve, AGAIN);
      addEventListener("online", () => resolve(undefined), { once: true });
    });
  }

  /** A photograph from a file. @param {File} file */
  openContent(file) {
    return this.#held.add("contents", file, file.name || "photo.png");
  }

  /** A photograph of the site. @param {string} id */
  async knownContent(id) {
    return this.#held.of(id);
  }

  /** An artwork from a file. @param {File} file */
  async addStyle(file) {
    const { id, name, width, height } = await this.#held.add("styles", file, file.name || "artwork.png");
    await this.#artworks.check(id);
    return { id, name, width, height, title: "", author: "", source: "upload" };
  }

  /** A mask or a label map from a file. @param {File} file */
  addMask(file) {
    return this.#held.add("masks", file, file.name || "mask.png");
  }

  /** The labels of a label map. @param {string} id */
  async labels(id) {
    return (await this.#held.labels(id)).labels;
  }

  /** The address of a picture, its shorter side about `size` px; 0: as large as it is. @param {string} id */
  picture(id, size) {
    const { thumb, picture } = this.#held.of(id);
    return (size ? thumb : picture) ?? "";
  }

  /** A picture, decoded. @param {string} id @param {number} size @param {AbortSignal} [signal] */
  async image(id, size, signal) {
    const image = await this.#held.image(id, size);
    if (!signal?.aborted) return image;
    image.close();
    throw signal.reason;
  }

  /**
   * The picture of a snapshot, small.
   * @param {Snapshot} now
   * @param {{signal?: AbortSignal}} [how]
   */
  async preview(now, { signal } = {}) {
    const began = performance.now();
    const order = orderOf(now, this.#defaults);
    const content = this.#held.of(order.content);
    const { size, scale } = previewSize(content, order.options.content_size, this.#setup.preview.size);
    const paint = await paintOf(order, this.#defaults, { artworks: this.#artworks, held: this.#held }, scale);
    signal?.throwIfAborted();
    const { width, height, data } = await this.#seen(content.id, size, paint, signal);
    signal?.throwIfAborted();
    const image = await createImageBitmap(new ImageData(data, width, height));
    return { image, notes: {}, timing: `all;dur=${(performance.now() - began).toFixed(1)}` };
  }

  /** A preview's pixels; a photograph that the worker has not is given to it first. */
  async #seen(id, size, paint, signal) {
    const key = `${id} ${size}`;
    for (let attempt = 0; ; attempt++) {
      try {
        if (!this.#given.has(key)) {
          const pixels = await this.#held.pixels(id);
          signal?.throwIfAborted();
          await this.#live.call("encodeContent", { key, pixels, size }, { transfer: [pixels.data.buffer] });
          this.#given.add(key);
          signal?.throwIfAborted();
        }
        return await this.#live.call("decode", { key, ...paint });
      } catch (error) {
        const isForgotten = error instanceof ComputeError && error.kind === "gone";
        if (!isForgotten || attempt) throw told(error);
        this.#given.clear();
      }
    }
  }

  /**
   * The picture of a snapshot at full size, as a file. It has a worker of its own, so that previews go on, and so that
   * cancelling ends it at once and gives all of its memory back.
   * @param {Snapshot} now
   * @param {FileWish} file
   * @param {{progress?: (job: any) => void, signal?: AbortSignal}} [how]
   */
  async finish(now, file, { progress = () => {}, signal } = {}) {
    const order = orderOf(now, this.#defaults);
    const content = this.#held.of(order.content);
    const size = order.options.content_size ?? this.#defaults.content_size ?? 0;
    const folder = this.#folderOf(file);
    // One that finishes has no rest in which to find out what is faster: the worker of previews may have.
    const { isGpuFaster } = this.#live;
    const compute = new Compute(async () => ({ ...(await this.#parts(folder)), isGpuFaster }));
    const artworks = folder === "model" ? this.#artworks : this.#finishing(compute);
    const end = () => compute.end();
    signal?.addEventListener("abort", end, { once: true });
    try {
      const paint = await paintOf(order, this.#defaults, { artworks, held: this.#held }, 1);
      const { encoder } = (await this.#parts(folder)).model.network;
      const tile = tileOf(content, size, encoder[0].made);
      const made = await this.#whole(compute, content, size, tile, paint, progress, signal);
      compute.end();
      progress({ state: "working", phase: "write", done: 0, total: 1, fraction: PAINTED });
      const { width, height } = made;
      const written = await this.#held.encode(made, file.format, file.quality);
      signal?.throwIfAborted();
      return { blob: written, name: nameOf(order, file.format, this.#held), width, height, notes: {} };
    } catch (error) {
      signal?.throwIfAborted();
      throw told(error);
    } finally {
      signal?.removeEventListener("abort", end);
      compute.end();
    }
  }

  /** A result's pixels, in smaller tiles where the memory is too short for larger ones. */
  async #whole(compute, content, size, tile, paint, progress, signal) {
    const tell = (phase, from, to) => (done, total) => {
      progress({ state: "working", phase, done, total, fraction: from + ((to - from) * done) / total });
    };
    for (;;) {
      tell("encode", 0, ENCODED)(0, 1);
      try {
        const pixels = await this.#held.pixels(content.id);
        signal?.throwIfAborted();
        const transfer = [pixels.data.buffer];
        const told = { progress: tell("encode", 0, ENCODED), transfer };
        await compute.call("encodeContent", { key: content.id, pixels, size, tile }, told);
        const how = { progress: tell("decode", ENCODED, PAINTED) };
        return await compute.call("decode", { key: content.id, ...paint, tile }, how);
      } catch (error) {
        const smaller = smallerTile(tile);
        if (!(error instanceof ComputeError) || error.kind !== "memory" || !smaller || signal?.aborted) throw error;
        tile = smaller;
      }
    }
  }

  /** The same picture by the command line and by Python. @param {Snapshot} now @param {FileWish} file */
  async command(now, file) {
    return copied(orderOf(now, this.#defaults), file, this.#setup, this.#held);
  }

  /** @param {FileWish} file @returns {Folder} */
  #folderOf({ model }) {
    const { preview, finish } = this.#setup;
    return (model ?? finish.model) === preview.model ? "model" : "finish";
  }

  /** Artworks for the model that finishes, whose worker, a new one each time, encodes them once. @param {Compute} compute */
  #finishing(compute) {
    if (!this.#finer) {
      this.#finer = new Artworks(this.#held, compute, "gallery/finish.bin");
      // The others are statistics of the previews' model.
      this.#finer.offer(this.#gallery.filter(({ picture }) => picture));
    }
    this.#finer.compute = compute;
    return this.#finer;
  }

  /** What a worker needs; what came is kept, and what did not is asked for again. @param {Folder} folder */
  #parts(folder) {
    let loading = this.#loading.get(folder);
    if (!loading) {
      loading = partsOf(folder);
      this.#loading.set(folder, loading);
      loading.catch(() => this.#loading.delete(folder));
    }
    return loading;
  }
}

/** An error as the page tells it. @param {any} error */
function told(error) {
  if (error instanceof EngineError || error instanceof DOMException) return error;
  const text = String(error?.message ?? error);
  if (error instanceof ComputeError && error.kind === "memory") {
    return new EngineError(
      "There is too little memory in this browser for a picture of this size: set a smaller shorter side, or copy the " +
        "command, which makes it outside of the browser.",
      UNFIT,
    );
  }
  return new EngineError(text.charAt(0).toUpperCase() + text.slice(1), UNFIT);
}
