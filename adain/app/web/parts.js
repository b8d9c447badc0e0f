// @ts-check
/** What a worker that computes is made of, out of the files of the site. */

import { EngineError } from "../page/wire.js";
import { bytes, codeOf, json } from "./files.js";

const WORKER = "web/compute-worker.js";

const UNFIT = 422;

/**
 * @param {"model" | "finish"} folder of the model
 * @returns {Promise<import("./compute.js").Parts>}
 */
export async function partsOf(folder) {
  if (typeof WebAssembly !== "object") {
    throw new EngineError("This browser has no WebAssembly, which computes the pictures: allow it, or use another one.", UNFIT);
  }
  const [worker, network, weights, relaxed, plain] = await Promise.all([
    codeOf(WORKER),
    json(`${folder}/network.json`),
    bytes(`${folder}/weights.bin`),
    bytes("kernel/kernel-relaxed.wasm"),
    bytes("kernel/kernel.wasm"),
  ]);
  return { model: { network, weights }, binaries: { relaxed, plain }, worker };
}
