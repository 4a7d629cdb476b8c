import type { Database } from "better-sqlite3";
import { exactSum, exactSumOf } from "../exact-sum.ts";

/** A provider in the list of all, the largest first. */
export interface RankedProvider {
  readonly provider: string;
  readonly totalLiquidity: bigint | null;
  readonly weightedLiquidity: bigint | null;
  readonly tier: bigint | null;
  readonly firstSeen: string;
  readonly lastUpdated: string;
}

/** Where a page of providers begins: after this one. */
export interface ProviderCursor {
  readonly total: bigint;
  readonly provider: string;
}

const RANKED = `
  provider_address as provider, total_liquidity as totalLiquidity, weighted_liquidity as weightedLiquidity,
  current_tier as tier, first_seen_date as firstSeen, last_updated as lastUpdated`;

/** One page of providers, the largest total first, unpriced ones last; `search` is the beginning of an address. */
export function rankedProviders(
  db: Database,
  options: {
    readonly limit: number;
    readonly after: ProviderCursor | null;
    readonly search: string;
    readonly tier: number | null;
  },
): readonly RankedProvider[] {
  const { limit, after, search, tier } = options;
  return db
    .prepare<[Readonly<Record<string, unknown>>], RankedProvider>(`
      select ${RANKED}
      from provider_balances
      where (@after is null or (coalesce(total_liquidity, -1), provider_address) < (@total, @after))
        and provider_address >= @search and provider_address < @search || 'g'
        and (@tier is null or current_tier = @tier)
      order by coalesce(total_liquidity, -1) desc, provider_address desc
      limit @limit`)
    .safeIntegers()
    .all({ limit, after: after?.provider ?? null, total: after?.total ?? 0n, search, tier });
}

/** A day's total of one pool. */
export interface PoolDayTotal {
  readonly date: string;
  readonly pool: string;
  readonly providers: bigint;
  /** Null while a row of it has no value. */
  readonly value: bigint | null;
}

/** Totals by day and pool of a span, both days included, ascending, after one of them. */
export function dayTotals(
  db: Database,
  span: {
    readonly from: string;
    readonly to: string;
    readonly after: { readonly date: string; readonly pool: string };
  },
  limit: number,
): readonly PoolDayTotal[] {
  const { from, to, after } = span;
  return db
    .prepare<
      [Readonly<Record<string, string | number>>],
      Omit<PoolDayTotal, "value"> & { unpriced: bigint; valueHigh: bigint; valueLow: bigint }
    >(`
      select
        date, pool_address as pool, count(*) as providers,
        count(*) - count(liquidity_amount) as unpriced,
        ${exactSum("liquidity_amount", "value")}
      from daily_balances
      where date >= @from and date <= @to and (date > @date or (date = @date and pool_address > @pool))
      group by date, pool_address
      order by date, pool_address
      limit @limit`)
    .safeIntegers()
    .all({ from: from > after.date ? from : after.date, to, date: after.date, pool: after.pool, limit })
    .map(({ date, pool, providers, ...sums }) => ({
      date,
      pool,
      providers,
      value: sums.unpriced === 0n ? exactSumOf(sums, "value") : null,
    }));
}

/** A followed pool with its newest state. */
export interface PoolRow {
  readonly pool: string;
  readonly protocol: string;
  readonly tokens: string;
  readonly startBlock: number;
  readonly stateBlock: number | null;
  readonly tick: number | null;
  readonly sqrtPriceX96: string | null;
  readonly liquidity: string | null;
  readonly reserve0: string | null;
  readonly reserve1: string | null;
  readonly shareSupply: string | null;
}

/** One page of pools in order of address. */
export function poolRows(db: Database, after: string, limit: number): readonly PoolRow[] {
  return db
    .prepare<[string, number], PoolRow>(`
      select
        pools.pool_address as pool, protocol, tokens, start_block as startBlock, states.block_number as stateBlock,
        tick, sqrt_price_x96 as sqrtPriceX96, liquidity, reserve0, reserve1, share_supply as shareSupply
      from pools
      left join pool_states as states
        on states.pool_address = pools.pool_address
        and states.block_number = (
          select max(block_number) from pool_states where pool_states.pool_address = pools.pool_address
        )
      where pools.pool_address > ?
      order by pools.pool_address
      limit ?`)
    .all(after, limit);
}

/** What a provider got of each epoch. */
export interface ProviderReward {
  readonly epoch: number;
  readonly state: string;
  readonly token: string;
  readonly amount: string;
  readonly paid: string;
  readonly weight: string;
  readonly tier: number;
}

export function rewardsOfProvider(db: Database, provider: string): readonly ProviderReward[] {
  return db
    .prepare<[string], ProviderReward>(`
      select epoch, state, reward_token as token, reward_amount as amount, paid, weight, tier
      from reward_epochs
      join rewards using (epoch)
      where provider_address = ?
      order by epoch, reward_token`)
    .all(provider);
}

/** What changes when the ledger does: for those who wait for it. */
export interface Pulse {
  readonly tip: number | null;
  readonly hash: string | null;
  readonly reorgs: number;
  readonly lastDay: string | null;
}

export function pulseOf(db: Database): Pulse {
  return db
    .prepare<[], Pulse>(`
      select
        (select block_number from processed_blocks order by block_number desc limit 1) as tip,
        (select block_hash from processed_blocks order by block_number desc limit 1) as hash,
        (select coalesce(max(reorg_id), 0) from reorgs) as reorgs,
        (select max(date) from days) as lastDay`)
    .get() as Pulse;
}
