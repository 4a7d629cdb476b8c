-- Days that were closed before are valued by the pool's means of the day, those from now on second by second. A rebuild values
-- the older ones again unless an epoch with them is final: what was paid stays what it was.
alter table days add column valued_by text not null default 'means' check (valued_by in ('means', 'integrals'));

-- The pool's median price of the day, which takes half of the priced seconds to move: the tick, or the reserves whose quotient it is.
alter table pool_days add column median_tick integer;
alter table pool_days add column median_reserve0 text;
alter table pool_days add column median_reserve1 text;

-- Where a multiplier counts only for what was held all the weeks that earn it: what each tier counts for, a list by tier.
alter table provider_days add column bases text check (json_valid(bases));

-- What a share's contract said at moments of a day, so that no single block decides what it was worth. The block may not have been
-- final when it was asked; that it stayed is looked at before the sample counts.
create table share_rate_samples (
  token_address text not null,
  sampled_at text not null check (length(sampled_at) = 20), -- the moment; the block is the first at or after it
  rate text not null, -- base units of the asset for one whole share
  block_number integer not null,
  block_hash text not null,
  observed_at text not null,
  primary key (token_address, sampled_at)
) strict, without rowid;

-- Of a day's rate: the median of its samples, which may be more than a day is believed to rise by, and how many there were. Older
-- versions read it once, at the day's last block.
alter table share_rates add column median text;
alter table share_rates add column samples integer;

-- Rows of days that have no value and count nothing, so that they hold up nobody else: what nobody can value and cannot matter, what an
-- operator left out, and accounts whose worth is beyond every bound.
create table left_out (
  date text not null check (length(date) = 10),
  pool_address text not null,
  provider_address text not null,
  reason text not null check (reason in ('negligible', 'operator', 'too-large')),
  note text not null,
  observed_at text not null,
  primary key (date, pool_address, provider_address)
) strict, without rowid;
