-- When a Curve pool last told its invariant: read whenever a pool's working state is loaded.
create index lp_events_of_invariants on lp_events (pool_address, block_number, log_index)
where event in ('AddLiquidity', 'RemoveLiquidityImbalance');
