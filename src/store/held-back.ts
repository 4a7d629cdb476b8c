import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { CountedDay } from "../core/rewards/tiers.ts";
import { IN_QUARANTINE } from "./left-out.ts";
import { basesIn } from "./tiers.ts";

/** A day on which a pool, or a wrapper of its shares, is in quarantine. */
export interface QuarantinedDay {
  readonly date: Day;
  readonly pool: Address;
  readonly wrapper: Address | null;
  readonly note: string;
}

/** What a provider had in a pool on a day that was paid without it. */
export interface LateRow {
  readonly provider: Address;
  readonly date: Day;
  /** Null until every needed price was known when the day was closed again. */
  readonly late: bigint | null;
  readonly paid: bigint;
  readonly tokenSeconds: readonly bigint[];
}

/** A provider's day that has weight, and what of its value one pool is. */
export interface PoolPartOfDay extends CountedDay {
  readonly ofPool: bigint;
}

/** What epochs hold back for pools in quarantine, and by what it is given out later. */
export class HeldBackTable {
  readonly #db: Database;
  readonly #valueOn;

  constructor(db: Database) {
    this.#db = db;
    this.#valueOn = db
      .prepare<[string, string, string], bigint | null>(
        "select liquidity_amount from daily_balances where date = ? and pool_address = ? and provider_address = ?",
      )
      .safeIntegers()
      .pluck();
  }

  /** Days of a span that epochs wait for, by the rows of the pools and wrappers themselves. */
  quarantinedDays(first: Day, end: Day): readonly QuarantinedDay[] {
    return this.#db
      .prepare<[string, string], { date: Day; pool: string; provider: string; note: string }>(`
        select date, pool_address as pool, provider_address as provider, note
        from left_out
        where date >= ? and date < ? and reason = 'quarantined'
          and (provider_address = pool_address or provider_address = stopped)
        order by date, pool_address, provider_address`)
      .all(first, end)
      .map(({ date, pool, provider, note }) => ({
        ...{ date, pool: toPoolId(pool), note },
        wrapper: provider === pool ? null : toAddress(provider),
      }));
  }

  /** The last day before one on which somebody had something of a pool that had a value. */
  lastValued(pool: Address, before: Day): Day | undefined {
    return this.#db
      .prepare<[string, string], Day>(`
        select date
        from pool_days
        where pool_address = ? and date < ? and exists (
          select 1
          from daily_balances
          where daily_balances.date = pool_days.date and daily_balances.pool_address = pool_days.pool_address
            and liquidity_amount is not null)
        order by date desc
        limit 1`)
      .pluck()
      .get(pool, before);
  }

  /** What a provider had in a pool on a day. */
  valueOn(date: Day, pool: Address, provider: Address): bigint {
    return this.#valueOn.get(date, pool, provider) ?? 0n;
  }

  /** The days that have weight on one date, with what a pool is of each; `inRange`: by what stood in range. */
  partsOn(date: Day, pool: Address, inRange: boolean): readonly PoolPartOfDay[] {
    return this.#db
      .prepare<
        [string, string],
        readonly [string, tier: bigint, bp: bigint, value: bigint, bases: string | null, part: bigint | null]
      >(`
        select
          provider_days.provider_address, tier, multiplier_bp, coalesce(in_range_value, value), bases,
          ${inRange ? "coalesce(in_range_amount, liquidity_amount)" : "liquidity_amount"}
        from provider_days
        left join daily_balances
          on daily_balances.date = provider_days.date and daily_balances.pool_address = ?
          and daily_balances.provider_address = provider_days.provider_address
        where provider_days.date = ? and tier > 0
        order by 1`)
      .safeIntegers()
      .raw()
      .all(pool, date)
      .map(([provider, tier, bp, value, bases, part]) => ({
        ...{ provider: toAddress(provider), tier: Number(tier), multiplierBp: Number(bp), value },
        ...{ bases: basesIn(bases), ofPool: part ?? 0n },
      }));
  }

  /**
   * What each had in a pool on days that were paid without it, and what it was paid by, in order of provider and day.
   */
  lateRows(pool: Address, dates: readonly Day[], inRange: boolean): readonly LateRow[] {
    const value = (amount: string, of: string): string => (inRange ? `coalesce(${of}, ${amount})` : amount);
    return this.#db
      .prepare<[string, string], readonly [string, Day, bigint | null, bigint | null, string, string | null]>(`
        select
          late_values.provider_address, date, ${value("late_values.value", "in_range_value")},
          ${value("liquidity_amount", "in_range_amount")}, late_values.token_seconds,
          late_values.in_range_token_seconds
        from late_values
        left join daily_balances using (date, pool_address, provider_address)
        where late_values.pool_address = ? and date in (select value from json_each(?))
        order by 1, 2`)
      .safeIntegers()
      .raw()
      .all(pool, JSON.stringify(dates))
      .map(([provider, date, late, paid, seconds, ranged]) => ({
        ...{ provider: toAddress(provider), date, late, paid: paid ?? 0n },
        tokenSeconds: (JSON.parse((inRange ? ranged : null) ?? seconds) as string[]).map(BigInt),
      }));
  }

  /**
   * What all pools, and one, were worth on a day, without some providers: where the programme's days have not begun.
   */
  worthOn(date: Day, pool: Address, without: ReadonlySet<Address>): { readonly ofPool: bigint; readonly all: bigint } {
    const rows = this.#db
      .prepare<[string], readonly [string, string, bigint]>(
        "select pool_address, provider_address, liquidity_amount from daily_balances where date = ? and liquidity_amount > 0",
      )
      .safeIntegers()
      .raw();
    let [ofPool, all] = [0n, 0n];
    for (const [of, provider, value] of rows.iterate(date)) {
      if (without.has(toAddress(provider))) continue;
      all += value;
      if (of === pool) ofPool += value;
    }
    return { ofPool, all };
  }

  /**
   * An epoch is final: what was in quarantine in it stays out of what it paid. @returns the pools of which something
   * was
   */
  keepOut(first: Day, end: Day): readonly Address[] {
    const pools = this.#db
      .prepare<[string, string], string>(
        `select distinct pool_address from left_out where date >= ? and date < ? and ${IN_QUARANTINE}`,
      )
      .pluck()
      .all(first, end);
    this.#db
      .prepare("update left_out set reason = 'held-back' where date >= ? and date < ? and reason = 'quarantined'")
      .run(first, end);
    return pools.map(toPoolId);
  }
}
