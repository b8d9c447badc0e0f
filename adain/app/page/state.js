// @ts-check
/** What the picture is to become: immutable snapshots, with undo and redo. */

/**
 * @typedef {{id: string, name: string, width: number, height: number}} Content a photograph
 * @typedef {{id: string, name: string, weight: number, alpha: number, mask: import("./masks.js").Mask | null}} Chosen
 *   an artwork that is used: its share of a blend, and its strength and place among regions
 * @typedef {{value: number | string, share: number, style: string | null}} Label a region of a label map
 * @typedef {{id: string, name: string, labels: Label[]}} LabelMap
 * @typedef {{content: Content | null, styles: Chosen[], mode: "blend" | "regions" | "labels",
 *   options: Record<string, any>, labelMap: LabelMap | null, protect: import("./masks.js").Mask | null}} Snapshot
 */

const MOST_STEPS = 100;
const MOST_BYTES = 256 * 1024 * 1024;

/** The present, what it was, and what was undone. Fires "change" with `{before, now}`. */
export class State extends EventTarget {
  /** @type {Snapshot} */ #now;
  /** @type {Snapshot[]} */ #past = [];
  /** @type {Snapshot[]} */ #future = [];
  /** @type {string | null} */ #merging = null;

  /** @param {Snapshot} first */
  constructor(first) {
    super();
    this.#now = Object.freeze(first);
  }

  get now() {
    return this.#now;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * Go on to another snapshot.
   * @param {Partial<Snapshot>} patch
   * @param {{merge?: string | null}} [how] changes of one `merge` that follow each other are one step, until settle()
   */
  change(patch, { merge = null } = {}) {
    const next = Object.freeze({ ...this.#now, ...patch });
    const isSame = Object.keys(patch).every((key) => Object.is(next[key], this.#now[key]));
    if (isSame) return;
    const goesOn = merge !== null && merge === this.#merging && this.#past.length > 0;
    if (!goesOn) this.#past.push(this.#now);
    this.#future = [];
    this.#merging = merge;
    this.#become(next);
    this.#trim();
  }

  /** One option, as a change. */
  set(name, value, how) {
    if (Object.is(this.#now.options[name], value)) return;
    this.change({ options: { ...this.#now.options, [name]: value } }, how);
  }

  /** A drag is over: what follows is another step. */
  settle() {
    this.#merging = null;
  }

  undo() {
    const last = this.#past.pop();
    if (!last) return;
    this.#future.push(this.#now);
    this.#merging = null;
    this.#become(last);
  }

  redo() {
    const next = this.#future.pop();
    if (!next) return;
    this.#past.push(this.#now);
    this.#merging = null;
    this.#become(next);
  }

  /** @param {Snapshot} next */
  #become(next) {
    const before = this.#now;
    this.#now = next;
    this.dispatchEvent(new CustomEvent("change", { detail: { before, now: next } }));
  }

  /** Forget the oldest steps where there are many, or where their masks are large together. */
  #trim() {
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    const counted = new Set();
    let bytes = 0;
    for (let k = this.#past.length - 1; k >= 0; k--) {
      const step = this.#past[k];
      for (const mask of [step.protect, ...step.styles.map((style) => style.mask)]) {
        if (!mask || counted.has(mask)) continue;
        counted.add(mask);
        bytes += mask.bytes;
      }
      if (bytes > MOST_BYTES) {
        this.#past.splice(0, k);
        return;
      }
    }
  }
}
