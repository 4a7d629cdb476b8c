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
