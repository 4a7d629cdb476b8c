import type { Database } from "better-sqlite3";
import { type Address, toPoolId } from "../core/hex.ts";

/** What must come out of a rebuild as it went in. */
export interface DerivedSummary {
  readonly pools: ReadonlyMap<Address, { readonly digest: string; readonly positions: string }>;
  readonly stateDigest: string;
}

const DERIVED = [
  "daily_balances",
  "late_values",
  "provider_days",
  "epoch_weights",
  "pool_days",
  "days",
  "postings",
  "accounts",
  "position_tokens",
  "pool_digests",
  "provider_balances",
];

/**
 * The first day that is not final: the one in which the newest final block (or `below`, where that is lower) stands.
 */
export function firstOpenDay(db: Database, below = Number.MAX_SAFE_INTEGER): string {
  const day = db
    .prepare<[number], string>(`
      select substr(block_timestamp, 1, 10)
      from processed_blocks
      where block_number <= min(?, (select cast(value as integer) from program_config where key = 'final_block'))
      order by block_number desc
      limit 1`)
    .pluck()
    .get(below);
  return day ?? "0000-00-00";
}

/**
 * Empties every derived table; the caller holds the transaction and fills them again. What final days were priced with
 * stays: a price is kept for ever once its day is final.
 */
export function clearDerived(db: Database): void {
  db.prepare("delete from token_prices where date >= ?").run(firstOpenDay(db));
  for (const table of ["rewards", "reward_epochs"])
    db.exec(`delete from ${table} where epoch in (select epoch from reward_epochs where state = 'calculated')`);
  for (const table of DERIVED) db.prepare(`delete from ${table}`).run();
}

/** Digest and open positions of each pool, and the state digest of the tip. */
export function summarise(db: Database): DerivedSummary {
  const rows = db
    .prepare<[], { pool_address: string; digest: string | null; positions: string | null }>(`
      select
        pools.pool_address,
        (select digest
         from pool_digests
         where pool_digests.pool_address = pools.pool_address
         order by block_number desc
         limit 1) as digest,
        (select group_concat(line, ';')
         from (select coalesce(position_id, '') || ' ' || provider_address || ' ' || liquidity || ' ' || updated_block as line
               from positions
               where positions.pool_address = pools.pool_address
               order by position_id, provider_address, via_address)) as positions
      from pools`)
    .all();
  const stateDigest = db
    .prepare<[], string>("select state_digest from processed_blocks order by block_number desc limit 1")
    .pluck()
    .get();
  return {
    pools: new Map(
      rows.map((row) => [toPoolId(row.pool_address), { digest: row.digest ?? "", positions: row.positions ?? "" }]),
    ),
    stateDigest: stateDigest ?? "",
  };
}
