-- What the first readings brought is kept by range from now on: a row for each block with logs was every sixth row of a backfill.
-- What was read before is compared with nothing, and read once more.
drop table block_contents;
create table range_contents (
  first_block integer primary key,
  last_block integer not null check (last_block >= first_block),
  -- 56 bytes for each block with logs, ascending: its number less first_block (4, big-endian), how many logs (4), the block's hash (32),
  -- and a hash over its logs (16).
  blocks blob not null check (length(blocks) > 0 and length(blocks) % 56 = 0)
) strict;
insert or replace into program_config (key, value, updated_at)
select 'contents_from', value, updated_at from program_config where key = 'last_processed_block';
