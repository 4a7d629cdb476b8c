import type { Database } from "better-sqlite3";
import { invariant } from "../../core/errors.ts";
import type { Address } from "../../core/hex.ts";

/** Makes another ledger file readable as `side` until `detach`; must be called outside a transaction. */
export function attach(db: Database, path: string): { detach(): void } {
  db.prepare("attach database ? as side").run(path);
  return {
    detach: () => {
      db.exec("detach database side");
    },
  };
}

/**
 * Copies what the side ledger read (pools, events, pool states, blocks) into this one; the caller holds the
 * transaction and rebuilds what is derived. Both must have followed the same chain.
 */
export function copyCanonical(db: Database): void {
  const foreign = db
    .prepare(`
      select ours.block_number
      from main.processed_blocks as ours
      join side.processed_blocks as theirs using (block_number)
      where ours.block_hash <> theirs.block_hash
      limit 1`)
    .pluck()
    .get();
  invariant(foreign === undefined, "MERGE_FORKED", `the two ledgers have different blocks at ${String(foreign)}`);
  // A pool that is fetched again is there already: the programme that is adopted next says what it is now.
  db.exec("insert into main.pools select * from side.pools where true on conflict do nothing");
  for (const table of ["lp_events", "pool_states", "quarantines"]) {
    db.exec(`insert into main.${table} select * from side.${table}`);
  }
  for (const table of ["feed_answers", "processed_blocks", "quarantined_logs"])
    db.exec(`insert or ignore into main.${table} select * from side.${table}`);
}

/**
 * Removes what was read of some pools; the caller holds the transaction, fills it again and rebuilds what is derived.
 */
export function forgetPools(db: Database, pools: ReadonlySet<Address>): void {
  const list = JSON.stringify([...pools]);
  for (const table of ["lp_events", "pool_states", "quarantines"])
    db.prepare(`delete from ${table} where pool_address in (select value from json_each(?))`).run(list);
}

/** Rows may go before those that refer to them, until the transaction ends. */
export function deferForeignKeys(db: Database): void {
  db.pragma("defer_foreign_keys = on");
}
