import type { Database } from "better-sqlite3";
import type { Address } from "../core/hex.ts";

/**
 * `kept_spans` and `kept_balances`: what pools were worth on days that final epochs were paid by, where it would come
 * out otherwise since: they were dropped, have another entry, or are in quarantine no more. Whoever closes such a day,
 * a rebuild or after an undo, puts it back.
 */
export class KeptDaysTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * From now on what a pool is worth on the days from one to before another stays as it is. `from`: the first day on
   * which it counted, where it is not given. The caller holds the transaction.
   */
  keep(pool: Address, from: string | undefined, until: string): void {
    const first =
      from ??
      this.#db
        .prepare<[string], string>("select coalesce(metadata ->> '$.countsFrom', '') from pools where pool_address = ?")
        .pluck()
        .get(pool) ??
      "";
    if (first >= until) return;
    this.#db
      .prepare(`
        insert into kept_balances
        select *
        from daily_balances
        where pool_address = ? and date >= ? and date < ?
        on conflict do nothing`)
      .run(pool, first, until);
    this.#db
      .prepare(`
        insert into kept_spans (pool_address, from_date, until_date)
        values (?, ?, ?)
        on conflict do update
        set until_date = max(until_date, excluded.until_date)`)
      .run(pool, first, until);
  }

  /** Pools of which something stays. */
  pools(): ReadonlySet<string> {
    return new Set(this.#db.prepare<[], string>("select pool_address from kept_spans").pluck().all());
  }

  /** Puts back what stays of a day that was just closed; what is known now is what was held back is given by. */
  putBack(day: string): void {
    const pools = "select pool_address from kept_spans where @day >= from_date and @day < until_date";
    if (this.#db.prepare(`${pools} limit 1`).get({ day }) === undefined) return;
    const run = (sql: string): void => void this.#db.prepare(sql).run({ day });
    run(`
      insert into late_values
      select
        date, pool_address, provider_address, liquidity_amount, in_range_amount, token_seconds, in_range_token_seconds
      from daily_balances
      join pools using (pool_address)
      where date = @day and pool_address in (${pools}) and metadata ->> '$.dropped' is null
        and exists (select 1 from pool_days where pool_days.date = @day and pool_days.pool_address = pools.pool_address)`);
    run(`delete from daily_balances where date = @day and pool_address in (${pools})`);
    run(`insert into daily_balances select * from kept_balances where date = @day and pool_address in (${pools})`);
  }
}
