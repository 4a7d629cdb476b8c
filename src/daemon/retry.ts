import type { Clock } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";

const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 15_000;

/** How long to wait after so many failures in a row. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures, 10));
}

/** The error of a process that waited for a node for as long as it was told to. */
export function gaveUp(error: LpLedgerError, silentMs: number): LpLedgerError {
  const seconds = Math.round(silentMs / 1000);
  return new LpLedgerError("transient", "GAVE_UP", `nothing could be read for ${seconds} s: ${error.message}`, {
    facts: error.facts,
    hint: error.hint ?? "check the node, then start again: nothing is lost, the ledger goes on from its last commit",
  });
}

export interface RetryOptions {
  giveUpMs(): number;
  /** `silentMs`: for how long nothing came of it. */
  onRetry?(error: LpLedgerError, waitMs: number, silentMs: number): void;
}

/**
 * Repeats what a node has to answer until it does. @throws GAVE_UP after so long, and at once whatever is not transient
 */
export async function retryTransient<T>(
  clock: Clock,
  signal: AbortSignal,
  { giveUpMs, onRetry }: RetryOptions,
  work: () => Promise<T>,
): Promise<T> {
  const beganMs = clock.nowMs();
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LpLedgerError) || error.kind !== "transient") throw error;
      const silentMs = clock.nowMs() - beganMs;
      if (silentMs >= giveUpMs()) throw gaveUp(error, silentMs);
      const waitMs = backoffMs(failures);
      onRetry?.(error, waitMs, silentMs);
      await clock.sleep(waitMs, signal);
    }
  }
}
