// @ts-check
/** Memory of a WebGPU device: what was given back is used again, and what a call had no use for is let go after it. */

/** @typedef {any} Device a GPUDevice; WebGPU has no types where the others come from */
/** @typedef {any} Held a GPUBuffer */

/** What the device has not enough room for in one buffer. */
export class TooLarge extends Error {}

/** A buffer that is more times as large as what is asked for is left to what needs it. */
const LOOSE = 2;

/** Bytes that sizes are multiples of: a vector. */
const STEP = 16;

// As in the global GPUBufferUsage, which only browsers with WebGPU have.
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const UNIFORM = 0x40;
const STORAGE = 0x80;

/** Usages: of what is computed with, of what is read back, and of a step's few numbers. */
export const COMPUTED = STORAGE | COPY_SRC | COPY_DST;
export const READ = MAP_READ | COPY_DST;
export const NUMBERS = UNIFORM | COPY_DST;

export class Buffers {
  #device;
  #most;
  /** @type {Set<Held>} */ #taken = new Set();
  /** @type {Set<Held>} */ #free = new Set();
  /** @type {Set<Held>} */ #used = new Set();

  /** @param {Device} device */
  constructor(device) {
    this.#device = device;
    this.#most = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
  }

  /** Bytes of all of them. */
  get bytes() {
    return [...this.#taken, ...this.#free].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Room for so many floats; what is in it is anything.
   * @param {number} count
   * @param {number} [usage]
   * @returns {Held}
   * @throws {TooLarge}
   */
  take(count, usage = COMPUTED) {
    const size = STEP * Math.ceil((4 * count) / STEP);
    if (size > this.#most) throw new TooLarge(`${size} bytes, where the device binds ${this.#most} at most`);
    let best = null;
    for (const each of this.#free) {
      if (each.usage !== usage || each.size < size || each.size > LOOSE * size) continue;
      if (!best || each.size < best.size) best = each;
    }
    if (best) this.#free.delete(best);
    best ??= this.#device.createBuffer({ size, usage });
    this.#taken.add(best);
    this.#used.add(best);
    return best;
  }

  /** Numbers in a buffer of their own. @param {Float32Array} values @returns {Held} */
  filled(values) {
    const made = this.take(values.length);
    this.#device.queue.writeBuffer(made, 0, values);
    return made;
  }

  /** @param {Held} buffer that is no longer needed, by steps that are not yet asked for */
  give(buffer) {
    this.#taken.delete(buffer);
    this.#free.add(buffer);
  }

  /**
   * Do something; what it takes and does not give back is given back, and what is free and was of no use is let go.
   * @template T
   * @param {() => Promise<T>} work
   */
  async within(work) {
    const before = new Set(this.#taken);
    this.#used.clear();
    try {
      return await work();
    } finally {
      for (const each of this.#taken) if (!before.has(each)) this.give(each);
      for (const each of this.#free) {
        if (this.#used.has(each)) continue;
        this.#free.delete(each);
        each.destroy();
      }
    }
  }
}
