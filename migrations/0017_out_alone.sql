-- A pool, or a wrapper of its shares, is stopped without the others; what is heard of what is stopped is kept, so that it can go on without
-- a node; and an order says what is to be done with a pool.
drop view positions;
drop index accounts_by_owner;
drop index accounts_open;
drop index accounts_open_by_provider;

create table accounts_new (
  account_id integer primary key,
  pool_address text not null references pools (pool_address),
  kind text not null check (kind in ('holder', 'issuance')),
  position_id text not null, -- '' for share tokens and for issuance
  provider_address text not null,
  via_address text not null default '', -- the wrapper that holds it for the provider; '' where nobody stands between
  tick_lower integer,
  tick_upper integer,
  -- Of a wrapper's shares in quarantine below zero: what its users claimed last is more than it holds.
  liquidity text not null check (kind = 'issuance' or position_id = '' or liquidity not like '-%'),
  opened_block integer not null,
  updated_block integer not null
) strict;

insert into accounts_new
select * from accounts order by account_id;
drop table accounts;
alter table accounts_new rename to accounts;

create unique index accounts_by_owner on accounts (provider_address, position_id, pool_address, kind, via_address);
create index accounts_open on accounts (pool_address, provider_address) where liquidity <> '0';
create index accounts_open_by_provider on accounts (provider_address) where liquidity <> '0';

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

-- Pools of which nothing counts any more from a transaction on, and wrappers of their shares, since an identity did not hold and another
-- reading said the same. All else goes on.
create table quarantines (
  pool_address text not null,
  wrapper_address text not null default '', -- '' where all of the pool is stopped
  block_number integer, -- with the log that the transaction begins with, of those that were heard; null where a day does not add up
  log_index integer,
  from_time text, -- that day's end
  first_day text not null, -- no day from this one on is known
  identity text not null,
  finding_block integer not null,
  finding_log integer not null,
  expected text not null,
  actual text not null,
  observed_at text not null,
  touches text not null, -- JSON: wrappers stopped with it, tokens whose prices rest on the pool
  is_kept integer not null, -- whether everything of it that came since is in quarantined_logs: not while its history is fetched again
  primary key (pool_address, wrapper_address),
  check ((block_number is null) = (log_index is null) and (block_number is null) <> (from_time is null))
) strict, without rowid;

-- Several pools may show something at one place: the ends of days have no log.
create table audit_findings_new (
  block_number integer not null,
  log_index integer not null,
  identity text not null,
  pool_address text not null,
  expected text not null,
  actual text not null,
  resolution text, -- null while open
  primary key (block_number, log_index, identity, pool_address)
) strict, without rowid;

insert into audit_findings_new select * from audit_findings;
drop table audit_findings;
alter table audit_findings_new rename to audit_findings;

-- The logs of every transaction that something in quarantine is in, as they were heard: what is stopped goes on by them.
create table quarantined_logs (
  block_number integer not null,
  log_index integer not null,
  block_hash text not null,
  parent_hash text,
  block_timestamp text not null,
  transaction_hash text not null,
  log_address text not null,
  topics text not null, -- JSON
  data text not null,
  token text, -- 'manager tokenId' of the position NFT that a log of a manager or staker is about
  row_checksum text not null,
  primary key (block_number, log_index)
) strict, without rowid;

create index quarantined_logs_by_token on quarantined_logs (token) where token is not null;

-- What to do with a pool at the next start: its history fetched again, what was kept of it applied, or nothing of it any more.
alter table refetches add column kind text not null default 'refetch' check (kind in ('refetch', 'replay', 'drop'));
alter table refetches add column wrapper_address text; -- which the pool is fetched without; null where it is about the pool itself

-- What is in quarantine counts nothing either, and that is no provider's doing; what an epoch was made final without is held back.
create table left_out_new (
  date text not null check (length(date) = 10),
  pool_address text not null,
  provider_address text not null,
  reason text not null check (reason in ('negligible', 'operator', 'too-large', 'quarantined', 'held-back')),
  note text not null,
  observed_at text not null,
  stopped text, -- of what is in quarantine: '' where all of the pool is, else the wrapper that is alone; null of everything else
  worth integer, -- what it was worth at its last value, of what is in quarantine; null where nobody knows
  primary key (date, pool_address, provider_address)
) strict, without rowid;

insert into left_out_new select *, null, null from left_out;
drop table left_out;
alter table left_out_new rename to left_out;

-- What pools were worth on days that final epochs were paid by, whatever comes of them since: dropped, with another entry, out of quarantine.
create table kept_spans (
  pool_address text not null references pools (pool_address),
  from_date text not null,
  until_date text not null, -- the day after the last
  primary key (pool_address, from_date)
) strict, without rowid;

create table kept_balances (
  provider_address text not null,
  date text not null,
  pool_address text not null references pools (pool_address),
  protocol text not null,
  liquidity_amount integer,
  token_amounts text not null,
  token_seconds text not null,
  liquidity_seconds text not null,
  seconds_open integer not null,
  seconds_in_range integer,
  in_range_token_seconds text,
  in_range_amount integer,
  primary key (date, provider_address, pool_address)
) strict, without rowid;

-- What holders had in such a pool on such a day by what is known now: what was held back is given by it.
create table late_values (
  date text not null,
  pool_address text not null references pools (pool_address),
  provider_address text not null,
  value integer, -- null until every needed price is known
  in_range_value integer,
  token_seconds text not null,
  in_range_token_seconds text,
  primary key (date, pool_address, provider_address)
) strict, without rowid;

alter table reward_epochs add column held text check (json_valid(held)); -- what it holds back, and what it gives out of what others held back
alter table rewards add column released text; -- base units of the amount that an earlier epoch held back; null where there are none
