import type { Store } from "../store/store.ts";

/** The finding that the ledger beneath a finalised epoch is no longer what was paid for. */
export const FROZEN_EPOCH = "R-1";

/**
 * After everything above a block was undone and done again: compares the pools' digests that final epochs above it rest on
 * with those of now, and records the first that differs of each as a finding. What was paid is never rewritten; somebody
 * has to decide. The caller holds the transaction.
 */
export function recordFrozen(store: Store, commonBlock: number): void {
  for (const { record, state } of store.rewards.epochs()) {
    if (state !== "final" || record.blockNumber <= commonBlock) continue;
    const now = store.rewards.digestsAt(record.blockNumber);
    for (const [pool, expected] of Object.entries(record.pools)) {
      const actual = now[pool] ?? "none";
      if (actual === expected) continue;
      const { epoch: logIndex, blockNumber } = record;
      store.findings.insert({ identity: FROZEN_EPOCH, pool, blockNumber, logIndex, expected, actual });
      break;
    }
  }
}
