import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { formatPriceE18 } from "../core/decimal.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { DayPrice } from "../core/valuation/price.ts";

/** A price of a final day that is to be another one. */
export interface Revision {
  readonly token: Address;
  readonly date: Day;
  /** Undefined: by the programme file's sources as they are now. */
  readonly priceE18: bigint | undefined;
  readonly reason: string;
}

/** A revision that is not taken up yet. */
export interface PendingRevision {
  readonly id: number;
  readonly token: Address;
  readonly date: Day;
}

/** `price_revisions`: which prices of final days were changed, by what, and why. */
export class RevisionsTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Asks for a revision; the daemon applies it with everything that rests on it. */
  add({ token, date, priceE18, reason }: Revision, nowIso: string): void {
    const price = priceE18 === undefined ? null : formatPriceE18(priceE18);
    this.#db
      .prepare("delete from imported_prices where token_address = ? and date = ? and kind = 'revised'")
      .run(token, date);
    if (price !== null)
      this.#db
        .prepare(`
          insert into imported_prices (token_address, date, kind, price, source, observed_at)
          values (?, ?, 'revised', ?, ?, ?)`)
        .run(token, date, price, `revised: ${reason}`, nowIso);
    this.#db
      .prepare(`
        insert into price_revisions (token_address, date, price, reason, old_price, old_source, observed_at)
        select ?, ?, ?, ?, max(price), max(source), ?
        from token_prices
        where token_address = ? and date = ?`)
      .run(token, date, price, reason, nowIso, token, date);
  }

  /** Those that wait, by day. */
  pending(): readonly PendingRevision[] {
    return this.#db
      .prepare<[], { id: number; token: string; date: Day }>(`
        select revision_id as id, token_address as token, date
        from price_revisions
        where applied = 0
        order by date, revision_id`)
      .all()
      .map((row) => ({ ...row, token: toAddress(row.token) }));
  }

  /** Notes a price that changed because it rests on a revised one. */
  followed(
    { id, date }: PendingRevision,
    token: Address,
    was: DayPrice | undefined,
    now: DayPrice | undefined,
    nowIso: string,
  ): void {
    const cells = (price: DayPrice | undefined) =>
      price === undefined ? [null, null] : [formatPriceE18(price.priceE18), price.source];
    this.#db
      .prepare(`
        insert into price_revisions
          (token_address, date, reason, old_price, old_source, new_price, new_source, applied, observed_at)
        select ?, ?, 'rests on ' || token_address || ': ' || reason, ?, ?, ?, ?, 1, ?
        from price_revisions
        where revision_id = ?`)
      .run(token, date, ...cells(was), ...cells(now), nowIso, id);
  }

  /** Notes what became of one. */
  applied({ id }: PendingRevision, now: DayPrice | undefined): void {
    this.#db
      .prepare("update price_revisions set applied = 1, new_price = ?, new_source = ? where revision_id = ?")
      .run(now === undefined ? null : formatPriceE18(now.priceE18), now?.source ?? null, id);
  }
}
