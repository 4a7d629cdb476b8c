-- What was done to the file itself: an upgrade of its schema is one, too.
create table maintenance_runs_new (
  run_id integer primary key,
  kind text not null check (kind in ('backup', 'optimize', 'vacuum', 'upgrade')),
  started_at text not null,
  seconds real not null check (seconds >= 0),
  outcome text not null check (json_valid(outcome)) -- of an upgrade: from which schema, to which, and the backup that was made before
) strict;

insert into maintenance_runs_new select * from maintenance_runs;
drop table maintenance_runs;
alter table maintenance_runs_new rename to maintenance_runs;
