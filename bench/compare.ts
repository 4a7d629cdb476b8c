import { createHash } from "node:crypto";
import Database from "better-sqlite3";

/** What both the floor and the daemon must leave behind: every column, checksums included. */
const ROWS = {
  lp_events: `
    select
      block_number, log_index, block_hash, transaction_hash, block_timestamp, pool_address, protocol, event,
      provider_address, position_id, liquidity_delta, args, log_address, from_side, tick_lower, tick_upper, to_side,
      row_checksum
    from lp_events
    order by block_number, log_index`,
  pool_states: `
    select
      pool_address, block_number, block_timestamp, sqrt_price_x96, tick, liquidity, reserve0, reserve1, share_supply,
      amounts, share_value, row_checksum
    from pool_states
    order by pool_address, block_number`,
} as const;

/**
 * Row counts and a hash over each table's rows: equal exactly when two ledgers hold the same events and pool states.
 */
export function fingerprintOf(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    const parts = Object.entries(ROWS).map(([table, query]) => {
      const hash = createHash("sha256");
      let rows = 0;
      for (const row of db.prepare(query).raw().iterate()) {
        hash.update(JSON.stringify(row));
        rows += 1;
      }
      return `${table}: ${rows} rows, ${hash.digest("hex").slice(0, 16)}`;
    });
    return parts.join("; ");
  } finally {
    db.close();
  }
}
