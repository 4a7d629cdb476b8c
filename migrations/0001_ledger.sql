-- The ledger: what the chain said (canonical), and what follows from it (derived, can be rebuilt without the node).
-- Amounts are canonical decimal text; values are integers scaled by quote.decimals; times are ISO-8601 UTC of blocks.

create table program_config (
  key text primary key,
  value text not null check (json_valid(value)),
  updated_at text not null
) strict, without rowid;

create table pools (
  pool_address text primary key check (length(pool_address) = 42),
  protocol text not null,
  tokens text not null check (json_valid(tokens)),
  start_block integer not null check (start_block >= 0),
  metadata text not null check (json_valid(metadata))
) strict, without rowid;

-- Canonical ------------------------------------------------------------------------------------------------------

create table processed_blocks (
  block_number integer primary key,
  block_hash text not null check (length(block_hash) = 66),
  parent_hash text check (parent_hash is null or length(parent_hash) = 66), -- null where the logs carried the time and no header was read
  block_timestamp text not null,
  processed_at text not null,
  event_count integer not null check (event_count >= 0),
  state_digest text not null
) strict;

create table lp_events (
  block_number integer not null,
  log_index integer not null check (log_index >= 0),
  block_hash text not null,
  transaction_hash text not null,
  block_timestamp text not null,
  pool_address text not null references pools (pool_address),
  protocol text not null,
  event text not null,
  provider_address text,
  position_id text,
  liquidity_delta text not null,
  args text not null check (json_valid(args)),
  log_address text not null, -- the contract that emitted the log: the pool or a position manager
  from_side text, -- who gave the liquidity up: an address, 'issuance', or null where nothing moved
  tick_lower integer,
  tick_upper integer,
  row_checksum text not null, -- over all other columns: finds a flipped byte
  primary key (block_number, log_index)
) strict, without rowid;

-- Transfers of position NFTs, so that an undo finds who owned a token before.
create index lp_events_of_tokens on lp_events (log_address, position_id, block_number, log_index)
where event = 'Transfer' and tick_lower is not null;

create table pool_states (
  pool_address text not null references pools (pool_address),
  block_number integer not null,
  block_timestamp text not null,
  sqrt_price_x96 text,
  tick integer,
  liquidity text,
  reserve0 text,
  reserve1 text,
  share_supply text,
  row_checksum text not null,
  primary key (pool_address, block_number),
  check ((sqrt_price_x96 is null) = (tick is null) and (tick is null) = (liquidity is null)),
  check ((reserve0 is null) = (reserve1 is null) and (reserve1 is null) = (share_supply is null)),
  check ((tick is null) <> (reserve0 is null))
) strict, without rowid;

-- Derived --------------------------------------------------------------------------------------------------------

create table accounts (
  account_id integer primary key,
  pool_address text not null references pools (pool_address),
  kind text not null check (kind in ('holder', 'issuance')),
  position_id text not null, -- '' for share tokens and for issuance
  provider_address text not null,
  tick_lower integer,
  tick_upper integer,
  liquidity text not null check (kind = 'issuance' or liquidity not like '-%'),
  opened_block integer not null,
  updated_block integer not null,
  unique (pool_address, kind, position_id, provider_address)
) strict;

create index accounts_by_provider on accounts (provider_address);
create index accounts_open on accounts (pool_address) where liquidity <> '0';

create table postings (
  block_number integer not null,
  log_index integer not null,
  leg integer not null,
  account_id integer not null references accounts (account_id) deferrable initially deferred,
  delta text not null,
  balance_after text not null,
  primary key (block_number, log_index, leg)
) strict, without rowid;

create index postings_by_account on postings (account_id, block_number, log_index, leg);

create table position_tokens (
  manager_address text not null,
  token_id text not null,
  pool_address text not null references pools (pool_address),
  position_id text not null,
  tick_lower integer not null,
  tick_upper integer not null,
  owner_address text not null, -- the zero address once burned
  opened_block integer not null,
  primary key (manager_address, token_id)
) strict, without rowid;

create index position_tokens_by_position on position_tokens (pool_address, position_id);

create table pool_digests (
  pool_address text not null references pools (pool_address),
  block_number integer not null,
  digest text not null,
  primary key (pool_address, block_number)
) strict, without rowid;

create table days (
  date text primary key check (length(date) = 10),
  closed_block integer not null -- the first block we read that stands at or past the day's end
) strict, without rowid;

create table pool_days (
  pool_address text not null references pools (pool_address),
  date text not null references days (date),
  seconds_priced integer not null,
  mean_tick integer,
  price0_seconds text, -- sums of (UQ112.112 price x seconds), as the pair's own accumulators
  price1_seconds text,
  reserve0_seconds text,
  reserve1_seconds text,
  supply_seconds text,
  primary key (pool_address, date)
) strict, without rowid;

create table token_prices (
  token_address text not null,
  date text not null,
  price text not null, -- quote units per whole token, decimal text with at most 18 places
  source text not null,
  observed_at text not null,
  row_checksum text not null, -- over all but observed_at
  primary key (token_address, date)
) strict, without rowid;

create table daily_balances (
  provider_address text not null,
  date text not null references days (date),
  pool_address text not null references pools (pool_address),
  protocol text not null,
  liquidity_amount integer check (liquidity_amount >= 0), -- null until every needed price is known
  token_amounts text not null check (json_valid(token_amounts)), -- average over the day, base units, in the pool's token order
  token_seconds text not null check (json_valid(token_seconds)), -- the same, exact: base units x seconds
  liquidity_seconds text not null, -- shares or L x seconds
  seconds_open integer not null check (seconds_open between 1 and 86400),
  seconds_in_range integer check (seconds_in_range between 0 and seconds_open), -- null for share tokens
  primary key (provider_address, date, pool_address)
) strict, without rowid;

create index daily_balances_by_date on daily_balances (date, provider_address);

create table provider_balances (
  provider_address text primary key,
  total_liquidity integer, -- null while a needed price has never been known
  weighted_liquidity integer,
  current_tier integer not null,
  first_seen_date text not null,
  last_updated text not null, -- block time of the state it rests on
  metadata text not null check (json_valid(metadata))
) strict, without rowid;

-- Records --------------------------------------------------------------------------------------------------------

create table audit_findings (
  block_number integer not null,
  log_index integer not null,
  identity text not null,
  pool_address text not null,
  expected text not null,
  actual text not null,
  resolution text, -- null while open
  primary key (block_number, log_index, identity)
) strict, without rowid;

create table reorgs (
  reorg_id integer primary key,
  common_block integer not null, -- the last block both chains share
  depth integer not null check (depth > 0), -- how many blocks of ours above it were undone
  old_tip_hash text not null,
  new_tip_hash text not null,
  observed_at text not null
) strict;

create view positions as
select
  pool_address,
  nullif(position_id, '') as position_id,
  provider_address,
  tick_lower,
  tick_upper,
  liquidity,
  opened_block,
  updated_block
from accounts
where kind = 'holder'
  and liquidity <> '0';
