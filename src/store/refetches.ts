import type { Database } from "better-sqlite3";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";

/**
 * What is done with a pool: its history is fetched again, it goes on by what was kept of it, or nothing of it is
 * followed any more.
 */
export type OrderKind = "refetch" | "replay" | "drop";

/** What an operator orders to be done with a pool by the next start, or what was done. */
export interface Order {
  readonly kind: OrderKind;
  readonly pool: Address;
  /** Fetched without this wrapper; null where it is about the pool itself. */
  readonly wrapper: Address | null;
  readonly reason: string;
  /** Null while it waits for the next start. */
  readonly doneBlock: number | null;
  readonly digestBefore: string | null;
  readonly digestAfter: string | null;
}

/** What is ordered, of which pool. */
export interface Ordered extends Pick<Order, "kind" | "pool"> {
  readonly wrapper?: Address | null;
}

interface Row extends Omit<Order, "pool" | "wrapper"> {
  readonly pool: string;
  readonly wrapper: string | null;
}

/** `refetches`: the trail of what an operator had done with single pools. */
export class RefetchesTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Pools whose history waits to be fetched again, ascending. */
  waiting(): ReadonlySet<Address> {
    return new Set(this.ordered("refetch").map(({ pool }) => pool));
  }

  /** Wrappers without which pools were fetched again. */
  wrappersDropped(): ReadonlySet<Address> {
    return new Set(this.all().flatMap(({ wrapper }) => (wrapper === null ? [] : [wrapper])));
  }

  /** What of a kind waits for the next start, in order of pool. */
  ordered(kind: OrderKind): readonly Order[] {
    return this.waitingAll().filter((each) => each.kind === kind);
  }

  /** Everything that waits for it, in order of pool. */
  waitingAll(): readonly Order[] {
    const waiting = this.all().filter(({ doneBlock }) => doneBlock === null);
    return waiting.sort((a, b) => (a.pool < b.pool ? -1 : 1));
  }

  all(): readonly Order[] {
    return this.#db
      .prepare<[], Row>(`
        select
          kind, pool_address as pool, wrapper_address as wrapper, reason, done_block as doneBlock, digest_before as digestBefore,
          digest_after as digestAfter
        from refetches
        order by refetch_id`)
      .all()
      .map((row) => ({
        ...row,
        pool: toPoolId(row.pool),
        wrapper: row.wrapper === null ? null : toAddress(row.wrapper),
      }));
  }

  /** Orders it; what was ordered of that pool before is not done any more. */
  order({ kind, pool, wrapper = null }: Ordered, reason: string, nowIso: string): void {
    this.#db
      .prepare(`
        insert into refetches (kind, pool_address, wrapper_address, reason, observed_at)
        values (?, ?, ?, ?, ?)
        on conflict (pool_address) where done_block is null do update
        set
          kind = excluded.kind,
          wrapper_address = excluded.wrapper_address,
          reason = excluded.reason,
          observed_at = excluded.observed_at`)
      .run(kind, pool, wrapper, reason, nowIso);
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
