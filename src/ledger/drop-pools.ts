import type { Sha256 } from "../core/accounting/digest.ts";
import type { Address } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { deferForeignKeys, forgetPools } from "../store/file/attach.ts";
import type { Store } from "../store/store.ts";
import { adoptProgramme } from "./compare-programme.ts";
import { type Rebuilt, rebuild } from "./rebuild.ts";

/**
 * Takes pools that an operator dropped, and that the programme names no more, out of the ledger, and rebuilds what
 * rested on them. What they were worth on days of final epochs stays, as it was paid by. The caller holds the
 * transaction.
 */
export function dropPools(store: Store, programme: Programme, sha256: Sha256, dropped: ReadonlySet<Address>): Rebuilt {
  const digests = new Map([...dropped].map((pool) => [pool, store.accounts.poolDigest(pool)]));
  const finalUntil = store.rewards.finalUntil();
  if (finalUntil !== undefined) for (const pool of dropped) store.keptDays.keep(pool, undefined, finalUntil);
  const tip = store.blocks.tip()?.number ?? 0;
  // Rows go before what they refer to does, and come again with the rebuild.
  deferForeignKeys(store.db);
  forgetPools(store.db, dropped);
  const kept = store.keptDays.pools();
  store.pools.drop(dropped, (pool) => kept.has(pool));
  adoptProgramme(store, programme, sha256);
  const rebuilt = rebuild(store, programme, sha256, dropped);
  for (const [pool, digest] of digests) {
    store.refetches.done(pool, tip, digest, "");
    store.findings.closePool(pool, tip, "the pool is followed no more", { withDenied: true });
  }
  if (store.quarantines.all().length === 0) store.quarantinedLogs.clear();
  return rebuilt;
}
