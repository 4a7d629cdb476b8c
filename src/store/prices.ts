import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import {
  type DayPrice,
  type DayPrices,
  formatPriceE18,
  type KnownPrices,
  type PoolMeans,
  parsePriceE18,
} from "../core/price.ts";
import type { Pool } from "../core/programme.ts";

/** A price that an operator brings in. */
export interface ImportedPrice {
  readonly token: Address;
  readonly date: Day;
  readonly priceE18: bigint;
  readonly source: string;
}

/** A closed day's row that has no value yet. */
export interface UnpricedRow {
  readonly provider: string;
  readonly pool: Address;
  readonly tokenSeconds: readonly bigint[];
}

interface MeansRow {
  readonly seconds_priced: number;
  readonly mean_tick: number | null;
  readonly price0_seconds: string | null;
  readonly price1_seconds: string | null;
  readonly reserve0_seconds: string | null;
  readonly reserve1_seconds: string | null;
  readonly supply_seconds: string | null;
  readonly amounts_seconds: string | null;
  readonly share_value_seconds: string | null;
}

/** Imported prices, and days that were closed before all their prices were known. */
export class PricesTable {
  readonly #db: Database;
  readonly #imported;
  readonly #rate;
  readonly #means;
  readonly #setValue;

  constructor(db: Database) {
    this.#db = db;
    this.#imported = db.prepare<[string, string], { price: string; source: string }>(
      "select price, source from imported_prices where token_address = ? and date = ?",
    );
    this.#rate = db
      .prepare<[string, string], string>("select rate from share_rates where token_address = ? and date = ?")
      .pluck();
    this.#means = db.prepare<[string, string], MeansRow>("select * from pool_days where pool_address = ? and date = ?");
    this.#setValue = db.prepare(
      "update daily_balances set liquidity_amount = ? where date = ? and provider_address = ? and pool_address = ?",
    );
  }

  importedOf(token: Address, day: Day): DayPrice | undefined {
    const row = this.#imported.get(token, day);
    const priceE18 = row && parsePriceE18(row.price);
    return row === undefined || priceE18 === undefined ? undefined : { priceE18, source: row.source };
  }

  /** What a day can be priced with beside its pools' means. */
  knownOn(day: Day): KnownPrices {
    return { importedOf: (token) => this.importedOf(token, day), rateOf: (token) => this.rateOf(token, day) };
  }

  /** Adds a price; one that is there for the token and day stays. @returns whether it was added. */
  add({ token, date, priceE18, source }: ImportedPrice, nowIso: string): boolean {
    const insert = this.#db.prepare(`
      insert into imported_prices (token_address, date, price, source, observed_at)
      values (?, ?, ?, ?, ?)
      on conflict do nothing`);
    return insert.run(token, date, formatPriceE18(priceE18), source, nowIso).changes > 0;
  }

  /** Base units of its asset that a whole share was worth at the end of a day. */
  rateOf(token: Address, day: Day): bigint | undefined {
    const rate = this.#rate.get(token, day);
    return rate === undefined ? undefined : BigInt(rate);
  }

  addRate(token: Address, day: Day, rate: bigint, block: { number: number; hash: string }, nowIso: string): void {
    this.#db
      .prepare(`
        insert into share_rates (token_address, date, rate, block_number, block_hash, observed_at)
        values (?, ?, ?, ?, ?, ?)
        on conflict do nothing`)
      .run(token, day, rate.toString(), block.number, block.hash, nowIso);
  }

  /** Changes whenever a price or a rate is brought in. */
  mark(): string {
    const sql = `
      select
        (select count(*) || ' ' || coalesce(max(observed_at), '') from imported_prices)
        || ' ' || (select count(*) || ' ' || coalesce(max(observed_at), '') from share_rates)`;
    return String(this.#db.prepare(sql).pluck().get());
  }

  /** Closed days with rows that have no value, ascending. */
  unpricedDays(): readonly Day[] {
    const sql = "select distinct date from daily_balances where liquidity_amount is null order by date";
    return this.#db.prepare(sql).pluck().all() as Day[];
  }

  unpricedRows(day: Day): readonly UnpricedRow[] {
    return this.#db
      .prepare<[string], { provider: string; pool: string; seconds: string }>(`
        select provider_address as provider, pool_address as pool, token_seconds as seconds
        from daily_balances
        where date = ? and liquidity_amount is null`)
      .all(day)
      .map(({ provider, pool, seconds }) => ({
        provider,
        pool: toPoolId(pool),
        tokenSeconds: (JSON.parse(seconds) as string[]).map(BigInt),
      }));
  }

  setValue(day: Day, { provider, pool }: UnpricedRow, value: bigint): void {
    this.#setValue.run(value, day, provider, pool);
  }

  /** What a day was priced with. */
  ofDay(day: Day): DayPrices {
    const rows = this.#db
      .prepare<[string], { token: string; price: string; source: string }>(
        "select token_address as token, price, source from token_prices where date = ?",
      )
      .all(day);
    return new Map(
      rows.map(({ token, price, source }) => [toAddress(token), { priceE18: parsePriceE18(price) ?? 0n, source }]),
    );
  }

  /** The pool's own means of a closed day. */
  meansOf({ address, form }: Pool, day: Day): PoolMeans | undefined {
    const row = this.#means.get(address, day);
    if (row === undefined) return undefined;
    const seconds = row.seconds_priced;
    const sum = (text: string | null): bigint => BigInt(text ?? "0");
    if (form === "ticks") return { kind: "ticks", seconds, meanTick: row.mean_tick ?? 0 };
    const supplySeconds = sum(row.supply_seconds);
    if (form === "shares") {
      const amountsSeconds = (JSON.parse(row.amounts_seconds ?? "[]") as string[]).map(BigInt);
      return { kind: "shares", seconds, supplySeconds, amountsSeconds, valueSecondsE36: sum(row.share_value_seconds) };
    }
    return {
      kind: "reserves",
      seconds,
      supplySeconds,
      price0Seconds: sum(row.price0_seconds),
      price1Seconds: sum(row.price1_seconds),
      reserve0Seconds: sum(row.reserve0_seconds),
      reserve1Seconds: sum(row.reserve1_seconds),
    };
  }
}
