import type { Books } from "../books.ts";
import type { Log } from "../chain.ts";
import { followToken, type LedgerEvent, type Posting, post } from "../ledger.ts";
import type { Pool, Programme } from "../programme.ts";
import { ManagerLogs, managerShapes } from "./position-manager.ts";
import type { Emit, Place, Routes } from "./reading.ts";
import { readPairLog, uniswapV2Shapes } from "./uniswap-v2.ts";
import { PoolLogs, uniswapV3Shapes } from "./uniswap-v3.ts";

/** What one transaction did to the ledger; events and postings in log order. */
export interface AppliedTransaction {
  readonly events: readonly LedgerEvent[];
  readonly postings: readonly { readonly event: LedgerEvent; readonly posting: Posting }[];
  readonly pools: ReadonlySet<Pool>;
}

export function routesOf(programme: Programme): Routes {
  const managers = new Set(programme.pools.flatMap((pool) => pool.managers));
  return { pools: new Map(programme.pools.map((pool) => [pool.address, pool])), managers };
}

/** Every topic0 the decoders hear, ascending: the log filter. */
export function topicsHeard(programme: Programme): readonly string[] {
  const topics = new Set<string>();
  const add = (shapes: ReadonlyMap<string, unknown>): void => {
    for (const topic of shapes.keys()) topics.add(topic);
  };
  for (const pool of programme.pools) {
    if (pool.protocol === "uniswap-v2") add(uniswapV2Shapes);
    else add(uniswapV3Shapes);
    if (pool.managers.length > 0) add(managerShapes);
  }
  return [...topics].sort();
}

/**
 * Applies the logs of one transaction to the books: decodes, matches position-manager logs with pool logs, checks the
 * identities and posts. All or nothing is the caller's: after a throw the books must be thrown away.
 */
export function applyTransaction(books: Books, routes: Routes, logs: readonly Log[], place: Place): AppliedTransaction {
  const events: LedgerEvent[] = [];
  const postings: { event: LedgerEvent; posting: Posting }[] = [];
  const pools = new Set<Pool>();
  const emit: Emit = (event) => {
    events.push(event);
    for (const posting of post(books, event, place.blockNumber)) postings.push({ event, posting });
    followToken(books, event, place.blockNumber);
    pools.add(event.pool);
  };
  const managers = new ManagerLogs(books, routes, place, emit);
  const ticks = new PoolLogs(books, place, emit, (pool, log, change) => managers.defer(pool, log, change));
  for (const log of logs) {
    const pool = routes.pools.get(log.address);
    if (pool === undefined) {
      if (routes.managers.has(log.address)) managers.read(log);
      continue;
    }
    pools.add(pool);
    if (pool.protocol === "uniswap-v2") readPairLog(books, pool, log, place, emit);
    else ticks.read(pool, log);
  }
  managers.finish();
  ticks.finish();
  events.sort((a, b) => a.logIndex - b.logIndex);
  postings.sort((a, b) => a.posting.logIndex - b.posting.logIndex);
  return { events, postings, pools };
}
