-- What was done to the file itself: backups, optimisation.

create table maintenance_runs (
  run_id integer primary key,
  kind text not null check (kind in ('backup', 'optimize', 'vacuum')),
  started_at text not null,
  seconds real not null check (seconds >= 0),
  outcome text not null check (json_valid(outcome))
) strict;
