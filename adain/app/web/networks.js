// @ts-check
/**
 * Encoder and decoder, by what computes them here.
 *
 * @typedef {object} Networks
 * @property {string} kind
 * @property {number} bytes of memory that they have taken
 * @property {(pixels: Float32Array, height: number, width: number) => Promise<Float32Array>} encode three planes of
 *   pixels in 0 to 1 to planes of features, one cell for every 8 x 8 px, the last ones in part
 * @property {(features: Float32Array, rows: number, columns: number) => Promise<Float32Array>} decode planes of features
 *   to three planes of pixels in 0 to 1, 8 x 8 for every cell
 */

import { ChosenNetworks } from "./gpu-choice.js";
import { openGpu } from "./gpu-networks.js";
import { readModel } from "./model.js";
import { openWasm } from "./wasm-networks.js";

/**
 * @typedef {{model: import("./model.js").ModelFiles, binaries: import("./kernel.js").Binaries, threads?: number,
 *   most?: number, isGpuFaster?: boolean}} Given `most` bytes of memory are taken, if that is said; and whether WebGPU is
 *   known to be faster here, as another worker has found out: where that is not said, it is found out
 */

/**
 * The networks, ready to run.
 * @param {Given} given
 * @param {(isGpuFaster: boolean) => void} [tell] what is found out of WebGPU, see ChosenNetworks
 * @returns {Promise<Networks>}
 */
export async function openNetworks({ model, binaries, threads, most, isGpuFaster }, tell) {
  const read = readModel(model);
  const kernel = await openWasm(read, binaries, { threads, most });
  if (isGpuFaster === false) return kernel;
  const chosen = new ChosenNetworks(kernel, () => openGpu(read), () => performance.now(), tell);
  if (isGpuFaster) await chosen.take();
  return chosen;
}
