import { hash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import type { Sha256 } from "../core/accounting/digest.ts";
import { logsDigest } from "../core/accounting/logs-digest.ts";
import type { Clock, LogBlock } from "../core/chain.ts";

/** The machine's clocks and timers; its steady one is the same in every thread. */
export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal.addEventListener("abort", onAbort, { once: true });
    }),
  deadline: (ms) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), ms);
    return { signal: controller.signal, clear: () => clearTimeout(timer) };
  },
};

/**
 * Lets the heap grow by half of what lives in it before it is collected, not to four times of it: a daemon makes much
 * that lives for one commit, and beside its node memory is dear. Costs nothing that could be measured (decision 17).
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--heap-growing-percent=50");
}

export const sha256: Sha256 = (data) => hash("sha256", data);

/** What the time and the logs of a block amount to. */
export const blockLogsDigest = (block: LogBlock): string => logsDigest(sha256, block);
