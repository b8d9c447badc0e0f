// @ts-check
/** The pictures of the page by their ids: those of the site, and those that were opened. They stay in the browser. */

import { EngineError } from "../page/wire.js";
import { address, blob } from "./files.js";
import { Pictures } from "./pictures.js";
import { SUFFIX } from "./saved-style.js";

const UNFIT = 422;

/** Bytes that are compared at a time. */
const PIECE = 1 << 20;

/**
 * @typedef {"contents" | "styles" | "masks"} Kind
 * @typedef {{id: string, kind: Kind, name: string, width: number, height: number, source: string, blob: Blob | null,
 *   thumb?: string, picture?: string | null}} Held `thumb` and `picture` are addresses; one that was opened has a blob
 */

export class HeldPictures {
  #pictures = new Pictures();
  /** @type {Map<string, Held>} */ #held = new Map();
  /** @type {Map<string, string>} */ #paths = new Map();
  /** @type {{key: string, masks: Promise<any[]>} | null} those that were asked for last */ #masks = null;
  #most = Infinity;
  #last = 0;

  /**
   * What the site offers.
   * @param {any[]} styles with the paths `thumb` and `picture`
   * @param {any[]} contents likewise
   * @param {number} most pixels of any picture
   */
  async offer(styles, contents, most) {
    this.#most = most;
    const add = async (each, kind) => {
      const [thumb, picture] = await Promise.all([each.thumb, each.picture].map((path) => (path ? address(path) : null)));
      const { id, name, width = 0, height = 0, source } = each;
      if (each.picture) this.#paths.set(id, each.picture);
      this.#held.set(id, { id, kind, name, width, height, source, blob: null, thumb: thumb ?? picture ?? "", picture });
    };
    await Promise.all([...styles.map((each) => add(each, "styles")), ...contents.map((each) => add(each, "contents"))]);
  }

  /** Have ready what reads pictures. */
  prepare() {
    return this.#pictures.prepare();
  }

  /** One of an id. @param {string} id */
  of(id) {
    const held = this.#held.get(id);
    if (!held) throw new EngineError("this picture is not here any more: open it again", 404);
    return held;
  }

  /** Take a file in; the same one again keeps its id. @param {Kind} kind @param {File} given @param {string} name */
  async add(kind, given, name) {
    const file = await copyOf(given, name);
    const known = await this.#same(kind, file, name);
    if (known) return known;
    const isStyle = kind === "styles" && name.toLowerCase().endsWith(SUFFIX);
    const size = isStyle ? { width: 0, height: 0 } : await this.#pictures.measure(file, name, this.#most);
    const id = `own-${++this.#last}`;
    const shown = URL.createObjectURL(file);
    const held = { id, kind, name, ...size, source: "upload", blob: file, thumb: isStyle ? "" : shown, picture: shown };
    this.#held.set(id, held);
    return held;
  }

  async #same(kind, file, name) {
    for (const held of this.#held.values()) {
      if (held.source !== "upload" || held.kind !== kind || held.name !== name) continue;
      if (held.blob?.size !== file.size) continue;
      if (await isSame(held.blob, file)) return held;
    }
    return null;
  }

  /** Its file. @param {string} id @returns {Promise<Blob>} */
  async blob(id) {
    const held = this.of(id);
    const path = this.#paths.get(id);
    if (held.blob) return held.blob;
    if (!path) throw new EngineError(`${held.name} has no picture here`, UNFIT);
    held.blob = await blob(path);
    return held.blob;
  }

  /** Its pixels. @param {string} id */
  async pixels(id) {
    return this.#pictures.decode(await this.blob(id), this.of(id).name, this.#most);
  }

  /** It, decoded, to be shown; see {@link Pictures.image}. @param {string} id @param {number} size */
  async image(id, size) {
    return this.#pictures.image(await this.blob(id), this.of(id).name, this.#most, size);
  }

  /** The labels that it holds. @param {string} id */
  async labels(id) {
    return this.#pictures.labels(await this.blob(id), this.of(id).name, this.#most);
  }

  /** Masks of labels that it holds. @param {string} id @param {(string | number)[]} labels */
  labelMasks(id, labels) {
    const key = JSON.stringify([id, labels]);
    if (this.#masks?.key !== key) {
      const masks = this.blob(id).then((file) => this.#pictures.labelMasks(file, this.of(id).name, this.#most, labels));
      this.#masks = { key, masks };
      masks.catch(() => (this.#masks = null));
    }
    return this.#masks.masks;
  }

  /** A file of pixels, which are given away. */
  encode(pixels, format, quality) {
    return this.#pictures.encode(pixels, format, quality);
  }
}

/** Whether two files of one size hold the same. @param {Blob} a @param {Blob} b */
async function isSame(a, b) {
  for (let start = 0; start < a.size; start += PIECE) {
    const parts = [a, b].map((blob) => blob.slice(start, start + PIECE).arrayBuffer());
    const [own, other] = (await Promise.all(parts)).map((buffer) => new Uint8Array(buffer));
    for (let k = 0; k < own.length; k++) if (own[k] !== other[k]) return false;
  }
  return true;
}

/** A file as it is now: one on the disk cannot be read any more once it has been changed there. @param {File} file */
async function copyOf(file, name) {
  try {
    return new Blob([await file.arrayBuffer()], { type: file.type });
  } catch {
    throw new EngineError(`${name} cannot be read: see that it is still there, and open it again`, UNFIT);
  }
}
