// @ts-check
// What a view can show: anything that a canvas draws, with its size in its own pixels.

/** @typedef {ImageBitmap | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas} Picture */

/** @param {Picture} picture */
export function sizeOf(picture) {
  return picture instanceof HTMLImageElement
    ? { width: picture.naturalWidth, height: picture.naturalHeight }
    : { width: picture.width, height: picture.height };
}
