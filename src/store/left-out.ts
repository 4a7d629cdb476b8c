import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { type Address, toPoolId } from "../core/hex.ts";
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
  readonly reason: "negligible" | "operator" | "too-large";
  readonly note: string;
}

/** `left_out`: what has no value and counts nothing, so that it holds up nobody else. */
export class LeftOutTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
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
            and left_out.provider_address = daily_balances.provider_address)
        order by date, pool_address, provider_address`)
      .all(first, end)
      .map(({ seconds, pool, ...row }) => ({
        ...row,
        pool: toPoolId(pool),
        tokenSeconds: (JSON.parse(seconds) as string[]).map(BigInt),
      }));
  }

  /** The sum over a span of what everybody's days are worth, as far as that is known; without some providers. */
  knownValue(first: Day, end: Day, without: ReadonlySet<Address>): bigint {
    const row = this.#db
      .prepare<[string, string, string], { valueHigh: bigint; valueLow: bigint }>(`
        select ${exactSum("value", "value")}
        from provider_days
        where date >= ? and date < ? and provider_address not in (select value from json_each(?))`)
      .safeIntegers()
      .get(first, end, JSON.stringify([...without]));
    return row === undefined ? 0n : exactSumOf(row, "value");
  }

  /** Days on which somebody has more over several pools than any sum bears, each of which is valued; with those pools. */
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

  /** Base units of its asset that a vault's logs show to be in it when a day is over: what went in, less what came out. */
  deposited(pool: Address, beforeIso: string): bigint {
    const rows = this.#db
      .prepare<[string, string], readonly [event: string, assets: string]>(`
        select event, args ->> '$.assets'
        from lp_events
        where pool_address = ? and event in ('Deposit', 'Withdraw') and block_timestamp < ?`)
      .raw();
    let sum = 0n;
    for (const [event, assets] of rows.iterate(pool, beforeIso))
      sum += event === "Deposit" ? BigInt(assets) : -BigInt(assets);
    return sum > 0n ? sum : 0n;
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

  add({ date, pool, provider, reason, note }: LeftOut, nowIso: string): void {
    this.#db
      .prepare(`
        insert into left_out (date, pool_address, provider_address, reason, note, observed_at)
        values (?, ?, ?, ?, ?, ?)
        on conflict do nothing`)
      .run(date, pool, provider, reason, note, nowIso);
  }

  /** A day has been valued since, all of it that can be: nothing of it is left out any more. */
  forget(date: Day): void {
    this.#db.prepare("delete from left_out where date = ?").run(date);
  }
}
