import type { Database } from "better-sqlite3";
import type { Amounts } from "../core/amm/amounts.ts";
import { type Day, daysAfter, nextDay, secOf } from "../core/day.ts";
import { formatPriceE18, parsePriceE18 } from "../core/decimal.ts";
import type { Address } from "../core/hex.ts";
import type { Pool } from "../core/programme/programme.ts";
import type { Rules } from "../core/programme/rules.ts";
import type { BalanceChange, Holding } from "../core/valuation/holdings.ts";
import type { DayShare } from "../core/valuation/pool-day.ts";
import type { DayPrices, PoolMeans } from "../core/valuation/price.ts";
import { rangeOf } from "./accounts.ts";
import { rowChecksum } from "./file/checksum.ts";

/** Rows as arrays: there are as many as accounts, and objects cost twice as much. */
type OpenRow = readonly [
  id: number,
  provider: Address,
  via: string,
  tickLower: number | null,
  tickUpper: number | null,
  liquidity: string,
];
type ChangeRow = readonly [
  id: number,
  pool: Address,
  provider: Address,
  via: string,
  tickLower: number | null,
  tickUpper: number | null,
  delta: string,
  balanceAfter: string,
  blockTimestamp: string,
];

/** By account id: what each held before and what changed. */
export type Changes = ReadonlyMap<number, Holding>;

const UNCHANGED: Holding["changes"] = [];
const byProvider = (a: Holding, b: Holding): number => (a.provider < b.provider ? -1 : 1);

/** A day's row to write: a provider's share of a pool, and its value where every price is known. */
export interface DailyBalance {
  readonly pool: Pool;
  readonly share: DayShare;
  readonly value: bigint | null;
  /** Of what stood in range; null where that is unknown or not asked for. */
  readonly inRangeValue: bigint | null;
}

/** Closed days: what they are computed from, and what they leave behind. */
export class DaysTable {
  readonly #page;
  readonly #last;
  readonly #closedAt;
  readonly #closedBlock;
  readonly #closedBetween;
  readonly #firstFrom;
  readonly #open;
  readonly #changes;
  readonly #insertDay;
  readonly #insertPoolDay;
  readonly #insertBalance;
  readonly #hasBalance;
  readonly #isHeld;
  readonly #insertPrice;
  readonly #newestPrice;

