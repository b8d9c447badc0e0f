// @ts-check
/** One job of the server, followed to its end. */

import { EngineError, pause } from "./wire.js";

const AGAIN = 1000;

/**
 * Resolves with the last state of a job that is done. A broken stream is taken up again, also where the server was
 * away.
 * @param {import("./wire.js").Wire} wire
 * @param {any} job
 * @param {(job: any) => void} progress
 * @param {AbortSignal} [signal]
 */
export async function followJob(wire, job, progress, signal) {
  let last = job;
  while (true) {
    progress(last);
    last = await listen(last, progress, signal);
    if (last.state === "done") return last;
    if (last.state === "failed") throw new EngineError(last.error || "The server could not make this picture.", 422);
    if (last.state === "cancelled") throw new DOMException("cancelled", "AbortError");
    await pause(AGAIN);
    try {
      last = await wire.json(`/jobs/${job.job}`, { signal });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.status === 404)
        throw new EngineError("The server no longer knows of this picture: finish it again.", 404);
      await Promise.race([wire.back(), aborted(signal)]);
    }
  }
}

/** The last state that a stream of events tells before it ends or breaks. */
function listen(job, progress, signal) {
  if (["done", "failed", "cancelled"].includes(job.state)) return Promise.resolve(job);
  return new Promise((resolve, reject) => {
    let last = job;
    const source = new EventSource(`/jobs/${job.job}/events`);
    const abort = () => {
      source.close();
      reject(new DOMException("cancelled", "AbortError"));
    };
    const end = () => {
      source.close();
      signal?.removeEventListener("abort", abort);
      resolve(last);
    };
    const hear = (event) => (last = JSON.parse(event.data));
    source.addEventListener("progress", (event) => progress(hear(event)));
    for (const type of ["done", "failed", "cancelled"]) {
      source.addEventListener(type, (event) => {
        hear(event);
        end();
      });
    }
    source.onerror = end;
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** @param {AbortSignal} [signal] */
function aborted(signal) {
  return new Promise((_, reject) => {
    const abort = () => reject(new DOMException("cancelled", "AbortError"));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}
