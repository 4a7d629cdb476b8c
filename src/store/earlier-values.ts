import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";

/** Tables that say what a day was worth, by pool. */
const TABLES = ["pool_days", "daily_balances"] as const;

/**
 * What older versions valued days with that a final epoch rests on: a rebuild computes everything else anew and puts
 * these back, as they cannot be computed any more, and what was paid by them stays what it was.
 */
export class EarlierValues {
  readonly #db: Database;
  readonly #days: ReadonlySet<Day>;

  /** Lays aside the days before one; the caller holds the transaction and empties the tables. */
  constructor(db: Database, before: Day | undefined) {
    this.#db = db;
    for (const table of TABLES) {
      db.exec(`drop table if exists temp.earlier_${table}`);
      db.exec(`create temp table earlier_${table} as select * from ${table} where false`);
      db.prepare(`
        insert into earlier_${table}
        select * from ${table} where date in (select date from days where valued_by = 'means' and date < ?)`).run(
        before ?? "0000-00-00",
      );
      db.exec(`create index temp.earlier_${table}_by_date on earlier_${table} (date)`);
    }
    this.#days = new Set(db.prepare<[], Day>("select distinct date from earlier_pool_days").pluck().all());
  }

  /** Puts a day back, pool by pool: of pools that were added since, what was computed stays. */
  putBack(day: Day): void {
    if (!this.#days.has(day)) return;
    const run = (sql: string): number => this.#db.prepare(sql).run({ day }).changes;
    const pools = "select pool_address from earlier_pool_days where date = @day";
    for (const table of [...TABLES].reverse())
      run(`delete from ${table} where date = @day and pool_address in (${pools})`);
    for (const table of TABLES) run(`insert into ${table} select * from earlier_${table} where date = @day`);
    run("update days set valued_by = 'means' where date = @day");
  }

  end(): void {
    for (const table of TABLES) this.#db.exec(`drop table temp.earlier_${table}`);
  }
}
