// @ts-check
/**
 * The worker that reads and writes files of pictures, by the browser's own codecs, so that the page never stands still.
 * Messages are `{id, call, ...}`, answers `{id, ...}` or `{id, error}`.
 */

import { InputError } from "./pixels.js";
import { heldLabels, labelMasks, readLabels } from "./label-map.js";
import { exactPixels } from "./exact.js";
import { writePng } from "./png-write.js";
import { scaled } from "./resize.js";

const TYPES = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp" };
const NAMES = { png: "PNG", jpeg: "JPEG", webp: "WebP" };

const CALLS = {
  async decode({ blob, name, most }) {
    const image = await opened(blob, name, most);
    try {
      const { width, height } = image;
      const data = pixelsOf(image, name);
      return { width, height, data: isOpaque(data) ? data : ((await exactPixels(blob, width, height)) ?? data) };
    } finally {
      image.close();
    }
  },

  async measure({ blob, name, most }) {
    const image = await opened(blob, name, most);
    const { width, height } = image;
    image.close();
    return { width, height };
  },

  async image({ blob, name, most, size }) {
    const image = await opened(blob, name, most);
    const { width, height } = image;
    if (!size || Math.min(width, height) <= size) return { image };
    const [resizeWidth, resizeHeight] = scaled(width, height, size);
    const small = await createImageBitmap(image, { resizeWidth, resizeHeight, resizeQuality: "high" });
    image.close();
    return { image: small };
  },

  async encode({ width, height, data, format, quality }) {
    if (format === "png") return { blob: await writePng({ width, height, data }, isOpaque(data)) };
    const context = contextOf(width, height, "the result", !isOpaque(data));
    context.putImageData(new ImageData(data, width, height), 0, 0);
    const blob = await context.canvas.convertToBlob({ type: TYPES[format], quality: quality / 100 });
    if (blob.type !== TYPES[format]) throw new InputError(`this browser writes no ${NAMES[format]}: choose PNG or JPEG`);
    return { blob };
  },

  async labels({ blob, name, most }) {
    return heldLabels(await readLabels(new Uint8Array(await blob.arrayBuffer()), name, most));
  },

  async labelMasks({ blob, name, most, labels }) {
    return { masks: labelMasks(await readLabels(new Uint8Array(await blob.arrayBuffer()), name, most), labels) };
  },
};

/** @param {Blob} blob @param {string} name @param {number} most pixels */
async function opened(blob, name, most) {
  let image;
  try {
    image = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new InputError(`this browser cannot read ${name}: save it as JPEG or PNG, or it may be damaged`);
  }
  if (image.width * image.height <= most) return image;
  const { width, height } = image;
  image.close();
  throw new InputError(`${name} has ${width} x ${height} pixels, more than the limit of ${most}: make it smaller first`);
}

/** @param {ImageBitmap} image */
function pixelsOf(image, name) {
  const context = contextOf(image.width, image.height, name);
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height).data;
}

/** @param {boolean} alpha whether it can be seen through; of one that cannot, files have no such channel */
function contextOf(width, height, name, alpha = true) {
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { alpha, willReadFrequently: true });
    if (context) return context;
  } catch {
    // Said below: browsers differ in what they do.
  }
  throw new InputError(`${name} is too large for this browser, ${width} x ${height} px: ask for a smaller one`);
}

/** @param {Uint8ClampedArray} data */
function isOpaque(data) {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

/** What cannot be told otherwise. @param {any} error */
function told(error) {
  const text = String(error?.message ?? error).split("\n")[0];
  if (error instanceof InputError) return text;
  if (error instanceof RangeError) return "there is too little memory in this browser for this picture: make it smaller";
  return `this picture cannot be used: ${text}`;
}

self.addEventListener("message", async (event) => {
  const { id, call, ...given } = event.data;
  try {
    const answer = await CALLS[call](given);
    const arrays = [answer.data, ...(answer.masks ?? []).map((mask) => mask.data)].filter(Boolean);
    const transfer = [...arrays.map((array) => array.buffer), ...(answer.image ? [answer.image] : [])];
    self.postMessage({ id, ...answer }, { transfer });
  } catch (error) {
    self.postMessage({ id, error: told(error) });
  }
});
