-- What a pool holds of each token by its own logs, beside its price: what leaves it must have come in.
alter table pool_states add column amounts text check (json_valid(amounts)); -- base units in the pool's token order; null where the history does not tell

-- More of what pools say is heard from now on: what was read before is compared with nothing.
insert or replace into program_config (key, value, updated_at)
select 'contents_from', value, updated_at from program_config where key = 'last_processed_block';
