import { type Day, dayStartSec, isoOf, nextDay } from "../core/day.ts";
import type { Store } from "../store/store.ts";

/** The finding that the ledger beneath a finalised epoch is no longer what was paid for. */
export const FROZEN_EPOCH = "R-1";

/**
 * Called when a day is closed: where it is the last one of an epoch that is final already, blocks beneath it were
 * undone and done again. Compares what they left (the digests of the pools' postings, and what everybody's days weigh)
 * with what was made final, and records a difference as a finding: what was paid is never rewritten, somebody has to
 * decide. The caller holds the transaction.
 */
export function recordFinalEpochs(store: Store, day: Day): void {
  const end = nextDay(day);
  for (const { record, state } of store.rewards.epochs()) {
    if (state !== "final" || record.end !== end) continue;
    const { epoch: logIndex, blockNumber } = record;
    const report = (pool: string, expected: string, actual: string): void =>
      store.findings.insert({ identity: FROZEN_EPOCH, pool, blockNumber, logIndex, expected, actual });
    const now = store.rewards.digestsAt(store.rewards.checkpointAt(isoOf(dayStartSec(end)))?.number ?? -1);
    const kept = store.keptDays.pools();
    const [changed] = Object.entries(record.pools).filter(([pool, digest]) => now[pool] !== digest && !kept.has(pool));
    const paid = store.rewards.weightsOf(record.epoch);
    const weights = store.tiers.weightsAt(day).map(({ provider, weight }) => `${provider} ${weight}`);
    const known = new Set(weights);
    if (changed !== undefined) report(changed[0], changed[1], now[changed[0]] ?? "none");
    else if (!paid.every((each) => known.has(each))) {
      const other = paid.find((each) => !known.has(each)) ?? "";
      const [provider = ""] = other.split(" ");
      report("", other, weights.find((each) => each.startsWith(provider)) ?? "none");
    }
  }
}
