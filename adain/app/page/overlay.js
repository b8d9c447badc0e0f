// @ts-check
// A mask over the picture: a tint, and a line of two tones around it, so that it is seen on dark, light and like
// colours.

import { canvasContext } from "./masks.js";

/** @typedef {import("./tiles.js").Rect} Rect */

const TINT = 110; // of 255
const INSIDE = 128;

/** @param {string} color any colour of CSS @returns {[number, number, number]} */
function rgb(color) {
  const context = canvasContext(1, 1);
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

export class Overlay {
  #context;
  #color = 0;
  #line = 0;
  #contrast = 0;

  /**
   * @param {number} width
   * @param {number} height
   * @param {string} color
   */
  constructor(width, height, color) {
    this.width = width;
    this.height = height;
    this.color = color;
    /** How many of the mask's pixels the line around it is wide. */
    this.thickness = 1;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    if (!context) throw new Error("this browser cannot draw: reload the page, or close other pages");
    this.#context = context;
    const [red, green, blue] = rgb(color);
    // Pixels are written as numbers of four bytes, the lowest byte first, as all machines that run browsers keep them.
    this.#color = red | (green << 8) | (blue << 16);
    this.#line = (this.#color | 0xff000000) >>> 0;
    this.#contrast = red * 0.3 + green * 0.59 + blue * 0.11 > 140 ? 0xe0000000 : 0xe0ffffff;
  }

  get canvas() {
    return this.#context.canvas;
  }

  /**
   * Draws a rectangle of the mask anew, and what lies so near that its line may have changed.
   * @param {Uint8ClampedArray} data
   * @param {Rect} rect
   */
  draw(data, rect) {
    const reach = this.thickness;
    const left = Math.max(0, rect.x - reach);
    const top = Math.max(0, rect.y - reach);
    const right = Math.min(this.width, rect.x + rect.width + reach);
    const bottom = Math.min(this.height, rect.y + rect.height + reach);
    if (right <= left || bottom <= top) return;
    const image = new ImageData(right - left, bottom - top);
    const colors = new Uint32Array(image.data.buffer);
    for (let y = top, to = 0; y < bottom; y++) {
      const up = (y < reach ? 0 : y - reach) * this.width;
      const down = (y + reach < this.height ? y + reach : this.height - 1) * this.width;
      const row = y * this.width;
      for (let x = left; x < right; x++, to++) {
        const value = data[row + x];
        const before = data[row + (x < reach ? 0 : x - reach)];
        const after = data[row + (x + reach < this.width ? x + reach : this.width - 1)];
        if (value >= INSIDE) {
          const isEdge = before < INSIDE || after < INSIDE || data[up + x] < INSIDE || data[down + x] < INSIDE;
          colors[to] = isEdge ? this.#line : (this.#color | (((value * TINT) / 255) << 24)) >>> 0;
        } else if (before >= INSIDE || after >= INSIDE || data[up + x] >= INSIDE || data[down + x] >= INSIDE) {
          colors[to] = this.#contrast;
        } else if (value) {
          colors[to] = (this.#color | (((value * TINT) / 255) << 24)) >>> 0;
        }
      }
    }
    this.#context.putImageData(image, left, top);
  }
}
