// @ts-check
/** Encoder and decoder by WebGPU, layer by layer. */

import { Buffers, NUMBERS, READ } from "./gpu-buffers.js";
import { MOST_GROUPS, MOVED, MOVES, TILE, convolution } from "./gpu-shaders.js";
import { STRIDE } from "./pixels.js";

/**
 * @typedef {import("./model.js").Layer} Layer
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./gpu-buffers.js").Device} Device
 * @typedef {import("./gpu-buffers.js").Held} Held
 * @typedef {any} Pipeline a GPUComputePipeline
 * @typedef {{from: Held, height: number, width: number, channels: number}} Map_ a map in a buffer; see gpu-shaders.js
 * @typedef {{made: number, given: number, isHalved: boolean, isDoubled: boolean, groups: number, pipeline: Pipeline,
 *   packed: Held, shift: Held}} Packed a layer; its filters and its bias as the shader wants them
 */

const FOUR = 4;

/** Beyond what any layer makes. */
const ALL = 3e38;

/** What a result lies between. */
const RELU = [0, ALL];
const PIXELS = [0, 1];
const ANY = [-ALL, ALL];

/** As GPUMapMode.READ, which only browsers with WebGPU have. */
const READ_MODE = 1;

/** Vectors of four that hold so many. @param {number} channels */
const fours = (channels) => Math.ceil(channels / FOUR);

/**
 * Encoder and decoder on a device; null where there is none.
 * @param {Model} model
 * @param {{isSoftware?: boolean}} [how] whether an emulated device will do, too: it is slower than the kernel
 * @returns {Promise<GpuNetworks | null>}
 */
export async function openGpu(model, { isSoftware = false } = {}) {
  const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter || (!isSoftware && (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter))) return null;
  // Without these a device binds 128 MB at most, half of a layer of the classic model for a megapixel.
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  const device = await adapter.requestDevice({ requiredLimits }).catch(() => null);
  if (!device) return null;
  try {
    return await checked(device, () => GpuNetworks.of(model, device));
  } catch {
    device.destroy();
    return null;
  }
}

/**
 * What is asked of a device at once, before anything is waited for, and then waited for; whatever it could not do is
 * thrown. Without this it would go on, and give zeros.
 * @template T
 * @param {Device} device
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function checked(device, ask) {
  const kinds = ["validation", "out-of-memory", "internal"];
  for (const kind of kinds) device.pushErrorScope(kind);
  const asked = ask();
  const [made, ...faults] = await Promise.all([asked, ...kinds.map(() => device.popErrorScope())]);
  for (const fault of faults) if (fault) throw new Error(fault.message);
  return made;
}

/** Encoder and decoder; see networks.js for what they take and give. One call at a time. */
export class GpuNetworks {
  #device;
  #buffers;
  #numbers;
  #finer;
  /** @type {Record<string, Pipeline>} */ #moves = {};
  /** @type {Packed[]} */ #encoder = [];
  /** @type {Packed[]} */ #decoder = [];
  /** @type {Packed | null} */ #skip = null;

  kind = "webgpu";

  /** @param {Device} device @param {number} finer */
  constructor(device, finer) {
    this.#device = device;
    this.#finer = finer;
    this.#buffers = new Buffers(device);
    this.#numbers = this.#buffers.take(FOUR * FOUR, NUMBERS);
  }

  /** @param {Model} model @param {Device} device */
  static async of({ encoder, decoder, finer, skip }, device) {
    const made = new GpuNetworks(device, finer);
    const pipelines = new Pipelines(device);
    const packed = (/** @type {Layer[]} */ layers) => Promise.all(layers.map((layer) => made.#packed(layer, pipelines)));
    const moves = Promise.all(
      ["to_map", "to_planes", "halve", "add_doubled"].map(async (name) => {
        made.#moves[name] = await pipelines.of(MOVES, name);
      }),
    );
    [made.#encoder, made.#decoder, [made.#skip = null]] = await Promise.all([
      packed(encoder), packed(decoder), packed(skip ? [skip] : []), moves,
    ]); // prettier-ignore
    return made;
  }

  /** Bytes of the device's memory that are taken. */
  get bytes() {
    return this.#buffers.bytes;
  }

  /**
   * Give everything back, once what was handed over is done: in Chromium a device that was destroyed as it worked has
   * kept the browser waiting for ever.
   */
  close() {
    const destroy = () => this.#device.destroy();
    this.#device.queue.onSubmittedWorkDone().then(destroy, destroy);
  }

  /** Channels of the features. */
  get #channels() {
    const coarse = this.#encoder[this.#encoder.length - 1].made;
    return coarse + (this.#finer < 0 ? 0 : 4 * this.#encoder[this.#finer].made);
  }

  /** @param {Layer} layer @param {Pipelines} pipelines @returns {Promise<Packed>} */
  async #packed({ side, given, made, filters, bias, isHalved, isDoubled }, pipelines) {
    const groups = Math.ceil(fours(made) / Math.ceil(fours(made) / MOST_GROUPS)); // as even as they can be
    const shift = new Float32Array(FOUR * fours(made));
    shift.set(bias);
    return {
      made, given, isHalved, isDoubled, groups,
      packed: this.#buffers.filled(arranged(filters, made, given, side ** 2, groups)),
      shift: this.#buffers.filled(shift),
      pipeline: await pipelines.of(convolution(side, groups), "convolve"),
    }; // prettier-ignore
  }

