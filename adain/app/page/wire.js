// @ts-check
/** Requests to the server the page came from: errors in one line, and what to do while it does not answer. */

export const GONE = "The server does not answer. Nothing is lost: the page goes on as soon as it is back.";
const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 5000;

export class EngineError extends Error {
  /** @param {string} message @param {number} [status] 0: no answer came @param {number} [wait] seconds */
  constructor(message, status = 0, wait = 0) {
    super(message);
    this.name = "EngineError";
    this.status = status;
    this.wait = wait;
  }

  get isGone() {
    return this.status === 0;
  }
}

/** @param {number} milliseconds */
export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Fires "gone" when the server stops to answer, and "back" when it does again. */
export class Wire extends EventTarget {
  /** @type {Promise<void> | null} */ #waiting = null;

  /**
   * An answer that is no error.
   * @param {string} path
   * @param {RequestInit} [init]
   */
  async fetch(path, init = {}) {
    let response;
    try {
      response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...init });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      this.#lose();
      throw new EngineError(GONE);
    }
    if (response.ok) return response;
    let said = `The server answered ${response.status} ${response.statusText}`.trim();
    try {
      said = (await response.json()).error || said;
    } catch {
      // It was no JSON: something between the page and the server said it.
    }
    throw new EngineError(said, response.status, Number(response.headers.get("Retry-After")) || 0);
  }

  /** @param {string} path @param {RequestInit} [init] */
  async json(path, init) {
    return (await this.fetch(path, init)).json();
  }

  /** @param {string} path @param {unknown} body @param {AbortSignal} [signal] */
  post(path, body, signal) {
    const headers = { "Content-Type": "application/json" };
    return this.fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  }

  /** A picture by a form, as the server takes it in. @param {string} path @param {Blob} file @param {string} name */
  upload(path, file, name) {
    const form = new FormData();
    form.append("file", file, name);
    return this.json(path, { method: "POST", body: form });
  }

  /** Resolves when the server answers; at once, if it is not known to be gone. */
  back() {
    return this.#waiting ?? Promise.resolve();
  }

  #lose() {
    if (this.#waiting) return;
    this.dispatchEvent(new Event("gone"));
    this.#waiting = this.#wait();
  }

  async #wait() {
    for (let wait = SHORTEST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      await pause(wait);
      try {
        if ((await fetch("/health", { cache: "no-store" })).ok) break;
      } catch {
        // Still gone.
      }
    }
    this.#waiting = null;
    this.dispatchEvent(new Event("back"));
  }
}
