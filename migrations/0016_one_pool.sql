-- Pools whose history an operator wants to have fetched again, alone, and those for which that was done. From the order on the pool's
-- entry in the programme file may be another one.
create table refetches (
  refetch_id integer primary key,
  pool_address text not null,
  reason text not null check (reason <> ''),
  observed_at text not null, -- when it was ordered
  done_block integer, -- up to which block it was fetched; null while it waits for the next start
  digest_before text, -- the pool's, at that block
  digest_after text
) strict;

create unique index refetches_waiting on refetches (pool_address) where done_block is null;

-- Pools of which nothing counts any more from a transaction on, since an identity did not hold and another reading said the same. All else goes on.
create table quarantines (
  pool_address text primary key,
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

-- What a pool in quarantine holds counts nothing either, and that is no provider's doing.
create table left_out_new (
  date text not null check (length(date) = 10),
  pool_address text not null,
  provider_address text not null,
  reason text not null check (reason in ('negligible', 'operator', 'too-large', 'quarantined')),
  note text not null,
  observed_at text not null,
  primary key (date, pool_address, provider_address)
) strict, without rowid;

insert into left_out_new select * from left_out;
drop table left_out;
alter table left_out_new rename to left_out;
