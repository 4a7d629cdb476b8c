import type { Database } from "better-sqlite3";
import { type Day, daysAfter } from "../core/day.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { ProviderWeight } from "../core/rewards/rewards.ts";
import type { CountedDay, TierStatus } from "../core/rewards/tiers.ts";
import { VALUE_MAX } from "../core/valuation/value.ts";
import { exactSum, exactSumOf } from "./exact-sum.ts";
import { ONLY_A_WRAPPER } from "./left-out.ts";

/** What a provider had on a day over all pools that count; null until every needed price is known. */
export interface ProviderValue {
  readonly provider: Address;
  readonly value: bigint | null;
  readonly inRangeValue: bigint | null;
}

interface ValueRow {
  readonly provider: string;
  readonly unpriced: bigint;
  readonly isLeftOut: bigint;
  readonly isWorthUnknown: bigint | null;
  readonly worthHigh: bigint;
  readonly worthLow: bigint;
  readonly valueHigh: bigint;
  readonly valueLow: bigint;
  readonly inRangeHigh: bigint;
  readonly inRangeLow: bigint;
}

interface StandingRow {
  readonly streak: bigint | null;
  readonly tier: bigint | null;
  readonly multiplier: bigint | null;
  readonly bases: string | null;
}

/** `provider_days`: how each provider stood at the end of each of the programme's days. */
export class TiersTable {
  readonly #db: Database;
  readonly #values;
  readonly #streaks;
  readonly #standing;
  readonly #insert;

