// @ts-check
/** The page's end of picture-worker.js: files become pixels and pixels files, away from what the page shows. */

import { EngineError } from "../page/wire.js";
import { codeOf, startWorker } from "./files.js";

const WORKER = "web/picture-worker.js";

const UNFIT = 422;

/** @typedef {import("./pixels.js").Pixels} Pixels */

export class Pictures {
  /** @type {Promise<Worker> | null} */ #worker = null;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */ #waiting = new Map();
  #last = 0;

  /** Have the code of the worker, so that no network is needed later. */
  prepare() {
    return codeOf(WORKER);
  }

  /**
   * The pixels of a picture, upright and in sRGB.
   * @param {Blob} blob
   * @param {string} name that messages call it by
   * @param {number} most pixels that it may have
   * @returns {Promise<Pixels>}
   */
  decode(blob, name, most) {
    return this.#ask("decode", { blob, name, most });
  }

  /** How large one is. @returns {Promise<{width: number, height: number}>} */
  measure(blob, name, most) {
    return this.#ask("measure", { blob, name, most });
  }

  /** A picture to be shown, its shorter side at most `size` px; 0: as large as it is. @returns {Promise<ImageBitmap>} */
  async image(blob, name, most, size) {
    return (await this.#ask("image", { blob, name, most, size })).image;
  }

  /**
   * A file of pixels, which are given away.
   * @param {Pixels} pixels
   * @param {string} format
   * @param {number} quality of 1 to 100
   * @returns {Promise<Blob>}
   */
  async encode(pixels, format, quality) {
    return (await this.#ask("encode", { ...pixels, format, quality }, [pixels.data.buffer])).blob;
  }

  /**
   * What a label map holds, the largest labels first.
   * @returns {Promise<{labels: {value: number | string, share: number, color: string}[], total: number, unlabelled: number}>}
   */
  labels(blob, name, most) {
    return this.#ask("labels", { blob, name, most });
  }

  /** Masks of labels, in their order. @returns {Promise<(Pixels & {name: string})[]>} */
  async labelMasks(blob, name, most, labels) {
    return (await this.#ask("labelMasks", { blob, name, most, labels })).masks;
  }

  async #ask(call, given, transfer = []) {
    this.#worker ??= startWorker(WORKER);
    const opened = this.#worker;
    let worker;
    try {
      worker = await opened;
    } catch (error) {
      this.#worker = null;
      throw error;
    }
    worker.onmessage ??= ({ data }) => this.#answered(data);
    worker.onerror ??= (event) => this.#failed(event.message);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, call, ...given }, transfer);
    });
  }

  #answered({ id, error, ...answer }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new EngineError(error, UNFIT));
  }

  /** It is gone: the next question goes to another one. */
  #failed(message) {
    this.#worker?.then((worker) => worker.terminate());
    this.#worker = null;
    const error = new EngineError(`pictures could not be read here${message ? ` (${message})` : ""}: try again`, UNFIT);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
