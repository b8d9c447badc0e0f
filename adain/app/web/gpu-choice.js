// @ts-check
/**
 * Whether the kernel computes or WebGPU, by what is right and what is faster here.
 *
 * The kernel computes from the first picture on. To open a device, to compile for it and to try it takes from a tenth of
 * a second to seconds, in which the kernel has long made the picture that somebody waits for: it is done once nothing
 * has been asked for a moment, and what is asked meanwhile does not wait for it.
 *
 * A device is taken if its results of a test picture are the kernel's, and if a larger one takes it less time than the
 * kernel. A small one says little of speed, as it mostly waits for messages to go there and back. The kernel's time goes
 * with the area, and is known from what was computed so far, at its fastest: only where it is short is it measured.
 *
 * Once taken, a device is still not trusted: of each new size a corner is computed by both. Whatever fails is computed
 * anew by the kernel, which then goes on alone.
 */

import { TooLarge } from "./gpu-buffers.js";
import { agree, isRightInCorner, testPicture } from "./gpu-check.js";
import { STRIDE } from "./pixels.js";

/**
 * @typedef {import("./networks.js").Networks} Networks
 * @typedef {Networks & {close: () => void}} Device
 * @typedef {import("./gpu-check.js").Call} Call
 */

/** Milliseconds without a call before a device is tried. */
const IDLE = 200;

/** Sides of the pictures by which results are compared, and time. */
const SMALL = 64;
const LARGE = 256;

/** Milliseconds that what is asked meanwhile may have to wait, as the kernel is measured. */
const BRIEF = 50;

/** What clocks of browsers are exact to, in milliseconds. */
const CLOCK = 1;

/** Milliseconds for which a device is tried again to be faster; at first it is not yet warm. */
const TRIED = 100;

/** Milliseconds that a device has to open, and to show that it is right. */
const OPENED = 10_000;

/** A device is waited for so many times as long as the kernel would take, and for so many milliseconds at least. */
const PATIENCE = 8;
const LEAST_PATIENCE = 3000;

export class ChosenNetworks {
  #kernel;
  #open;
  #now;
  #tell;
  /** @type {Device | null} right, but not known to be faster */ #candidate = null;
  /** @type {Device | null} */ #chosen = null;
  /** Milliseconds of the kernel for each pixel. */
  #rates = { encode: Infinity, decode: Infinity };
  /** @type {Set<string>} calls and sizes of which a corner was compared */ #compared = new Set();
  #calls = 0;
  #running = 0;
  #isTrying = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #rest;

  /** Whether nothing is left to be found out. */
  isSettled = false;

  /**
   * @param {Networks} kernel
   * @param {() => Promise<Device | null>} open
   * @param {() => number} now milliseconds
   * @param {(isGpuFaster: boolean) => void} [tell] what is found out, and once more if that changes
   */
  constructor(kernel, open, now, tell = () => {}) {
    this.#kernel = kernel;
    this.#open = open;
    this.#now = now;
    this.#tell = tell;
  }