  /** `page`: so many open accounts are looked at together. */
  constructor(db: Database, page = 1_000) {
    this.#page = page;
    this.#last = db.prepare<[], { date: Day; closed_block: number }>(
      "select date, closed_block from days order by date desc limit 1",
    );
    this.#firstFrom = db.prepare<[string], Day>("select date from days where date >= ? order by date limit 1").pluck();
    this.#closedBetween = db.prepare<[number, number], { block: number; date: Day }>(`
      select closed_block as block, max(date) as date
      from days
      where closed_block between ? and ?
      group by closed_block
      order by closed_block`);
    this.#closedBlock = db.prepare<[string], number>("select closed_block from days where date = ?").pluck();
    this.#closedAt = db.prepare<[number], Day | null>("select max(date) from days where closed_block <= ?").pluck();
    this.#open = db
      .prepare<[string, string, number, number], OpenRow>(`
      select account_id, provider_address, via_address, tick_lower, tick_upper, liquidity
      from accounts
      where pool_address = ? and kind = 'holder' and liquidity <> '0' and (provider_address, account_id) > (?, ?)
      order by provider_address, account_id
      limit ?`)
      .raw();
    this.#changes = db
      .prepare<[number], ChangeRow>(`
      select
        account_id, accounts.pool_address, provider_address, via_address, accounts.tick_lower, accounts.tick_upper,
        postings.delta, postings.balance_after, processed_blocks.block_timestamp
      -- Cross joins keep this order: the few postings since, not the many accounts, are what to go through.
      from postings
      cross join accounts using (account_id)
      cross join processed_blocks using (block_number)
      where postings.block_number >= ? and accounts.kind = 'holder'
      order by postings.block_number, postings.log_index, postings.leg`)
      .raw();
    this.#insertDay = db.prepare("insert into days (date, closed_block, valued_by) values (?, ?, 'integrals')");
    this.#insertPoolDay = db.prepare(`
      insert into pool_days
        (pool_address, date, seconds_priced, mean_tick, price0_seconds, price1_seconds, reserve0_seconds,
         reserve1_seconds, supply_seconds, amounts_seconds, share_value_seconds, median_tick, median_reserve0,
         median_reserve1)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertBalance = db.prepare(`
      insert into daily_balances
        (provider_address, date, pool_address, protocol, liquidity_amount, token_amounts, token_seconds,
         liquidity_seconds, seconds_open, seconds_in_range, in_range_token_seconds, in_range_amount)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#hasBalance = db
      .prepare<[string, string, string], number>(
        "select 1 from daily_balances where provider_address = ? and date = ? and pool_address = ?",
      )
      .pluck();
    this.#isHeld = db.prepare<[string, string, string]>(
      "select 1 from daily_balances where date >= ? and date < ? and pool_address = ? and liquidity_seconds <> '0' limit 1",
    );
    this.#insertPrice = db.prepare(`
      insert into token_prices (token_address, date, price, source, observed_at, row_checksum)
      values (?, ?, ?, ?, ?, ?)`);
    this.#newestPrice = db
      .prepare<[string, string], string>(
        "select price from token_prices where token_address = ? and date < ? order by date desc limit 1",
      )
      .pluck();
  }

  /** The newest closed day and the block that closed it. */
  last(): { readonly date: Day; readonly closedBlock: number } | undefined {
    const row = this.#last.get();
    return row && { date: row.date, closedBlock: row.closed_block };
  }

  /**
   * Every account of a pool that was open at any moment since a block, with its changes since, in order of provider.
   * The ledger must stand at the end of that time until all are taken. `changed`: what `changesSince` tells of the
   * pool.
   */
  *holdings(pool: Pool, changed: Changes = new Map()): Generator<Holding> {
    const waiting = [...changed.values()].sort(byProvider);
    let next = 0;
    let after: readonly [string, number] = ["", 0];
    for (;;) {
      const rows = this.#open.all(pool.address, ...after, this.#page);
      for (const [id, provider, via, tick_lower, tick_upper, liquidity] of rows) {
        for (; next < waiting.length; next++) {
          const each = waiting[next];
          if (each === undefined || each.provider > provider) break;
          yield each;
        }
        if (changed.has(id)) continue;
        const range = rangeOf({ tick_lower, tick_upper });
        yield { provider, via, range, opening: BigInt(liquidity), changes: UNCHANGED };
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      after = [last[1], last[0]];
    }
    yield* waiting.slice(next);
  }

  /** By pool: the holders' accounts that changed since a block. All pools in one reading, whatever changed in which. */
  changesSince(firstBlock: number): ReadonlyMap<Address, Changes> {
    const byPool = new Map<Address, Map<number, Holding>>();
    const changed = new Map<number, BalanceChange[]>();
    for (const row of this.#changes.iterate(firstBlock)) {
      const [id, pool, provider, via, tick_lower, tick_upper, delta, balanceAfter, time] = row;
      const balance = BigInt(balanceAfter);
      let changes = changed.get(id);
      if (changes === undefined) {
        changes = [];
        changed.set(id, changes);
        const opening = balance - BigInt(delta);
        const ofPool = byPool.get(pool) ?? new Map<number, Holding>();
        ofPool.set(id, { provider, via, range: rangeOf({ tick_lower, tick_upper }), opening, changes });
        byPool.set(pool, ofPool);
      }
      changes.push({ atSec: secOf(time), balance });
    }
    return byPool;
  }

  insertDay(day: Day, closedBlock: number): void {
    this.#insertDay.run(day, closedBlock);
  }

  insertPoolDay(pool: Address, day: Day, means: PoolMeans): void {
    const ticks = means.kind === "ticks" ? means : undefined;
    const reserves = means.kind === "reserves" ? means : undefined;
    const shares = means.kind === "shares" ? means : undefined;
    this.#insertPoolDay.run(
      pool,
      day,
      means.seconds,
      ticks === undefined || ticks.seconds === 0 ? null : ticks.meanTick,
      reserves?.price0Seconds.toString() ?? null,
      reserves?.price1Seconds.toString() ?? null,
      reserves?.reserve0Seconds.toString() ?? null,
      reserves?.reserve1Seconds.toString() ?? null,
      (reserves ?? shares)?.supplySeconds.toString() ?? null,
      shares === undefined ? null : JSON.stringify(shares.amountsSeconds.map(String)),
      shares?.valueSecondsE36.toString() ?? null,
      ticks?.medianTick ?? null,
      reserves?.median?.reserve0.toString() ?? null,
      reserves?.median?.reserve1.toString() ?? null,
    );
  }

  hasBalance(day: Day, pool: Address, provider: Address): boolean {
    return this.#hasBalance.get(provider, day, pool) !== undefined;
  }

  /** Whether anybody has anything of a pool on days from one to before another. */
  isHeldBetween(pool: string, first: Day, end: Day): boolean {
    return this.#isHeld.get(first, end, pool) !== undefined;
  }

  insertBalance(day: Day, { pool, share, value, inRangeValue }: DailyBalance): void {
    this.#insertBalance.run(
      share.provider,
      day,
      pool.address,
      pool.protocol,
      value,
      textOf(share.tokenSeconds, 86_400n),
      textOf(share.tokenSeconds),
      share.liquiditySeconds.toString(),
      share.secondsOpen,
      share.secondsInRange,
      share.inRangeTokenSeconds === null ? null : textOf(share.inRangeTokenSeconds),
      inRangeValue,
    );
  }

  insertPrices(day: Day, prices: DayPrices, nowIso: string): void {
    for (const [token, { priceE18, source }] of prices) {
      const cells = [token, day, formatPriceE18(priceE18), source];
      this.#insertPrice.run(...cells, nowIso, rowChecksum(cells));
    }
  }

  /** The first closed day from a date on. */
  firstFrom(date: string): Day | undefined {
    return this.#firstFrom.get(date);
  }

  /** The newest closed day that is one of the programme's. */
  lastScheduled({ schedule }: Pick<Rules, "schedule">): Day | undefined {
    const last = this.last()?.date;
    if (last === undefined || schedule === null) return last;
    const end = daysAfter(schedule.first, schedule.days - 1);
    return last < schedule.first ? undefined : last < end ? last : end;
  }

  /** The block that closed a day. */
  closedBlockOf(day: Day): number | undefined {
    return this.#closedBlock.get(day);
  }

  /** Blocks of a span that closed days, ascending, and the last day each closed. */
  closedBetween(from: number, to: number): readonly { readonly block: number; readonly date: Day }[] {
    return this.#closedBetween.all(from, to);
  }

  /** The first day that was not closed yet at a block, or the beginning of time where none was closed. */
  firstOpenAt(blockNumber: number): string {
    const last = this.#closedAt.get(blockNumber);
    return last == null ? "0000-00-00" : nextDay(last);
  }

  /** The price of the newest priced day, or of the newest before a day, scaled by 1e18. */
  newestPriceE18(token: Address, before = "9999-99-99"): bigint | undefined {
    const text = this.#newestPrice.get(token, before);
    return text === undefined ? undefined : parsePriceE18(text);
  }
}

/**
 * A list of decimal texts as JSON, each divided and floored; by hand, since it is written for every account and day.
 */
function textOf(amounts: Amounts, per = 1n): string {
  let text = "";
  for (const each of amounts) text += `${text === "" ? "[" : ","}"${per === 1n ? each : each / per}"`;
  return text === "" ? "[]" : `${text}]`;
}
