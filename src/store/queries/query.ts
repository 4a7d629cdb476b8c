import type { Database } from "better-sqlite3";
import { type Day, nextDay } from "../../core/day.ts";
import { exactSum, exactSumOf } from "../exact-sum.ts";
import { creditedIn, type PositionPlace } from "./positions.ts";
import { tierChanges } from "./reward-inputs.ts";

/** One row of `daily_balances` as users read it; values are bigint, scaled by quote.decimals. */
export interface DayRow {
  readonly date: string;
  readonly provider_address: string;
  readonly pool_address: string;
  readonly protocol: string;
  readonly liquidity_amount: bigint | null;
  readonly token_amounts: string;
  readonly seconds_open: bigint;
  readonly seconds_in_range: bigint | null;
}

export interface DayFilter {
  readonly provider?: string;
  readonly pool?: string;
  /** First and last day, both included. */
  readonly from?: string;
  readonly to?: string;
}

const PAGE = 1_000;
const DAY_COLUMNS =
  "date, provider_address, pool_address, protocol, liquidity_amount, token_amounts, seconds_open, seconds_in_range";

/** Daily balances in order of day, provider and pool; by pages along the primary key, each its own short read. */
export function* dayRows(db: Database, filter: DayFilter): Generator<DayRow> {
  const { provider = "", pool = "", from = "0000-00-00", to = "9999-99-99" } = filter;
  const where = ["(date, provider_address, pool_address) > (@date, @provider_address, @pool_address)", "date <= @to"];
  // One provider's rows lie apart: a seek per day finds them.
  if (filter.provider !== undefined) where.push("provider_address = @provider", "date >= @date");
  if (filter.pool !== undefined) where.push("pool_address = @pool");
  const page = db
    .prepare<[Readonly<Record<string, string>>], DayRow>(`
      select ${DAY_COLUMNS}
      from ${filter.provider === undefined ? "daily_balances" : "days cross join daily_balances using (date)"}
      where ${where.join(" and ")}
      order by date, provider_address, pool_address
      limit ${PAGE}`)
    .safeIntegers();
  let last: Pick<DayRow, "date" | "provider_address" | "pool_address"> = {
    date: from,
    provider_address: "",
    pool_address: "",
  };
  for (;;) {
    const { date, provider_address, pool_address } = last;
    const rows = page.all({ date, provider_address, pool_address, provider, pool, to });
    yield* rows;
    const newest = rows.at(-1);
    if (newest === undefined) return;
    last = newest;
  }
}

/** Totals over all providers; values are sums, so they are bigint. */
export interface Stats {
  readonly providers: number;
  readonly unpriced: number;
  readonly totalLiquidity: bigint;
  readonly weightedLiquidity: bigint;
  readonly tiers: readonly {
    /** 0: none; null: unknown while an unpriced day decides it. */
    readonly tier: number | null;
    readonly providers: number;
    readonly totalLiquidity: bigint;
    readonly weightedLiquidity: bigint;
  }[];
}

/** Providers, their tiers, and the sums of what they hold. */
export function statsOf(db: Database): Stats {
  const tiers = db
    .prepare<
      [],
      {
        tier: bigint | null;
        providers: bigint;
        priced: bigint;
        totalHigh: bigint;
        totalLow: bigint;
        weightedHigh: bigint;
        weightedLow: bigint;
      }
    >(`
      select
        current_tier as tier,
        count(*) as providers,
        count(total_liquidity) as priced,
        ${exactSum("total_liquidity", "total")},
        ${exactSum("weighted_liquidity", "weighted")}
      from provider_balances
      group by current_tier
      order by current_tier`)
    .safeIntegers()
    .all();
  const sum = (pick: (row: (typeof tiers)[number]) => bigint): bigint =>
    tiers.reduce((total, row) => total + pick(row), 0n);
  return {
    providers: Number(sum((row) => row.providers)),
    unpriced: Number(sum((row) => row.providers - row.priced)),
    totalLiquidity: sum((row) => exactSumOf(row, "total")),
    weightedLiquidity: sum((row) => exactSumOf(row, "weighted")),
    tiers: tiers.map((row) => ({
      tier: row.tier === null ? null : Number(row.tier),
      providers: Number(row.providers),
      totalLiquidity: exactSumOf(row, "total"),
      weightedLiquidity: exactSumOf(row, "weighted"),
    })),
  };
}

/** What one provider holds now, and its newest days. */
export interface ProviderStatus {
  readonly provider: string;
  readonly totalLiquidity: bigint | null;
  readonly weightedLiquidity: bigint | null;
  /** 0: none; null: unknown while an unpriced day decides it. */
  readonly tier: number | null;
  /** At the end of the newest day it has a standing for; null where there is none, or it is unknown. */
  readonly streakDays: number | null;
  /** When it came into each tier. */
  readonly tierChanges: readonly { readonly date: string; readonly tier: number | null }[];
  readonly firstSeen: string;
  readonly lastUpdated: string;
  readonly positions: readonly ProviderPosition[];
  /** Newest last; a day's value is null while any of its pools is unpriced. */
  readonly days: readonly { readonly date: string; readonly value: bigint | null }[];
}

export interface ProviderPosition {
  readonly pool: string;
  readonly position: string | null;
  readonly tickLower: number | null;
  readonly tickUpper: number | null;
  readonly liquidity: string;
  /** The wrapper that holds it for the provider. */
  readonly via: string | null;
  /** False where that wrapper is excluded: it counts for nobody. */
  readonly credited: boolean;
}

interface BalanceRow {
  readonly total_liquidity: bigint | null;
  readonly weighted_liquidity: bigint | null;
  readonly current_tier: bigint | null;
  readonly first_seen_date: string;
  readonly last_updated: string;
}

