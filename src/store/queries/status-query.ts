import { isoOf } from "../../core/day.ts";
import type { Store } from "../store.ts";
import { type Counts, countAll, lastReorg, smallCounts } from "./positions.ts";

/** How the ledger stands, from the database alone. */
export type Facts = ReturnType<typeof factsOf>;

/**
 * Reads how the ledger stands; the caller holds a snapshot. Counting goes through whole tables: `counts` may be older
 * ones.
 */
export function factsOf(store: Store, counts: Counts = countAll(store.db)) {
  const { config, blocks, db } = store;
  const tip = blocks.tip();
  const quarantines = store.quarantines.told();
  return {
    chainId: config.get("chain")?.chainId ?? null,
    tip:
      tip === undefined
        ? null
        : { number: tip.number, hash: tip.hash, time: isoOf(tip.timestampSec), processedAt: tip.processedAt },
    final: config.get("final_block") ?? null,
    settled: config.get("settled_block") ?? null,
    settledFrom: config.get("settled_from") ?? null,
    repairs: store.contents.repairs(),
    finalitySource: config.get("finality_source") ?? null,
    stateDigest: tip?.stateDigest ?? null,
    programmeHash: config.get("programme_hash") ?? null,
    ...counts,
    ...smallCounts(db),
    lastReorg: lastReorg(db) ?? null,
    halted: config.get("halted") ?? null,
    fileGone: store.file.isThere ? null : store.file.what,
    silent: config.get("silent") ?? null,
    endpoints: config.get("endpoints") ?? [],
    findings: store.openFindings(),
    quarantines,
    ordered: store.refetches.waitingAll().map(({ kind, pool, wrapper }) => ({ kind, pool, wrapper })),
    largeHolders: store.addressFacts.largeHolders(),
    unpricedDays: store.prices.unpricedDays(),
    epochs: store.rewards.epochs().map(({ record, state }) => ({ epoch: record.epoch, state })),
  };
}
