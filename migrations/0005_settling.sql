-- Settling: final blocks are read a second time and compared with what was stored.

-- What the logs of each block said that is not settled yet.
create table block_contents (
  block_number integer primary key,
  block_hash text not null,
  log_count integer not null check (log_count > 0),
  content_hash text not null
) strict;

-- Blocks whose second reading differed, and that were undone and redone by it.
create table repairs (
  repair_id integer primary key,
  block_number integer not null,
  block_hash text not null,
  stored_logs integer not null, -- how many logs the first reading had
  found_logs integer not null,
  observed_at text not null
) strict;
