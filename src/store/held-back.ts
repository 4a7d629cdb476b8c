import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { CountedDay } from "../core/tiers.ts";
import { IN_QUARANTINE } from "./left-out.ts";
import { basesIn } from "./tiers.ts";

/** A day on which a pool, or a wrapper of its shares, is in quarantine. */
export interface QuarantinedDay {
  readonly date: Day;
  readonly pool: Address;
  readonly wrapper: Address | null;
  readonly note: string;
}

/** A provider's day that has weight, and what of its value one pool is. */
export interface PoolPartOfDay extends CountedDay {
  readonly ofPool: bigint;
}

/** What epochs hold back for pools in quarantine, and by what it is given out later. */
export class HeldBackTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Days of a span that epochs wait for, by the rows of the pools and wrappers themselves. */
  quarantinedDays(first: Day, end: Day): readonly QuarantinedDay[] {
    return this.#db
      .prepare<[string, string], { date: Day; pool: string; provider: string; note: string }>(`
        select date, pool_address as pool, provider_address as provider, note
        from left_out
        where date >= ? and date < ? and reason = 'quarantined'
          and (provider_address = pool_address or note like '%the wrapper ' || provider_address || ' alone%')
        order by date, pool_address, provider_address`)
      .all(first, end)
      .map(({ date, pool, provider, note }) => ({
        ...{ date, pool: toPoolId(pool), note },
        wrapper: provider === pool ? null : toAddress(provider),
      }));
  }

  /** The last day before one on which somebody had something of a pool that had a value. */
  lastValued(pool: Address, before: Day): Day | undefined {
    return (
      this.#db
        .prepare<[string, string], Day | null>(
          "select max(date) from daily_balances where pool_address = ? and date < ? and liquidity_amount is not null",
        )
        .pluck()
        .get(pool, before) ?? undefined
    );
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
   * What each had in a pool on days that were paid without it, beyond what was paid by; undefined while it is not known of all.
   * Ascending by address.
   */
  lateClaims(pool: Address, dates: readonly Day[]): ReadonlyMap<Address, bigint> | undefined {
    const rows = this.#db
      .prepare<[string, string], readonly [string, late: bigint | null, paid: bigint | null]>(`
        select late_values.provider_address, late_values.value, liquidity_amount
        from late_values
        left join daily_balances using (date, pool_address, provider_address)
        where late_values.pool_address = ? and date in (select value from json_each(?))
        order by 1, date`)
      .safeIntegers()
      .raw()
      .all(pool, JSON.stringify(dates));
    const claims = new Map<Address, bigint>();
    for (const [provider, late, paid] of rows) {
      if (late === null) return undefined;
      const more = late - (paid ?? 0n);
      if (more > 0n) claims.set(toAddress(provider), (claims.get(toAddress(provider)) ?? 0n) + more);
    }
    return claims;
  }

  /** An epoch is final: what was in quarantine in it stays out of what it paid. @returns the pools of which something was */
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
