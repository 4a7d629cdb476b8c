import type { Database } from "better-sqlite3";
import { type Day, isoOf } from "../core/day.ts";
import { type Address, toPoolId } from "../core/hex.ts";
import type { Window } from "../core/valuation/holdings.ts";
import { exactSum, exactSumOf } from "./exact-sum.ts";

/** A row of a closed day that has no value. */
export interface UnvaluedRow {
  readonly date: Day;
  readonly pool: Address;
  readonly provider: string;
  readonly tokenSeconds: readonly bigint[];
}

/** What a provider has in a pool that counts nothing on a day. */
export interface LeftOut {
  readonly date: Day;
  readonly pool: string;
  readonly provider: string;
  readonly reason: "negligible" | "operator" | "too-large" | "quarantined" | "held-back";
  readonly note: string;
  /**
   * Of what is in quarantine: the wrapper that is alone, or '' where all of the pool is; not given of everything else.
   */
  readonly stopped?: string;
  /** What it was worth at its last value, of what is in quarantine; not given where nobody knows. */
  readonly worth?: bigint | undefined;
}

/** Of a row of `left_out`: what it is about is in quarantine, whether or not somebody goes on without it. */
export const IN_QUARANTINE = "left_out.stopped is not null";

/** Of such a row: only what is held through one wrapper is in quarantine. */
export const ONLY_A_WRAPPER = "coalesce(left_out.stopped, '') <> ''";

/** Of a row of `daily_balances` without a value: no price is missing, it is in quarantine. */
export const UNKNOWN_BY_QUARANTINE = `exists (
  select 1
  from left_out
  where left_out.date = daily_balances.date and left_out.pool_address = daily_balances.pool_address
    and left_out.provider_address = daily_balances.provider_address and ${IN_QUARANTINE})`;

/** `left_out`: what has no value and counts nothing, so that it holds up nobody else. */
export class LeftOutTable {
  readonly #db: Database;
  readonly #add;