  /**
   * Three planes of pixels to planes of features, one cell for every 8 x 8 px.
   * @param {Float32Array} pixels
   * @param {number} height
   * @param {number} width
   * @returns {Promise<Float32Array>}
   */
  async encode(pixels, height, width) {
    return this.#done(() => {
      const buffers = this.#buffers;
      const [rows, columns] = [Math.ceil(height / STRIDE), Math.ceil(width / STRIDE)];
      const features = buffers.take(this.#channels * rows * columns);
      const coarse = this.#encoder[this.#encoder.length - 1].made;
      const given = buffers.filled(pixels);
      let map = this.#placed(given, { height, width, rows: height, columns: width, channels: 3 });
      buffers.give(given);
      for (const [k, layer] of this.#encoder.entries()) {
        const isHalved = Boolean(this.#encoder[k + 1]?.isHalved);
        // What is folded is wanted as it is, so that it is halved apart.
        map = this.#convolved(layer, map, { isHalved: isHalved && k !== this.#finer });
        if (k !== this.#finer) continue;
        this.#laid(map, features, { rows, columns, channels: layer.made, first: coarse, step: 2 });
        if (isHalved) map = this.#halved(map);
      }
      this.#laid(map, features, { rows, columns, channels: coarse });
      return this.#read(features, this.#channels * rows * columns);
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
    return this.#done(() => {
      const buffers = this.#buffers;
      const [first, ...others] = this.#decoder;
      const given = buffers.filled(features);
      const coarse = this.#placed(given, { height: rows, width: columns, rows, columns, channels: first.given });
      let map = this.#convolved(first, coarse);
      if (this.#finer >= 0) map = this.#added(map, given, first.given, this.#encoder[this.#finer].made);
      buffers.give(given);
      for (const [k, layer] of others.entries()) {
        const isDoubled = layer.isDoubled && !(k === 0 && this.#finer >= 0);
        map = this.#convolved(layer, map, { isDoubled, range: k === others.length - 1 ? PIXELS : RELU });
      }
      const { height, width } = map;
      const made = buffers.take(3 * height * width);
      this.#laid(map, made, { rows: height, columns: width, channels: 3 });
      return this.#read(made, 3 * height * width);
    });
  }

  /** What is asked of the device, done. @param {() => Promise<Float32Array>} ask */
  #done(ask) {
    return this.#buffers.within(() => checked(this.#device, async () => ask()));
  }

  /**
   * A step of the work. Each is handed over alone: systems end what keeps a device from drawing for seconds.
   * @param {Pipeline} pipeline
   * @param {number[]} numbers the first so many are whole
   * @param {number} whole
   * @param {Held[]} buffers in the order of their bindings
   * @param {number[]} groups
   */
  #step(pipeline, numbers, whole, buffers, groups) {
    const device = this.#device;
    const values = new Float32Array(numbers);
    new Uint32Array(values.buffer).set(numbers.slice(0, whole));
    device.queue.writeBuffer(this.#numbers, 0, values); // what was handed over before has read its own
    const entries = [this.#numbers, ...buffers].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...groups);
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  /** @param {string} name @param {number[]} numbers @param {Held[]} buffers @param {number[]} size of what is made */
  #move(name, numbers, buffers, [width, height, channels]) {
    const groups = [Math.ceil(width / MOVED), Math.ceil(height / MOVED), fours(channels)];
    this.#step(this.#moves[name], numbers, numbers.length, buffers, groups);
  }

  /** Planes as a map. @param {Held} planes @returns {Map_} */
  #placed(planes, { height, width, rows, columns, channels, first = 0, step = 1 }) {
    const from = this.#buffers.take(FOUR * fours(channels) * height * width);
    this.#move("to_map", [height, width, rows, columns, channels, first, step], [planes, from], [width, height, channels]);
    return { from, height, width, channels };
  }

  /** A map as planes. @param {Map_} map @param {Held} planes */
  #laid({ from, height, width }, planes, { rows, columns, channels, first = 0, step = 1 }) {
    this.#move("to_planes", [height, width, rows, columns, channels, first, step], [from, planes], [columns, rows, channels]);
  }

  /** @param {Packed} layer @param {Map_} map @returns {Map_} */
  #convolved(layer, map, { isDoubled = false, isHalved = false, range = RELU } = {}) {
    const shift = Number(isDoubled);
    const [tall, wide] = [map.height << shift, map.width << shift];
    const [height, width] = isHalved ? [Math.ceil(tall / 2), Math.ceil(wide / 2)] : [tall, wide];
    const [given, made] = [fours(layer.given), fours(layer.made)];
    const from = this.#buffers.take(FOUR * made * height * width);
    const whole = [map.height, map.width, shift, given, made, tall, wide, Number(isHalved)];
    const groups = [Math.ceil(wide / TILE), Math.ceil(tall / TILE), Math.ceil(made / layer.groups)];
    this.#step(layer.pipeline, [...whole, ...range], whole.length, [map.from, layer.packed, layer.shift, from], groups);
    this.#buffers.give(map.from);
    return { from, height, width, channels: layer.made };
  }

