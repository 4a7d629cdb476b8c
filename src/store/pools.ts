import type { Database } from "better-sqlite3";
import { invariant } from "../core/errors.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { Discovered, Pool } from "../core/programme/programme.ts";

/** A pool that a factory made. */
export interface DiscoveredPool extends Discovered {
  readonly address: Address;
  readonly tokens: readonly [Address, Address];
}

/**
 * `pools`: those that are followed, named or made by a factory, and those that were dropped while final epochs rest on
 * them.
 */
export class PoolsTable {
  readonly #db: Database;
  readonly #insert;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare(`
      insert into pools (pool_address, protocol, tokens, start_block, metadata)
      values (?, ?, ?, ?, ?)
      on conflict (pool_address) do update
      set
        protocol = excluded.protocol,
        tokens = excluded.tokens,
        start_block = excluded.start_block,
        metadata = json_patch(
          excluded.metadata,
          json_object(
            'countsFrom', iif(
              metadata ->> '$.dropped' is null,
              coalesce(metadata ->> '$.countsFrom', excluded.metadata ->> '$.countsFrom'),
              excluded.metadata ->> '$.countsFrom')))`);
  }

  /**
   * Removes pools that are not of these; only pools without history can go (foreign keys refuse others), and no dropped
   * ones.
   */
  removeBut(pools: readonly Pool[]): void {
    const kept = JSON.stringify(pools.map((pool) => pool.address));
    this.#db
      .prepare(`
        delete from pools
        where pool_address not in (select value from json_each(?)) and metadata ->> '$.factory' is null
          and metadata ->> '$.dropped' is null`)
      .run(kept);
  }

  /** Pools are followed no more; rows of those whose days stay, since final epochs were paid by them, stay, too. */
  drop(pools: ReadonlySet<Address>, isKept: (pool: Address) => boolean): void {
    for (const pool of pools)
      if (isKept(pool))
        this.#db
          .prepare("update pools set metadata = json_set(metadata, '$.dropped', json('true')) where pool_address = ?")
          .run(pool);
      else this.#db.prepare("delete from pools where pool_address = ?").run(pool);
  }

  /** Pools that factories of the programme made, as far as the chain was followed. */
  discovered(): readonly DiscoveredPool[] {
    return this.#db
      .prepare<[], { address: string; factory: string; block: number; timeSec: number | null; tokens: string }>(`
        select
          pool_address as address,
          metadata ->> '$.factory' as factory,
          metadata ->> '$.block' as block,
          metadata ->> '$.timeSec' as timeSec,
          tokens
        from pools
        where metadata ->> '$.factory' is not null and metadata ->> '$.dropped' is null
        order by pool_address`)
      .all()
      .map(({ address, factory, block, timeSec, tokens }) => {
        const [token0, token1] = (JSON.parse(tokens) as { address: string }[]).map((each) => toAddress(each.address));
        invariant(token0 !== undefined && token1 !== undefined, "POOL_TOKENS", `the pool ${address} has no two tokens`);
        const made = { factory: toAddress(factory), block, ...(timeSec === null ? {} : { timeSec }) };
        return { address: toPoolId(address), tokens: [token0, token1], ...made };
      });
  }

  /** The pools that do not count for tiers and rewards on a day: they were added after an epoch with it was final. */
  lateOn(day: string): ReadonlySet<string> {
    const rows = this.#db.prepare<{ day: string }, string>(`
      select pool_address
      from pools
      where metadata ->> '$.countsFrom' > @day and not exists (
        select 1
        from kept_spans
        where kept_spans.pool_address = pools.pool_address and @day >= from_date and @day < until_date)`);
    return new Set(rows.pluck().all({ day }));
  }

  /** `countsFrom`: of a pool that is new; one that is known keeps its own. */
  put(pool: Pool, countsFrom?: string): void {
    const { managers, caveats, discovered } = pool;
    const more = { ...discovered, ...(countsFrom === undefined ? {} : { countsFrom }) };
    const metadata = JSON.stringify({ managers, caveats, ...more });
    this.#insert.run(pool.address, pool.protocol, JSON.stringify(pool.tokens), pool.startBlock, metadata);
  }
}
