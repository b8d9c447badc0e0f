// @ts-check
/** A small picture that stands for the statistics of an artwork, as `adain/app/display.py` draws it. */

const TILE = 128;
const CELLS = 8;

/** @param {import("./adain.js").Style} style @returns {Promise<Blob>} */
export async function shownStyle({ mean }) {
  const cells = Float32Array.from({ length: 3 * CELLS * CELLS }, (_, k) => mean[k % mean.length]);
  const sorted = cells.toSorted();
  const [low, high] = [0.02, 0.98].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const small = new ImageData(CELLS, CELLS);
  for (let k = 0; k < CELLS * CELLS; k++) {
    const level = (c) => (255 * (cells[c * CELLS * CELLS + k] - low)) / Math.max(high - low, 1e-6);
    small.data.set([level(0), level(1), level(2), 255], 4 * k);
  }
  const context = new OffscreenCanvas(TILE, TILE).getContext("2d");
  if (!context) throw new Error("this browser cannot draw");
  context.imageSmoothingQuality = "high";
  context.drawImage(await createImageBitmap(small), 0, 0, TILE, TILE);
  return context.canvas.convertToBlob();
}