  /** @param {Map_} map @returns {Map_} */
  #halved({ from: source, height: tall, width: wide, channels }) {
    const [height, width] = [Math.ceil(tall / 2), Math.ceil(wide / 2)];
    const from = this.#buffers.take(FOUR * fours(channels) * height * width);
    this.#move("halve", [tall, wide], [source, from], [width, height, channels]);
    this.#buffers.give(source);
    return { from, height, width, channels };
  }

  /** A map, doubled, and the layer that lies folded in planes from the first on. @param {Map_} map @returns {Map_} */
  #added({ from: coarse, height: rows, width: columns, channels: made }, planes, first, channels) {
    const [height, width] = [2 * rows, 2 * columns];
    let map = this.#placed(planes, { height, width, rows, columns, channels, first, step: 2 });
    if (this.#skip) map = this.#convolved(this.#skip, map, { range: ANY });
    this.#move("add_doubled", [rows, columns], [coarse, map.from], [width, height, made]);
    this.#buffers.give(coarse);
    return map;
  }

  /** @param {Held} buffer @param {number} count */
  async #read(buffer, count) {
    const device = this.#device;
    const to = this.#buffers.take(count, READ);
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, to, 0, 4 * count);
    device.queue.submit([encoder.finish()]);
    await to.mapAsync(READ_MODE, 0, 4 * count);
    const values = new Float32Array(to.getMappedRange(0, 4 * count)).slice();
    to.unmap();
    return values;
  }
}

/** Pipelines by what they run, each compiled once. */
class Pipelines {
  #device;
  /** @type {Map<string, any>} */ #modules = new Map();
  /** @type {Map<string, Promise<Pipeline>>} */ #made = new Map();

  /** @param {Device} device */
  constructor(device) {
    this.#device = device;
  }

  /** @param {string} code @param {string} entryPoint @returns {Promise<Pipeline>} */
  of(code, entryPoint) {
    const module = this.#modules.get(code) ?? this.#device.createShaderModule({ code });
    this.#modules.set(code, module);
    const key = `${entryPoint} ${code}`;
    const compute = { module, entryPoint };
    const made = this.#made.get(key) ?? this.#device.createComputePipelineAsync({ layout: "auto", compute });
    this.#made.set(key, made);
    return made;
  }
}

/**
 * Filters (made, given, places) as the shader reads them: for each workgroup's channels, and each four of what goes in,
 * those of one after the other place and channel.
 * @param {Float32Array} filters
 * @param {number} made
 * @param {number} given
 * @param {number} places
 * @param {number} groups
 */
function arranged(filters, made, given, places, groups) {
  const parts = FOUR * groups;
  const packed = new Float32Array(Math.ceil(made / parts) * parts * places * FOUR * fours(given));
  let from = 0;
  for (let o = 0; o < made; o++) {
    const block = Math.floor(o / parts) * fours(given);
    for (let i = 0; i < given; i++) {
      const to = (block + Math.floor(i / FOUR)) * places * FOUR + (i % FOUR);
      for (let place = 0; place < places; place++) packed[(to + place * FOUR) * parts + (o % parts)] = filters[from++];
    }
  }
  return packed;
}
