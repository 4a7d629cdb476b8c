import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";

/** Tables that say what a day was worth, by pool. */
const TABLES = ["pool_days", "daily_balances"] as const;

/**
 * What a final epoch rests on and cannot be computed any more: what older versions valued days with, and what pools had that are
 * followed no more. A rebuild computes everything else anew and puts these back, so that what was paid by them stays what it was.
 */
export class EarlierValues {
  readonly #db: Database;
  readonly #byMeans: ReadonlySet<Day>;
  readonly #days: ReadonlySet<Day>;

  /** Lays aside the days before one; the caller holds the transaction and empties the tables. */
  constructor(db: Database, before: Day | undefined) {
    this.#db = db;
    const daysOf = (sql: string): ReadonlySet<Day> => new Set(db.prepare<[], Day>(sql).pluck().all());
    for (const table of TABLES) {
      db.exec(`drop table if exists temp.earlier_${table}`);
      db.exec(`create temp table earlier_${table} as select * from ${table} where false`);
      db.prepare(`
        insert into earlier_${table}
        select *
        from ${table}
        where date in (select date from days where valued_by = 'means' and date < ?)
          or exists (
            select 1
            from pools, json_each(metadata, '$.kept')
            where pools.pool_address = ${table}.pool_address and date >= value ->> 'from' and date < value ->> 'until')`).run(
        before ?? "0000-00-00",
      );
      db.exec(`create index temp.earlier_${table}_by_date on earlier_${table} (date)`);
    }
    this.#byMeans = daysOf(
      "select date from days where valued_by = 'means' and date in (select date from earlier_pool_days)",
    );
    this.#days = daysOf("select date from earlier_pool_days union select date from earlier_daily_balances");
  }

  /** Puts a day back, pool by pool: of pools that were added since, what was computed stays. */
  putBack(day: Day): void {
    if (!this.#days.has(day)) return;
    const run = (sql: string): number => this.#db.prepare(sql).run({ day }).changes;
    const pools = `
      select pool_address from earlier_pool_days where date = @day
      union
      select pool_address from earlier_daily_balances where date = @day`;
    // Of a pool that was in quarantine then and is no more, what is known now is what was held back for it is given by.
    run(`
      insert into late_values
      select date, pool_address, provider_address, liquidity_amount
      from daily_balances
      join pools using (pool_address)
      where date = @day and metadata ->> '$.dropped' is null
        and exists (
          select 1
          from json_each(metadata, '$.kept')
          where @day >= value ->> 'from' and @day < value ->> 'until')
        and exists (select 1 from pool_days where pool_days.date = @day and pool_days.pool_address = pools.pool_address)`);
    for (const table of [...TABLES].reverse())
      run(`delete from ${table} where date = @day and pool_address in (${pools})`);
    for (const table of TABLES) run(`insert into ${table} select * from earlier_${table} where date = @day`);
    if (this.#byMeans.has(day)) run("update days set valued_by = 'means' where date = @day");
  }

  end(): void {
    for (const table of TABLES) this.#db.exec(`drop table temp.earlier_${table}`);
  }
}
