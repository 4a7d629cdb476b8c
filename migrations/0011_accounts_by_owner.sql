-- Accounts are found by their owner first, by which they differ, and not by their pool, which many share; and what is open
-- in a pool comes in order of owner, as a day's rows are told.

drop view positions;
drop index accounts_by_provider;
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
  liquidity text not null check (kind = 'issuance' or liquidity not like '-%'),
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
