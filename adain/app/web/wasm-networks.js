// @ts-check
/** Encoder and decoder in WebAssembly, layer by layer. */

import { openKernel } from "./kernel.js";
import { STRIDE } from "./pixels.js";

/**
 * @typedef {import("./model.js").Layer} Layer
 * @typedef {import("./model.js").Model} Model
 * @typedef {{from: number, height: number, width: number, channels: number}} Map_ a map at an address, place by place
 * @typedef {Omit<Layer, "filters"> & {from: number, to: number, packed: number, shift: number}} Packed channels of the maps
 *   before and behind, and addresses of the filters, as the kernel wants them, and of the bias
 */

/** What the kernel's maps have a multiple of, in channels. */
const FOUR = 4;

// As in kernel/kernel-blocks.h.
const IS_DOUBLED = 1;
const IS_HALVED = 2;
const HAS_RELU = 4;
const IS_CLAMPED = 8;

/** Channels of a map that holds so many. @param {number} count */
const padded = (count) => FOUR * Math.ceil(count / FOUR);

/**
 * @param {Model} model
 * @param {import("./kernel.js").Binaries} binaries
 * @param {{threads?: number, most?: number}} [how] see openKernel
 */
export async function openWasm(model, binaries, how) {
  return new WasmNetworks(model, await openKernel(binaries, how));
}

/** Encoder and decoder; see networks.js for what they take and give. */
export class WasmNetworks {
  /** @type {import("./kernel.js").Kernel} */ #kernel;
  /** @type {Packed[]} */ #encoder;
  /** @type {Packed[]} */ #decoder;
  /** @type {Packed | null} */ #skip;
  #finer;
  #scratch;

  kind = "wasm";

  /** @param {Model} model @param {import("./kernel.js").Kernel} kernel */
  constructor({ encoder, decoder, finer, skip }, kernel) {
    this.#kernel = kernel;
    this.#finer = finer;
    this.#encoder = encoder.map((layer) => this.#packed(layer));
    this.#decoder = decoder.map((layer) => this.#packed(layer));
    this.#skip = skip && this.#packed(skip);
    const all = [...this.#encoder, ...this.#decoder, ...(this.#skip ? [this.#skip] : [])];
    const each = Math.max(...all.map(({ from, to }) => kernel.calls.scratch_of(from, to)));
    this.#scratch = kernel.take(each * kernel.threads);
  }

  /** Bytes of memory that are taken, and not given back for as long as this lives. */
  get bytes() {
    return this.#kernel.bytes;
  }

  /** Channels of the features. */
  get #channels() {
    const coarse = this.#encoder[this.#encoder.length - 1].made;
    return coarse + (this.#finer < 0 ? 0 : 4 * this.#encoder[this.#finer].made);
  }

  /** @param {number} count */
  #zeros(count) {
    const address = this.#kernel.take(count);
    this.#kernel.view(address, count).fill(0);
    return address;
  }

