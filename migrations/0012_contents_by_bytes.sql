-- What a block's logs amount to is told from their bytes from now on: what was read before is compared with nothing.
insert or replace into program_config (key, value, updated_at)
select 'contents_from', value, updated_at from program_config where key = 'last_processed_block';
