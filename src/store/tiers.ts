import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { ProviderWeight } from "../core/rewards.ts";
import type { Standing } from "../core/tiers.ts";

/** What a provider had on a day over all pools that count; null until every needed price is known. */
export interface ProviderValue {
  readonly provider: Address;
  readonly value: bigint | null;
  readonly inRangeValue: bigint | null;
}

interface StandingRow {
  readonly streak: bigint | null;
  readonly tier: bigint | null;
  readonly multiplier: bigint | null;
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
    // A row of the day's pools that cannot be priced at all is left out; of the others one unknown value hides the sum.
    this.#values = db
      .prepare<[string, string], { provider: string; value: bigint | null; inRange: bigint | null }>(`
        select
          provider_address as provider,
          iif(count(*) = count(liquidity_amount), sum(liquidity_amount), null) as value,
          iif(count(*) = count(liquidity_amount), sum(coalesce(in_range_amount, liquidity_amount)), null) as inRange
        from daily_balances
        where date = ? and pool_address not in (select value from json_each(?))
        group by provider_address
        order by provider_address`)
      .safeIntegers();
    this.#streaks = db.prepare<[string], { provider: string; streak: number | null }>(
      "select provider_address as provider, streak_days as streak from provider_days where date = ?",
    );
    this.#standing = db
      .prepare<[string, string], StandingRow>(
        "select streak_days as streak, tier, multiplier_bp as multiplier from provider_days where date = ? and provider_address = ?",
      )
      .safeIntegers();
    this.#insert = db.prepare(`
      insert into provider_days (date, provider_address, value, in_range_value, streak_days, tier, multiplier_bp)
      values (?, ?, ?, ?, ?, ?, ?)`);
  }

  /** What each provider had on a day, without pools that no price can value; ascending by address. */
  valuesOf(day: Day, uncounted: readonly Address[]): readonly ProviderValue[] {
    return this.#values
      .all(day, JSON.stringify(uncounted))
      .map(({ provider, value, inRange }) => ({ provider: toAddress(provider), value, inRangeValue: inRange }));
  }

  /** Streaks at the end of a day, by provider; nobody without liquidity on it is in it. */
  streaksOf(day: Day): ReadonlyMap<string, number | null> {
    return new Map(this.#streaks.all(day).map(({ provider, streak }) => [provider, streak]));
  }

  /** How a provider stood at the end of a day; undefined where it had no liquidity. */
  standingOf(day: Day, provider: Address): Standing | undefined {
    const row = this.#standing.get(day, provider);
    const number = (cell: bigint | null): number | null => (cell === null ? null : Number(cell));
    return row && { streakDays: number(row.streak), tier: number(row.tier), multiplierBp: number(row.multiplier) };
  }

  insert(day: Day, { provider, value, inRangeValue }: ProviderValue, standing: Standing): void {
    const { streakDays, tier, multiplierBp } = standing;
    this.#insert.run(day, provider, value, inRangeValue, streakDays, tier, multiplierBp);
  }

  /** Forgets how providers stood from a day on. */
  clearFrom(day: string): void {
    this.#db.prepare("delete from provider_days where date >= ?").run(day);
  }

  /** Days of a span that have a row without a value or a streak. */
  unknownDays(first: Day, end: Day): readonly Day[] {
    return this.#db
      .prepare<[string, string], Day>(`
        select distinct date
        from provider_days
        where date >= ? and date < ? and (value is null or multiplier_bp is null)
        order by date`)
      .pluck()
      .all(first, end);
  }

  /**
   * What each provider's days of a span weigh, ascending by address: the sum of value (in range, where that is known) x
   * multiplier, each day by its own or all by the last one's. Days below the minimum weigh nothing.
   */
  weightsOf(first: Day, end: Day, retroactive: boolean): readonly ProviderWeight[] {
    const rows = this.#db
      .prepare<[string, string], { provider: string; tier: bigint; multiplier: bigint; sum: bigint; last: Day }>(`
        select
          provider_address as provider, tier, multiplier_bp as multiplier,
          sum(coalesce(in_range_value, value)) as sum, max(date) as last
        from provider_days
        where date >= ? and date < ? and tier > 0
        group by provider_address, tier, multiplier_bp
        order by provider_address, last`)
      .safeIntegers()
      .all(first, end);
    const weights: ProviderWeight[] = [];
    for (let i = 0; i < rows.length; ) {
      const provider = rows[i]?.provider ?? "";
      let [plain, weighted, tier, multiplier] = [0n, 0n, 0n, 0n];
      for (; rows[i]?.provider === provider; i++) {
        const row = rows[i];
        if (row === undefined) break;
        plain += row.sum;
        weighted += row.sum * row.multiplier;
        [tier, multiplier] = [row.tier, row.multiplier];
      }
      const weight = retroactive ? plain * multiplier : weighted;
      if (weight > 0n) weights.push({ provider: toAddress(provider), weight, tier: Number(tier) });
    }
    return weights;
  }
}
