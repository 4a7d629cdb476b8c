import type { Database } from "better-sqlite3";
import { type Address, toPoolId } from "../core/hex.ts";

/** A pool whose history is to be fetched again, or was. */
export interface Refetch {
  readonly pool: Address;
  readonly reason: string;
  /** Null while it waits for the next start. */
  readonly doneBlock: number | null;
  readonly digestBefore: string | null;
  readonly digestAfter: string | null;
}

interface Row extends Omit<Refetch, "pool"> {
  readonly pool: string;
}

/** `refetches`: the trail of pools that an operator had fetched again. */
export class RefetchesTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Pools that wait for it, ascending. */
  waiting(): ReadonlySet<Address> {
    const rows = this.#db
      .prepare<[], string>("select pool_address from refetches where done_block is null order by pool_address")
      .pluck()
      .all();
    return new Set(rows.map(toPoolId));
  }

  all(): readonly Refetch[] {
    return this.#db
      .prepare<[], Row>(`
        select
          pool_address as pool, reason, done_block as doneBlock, digest_before as digestBefore,
          digest_after as digestAfter
        from refetches
        order by refetch_id`)
      .all()
      .map((row) => ({ ...row, pool: toPoolId(row.pool) }));
  }

  /** Orders it; where it is ordered already, with this reason. */
  order(pool: Address, reason: string, nowIso: string): void {
    this.#db
      .prepare(`
        insert into refetches (pool_address, reason, observed_at)
        values (?, ?, ?)
        on conflict (pool_address) where done_block is null do update
        set reason = excluded.reason, observed_at = excluded.observed_at`)
      .run(pool, reason, nowIso);
  }

  /** Done up to a block; the digests are the pool's there. */
  done(pool: Address, doneBlock: number, digestBefore: string, digestAfter: string): void {
    this.#db
      .prepare(`
        update refetches
        set done_block = ?, digest_before = ?, digest_after = ?
        where pool_address = ? and done_block is null`)
      .run(doneBlock, digestBefore, digestAfter, pool);
  }
}
