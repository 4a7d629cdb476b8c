-- Daily balances in order of day: closing a day appends, instead of touching a page for each provider. One provider's
-- days are a seek per day; rows without a value, which status counts, have an index of their own.

create table daily_balances_new (
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
  primary key (date, provider_address, pool_address)
) strict, without rowid;

insert into daily_balances_new
select * from daily_balances order by date, provider_address, pool_address;

drop table daily_balances;

alter table daily_balances_new rename to daily_balances;

create index daily_balances_unpriced on daily_balances (date) where liquidity_amount is null;
