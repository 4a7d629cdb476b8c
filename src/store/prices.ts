import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { formatPriceE18, parsePriceE18 } from "../core/decimal.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { Pool } from "../core/programme/programme.ts";
import type { DayPrice, DayPrices, ImportedPrices, KnownPrices, PoolMeans } from "../core/valuation/price.ts";
import { firstOpenDay } from "./derived-tables.ts";
import type { FeedsTable } from "./feeds.ts";
import { UNKNOWN_BY_QUARANTINE } from "./left-out.ts";
import type { ShareRatesTable } from "./share-rates.ts";

/** A price that an operator brings in, or a service was asked for. */
export interface ImportedPrice {
  readonly kind: ImportedPrices;
  readonly token: Address;
  readonly date: Day;
  readonly priceE18: bigint;
  readonly source: string;
}

/** What a price service was asked (path and query) and answered. */
export interface PriceResponse {
  readonly service: string;
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

/** A closed day's row, as far as its value rests on prices. */
export interface ValuedRow {
  readonly provider: string;
  readonly pool: Address;
  readonly tokenSeconds: readonly bigint[];
  /** Of what stood in range; null where the programme does not weight by that, or the pool has no ranges. */
  readonly inRangeTokenSeconds: readonly bigint[] | null;
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
  readonly median_tick: number | null;
  readonly median_reserve0: string | null;
  readonly median_reserve1: string | null;
}

/** Imported prices, and days that were closed before all their prices were known. */
export class PricesTable {
  readonly #db: Database;
  readonly #feeds;
  readonly #shareRates;
  readonly #imported;
  readonly #means;
  readonly #setValue;

  constructor(db: Database, feeds: FeedsTable, shareRates: ShareRatesTable) {
    this.#db = db;
    this.#feeds = feeds;
    this.#shareRates = shareRates;
    this.#imported = db.prepare<[string, string, string], { price: string; source: string }>(
      "select price, source from imported_prices where token_address = ? and date = ? and kind = ?",
    );
    this.#means = db.prepare<[string, string], MeansRow>("select * from pool_days where pool_address = ? and date = ?");
    this.#setValue = db.prepare(
      "update daily_balances set liquidity_amount = ?, in_range_amount = ? where date = ? and provider_address = ? and pool_address = ?",
    );
  }

  broughtIn(token: Address, day: Day, kind: ImportedPrices): DayPrice | undefined {
    const row = this.#imported.get(token, day, kind);
    const priceE18 = row && parsePriceE18(row.price);
    return row === undefined || priceE18 === undefined ? undefined : { priceE18, source: row.source };
  }

  /** The newest day before one for which an operator imported a price of a token. */
  lastByOperator(token: Address, before: Day): Day | undefined {
    return (
      this.#db
        .prepare<[string, string], Day | null>(`
        select max(date)
        from imported_prices
        where token_address = ? and date < ? and kind in ('imported', 'revised')`)
        .pluck()
        .get(token, before) ?? undefined
    );
  }

  /** What a day can be priced with beside its pools' means. */
  knownOn(day: Day): KnownPrices {
    return {
      broughtIn: (token, kind) => this.broughtIn(token, day, kind),
      rateOf: (token) => this.#shareRates.rateOf(token, day),
      feedOf: (feed) => this.#feeds.priceOf(feed, day),
    };
  }

  /** Adds a price; one that is there for the token, day and kind stays. @returns whether it was added. */
  add({ kind, token, date, priceE18, source }: ImportedPrice, nowIso: string): boolean {
    const insert = this.#db.prepare(`
      insert into imported_prices (token_address, date, kind, price, source, observed_at)
      values (?, ?, ?, ?, ?, ?)
      on conflict do nothing`);
    return insert.run(token, date, kind, formatPriceE18(priceE18), source, nowIso).changes > 0;
  }

  /** Keeps what a price service answered, byte for byte. */
  keepResponse(response: PriceResponse, nowIso: string): void {
    const { service, request, status, body } = response;
    this.#db
      .prepare("insert into price_responses (service, request, status, body, observed_at) values (?, ?, ?, ?, ?)")
      .run(service, request, status, body, nowIso);
  }

  /** Changes whenever a price, a rate or a revision is imported. */
  mark(): string {
    const sql = `
      select
        (select count(*) || ' ' || coalesce(max(observed_at), '') from imported_prices)
        || ' ' || (select count(*) || ' ' || coalesce(max(observed_at), '') from share_rates)
        || ' ' || (select coalesce(max(revision_id), 0) from price_revisions)`;
    return String(this.#db.prepare(sql).pluck().get());
  }

  /** Closed days with rows that have no value, of any pool or of some, ascending. */
  unpricedDays(pools?: readonly Address[]): readonly Day[] {
    const of = pools === undefined ? "" : "and pool_address in (select value from json_each(?))";
    const sql = `
      select distinct date
      from daily_balances
      where liquidity_amount is null ${of} and not ${UNKNOWN_BY_QUARANTINE}
      order by date`;
    return this.#db
      .prepare(sql)
      .pluck()
      .all(...(pools === undefined ? [] : [JSON.stringify(pools)])) as Day[];
  }

  /** A closed day's rows, all or those without a value. */
  rowsOf(day: Day, which: "all" | "unpriced"): readonly ValuedRow[] {
    const parsed = (text: string): readonly bigint[] => (JSON.parse(text) as string[]).map(BigInt);
    return this.#db
      .prepare<[string], { provider: string; pool: string; seconds: string; inRange: string | null }>(`
        select
          provider_address as provider, pool_address as pool, token_seconds as seconds,
          in_range_token_seconds as inRange
        from daily_balances
        where date = ? ${which === "all" ? "" : "and liquidity_amount is null"}`)
      .all(day)
      .map(({ provider, pool, seconds, inRange }) => ({
        provider,
        pool: toPoolId(pool),
        tokenSeconds: parsed(seconds),
        inRangeTokenSeconds: inRange === null ? null : parsed(inRange),
      }));
  }

  setValue(day: Day, { provider, pool }: ValuedRow, value: bigint | null, inRange: bigint | null): void {
    this.#setValue.run(value, inRange, day, provider, pool);
  }

  /** The first day that is not final. */
  firstOpenDay(): string {
    return firstOpenDay(this.#db);
  }

  /** Forgets what days after one were priced with. */
  forgetAfter(day: string): void {
    this.#db.prepare("delete from token_prices where date > ?").run(day);
  }

  /** Forgets what some tokens of a day were priced with: it is priced anew in the same transaction. */
  forget(day: Day, tokens: ReadonlySet<Address>): void {
    this.#db
      .prepare("delete from token_prices where date = ? and token_address in (select value from json_each(?))")
      .run(day, JSON.stringify([...tokens]));
  }

  /** Forgets what tokens were priced with from a day on. */
  forgetFrom(first: Day, tokens: ReadonlySet<Address>): void {
    this.#db
      .prepare("delete from token_prices where date >= ? and token_address in (select value from json_each(?))")
      .run(first, JSON.stringify([...tokens]));
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
    if (form === "ticks") return { kind: "ticks", seconds, meanTick: row.mean_tick ?? 0, medianTick: row.median_tick };
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
      median:
        row.median_reserve0 === null || row.median_reserve1 === null
          ? null
          : { reserve0: BigInt(row.median_reserve0), reserve1: BigInt(row.median_reserve1) },
    };
  }
}