/** A provider on days before its address became a pool's: nothing counts for it any more. */
function formerProvider(db: Database, provider: string): BalanceRow | undefined {
  const row = db
    .prepare<[string], { first: Day | null; last: Day | null }>(`
      select min(date) as first, max(date) as last
      from days cross join daily_balances using (date)
      where provider_address = ?`)
    .get(provider);
  if (row?.first == null || row.last === null) return undefined;
  const nothing = { total_liquidity: 0n, weighted_liquidity: 0n, current_tier: 0n };
  return { ...nothing, first_seen_date: row.first, last_updated: `${nextDay(row.last)}T00:00:00Z` };
}

/**
 * A provider's open positions after one of them, in order of pool, position and wrapper; all where `limit` is negative.
 */
export function positionsOf(
  db: Database,
  provider: string,
  after: Pick<PositionPlace, "pool" | "position"> & { readonly via: string } = { pool: "", position: "", via: "" },
  limit = -1,
): readonly ProviderPosition[] {
  const isOfSome = db.prepare("select 1 from provider_balances where provider_address = ?").get(provider) !== undefined;
  const isCredited = isOfSome ? creditedIn(db) : () => false;
  return db
    .prepare<[string, string, string, string, number], Omit<ProviderPosition, "credited">>(`
      select pool_address as pool, nullif(position_id, '') as position, tick_lower as tickLower, tick_upper as tickUpper, liquidity, nullif(via_address, '') as via
      from accounts
      where provider_address = ? and kind = 'holder' and liquidity <> '0'
        and (pool_address, position_id, via_address) > (?, ?, ?)
      order by pool_address, position_id, via_address
      limit ?`)
    .all(provider, after.pool, after.position, after.via, limit)
    .map((each) => ({ ...each, credited: isCredited(each.pool, each.via ?? "") }));
}

/** One provider, read in one snapshot, with at most so many positions; undefined where it never held anything. */
export function providerStatus(
  db: Database,
  provider: string,
  days: number,
  positionsMax = -1,
): ProviderStatus | undefined {
  return db.transaction((): ProviderStatus | undefined => {
    const present = db
      .prepare<[string], BalanceRow>("select * from provider_balances where provider_address = ?")
      .safeIntegers()
      .get(provider);
    const row = present ?? formerProvider(db, provider);
    if (row === undefined) return undefined;
    const positions = positionsOf(db, provider, undefined, positionsMax);
    const history = db
      .prepare<[string, number], { date: string; unpriced: bigint; valueHigh: bigint; valueLow: bigint }>(`
        select date, count(*) - count(liquidity_amount) as unpriced, ${exactSum("liquidity_amount", "value")}
        from days cross join daily_balances using (date)
        where provider_address = ?
        group by date
        order by date desc
        limit ?`)
      .safeIntegers()
      .all(provider, days)
      .map((day) => ({ date: day.date, value: day.unpriced === 0n ? exactSumOf(day, "value") : null }));
    return {
      provider,
      totalLiquidity: row.total_liquidity,
      weightedLiquidity: row.weighted_liquidity,
      tier: row.current_tier === null ? null : Number(row.current_tier),
      streakDays: streakOf(db, provider),
      tierChanges: tierChanges(db, provider),
      firstSeen: row.first_seen_date,
      lastUpdated: row.last_updated,
      positions,
      days: history.reverse(),
    };
  })();
}

function streakOf(db: Database, provider: string): number | null {
  const streak = db
    .prepare<[string], number | null>(`
      select streak_days
      from days left join provider_days on provider_days.date = days.date and provider_address = ?
      where days.date = (select max(date) from provider_days)`)
    .pluck()
    .get(provider);
  return streak ?? null;
}

/** The tables users may rely on, each with the order its export is written in. */
export const PUBLIC_TABLES: Readonly<Record<string, string>> = {
  processed_blocks: "block_number",
  pools: "pool_address",
  lp_events: "block_number, log_index",
  pool_states: "pool_address, block_number",
  provider_balances: "provider_address",
  daily_balances: "date, provider_address, pool_address",
  token_prices: "token_address, date",
  feed_answers: "aggregator_address, block_timestamp, block_number, log_index",
  price_revisions: "revision_id",
  provider_days: "date, provider_address",
  reward_epochs: "epoch",
  rewards: "epoch, provider_address, reward_token",
  audit_findings: "block_number, log_index, identity, pool_address",
};

/** Columns that hold wall-clock time: they differ between two honest ledgers, so a canonical export leaves them out. */
const WALL_CLOCK: ReadonlySet<string> = new Set(["processed_at", "observed_at", "updated_at"]);

export type Cell = string | number | bigint | null;

/** A public table's columns, without wall-clock ones, and its rows in canonical order, in constant memory. */
export function tableRows(
  db: Database,
  table: string,
): { readonly columns: readonly string[]; rows(): Generator<readonly Cell[]> } {
  const order = PUBLIC_TABLES[table] ?? "";
  const names = db.prepare<[string], string>("select name from pragma_table_info(?)").pluck().all(table);
  const columns = names.filter((name) => !WALL_CLOCK.has(name));
  const keys = order.split(", ");
  const statement = (after: boolean) =>
    db
      .prepare<unknown[], Cell[]>(`
        select ${columns.join(", ")}
        from ${table}
        ${after ? `where (${order}) > (${keys.map(() => "?").join(", ")})` : ""}
        order by ${order}
        limit ${PAGE}`)
      .safeIntegers()
      .raw();
  return {
    columns,
    *rows() {
      let page = statement(false).all();
      const next = statement(true);
      while (page.length > 0) {
        yield* page;
        const last = page.at(-1) ?? [];
        page = next.all(...keys.map((key) => last[columns.indexOf(key)]));
      }
    },
  };
}