  /** @param {Layer} layer @returns {Packed} */
  #packed(layer) {
    const kernel = this.#kernel;
    const [from, to] = [padded(layer.given), padded(layer.made)];
    const packed = this.#zeros(kernel.calls.packed_of(layer.made, layer.side, from));
    const shift = this.#zeros(to);
    kernel.view(shift, layer.made).set(layer.bias);
    const filters = kernel.take(layer.filters.length);
    kernel.view(filters, layer.filters.length).set(layer.filters);
    kernel.calls.pack(filters, layer.made, layer.given, layer.side, packed, from);
    kernel.give(filters);
    const { filters: _, ...known } = layer; // which are not kept twice
    return { ...known, from, to, packed, shift };
  }

  /**
   * Three planes of pixels to planes of features, one cell for every 8 x 8 px.
   * @param {Float32Array} pixels
   * @param {number} height
   * @param {number} width
   * @returns {Promise<Float32Array>}
   */
  async encode(pixels, height, width) {
    return this.#kernel.within(() => {
      const { calls, threads } = this.#kernel;
      const [rows, columns] = [Math.ceil(height / STRIDE), Math.ceil(width / STRIDE)];
      const cells = rows * columns;
      const features = this.#kernel.take(this.#channels * cells);
      let map = this.#placed(pixels, height, width, padded(3));
      const coarse = this.#encoder[this.#encoder.length - 1].made;
      for (const [k, layer] of this.#encoder.entries()) {
        const isHalved = Boolean(this.#encoder[k + 1]?.isHalved);
        // What is folded is wanted as it is, so that it is halved apart.
        map = this.#convolved(layer, map, HAS_RELU | (isHalved && k !== this.#finer ? IS_HALVED : 0));
        if (k !== this.#finer) continue;
        for (let place = 0; place < 4; place++) {
          const to = features + 4 * (coarse + place * layer.made) * cells;
          calls.to_planes(map.from, map.height, map.width, map.channels, to, layer.made, place >> 1, place & 1, 2, threads);
        }
        if (isHalved) map = this.#halved(map);
      }
      calls.to_planes(map.from, map.height, map.width, map.channels, features, coarse, 0, 0, 1, threads);
      return this.#kernel.view(features, this.#channels * cells).slice();
    });
  }

  /**
   * Planes of features, changed as they are to be, to three planes of pixels in 0 to 1.
   * @param {Float32Array} features
   * @param {number} rows
   * @param {number} columns
   * @returns {Promise<Float32Array>}
   */
  async decode(features, rows, columns) {
    return this.#kernel.within(() => {
      const { calls, threads } = this.#kernel;
      const [first, ...others] = this.#decoder;
      const cells = rows * columns;
      const coarse = this.#placed(features.subarray(0, first.given * cells), rows, columns, first.from);
      let map = this.#convolved(first, coarse, HAS_RELU);
      if (this.#finer >= 0) map = this.#added(map, features.subarray(first.given * cells));
      for (const [k, layer] of others.entries()) {
        const isDoubled = layer.isDoubled && !(k === 0 && this.#finer >= 0);
        const isLast = k === others.length - 1;
        map = this.#convolved(layer, map, (isDoubled ? IS_DOUBLED : 0) | (isLast ? IS_CLAMPED : HAS_RELU));
      }
      const area = map.height * map.width;
      const made = this.#kernel.take(3 * area);
      calls.to_planes(map.from, map.height, map.width, map.channels, made, 3, 0, 0, 1, threads);
      return this.#kernel.view(made, 3 * area).slice();
    });
  }

  /** Planes as a map. @param {Float32Array} planes @returns {Map_} */
  #placed(planes, height, width, channels) {
    const kernel = this.#kernel;
    const from = kernel.take(channels * height * width);
    const given = kernel.take(planes.length);
    kernel.view(given, planes.length).set(planes);
    const count = planes.length / (height * width);
    kernel.calls.to_cells(given, count, height, width, from, channels, 0, 0, 1, kernel.threads);
    kernel.give(given);
    return { from, height, width, channels };
  }

  /** @param {Packed} layer @param {Map_} map @param {number} flags @returns {Map_} */
  #convolved(layer, map, flags) {
    const kernel = this.#kernel;
    const by = flags & IS_DOUBLED ? 2 : 1;
    const [tall, wide] = [by * map.height, by * map.width];
    const [height, width] = flags & IS_HALVED ? [Math.ceil(tall / 2), Math.ceil(wide / 2)] : [tall, wide];
    const from = kernel.take(layer.to * height * width);
    kernel.calls.convolve(
      map.from, map.height, map.width, map.channels, from, layer.to,
      layer.packed, layer.shift, flags, this.#scratch, kernel.threads,
    ); // prettier-ignore
    kernel.give(map.from);
    return { from, height, width, channels: layer.to };
  }

  /** @param {Map_} map @returns {Map_} */
  #halved(map) {
    const kernel = this.#kernel;
    const [height, width] = [Math.ceil(map.height / 2), Math.ceil(map.width / 2)];
    const from = kernel.take(map.channels * height * width);
    kernel.calls.halve(map.from, map.height, map.width, map.channels, from, kernel.threads);
    kernel.give(map.from);
    return { from, height, width, channels: map.channels };
  }

  /** A map, doubled, and the layer that lies folded. @param {Map_} map @param {Float32Array} folded @returns {Map_} */
  #added(map, folded) {
    const kernel = this.#kernel;
    const { calls, threads } = kernel;
    const [height, width, cells] = [2 * map.height, 2 * map.width, map.height * map.width];
    const channels = folded.length / (4 * cells);
    let from = kernel.take(channels * height * width);
    const given = kernel.take(folded.length);
    kernel.view(given, folded.length).set(folded);
    for (let place = 0; place < 4; place++) {
      const planes = given + 4 * place * channels * cells;
      calls.to_cells(planes, channels, map.height, map.width, from, channels, place >> 1, place & 1, 2, threads);
    }
    kernel.give(given);
    const skip = this.#skip;
    if (skip) {
      const through = kernel.take(skip.to * height * width);
      calls.pointwise(from, height, width, channels, through, skip.to, skip.packed, skip.shift, this.#scratch, threads);
      kernel.give(from);
      from = through;
    }
    calls.add_doubled(map.from, map.height, map.width, map.channels, from, threads);
    kernel.give(map.from);
    return { from, height, width, channels: map.channels };
  }
}
