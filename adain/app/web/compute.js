// @ts-check
/** The page's end of compute-worker.js: starts it, asks it, and starts it anew once it has failed or was ended. */

/**
 * @typedef {import("./networks.js").Given & {worker?: string}} Parts what a worker needs; `worker` is the text of a
 *   module that does all that compute-worker.js does, where that has no address
 * @typedef {{progress?: (done: number, total: number) => void, transfer?: Transferable[]}} How what is transferred is
 *   the worker's then
 */

/** What the worker could not do; `kind` as in compute-worker.js, or "ended". */
export class ComputeError extends Error {
  /** @param {string} message @param {string} kind */
  constructor(message, kind) {
    super(message);
    this.kind = kind;
  }
}

/** Errors that leave a worker as good as it was. */
const HARMLESS = ["input", "gone"];

export class Compute {
  #load;
  /** @type {Worker | null} */ #worker = null;
  /** @type {Promise<unknown> | null} */ #opened = null;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void, how: How}>} */ #waiting = new Map();
  #last = 0;
  #starts = 0;

  /** @type {boolean | undefined} whether WebGPU is the faster here, once a worker has found out */
  isGpuFaster = undefined;

  /** @param {() => Promise<Parts>} load asked whenever a worker is started; what fails is asked again by the next call */
  constructor(load) {
    this.#load = load;
  }

  /**
   * Ask the worker, which is started if there is none.
   * @param {"encodeStyle" | "encodeContent" | "decode" | "drop" | "stats"} call
   * @param {Record<string, any>} [given]
   * @param {How} [how]
   * @returns {Promise<any>}
   */
  async call(call, given = {}, how = {}) {
    const opened = (this.#opened ??= this.#start());
    try {
      await opened;
    } catch (error) {
      if (this.#opened === opened) this.end();
      throw error;
    }
    if (this.#opened !== opened) throw ended();
    return this.#ask(call, given, how);
  }

  /** End the worker with all that it works on and keeps; the next call starts another. */
  end() {
    this.#starts++;
    this.#worker?.terminate();
    this.#worker = this.#opened = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(ended());
  }

  async #start() {
    const start = ++this.#starts;
    const { worker, ...parts } = await this.#load();
    if (start !== this.#starts) throw ended(); // meanwhile
    const address = new URL("./compute-worker.js", import.meta.url).href;
    // From a blob, as a worker with an address of its own would not be bound by the policy that a page has in its head.
    const source = new Blob([worker ?? `import ${JSON.stringify(address)};`], { type: "text/javascript" });
    const blob = URL.createObjectURL(source);
    // Pages from a disk begin no modules as workers; what comes in one piece need be none.
    const made = (this.#worker = new Worker(blob, { type: worker ? "classic" : "module" }));
    made.addEventListener("message", ({ data }) => {
      if (data.id === undefined) this.isGpuFaster = data.isGpuFaster;
      else this.#answered(data);
    });
    made.addEventListener("error", (event) => this.#failed(made, event.message));
    try {
      await this.#ask("open", parts, {});
    } finally {
      URL.revokeObjectURL(blob);
    }
  }

  #ask(call, given, how) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#worker?.postMessage({ id, call, ...given }, { transfer: how.transfer ?? [] }); // or throws
      this.#waiting.set(id, { resolve, reject, how });
    });
  }

  #answered({ id, ok, error, kind, ...answer }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (!ok && error === undefined) {
      waiting.how.progress?.(answer.done, answer.total);
      return;
    }
    this.#waiting.delete(id);
    if (ok) {
      waiting.resolve(answer);
      return;
    }
    waiting.reject(new ComputeError(error, kind));
    if (!HARMLESS.includes(kind)) this.end();
  }

  #failed(worker, message) {
    if (worker !== this.#worker) return;
    const text = `what computes pictures could not be started or failed${message ? `: ${message}` : ""}; try again`;
    for (const { reject } of this.#waiting.values()) reject(new ComputeError(text, "failed"));
    this.#waiting.clear();
    this.end();
  }
}

function ended() {
  return new ComputeError("the computation was ended", "ended");
}
