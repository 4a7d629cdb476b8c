import type { Store } from "../../src/store/store.ts";

/** Tables whose every column follows from the chain alone, with the wall-clock and batching columns left out. */
const DUMPED: Readonly<Record<string, string>> = {
  // Blocks without events are kept as they were read; those with events, and their digests, follow from the chain.
  "processed_blocks where event_count > 0": "block_number, block_hash, block_timestamp, event_count, state_digest",
  lp_events: "*",
  pool_states: "*",
  accounts:
    "pool_address, kind, position_id, provider_address, tick_lower, tick_upper, liquidity, opened_block, updated_block",
  postings:
    "block_number, log_index, leg, (select provider_address || position_id || kind from accounts where accounts.account_id = postings.account_id), delta, balance_after",
  position_tokens: "*",
  pool_digests: "*",
  days: "date, valued_by",
  pool_days: "*",
  token_prices: "token_address, date, price, source",
  daily_balances: "*",
  provider_balances: "*",
  provider_days: "*",
  epoch_weights: "*",
  feed_answers: "*",
};

/** Everything the ledger says, as text that is equal exactly when two ledgers are; some tables may be left out. */
export function dumpOf(store: Store, without: readonly string[] = []): string {
  const told = Object.entries(DUMPED).filter(([table]) => !without.includes(table));
  const tables = told.map(([table, columns]) => {
    const rows = store.db.prepare(`select ${columns} from ${table}`).safeIntegers().raw().all() as unknown[][];
    return `${table}\n${rows
      .map((row) => row.map(String).join(" "))
      .sort()
      .join("\n")}`;
  });
  return [...tables, `digest ${store.blocks.tip()?.stateDigest}`, `tip ${store.blocks.tip()?.hash}`].join("\n\n");
}
