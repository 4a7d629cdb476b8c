-- When a Curve pool last told its invariant: read whenever a pool's working state is loaded.
create index lp_events_of_invariants on lp_events (pool_address, block_number, log_index)
where event in ('AddLiquidity', 'RemoveLiquidityImbalance');

-- A block's time is part of what its first reading brought from now on: what was read before is compared with nothing, and read
-- once more.
insert or replace into program_config (key, value, updated_at)
select 'contents_from', value, updated_at from program_config where key = 'last_processed_block';

-- Digests of states are computed again besides: a pool that the programme names contributes nothing before its first posting,
-- as one that a factory made always did.

-- What stands behind providers' addresses, as the chain said it last: rewards that go to a contract may reach nobody. Part of no
-- digest, and asked for again when it is lost.
create table address_facts (
  provider_address text primary key,
  kind text not null check (kind in ('wallet', 'delegated', 'contract')), -- delegated: a wallet with a contract's code (EIP-7702)
  what text, -- what a contract is, where it answers as one of a kind does
  observed_at text not null
) strict, without rowid;
