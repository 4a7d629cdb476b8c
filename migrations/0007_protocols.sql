-- Pools of more protocols: Uniswap V4 names a pool by 32 bytes; shares whose value other logs tell; claims on what a
-- wrapper holds for its users.

create table pools_new (
  pool_address text primary key check (length(pool_address) in (42, 66)),
  protocol text not null,
  tokens text not null check (json_valid(tokens)),
  start_block integer not null check (start_block >= 0),
  metadata text not null check (json_valid(metadata))
) strict, without rowid;

insert into pools_new select * from pools order by pool_address;
drop table pools;
alter table pools_new rename to pools;

create table pool_states_new (
  pool_address text not null references pools (pool_address),
  block_number integer not null,
  block_timestamp text not null,
  sqrt_price_x96 text,
  tick integer,
  liquidity text,
  reserve0 text,
  reserve1 text,
  share_supply text,
  row_checksum text not null, -- over all other columns, without the empty ones that came later
  amounts text check (json_valid(amounts)), -- base units in the pool's token order; null where the logs do not tell
  share_value text, -- base units of the value token per base unit of a share, scaled by 1e36; null where unknown
  primary key (pool_address, block_number),
  check ((sqrt_price_x96 is null) = (tick is null) and (tick is null) = (liquidity is null)),
  check ((reserve0 is null) = (reserve1 is null)),
  check ((tick is null) <> (share_supply is null)),
  check (reserve0 is null or share_supply is not null)
) strict, without rowid;

insert into pool_states_new
select
  pool_address, block_number, block_timestamp, sqrt_price_x96, tick, liquidity, reserve0, reserve1, share_supply,
  row_checksum, amounts, null
from pool_states
order by pool_address, block_number;
drop table pool_states;
alter table pool_states_new rename to pool_states;

alter table pool_days add column amounts_seconds text check (json_valid(amounts_seconds)); -- of shares: what the pool held of each token x seconds
alter table pool_days add column share_value_seconds text; -- of shares: sums of (share_value x seconds)

alter table lp_events add column to_side text; -- who got the liquidity, where it is not the provider's own account

drop view positions;
drop index accounts_by_provider;
drop index accounts_open;

create table accounts_new (
  account_id integer primary key,
  pool_address text not null references pools (pool_address),
  kind text not null check (kind in ('holder', 'issuance')),
  position_id text not null, -- '' for share tokens and for issuance
  provider_address text not null,
  via_address text not null default '', -- the wrapper that holds it for the provider; '' where nobody stands between
  tick_lower integer,
  tick_upper integer,
  liquidity text not null check (kind = 'issuance' or liquidity not like '-%'),
  opened_block integer not null,
  updated_block integer not null,
  unique (pool_address, kind, position_id, provider_address, via_address)
) strict;

insert into accounts_new
select
  account_id, pool_address, kind, position_id, provider_address, '', tick_lower, tick_upper, liquidity, opened_block,
  updated_block
from accounts
order by account_id;
drop table accounts;
alter table accounts_new rename to accounts;

create index accounts_by_provider on accounts (provider_address);
create index accounts_open on accounts (pool_address) where liquidity <> '0';

-- What stakers of position NFTs said last, so that an undo finds for whom a token was held.
create index lp_events_of_deposits on lp_events (pool_address, position_id, block_number, log_index)
where event = 'DepositTransferred';

alter table position_tokens add column claimant_address text; -- the user a wrapper holds the token for

create view positions as
select
  pool_address,
  nullif(position_id, '') as position_id,
  provider_address,
  tick_lower,
  tick_upper,
  liquidity,
  opened_block,
  updated_block,
  nullif(via_address, '') as via_address
from accounts
where kind = 'holder'
  and liquidity <> '0';
