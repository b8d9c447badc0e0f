// @ts-check
/** onnxruntime-web: started from bytes that are at hand, so that nothing is fetched, and the two graphs run in it. */

import { InputError } from "./pixels.js";

/**
 * @typedef {{module: string | ArrayBuffer, binary: ArrayBuffer}} Wasm the text of `ort.wasm.bundle.min.mjs` and the bytes
 *   of `ort-wasm-simd-threaded.wasm`
 */

/** More threads than this are no faster for pictures of a screen's size. */
const MOST_THREADS = 8;

/** What onnxruntime writes to the console: fatal errors; others are raised. */
const LOG_LEVEL = 4;

/** Bytes of a page of wasm's memory, and the most pages that there can be. */
const PAGE = 2 ** 16;
const MOST_PAGES = 2 ** 16;

/** @type {WebAssembly.Memory[]} */
const memories = [];

/** Bytes of memory that wasm has taken; it never gives any back while its worker lives. */
export function wasmBytes() {
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}

/**
 * What onnxruntime takes its memory from cannot be asked of it: note it as it is made, and bound it.
 * @param {number} most bytes
 */
function watchMemory(most) {
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct(kind, [how]) {
      const maximum = Math.min(how.maximum ?? MOST_PAGES, Math.max(how.initial, Math.floor(most / PAGE)));
      const memory = new kind({ ...how, maximum });
      memories.push(memory);
      return memory;
    },
  });
}

/** How many threads can compute here: one, unless the page is isolated from other origins. @param {number} [wanted] */
export function threadsOf(wanted) {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(wanted || navigator.hardwareConcurrency || 1, MOST_THREADS));
}

/**
 * The two graphs, ready to run.
 * @param {{encoder: ArrayBuffer, decoder: ArrayBuffer, wasm: Wasm, threads?: number, most?: number}} given `most` bytes
 *   of memory are taken, if that is said
 */
export async function openNetworks({ encoder, decoder, wasm, threads, most = Infinity }) {
  if (typeof WebAssembly !== "object") {
    throw new InputError("this browser has no WebAssembly, which computes the pictures: allow it, or use another browser");
  }
  watchMemory(most);
  // A module from a blob: the workers of its threads then come from one, too, and are bound by the page's policy.
  const address = URL.createObjectURL(new Blob([wasm.module], { type: "text/javascript" }));
  const ort = await import(/* @vite-ignore */ address);
  ort.env.logLevel = "fatal";
  Object.assign(ort.env.wasm, { wasmBinary: wasm.binary, numThreads: threadsOf(threads), proxy: false });
  const open = (bytes) =>
    ort.InferenceSession.create(new Uint8Array(bytes), {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
      logSeverityLevel: LOG_LEVEL,
      // A pattern asks for one large block, and an arena keeps what another size has left in pieces.
      enableMemPattern: false,
      enableCpuMemArena: false,
    });
  return new Networks(ort, await open(encoder), await open(decoder));
}

/** Encoder and decoder. */
export class Networks {
  #ort;
  #encoder;
  #decoder;

  constructor(ort, encoder, decoder) {
    this.#ort = ort;
    this.#encoder = encoder;
    this.#decoder = decoder;
  }

  /**
   * Three planes of pixels to planes of features, one cell for every 8 x 8 px.
   * @param {Float32Array} pixels
   * @param {number} height
   * @param {number} width
   * @returns {Promise<Float32Array>}
   */
  async encode(pixels, height, width) {
    const image = new this.#ort.Tensor("float32", pixels, [1, 3, height, width]);
    return (await this.#encoder.run({ image }, ["features"])).features.data;
  }

  /**
   * Planes of features, changed as they are to be, to three planes of pixels in 0 to 1.
   * @param {Float32Array} features
   * @param {number} rows
   * @param {number} columns
   * @returns {Promise<Float32Array>}
   */
  async decode(features, rows, columns) {
    const channels = features.length / (rows * columns);
    const tensor = (values, dims) => new this.#ort.Tensor("float32", values, dims);
    const every = (value) => tensor(new Float32Array(channels).fill(value), [1, channels, 1, 1]);
    // Alpha is 0: they have been normalised, and what these say of them is not asked for.
    const given = {
      features: tensor(features, [1, channels, rows, columns]),
      content_mean: every(0),
      content_std: every(1),
      style_mean: every(0),
      style_std: every(1),
      alpha: tensor(new Float32Array(1), []),
    };
    return (await this.#decoder.run(given, ["stylized"])).stylized.data;
  }
}
