import type { Store } from "../../src/store/store.ts";

/** What a ledger says of each pool and of everybody: not what was settled when. */
export function saidBy(store: Store): readonly unknown[] {
  const rows = (sql: string) => store.db.prepare(sql).raw().all();
  return [
    rows(
      "select block_number, log_index, pool_address, event, provider_address, position_id, liquidity_delta from lp_events order by 1, 2",
    ),
    rows("select pool_address, block_number, tick, liquidity, reserve0, share_supply from pool_states order by 1, 2"),
    rows("select pool_address, position_id, provider_address, liquidity from positions order by 1, 2, 3, 4"),
    rows("select * from daily_balances order by date, pool_address, provider_address"),
    rows("select provider_address, total_liquidity, weighted_liquidity from provider_balances order by 1"),
    rows("select token_address, date, price from token_prices order by 1, 2"),
    store.blocks.tip()?.stateDigest,
  ];
}
