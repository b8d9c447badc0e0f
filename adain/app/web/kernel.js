// @ts-check
/** The compiled kernel/kernel.c: started from bytes that are at hand, with its memory and its threads. */

import { Heap } from "./heap.js";
import { InputError } from "./pixels.js";

/**
 * @typedef {{relaxed: ArrayBuffer, plain: ArrayBuffer}} Binaries with fused products, which not all browsers have, and
 *   without
 */

/** More threads than this are no faster for pictures of a screen's size. */
const MOST_THREADS = 8;

/** Bytes of a page of wasm's memory, and the most pages that are asked for: 2 GiB, which every browser grants. */
const PAGE = 2 ** 16;
const MOST_PAGES = 2 ** 15;

/** With fewer, 64 MiB, no picture is worth beginning. */
const LEAST_PAGES = 2 ** 10;

/** Milliseconds that threads are waited for. */
const LATE = 2000;

/** Bytes of a thread's stack. */
const STACK = 2 ** 16;

/** What a thread runs. It has no address, so that it is bound by the page's own policy, see files.js. */
const THREAD = `"use strict";
self.onmessage = ({ data: { module, memory, stack, thread } }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  exports.__stack_pointer.value = stack;
  self.postMessage("ready");
  exports.serve(thread);
};`;

/** How many threads can compute here: one, unless the page is isolated from other origins. @param {number} [wanted] */
export function threadsOf(wanted) {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(wanted || navigator.hardwareConcurrency || 1, MOST_THREADS));
}

/**
 * The kernel, ready to compute.
 * @param {Binaries} binaries
 * @param {{threads?: number, most?: number}} how `most` bytes of memory are taken, if that is said
 */
export async function openKernel({ relaxed, plain }, { threads, most = Infinity } = {}) {
  if (typeof WebAssembly !== "object") {
    throw new InputError("this browser has no WebAssembly, which computes the pictures: allow it, or use another browser");
  }
  const module = await WebAssembly.compile(WebAssembly.validate(relaxed) ? relaxed : plain);
  const maximum = Math.max(2, Math.min(MOST_PAGES, Math.floor(most / PAGE)));
  const memory = memoryOf(maximum);
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const kernel = new Kernel(memory, /** @type {any} */ (instance.exports));
  await kernel.start(module, threadsOf(threads) - 1);
  return kernel;
}

/**
 * Memory that grows to so many pages: addresses are set aside for all of them at once, and where a device has too few
 * (telephones do) it is content with half, and half of that. It is shared by the threads; one alone can use it, too.
 * @param {number} most
 */
function memoryOf(most) {
  for (let maximum = most; ; maximum >>= 1) {
    try {
      return new WebAssembly.Memory({ initial: 2, maximum, shared: true });
    } catch (error) {
      if (maximum < 2 * LEAST_PAGES) throw error;
    }
  }
}

export class Kernel {
  #memory;
  #heap;

  /** @param {WebAssembly.Memory} memory @param {Record<string, any>} calls */
  constructor(memory, calls) {
    this.#memory = memory;
    this.#heap = new Heap(memory, calls.__heap_base.value);
    /** @type {Record<string, (...given: number[]) => number>} what kernel.c exports */
    this.calls = calls;
    this.threads = 1;
  }

  /** Bytes of memory that are taken; none are given back. */
  get bytes() {
    return this.#memory.buffer.byteLength;
  }

  /**
   * So many more threads. They are waited for, as a worker that computes does not let those begin that it has asked for;
   * but not for long: one that is late joins in, and one that a browser does not start is done without.
   * @param {WebAssembly.Module} module
   * @param {number} count
   */
  async start(module, count) {
    if (!count) return;
    const source = URL.createObjectURL(new Blob([THREAD], { type: "text/javascript" }));
    const started = Array.from({ length: count }, (_, k) => {
      const worker = new Worker(source);
      const stack = this.take(STACK / 4) + STACK;
      worker.postMessage({ module, memory: this.#memory, stack, thread: k + 1 });
      return new Promise((resolve) => {
        worker.onmessage = resolve;
        worker.onerror = (event) => {
          event.preventDefault();
          resolve(event);
        };
      });
    });
    const all = Promise.all(started).then(() => URL.revokeObjectURL(source));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, LATE))]);
    this.threads += count; // those that are late, too: their numbers are the places of their scratch
  }

  /** Room for so many numbers, until it is given back. @param {number} count @returns {number} its address */
  take(count) {
    return this.#heap.take(4 * count);
  }

  /** @param {number} address */
  give(address) {
    this.#heap.give(address);
  }

  /** Do something; what it takes and does not give back is given back. @template T @param {() => T} work @returns {T} */
  within(work) {
    const before = this.#heap.taken();
    try {
      return work();
    } finally {
      for (const address of this.#heap.taken()) if (!before.has(address)) this.give(address);
    }
  }

  /** Numbers in memory, until it grows. @param {number} address @param {number} count */
  view(address, count) {
    return new Float32Array(this.#memory.buffer, address, count);
  }
}
