// @ts-check
/** What a worker that computes is made of, out of the files of the site. */

import { EngineError } from "../page/wire.js";
import { bytes, codeOf, damaged, json } from "./files.js";
import { bytesOf } from "./model.js";

const WORKER = "web/compute-worker.js";

const UNFIT = 422;

const KERNELS = ["kernel/kernel-relaxed.wasm", "kernel/kernel.wasm"];

/** The least module with a vector in it: (func (result v128) i32.const 0 i8x16.splat). */
const VECTOR = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
); // prettier-ignore

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
    ...KERNELS.map(bytes),
  ]);
  // Here, and not in the worker: what came damaged is not kept, and is asked for again.
  if (weights.byteLength !== bytesOf(network)) {
    damaged(`${folder}/network.json`); // which of the two is the wrong one is not known
    throw damaged(`${folder}/weights.bin`);
  }
  if (![relaxed, plain].some((each) => WebAssembly.validate(each))) throw unfit();
  return { model: { network, weights }, binaries: { relaxed, plain }, worker };
}

/** What is said where neither kernel is a module for this browser. */
function unfit() {
  if (WebAssembly.validate(VECTOR)) return KERNELS.map(damaged)[1];
  return new EngineError("This browser's WebAssembly has no SIMD, which computes the pictures: use a newer one.", UNFIT);
}
