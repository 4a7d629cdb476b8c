import type { Clock } from "../core/chain.ts";

/** Settling waits for so many final blocks, or so long. */
const SETTLE_BLOCKS_MIN = 64;
const SETTLE_EVERY_MS = 60_000;

/** How many final blocks settling waits for: many, so that a quiet head costs few requests, but not for ever. */
export function crossCheckBatching(clock: Clock): { blocks(): number } {
  let sinceMs = clock.nowMs();
  return {
    blocks: () => {
      if (clock.nowMs() - sinceMs < SETTLE_EVERY_MS) return SETTLE_BLOCKS_MIN;
      sinceMs = clock.nowMs();
      return 1;
    },
  };
}
