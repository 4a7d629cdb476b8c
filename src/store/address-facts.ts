import type { Database } from "better-sqlite3";
import type { AddressFacts } from "../core/address-facts.ts";
import { type Address, toAddress } from "../core/hex.ts";

interface Row {
  readonly address: string;
  readonly kind: AddressFacts["kind"];
  readonly what: string | null;
}

/** A contract that holds much of a pool. */
export interface LargeHolder extends AddressFacts {
  readonly pool: string;
  /** Of the pool's day, in basis points. */
  readonly shareBp: number;
}

/** `address_facts`: what stands behind the addresses of providers, as the chain said it last; part of no digest. */
export class AddressFactsTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Some addresses that provide or were given rewards by the last epochs and were not asked about yet, or, of wallets,
   * not since a time: code may come later.
   */
  unknown(limit: number, sinceIso: string): readonly Address[] {
    return this.#db
      .prepare<[string, number], string>(`
        select provider_address
        from (
          select provider_address from provider_balances
          union
          select provider_address from rewards where epoch >= (select max(epoch) - 1 from reward_epochs)
        )
        left join address_facts using (provider_address)
        where kind is null or (kind <> 'contract' and observed_at < ?)
        order by observed_at, provider_address
        limit ?`)
      .pluck()
      .all(sinceIso, limit)
      .map(toAddress);
  }

  put({ address, kind, what }: AddressFacts, nowIso: string): void {
    this.#db
      .prepare(`
        insert into address_facts (provider_address, kind, what, observed_at)
        values (?, ?, ?, ?)
        on conflict (provider_address) do update
        set kind = excluded.kind, what = excluded.what, observed_at = excluded.observed_at`)
      .run(address, kind, what, nowIso);
  }

  /** Everything that is known, by address. */
  all(): ReadonlyMap<string, AddressFacts> {
    const rows = this.#db.prepare<[], Row>("select provider_address as address, kind, what from address_facts").all();
    return new Map(rows.map((row) => [row.address, { ...row, address: toAddress(row.address) }]));
  }

  /**
   * Contracts that had more than a tenth of a pool on its newest day: by value, or by liquidity where that is not
   * known.
   */
  largeHolders(): readonly LargeHolder[] {
    return this.#db
      .prepare<[], Row & { readonly pool: string; readonly shareBp: number }>(`
        with newest as (
          select pool_address, max(date) as date from daily_balances group by pool_address
        ), held as (
          select
            pool_address,
            provider_address,
            coalesce(liquidity_amount, cast(liquidity_seconds as real)) * 1.0 as amount,
            sum(coalesce(liquidity_amount, cast(liquidity_seconds as real)) * 1.0) over (partition by pool_address) as whole
          from daily_balances
          join newest using (pool_address, date)
        )
        select
          provider_address as address, kind, what, pool_address as pool, cast(10000 * amount / whole as integer) as shareBp
        from held
        join address_facts using (provider_address)
        where kind = 'contract' and amount * 10 > whole
        order by pool_address, amount desc, provider_address`)
      .all()
      .map((row) => ({ ...row, address: toAddress(row.address) }));
  }
}
