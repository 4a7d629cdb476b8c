-- When a Curve pool last told its invariant: read whenever a pool's working state is loaded.
create index lp_events_of_invariants on lp_events (pool_address, block_number, log_index)
where event in ('AddLiquidity', 'RemoveLiquidityImbalance');

-- A block's time is part of what its first reading brought from now on: what was read before is compared with nothing, and read
-- once more.
insert or replace into program_config (key, value, updated_at)
select 'contents_from', value, updated_at from program_config where key = 'last_processed_block';

-- Digests of states are computed again besides: a pool that the programme names contributes nothing before its first posting,
-- as one that a factory made always did.
