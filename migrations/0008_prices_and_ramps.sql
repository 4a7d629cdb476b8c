-- Prices that an operator brought in, by token and day, beside what the ledger finds out itself. They are read when a day
-- is closed or valued late; one that is there is not
-- replaced by another import.

create table imported_prices (
  token_address text not null,
  date text not null check (length(date) = 10),
  price text not null, -- quote units per whole token, decimal text with at most 18 places
  source text not null,
  observed_at text not null,
  primary key (token_address, date)
) strict, without rowid;

-- Announced changes of a Curve pool's A: while one lasts, the value of a share may fall.
create index lp_events_of_ramps on lp_events (pool_address, block_number, log_index)
where event in ('RampA', 'StopRampA');

-- What contracts said one whole share of a token is worth in its asset, at the last block of a day that is final.
create table share_rates (
  token_address text not null,
  date text not null check (length(date) = 10),
  rate text not null, -- base units of the asset
  block_number integer not null,
  block_hash text not null,
  observed_at text not null,
  primary key (token_address, date)
) strict, without rowid;
