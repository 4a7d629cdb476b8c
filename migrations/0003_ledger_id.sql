-- A name of its own for each ledger: backups of several may lie in one folder, and none is taken for another's.

insert into program_config (key, value, updated_at)
values ('ledger_id', json_quote(lower(hex(randomblob(8)))), strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));
