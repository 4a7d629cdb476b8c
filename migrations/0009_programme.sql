-- The programme: prices from more sources, tiers, reward epochs.

-- What Chainlink's aggregators answered (canonical).
create table feed_answers (
  aggregator_address text not null,
  block_number integer not null,
  log_index integer not null,
  block_timestamp text not null,
  round_id text not null,
  answer text not null,
  answered_at text not null, -- seconds since 1970, as the aggregator says
  row_checksum text not null,
  primary key (aggregator_address, block_timestamp, block_number, log_index)
) strict, without rowid;

create index feed_answers_by_block on feed_answers (block_number);

-- A price may now come from several places for one day, and one that was revised goes before all of them.
create table imported_prices_new (
  token_address text not null,
  date text not null check (length(date) = 10),
  kind text not null check (kind in ('imported', 'coingecko', 'defillama', 'revised')),
  price text not null, -- quote units per whole token
  source text not null,
  observed_at text not null,
  primary key (token_address, date, kind)
) strict, without rowid;

insert into imported_prices_new
select token_address, date, 'imported', price, source, observed_at from imported_prices order by token_address, date;
drop table imported_prices;
alter table imported_prices_new rename to imported_prices;

-- What price services answered, byte for byte: a day that has a price is never asked for again.
create table price_responses (
  response_id integer primary key,
  service text not null,
  request text not null, -- path and query; keys travel in headers
  status integer not null,
  body text not null,
  observed_at text not null
) strict;

-- Prices of final days that were changed all the same, and why.
create table price_revisions (
  revision_id integer primary key,
  token_address text not null,
  date text not null check (length(date) = 10),
  price text, -- null: by the programme file's sources as they are now
  reason text not null check (reason <> ''),
  old_price text,
  old_source text,
  new_price text,
  new_source text,
  applied integer not null default 0 check (applied in (0, 1)),
  observed_at text not null
) strict;

-- Valued by what stood in range, where the programme weights by that.
alter table daily_balances add column in_range_token_seconds text check (json_valid(in_range_token_seconds)); -- base units x seconds, in the pool's token order
alter table daily_balances add column in_range_amount integer check (in_range_amount >= 0);

-- How each provider stood at the end of each of the programme's days (derived).
create table provider_days (
  date text not null references days (date),
  provider_address text not null,
  value integer check (value >= 0), -- over all pools; null until every needed price is known
  in_range_value integer check (in_range_value >= 0), -- null where the programme weights by value
  streak_days integer check (streak_days >= 0), -- null while an unpriced day decides it
  tier integer check (tier >= 0), -- 0: below the minimum
  multiplier_bp integer check (multiplier_bp >= 0),
  primary key (date, provider_address)
) strict, without rowid;

create index provider_days_unknown on provider_days (date) where multiplier_bp is null;

-- What each provider's days of a reward epoch weigh together, when its last day is closed (derived).
create table epoch_weights (
  date text not null references days (date), -- the epoch's last day
  provider_address text not null,
  weight text not null, -- scaled quote units x basis points
  tier integer not null, -- of its last day that weighed anything
  primary key (date, provider_address)
) strict, without rowid;

create table provider_balances_new (
  provider_address text primary key,
  total_liquidity integer, -- null while a needed price has never been known
  weighted_liquidity integer,
  current_tier integer, -- of the newest closed day; null while an unpriced day decides it
  first_seen_date text not null,
  last_updated text not null, -- block time of the state it rests on
  metadata text not null check (json_valid(metadata))
) strict, without rowid;

insert into provider_balances_new select * from provider_balances order by provider_address;
drop table provider_balances;
alter table provider_balances_new rename to provider_balances;

create table reward_epochs (
  epoch integer primary key check (epoch > 0),
  first_date text not null,
  end_date text not null, -- the day after its last
  state text not null check (state in ('calculated', 'final')),
  block_number integer not null, -- the last block with events before its end
  block_hash text not null,
  pools text not null check (json_valid(pools)), -- digest of each pool at that block
  programme_hash text not null,
  rules text not null check (json_valid(rules)), -- tiers and rewards as they were
  tokens text not null check (json_valid(tokens)), -- budget, sums and where the rest goes, by token
  total_weight text not null,
  result_hash text not null, -- over everything above and every row of rewards
  updated_at text not null
) strict;

create table rewards (
  epoch integer not null references reward_epochs (epoch),
  provider_address text not null,
  reward_token text not null,
  calculation_date text not null, -- the epoch's end
  reward_amount text not null, -- base units allocated by this epoch
  tier integer not null,
  weight text not null, -- scaled quote units x basis points
  carried_in text not null, -- base units that earlier epochs owe
  paid text not null, -- base units paid out by this epoch
  primary key (epoch, provider_address, reward_token)
) strict, without rowid;

create index rewards_by_date on rewards (calculation_date);