  constructor(db: Database) {
    this.#db = db;
    this.#add = db.prepare(`
      insert into left_out (date, pool_address, provider_address, reason, note, observed_at, stopped, worth)
      values (?, ?, ?, ?, ?, ?, ?, ?)
      on conflict do update
      set reason = excluded.reason, note = excluded.note, stopped = excluded.stopped, worth = excluded.worth
      where excluded.reason <> 'quarantined' and ${ONLY_A_WRAPPER}`);
  }

  /** Rows of a span without a value that nothing says of that they count nothing. */
  unvalued(first: Day, end: Day): readonly UnvaluedRow[] {
    return this.#db
      .prepare<[string, string], { date: Day; pool: string; provider: string; seconds: string }>(`
        select date, pool_address as pool, provider_address as provider, token_seconds as seconds
        from daily_balances
        where date >= ? and date < ? and liquidity_amount is null and not exists (
          select 1
          from left_out
          where left_out.date = daily_balances.date and left_out.pool_address = daily_balances.pool_address
            and left_out.provider_address = daily_balances.provider_address and not ${ONLY_A_WRAPPER})
        order by date, pool_address, provider_address`)
      .all(first, end)
      .map(({ seconds, pool, ...row }) => ({
        ...row,
        pool: toPoolId(pool),
        tokenSeconds: (JSON.parse(seconds) as string[]).map(BigInt),
      }));
  }

  /**
   * What is known to have been worth something, by day and pool, over all providers but some: of a provider with a row
   * whose value is unknown, too, the other rows.
   */
  knownValues(
    first: Day,
    end: Day,
    without: ReadonlySet<Address>,
  ): readonly { readonly date: Day; readonly pool: string; readonly value: bigint }[] {
    return this.#db
      .prepare<[string, string, string], { date: Day; pool: string; valueHigh: bigint; valueLow: bigint }>(`
        select date, pool_address as pool, ${exactSum("liquidity_amount", "value")}
        from daily_balances
        where date >= ? and date < ? and liquidity_amount is not null
          and provider_address not in (select value from json_each(?))
        group by date, pool_address
        order by 1, 2`)
      .safeIntegers()
      .all(first, end, JSON.stringify([...without]))
      .map((row) => ({ date: row.date, pool: row.pool, value: exactSumOf(row, "value") }));
  }

  /**
   * Days on which somebody has more over several pools than any sum can hold, each of which is valued; with those
   * pools.
   */
  beyondSums(
    first: Day,
    end: Day,
  ): readonly { readonly date: Day; readonly provider: string; readonly pool: string }[] {
    return this.#db
      .prepare<[string, string], { date: Day; provider: string; pool: string }>(`
        select date, provider_address as provider, pool_address as pool
        from provider_days
        cross join daily_balances using (date, provider_address)
        where date >= ? and date < ? and value is null and not exists (
          select 1
          from daily_balances as other
          where other.date = provider_days.date and other.provider_address = provider_days.provider_address
            and other.liquidity_amount is null)
        order by 1, 2, 3`)
      .all(first, end);
  }

  /**
   * The most base units of its asset that a vault's logs show to be in it at any moment of a day: what went in, less
   * what came out, since nobody had any of it. Undefined where more came out than went in: what it earned or was given,
   * no log tells.
   */
  mostDeposited(pool: Address, { startSec, endSec }: Window): bigint | undefined {
    const [startIso, endIso] = [isoOf(startSec), isoOf(endSec)];
    const rows = this.#db
      .prepare<[string, string, string, string], readonly [event: string, assets: string, timeIso: string]>(`
        select event, args ->> '$.assets', block_timestamp
        from lp_events
        where pool_address = ? and event in ('Deposit', 'Withdraw') and block_timestamp < ?
          and block_number > coalesce((
            select max(block_number) from pool_states
            where pool_address = ? and share_supply = '0' and block_timestamp < ?), -1)
        order by block_number, log_index`)
      .raw();
    let [sum, most] = [0n, 0n];
    for (const [event, assets, timeIso] of rows.iterate(pool, endIso, pool, startIso)) {
      if (timeIso < startIso) most = 0n;
      sum += event === "Deposit" ? BigInt(assets) : -BigInt(assets);
      if (sum < 0n) return undefined;
      if (sum > most) most = sum;
    }
    return most;
  }

  between(first: Day, end: Day): readonly LeftOut[] {
    return this.#db
      .prepare<[string, string], LeftOut>(`
        select date, pool_address as pool, provider_address as provider, reason, note
        from left_out
        where date >= ? and date < ?
        order by date, pool_address, provider_address`)
      .all(first, end);
  }

  /** What is left out already stays so; but where only what is held through a wrapper was, all of it is now. */
  add({ date, pool, provider, reason, note, stopped, worth }: LeftOut, nowIso: string): void {
    this.#add.run(date, pool, provider, reason, note, nowIso, stopped ?? null, worth ?? null);
  }

  /**
   * A day has been valued since, all of it that can be: nothing of it is left out any more but what is in quarantine.
   */
  forget(date: Day): void {
    this.#db.prepare(`delete from left_out where date = ? and not ${IN_QUARANTINE}`).run(date);
  }

  /** A day is closed again: what is in quarantine on it is found out anew. */
  release(date: Day): void {
    this.#db.prepare("delete from left_out where date = ? and reason = 'quarantined'").run(date);
  }

  /** An operator goes on without what a pool in quarantine is worth on some days. @returns what is left out by that */
  decide(pool: Address, first: Day, end: Day): readonly LeftOut[] {
    const changed = this.#db
      .prepare(
        "update left_out set reason = 'operator' where pool_address = ? and date >= ? and date < ? and reason = 'quarantined'",
      )
      .run(pool, first, end).changes;
    return changed === 0 ? [] : this.between(first, end).filter((each) => each.pool === pool);
  }

  /** A day is closed again. */
  clear(date: Day): void {
    this.#db.prepare("delete from left_out where date = ?").run(date);
  }
}
