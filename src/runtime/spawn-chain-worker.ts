import { Worker } from "node:worker_threads";

/** What it makes is short-lived: more would only be more memory. */
const YOUNG_MB_MAX = 12;

/**
 * Begins the thread that speaks with the nodes; a `ChainThread` tells it whom to ask. It loads while its caller does
 * something else, and until then it keeps no process alive.
 */
export function beginChain(): Worker {
  const script = new URL("./chain-worker.js", import.meta.url);
  const worker = new Worker(script, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX } });
  worker.unref();
  return worker;
}