  constructor(db: Database) {
    this.#db = db;
    // A row of the day's pools that cannot be priced at all is left out; one that counts nothing counts nothing, but
    // what of it is not in a wrapper in quarantine; of all others one unknown value hides the sum.
    this.#values = db
      .prepare<[string, string], ValueRow>(`
        with counted as (
          select
            daily_balances.provider_address,
            left_out.reason is not null and left_out.reason <> 'negligible' as is_left_out,
            left_out.reason <> 'negligible' and left_out.worth is null as is_worth_unknown,
            left_out.worth,
            iif(left_out.date is null or ${ONLY_A_WRAPPER}, liquidity_amount, 0) as value,
            iif(left_out.date is null or ${ONLY_A_WRAPPER}, coalesce(in_range_amount, liquidity_amount), 0) as in_range
          from daily_balances
          left join left_out
            on left_out.date = daily_balances.date and left_out.pool_address = daily_balances.pool_address
            and left_out.provider_address = daily_balances.provider_address
          where daily_balances.date = ? and daily_balances.pool_address not in (select value from json_each(?))
        )
        select
          provider_address as provider, count(*) - count(value) as unpriced, max(is_left_out) as isLeftOut,
          max(is_worth_unknown) as isWorthUnknown, ${exactSum("worth", "worth")},
          ${exactSum("value", "value")}, ${exactSum("in_range", "inRange")}
        from counted
        group by provider_address
        order by provider_address`)
      .safeIntegers();
    this.#streaks = db.prepare<[string], { provider: string; streak: number | null }>(
      "select provider_address as provider, streak_days as streak from provider_days where date = ?",
    );
    this.#standing = db
      .prepare<[string, string], StandingRow>(
        "select streak_days as streak, tier, multiplier_bp as multiplier, bases from provider_days where date = ? and provider_address = ?",
      )
      .safeIntegers();
    this.#insert = db.prepare(`
      insert into provider_days (date, provider_address, value, in_range_value, streak_days, tier, multiplier_bp, bases)
      values (?, ?, ?, ?, ?, ?, ?, ?)`);
  }

  /** What each provider had on a day, without pools that no price can value; ascending by address. */
  valuesOf(
    day: Day,
    uncounted: readonly Address[],
  ): readonly (ProviderValue & {
    /** What was left out of it was worth so much at most: null where nobody knows; undefined where nothing was. */
    readonly leftOut: bigint | null | undefined;
  })[] {
    return this.#values.all(day, JSON.stringify(uncounted)).map((row) => {
      const known = (value: bigint): bigint | null => (row.unpriced === 0n && value <= VALUE_MAX ? value : null);
      return {
        provider: toAddress(row.provider),
        value: known(exactSumOf(row, "value")),
        inRangeValue: known(exactSumOf(row, "inRange")),
        leftOut: row.isLeftOut !== 1n ? undefined : row.isWorthUnknown === 1n ? null : exactSumOf(row, "worth"),
      };
    });
  }

  /** Streaks at the end of a day, by provider; nobody without liquidity on it is in it. */
  streaksOf(day: Day): ReadonlyMap<string, number | null> {
    return new Map(this.#streaks.all(day).map(({ provider, streak }) => [provider, streak]));
  }

  /**
   * By provider, the least value of the last `days` days of its streak before a day. A day below the minimum that
   * neither continued nor ended the streak is none of them.
   */
  leastOf(days: number, day: Day): ReadonlyMap<string, bigint> {
    const left = this.#db
      .prepare<[string], number>("select count(distinct date) from left_out where date < ? and reason <> 'negligible'")
      .pluck()
      .get(day);
    return left === undefined || left === 0
      ? this.#leastBetween(daysAfter(day, -days), day)
      : this.#leastOfStreak(days, daysAfter(day, -days - left), day);
  }

  #leastBetween(first: Day, end: Day): ReadonlyMap<string, bigint> {
    const rows = this.#db
      .prepare<[string, string], readonly [provider: string, least: bigint | null]>(`
        select provider_address, min(value)
        from provider_days
        where date >= ? and date < ?
        group by provider_address`)
      .safeIntegers()
      .raw()
      .all(first, end);
    return new Map(rows.flatMap(([provider, least]) => (least === null ? [] : [[provider, least]])));
  }

  /** Walks back day by day, over those that are no part of the streak and do not end it. */
  #leastOfStreak(days: number, first: Day, end: Day): ReadonlyMap<string, bigint> {
    const rows = this.#db
      .prepare<
        [string, string],
        readonly [string, date: Day, value: bigint | null, streak: bigint | null, tier: bigint | null]
      >(`
        select provider_address, date, value, streak_days, tier
        from provider_days
        where date >= ? and date < ?
        order by provider_address, date desc`)
      .safeIntegers()
      .raw();
    const leasts = new Map<string, bigint>();
    let [walking, next, count]: [string, Day, number] = ["", end, 0];
    for (const [provider, date, value, streak, tier] of rows.iterate(first, end)) {
      if (provider !== walking) [walking, next, count] = [provider, end, 0];
      // Where a day is missing, or ended the streak, nothing before it is of the streak.
      if (date !== daysAfter(next, -1) || !streak || value === null) continue;
      next = date;
      if (tier === 0n || count === days) continue;
      count += 1;
      const least = leasts.get(provider);
      if (least === undefined || value < least) leasts.set(provider, value);
    }
    return leasts;
  }

  /** How a provider stood at the end of a day; undefined where it had no liquidity. */
  standingOf(day: Day, provider: Address): TierStatus | undefined {
    const row = this.#standing.get(day, provider);
    const number = (cell: bigint | null): number | null => (cell === null ? null : Number(cell));
    if (row === undefined) return undefined;
    const { streak, tier, multiplier, bases } = row;
    return { streakDays: number(streak), tier: number(tier), multiplierBp: number(multiplier), bases: basesIn(bases) };
  }

  insert(day: Day, { provider, value, inRangeValue }: ProviderValue, standing: TierStatus): void {
    const { streakDays, tier, multiplierBp } = standing;
    const bases = standing.bases.length === 0 ? null : JSON.stringify(standing.bases.map(String));
    this.#insert.run(day, provider, value, inRangeValue, streakDays, tier, multiplierBp, bases);
  }

  /** Forgets how providers stood from a day on, and what the epochs weigh that end with it or later. */
  clearFrom(day: string): void {
    for (const table of ["provider_days", "epoch_weights"])
      this.#db.prepare(`delete from ${table} where date >= ?`).run(day);
  }

  /** Keeps what the epoch weighs that ends with a day. */
  keepWeights(lastDay: Day, weights: readonly ProviderWeight[]): void {
    const insert = this.#db.prepare(
      "insert into epoch_weights (date, provider_address, weight, tier) values (?, ?, ?, ?)",
    );
    for (const { provider, weight, tier } of weights) insert.run(lastDay, provider, `${weight}`, tier);
  }

  /** What everybody's days weigh of the epoch that ends with a day, ascending by address. */
  weightsAt(lastDay: Day): readonly ProviderWeight[] {
    return this.#db
      .prepare<[string], readonly [provider: string, weight: string, tier: number]>(
        "select provider_address, weight, tier from epoch_weights where date = ? order by provider_address",
      )
      .raw()
      .all(lastDay)
      .map(([provider, weight, tier]) => ({ provider: provider as Address, weight: BigInt(weight), tier }));
  }

  /** Rows of a span without a value, or with a streak that an earlier such row decides. */
  unknown(
    first: Day,
    end: Day,
  ): readonly { readonly date: Day; readonly provider: string; readonly unpriced: boolean }[] {
    return this.#db
      .prepare<[string, string], { date: Day; provider: string; unpriced: number }>(`
        select date, provider_address as provider, value is null as unpriced
        from provider_days
        where date >= ? and date < ? and multiplier_bp is null
        order by date, provider_address`)
      .all(first, end)
      .map((row) => ({ ...row, unpriced: row.unpriced === 1 }));
  }

  /** The days of a span that have weight, by provider ascending, and of each in order. */
  *countedDays(first: Day, end: Day): Generator<CountedDay> {
    const rows = this.#db
      .prepare<[string, string], readonly [string, tier: bigint, bp: bigint, value: bigint, bases: string | null]>(`
        select provider_address, tier, multiplier_bp, coalesce(in_range_value, value), bases
        from provider_days
        where date >= ? and date < ? and tier > 0
        order by provider_address, date`)
      .safeIntegers()
      .raw();
    for (const [provider, tier, bp, value, bases] of rows.all(first, end))
      yield {
        provider: provider as Address,
        tier: Number(tier),
        multiplierBp: Number(bp),
        value,
        bases: basesIn(bases),
      };
  }
}

/** The column `bases`. */
export function basesIn(text: string | null): readonly bigint[] {
  return text === null ? [] : (JSON.parse(text) as readonly string[]).map(BigInt);
}
