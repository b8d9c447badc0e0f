// @ts-check
/** Which parts of wasm's memory are taken, and growing it. What is given back is used again. */

/** Bytes of a page, and what addresses are multiples of. */
const PAGE = 2 ** 16;
const STEP = 16;

export class Heap {
  #memory;
  #end;
  /** @type {Map<number, number>} bytes by address */ #taken = new Map();
  /** @type {{from: number, to: number}[]} in their order, no two side by side */ #free = [];

  /** @param {WebAssembly.Memory} memory @param {number} begin the address of what is free */
  constructor(memory, begin) {
    this.#memory = memory;
    this.#end = STEP * Math.ceil(begin / STEP);
  }

  /** The addresses of what is taken. */
  taken() {
    return new Set(this.#taken.keys());
  }

  /**
   * The address of so many bytes, in the smallest gap that holds them.
   * @param {number} bytes
   * @throws {RangeError} where memory cannot grow
   */
  take(bytes) {
    const size = STEP * Math.max(1, Math.ceil(bytes / STEP));
    let best = null;
    for (const gap of this.#free) {
      const room = gap.to - gap.from;
      if (room >= size && (!best || room < best.to - best.from)) best = gap;
    }
    best ??= this.#grown(size);
    const address = best.from;
    best.from += size;
    if (best.from === best.to) this.#free.splice(this.#free.indexOf(best), 1);
    this.#taken.set(address, size);
    return address;
  }

  /** A gap at the end. @param {number} size */
  #grown(size) {
    const last = this.#free[this.#free.length - 1];
    const isAtEnd = last?.to === this.#end;
    const to = (isAtEnd ? last.from : this.#end) + size;
    const missing = to - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    const from = isAtEnd ? last.from : this.#end;
    this.#end = to;
    if (isAtEnd) {
      last.to = to;
      return last;
    }
    const gap = { from, to };
    this.#free.push(gap);
    return gap;
  }

  /** @param {number} address of what is no longer needed */
  give(address) {
    const size = this.#taken.get(address);
    if (size === undefined) throw new Error(`nothing is taken at ${address}`);
    this.#taken.delete(address);
    const k = this.#free.findIndex((gap) => gap.from > address);
    this.#free.splice(k < 0 ? this.#free.length : k, 0, { from: address, to: address + size });
    this.#free = this.#free.reduce((/** @type {{from: number, to: number}[]} */ joined, gap) => {
      const last = joined[joined.length - 1];
      if (last?.to === gap.from) last.to = gap.to;
      else joined.push(gap);
      return joined;
    }, []);
  }
}