  get kind() {
    return (this.#chosen ?? this.#kernel).kind;
  }

  get bytes() {
    return this.#kernel.bytes + ((this.#chosen ?? this.#candidate)?.bytes ?? 0);
  }

  /** @param {Float32Array} pixels @param {number} height @param {number} width */
  encode(pixels, height, width) {
    return this.#computed("encode", pixels, height, width);
  }

  /** @param {Float32Array} features @param {number} rows @param {number} columns */
  decode(features, rows, columns) {
    return this.#computed("decode", features, rows, columns);
  }

  /** Take a device that is known to be faster, as soon as it is open and right. */
  async take() {
    this.#settle(await this.#opened());
  }

  /** @param {Call} call @param {Float32Array} values @param {number} height @param {number} width */
  async #computed(call, values, height, width) {
    clearTimeout(this.#rest);
    this.#calls++;
    this.#running++;
    try {
      return (await this.#byDevice(call, values, height, width)) ?? (await this.#byKernel(call, values, height, width));
    } finally {
      this.#running--;
      this.#restLater();
    }
  }

  /** What the kernel makes of it; how long that takes is noted. @param {Call} call @param {Float32Array} values */
  async #byKernel(call, values, height, width) {
    const began = this.#now();
    const made = await this.#kernel[call](values, height, width);
    const rate = (this.#now() - began + CLOCK) / pixelsOf(call, height, width);
    this.#rates[call] = Math.min(this.#rates[call], rate);
    return made;
  }

  /** What the device makes of it; null if there is none, or if it fails. @param {Call} call */
  async #byDevice(call, values, height, width) {
    const device = this.#chosen;
    if (!device) return null;
    try {
      const patience = Math.max(LEAST_PATIENCE, PATIENCE * this.#rates[call] * pixelsOf(call, height, width));
      const made = await soon(patience, device[call](values, height, width));
      const key = `${call} ${height} ${width}`;
      if (!this.#compared.has(key)) {
        if (!(await isRightInCorner(this.#kernel, call, values, height, width, made))) throw new Error("a wrong result");
        this.#compared.add(key);
      }
      return made;
    } catch (error) {
      if (!(error instanceof TooLarge)) this.#settle(null); // else it is as good as it was for smaller pictures
      return null;
    }
  }

  /** Try a device a moment after the last call, unless there is nothing to find out. */
  #restLater() {
    clearTimeout(this.#rest);
    if (!this.isSettled && !this.#running && !this.#isTrying) this.#rest = setTimeout(() => this.#try(), IDLE);
  }

  /** Find out what is not known yet, once nothing else is asked for. */
  async #try() {
    this.#isTrying = true;
    this.#candidate ??= await this.#opened();
    const device = this.#candidate;
    const calls = this.#calls;
    try {
      const isFaster = device !== null && (await this.#isFaster(device));
      // Beside other work it may have seemed slower than it is.
      if (!device || isFaster || calls === this.#calls) this.#settle(isFaster ? device : null);
    } catch {
      this.#settle(null);
    }
    this.#isTrying = false;
    this.#restLater();
  }

  /** The device, if there is one, and if it computes what the kernel does. */
  async #opened() {
    const opening = this.#open();
    const device = await soon(OPENED, opening).catch(() => null);
    if (!device) {
      opening.then((late) => late?.close()).catch(() => {}); // which nobody would use
      return null;
    }
    const isRight = await soon(OPENED, this.#isRight(device)).catch(() => false);
    if (isRight) return device;
    device.close();
    return null;
  }

  /** @param {Device} device */
  async #isRight(device) {
    const [pixels, cells] = [testPicture(SMALL), SMALL / STRIDE];
    const features = await this.#byKernel("encode", pixels, SMALL, SMALL);
    const picture = await this.#byKernel("decode", features, cells, cells);
    if (!agree("encode", await device.encode(pixels, SMALL, SMALL), features)) return false;
    return agree("decode", await device.decode(features, cells, cells), picture);
  }

  /** @param {Device} device */
  async #isFaster(device) {
    const [pixels, cells] = [testPicture(LARGE), LARGE / STRIDE];
    const known = () => (this.#rates.encode + this.#rates.decode) * LARGE ** 2;
    if (known() < BRIEF) await this.#byKernel("decode", await this.#byKernel("encode", pixels, LARGE, LARGE), cells, cells);
    const first = this.#now();
    for (let began = first; began - first <= TRIED; began = this.#now()) {
      const features = await soon(LEAST_PATIENCE, device.encode(pixels, LARGE, LARGE));
      await soon(LEAST_PATIENCE, device.decode(features, cells, cells));
      if (this.#now() - began < known()) return true;
    }
    return false;
  }

  /** @param {Device | null} device that computes from now on, or none */
  #settle(device) {
    this.isSettled = true;
    this.#open = async () => null; // and lets go of the model
    for (const each of [this.#candidate, this.#chosen]) if (each !== device) each?.close();
    this.#candidate = null;
    this.#chosen = device;
    this.#tell(device !== null);
  }
}

/** Pixels that a call is about. @param {Call} call */
function pixelsOf(call, height, width) {
  return height * width * (call === "encode" ? 1 : STRIDE ** 2);
}

/** What is promised, if it comes in so many milliseconds. @template T @param {number} bound @param {Promise<T>} promised */
async function soon(bound, promised) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${bound} ms`)), bound);
  });
  try {
    return /** @type {T} */ (await Promise.race([promised, late]));
  } finally {
    clearTimeout(timer);
  }
}
