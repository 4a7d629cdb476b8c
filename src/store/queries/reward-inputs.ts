import type { Database } from "better-sqlite3";
import type { Day } from "../../core/day.ts";
import { type Address, toPoolId } from "../../core/hex.ts";
import { exactSum, exactSumOf } from "../exact-sum.ts";
import { basesIn } from "../tiers.ts";

/** A provider's day in one pool: what its value was computed from. */
export interface PoolPart {
  readonly pool: Address;
  readonly protocol: string;
  /** Base units x seconds of each token, in the pool's order. */
  readonly tokenSeconds: readonly bigint[];
  readonly inRangeTokenSeconds: readonly bigint[] | null;
  readonly value: bigint | null;
  readonly inRangeValue: bigint | null;
}

/** A provider's day: how it stood, and of what its value is the sum. */
export interface DayPart {
  readonly date: Day;
  readonly value: bigint | null;
  readonly inRangeValue: bigint | null;
  readonly streakDays: number | null;
  readonly tier: number | null;
  readonly multiplierBp: number | null;
  readonly bases: readonly bigint[];
  readonly pools: readonly PoolPart[];
}

interface Row {
  readonly date: Day;
  readonly value: bigint | null;
  readonly inRangeValue: bigint | null;
  readonly streak: bigint | null;
  readonly tier: bigint | null;
  readonly multiplier: bigint | null;
  readonly bases: string | null;
}

interface PoolRow {
  readonly pool: string;
  readonly protocol: string;
  readonly tokenSeconds: string;
  readonly inRangeTokenSeconds: string | null;
  readonly value: bigint | null;
  readonly inRangeValue: bigint | null;
}

/** A provider's days of a span with everything they are computed from, ascending. */
export function derivationOf(db: Database, provider: Address, first: Day, end: Day): readonly DayPart[] {
  const pools = db
    .prepare<[string, string], PoolRow>(`
      select
        pool_address as pool, protocol, token_seconds as tokenSeconds, in_range_token_seconds as inRangeTokenSeconds,
        liquidity_amount as value, in_range_amount as inRangeValue
      from daily_balances
      where date = ? and provider_address = ?
      order by pool_address`)
    .safeIntegers();
  const number = (cell: bigint | null): number | null => (cell === null ? null : Number(cell));
  const amounts = (text: string): readonly bigint[] => (JSON.parse(text) as string[]).map(BigInt);
  return db
    .prepare<[string, string, string], Row>(`
      select
        date, value, in_range_value as inRangeValue, streak_days as streak, tier, multiplier_bp as multiplier, bases
      from days cross join provider_days using (date)
      where provider_address = ? and date >= ? and date < ?
      order by date`)
    .safeIntegers()
    .all(provider, first, end)
    .map(({ date, value, inRangeValue, streak, tier, multiplier, bases }) => ({
      date,
      value,
      inRangeValue,
      streakDays: number(streak),
      tier: number(tier),
      multiplierBp: number(multiplier),
      bases: basesIn(bases),
      pools: pools.all(date, provider).map((row) => ({
        ...row,
        pool: toPoolId(row.pool),
        tokenSeconds: amounts(row.tokenSeconds),
        inRangeTokenSeconds: row.inRangeTokenSeconds === null ? null : amounts(row.inRangeTokenSeconds),
      })),
    }));
}

/** How many providers a tier has at the end of a day, and what they have. */
export interface TierCount {
  /** Null: unknown while an unpriced day decides it. */
  readonly tier: number | null;
  readonly providers: number;
  readonly value: bigint;
}

export function tierCounts(db: Database, day: Day): readonly TierCount[] {
  return db
    .prepare<[string], { tier: bigint | null; providers: bigint; valueHigh: bigint; valueLow: bigint }>(`
      select tier, count(*) as providers, ${exactSum("value", "value")}
      from provider_days
      where date = ?
      group by tier
      order by tier`)
    .safeIntegers()
    .all(day)
    .map(({ tier, providers, ...sums }) => ({
      tier: tier === null ? null : Number(tier),
      providers: Number(providers),
      value: exactSumOf(sums, "value"),
    }));
}

/** Every provider of a day, the largest value first. */
export function* standingsOf(
  db: Database,
  day: Day,
): Generator<{ provider: string; value: bigint | null; streakDays: number | null; tier: number | null }> {
  const rows = db
    .prepare<[string], { provider: string; value: bigint | null; streak: bigint | null; tier: bigint | null }>(`
      select provider_address as provider, value, streak_days as streak, tier
      from provider_days
      where date = ?
      order by value desc, provider_address`)
    .safeIntegers();
  for (const { provider, value, streak, tier } of rows.all(day))
    yield {
      provider,
      value,
      streakDays: streak === null ? null : Number(streak),
      tier: tier === null ? null : Number(tier),
    };
}

/** When a provider's tier changed: the first day of each stay in one; 0 where it is in none. */
export function tierChanges(
  db: Database,
  provider: string,
): readonly { readonly date: Day; readonly tier: number | null }[] {
  return db
    .prepare<[string], { date: Day; tier: number | null }>(`
      select date, tier
      from (
        select date, tier, lag(tier, 1, 0) over (order by date) as before
        from (
          select days.date, iif(provider_address is null, 0, tier) as tier
          from days
          left join provider_days on provider_days.date = days.date and provider_address = ?
        )
      )
      where tier is not before
      order by date`)
    .all(provider);
}
