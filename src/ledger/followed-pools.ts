import type { WorkingSet } from "../core/accounting/working-set.ts";
import type { LogBlock } from "../core/chain.ts";
import { poolCreated, poolOfFactory } from "../core/decode/factories.ts";
import { addRoute, isRelevant, logsOfStopped, type Routes, routesOf, tokenOf } from "../core/decode/routes.ts";
import type { Address } from "../core/hex.ts";
import { type Pool, type PriceSource, type Programme, specialAddresses } from "../core/programme/programme.ts";
import { type Quarantine, saidOfWrapper } from "../core/programme/quarantine.ts";
import type { Touches } from "../store/quarantines.ts";
import type { Store } from "../store/store.ts";

/** What a ledger follows: its programme, the pools that factories made so far, and whose logs mean what. */
export class Followed {
  readonly #store: Store;
  readonly #named: Programme;
  programme: Programme;
  routes: Routes;
  special: Set<Address>;

  constructor(store: Store, named: Programme) {
    this.#store = store;
    this.#named = named;
    this.programme = withDiscovered(store, named);
    this.routes = routesOf(this.programme);
    this.special = specialAddresses(this.programme);
    this.routes.stops = store.quarantines.stops();
  }

  /** Nothing of a pool or wrapper counts from a transaction on; the caller holds the transaction. */
  stop(quarantine: Quarantine): void {
    this.#store.quarantines.insert(quarantine, touchedBy(quarantine, this.programme), this.#store.nowIso());
    this.#store.findings.insert(quarantine.finding);
    this.routes.stops = this.#store.quarantines.stops();
  }

  /** Keeps what is read of stopped pools, so that they can go on by it; the caller holds the transaction. */
  keepStopped(block: LogBlock, books: WorkingSet): void {
    const { quarantinedLogs } = this.#store;
    const { number: blockNumber, timestampSec } = block;
    const known = {
      poolOf: (manager: Address, tokenId: string) => books.token(manager, tokenId)?.pool,
      isKept: (manager: Address, tokenId: string) => quarantinedLogs.isToken(`${manager} ${tokenId}`),
    };
    for (const log of logsOfStopped(this.routes, block.logs, { blockNumber, timestampSec }, known)) {
      const token = tokenOf(this.routes, log);
      quarantinedLogs.insert(block, log, token === undefined ? null : `${token.manager} ${token.tokenId}`);
    }
  }

  /** Whatever was discovered since the last commit is as if it had never been. */
  forget(): void {
    if (this.routes.factories.size > 0) {
      this.programme = withDiscovered(this.#store, this.#named);
      this.routes = routesOf(this.programme);
      this.special = specialAddresses(this.programme);
    }
    this.routes.stops = this.#store.quarantines.stops();
  }

  /**
   * Takes up the pools that a block's logs tell of, whose addresses are no providers from then on; the caller holds the
   * transaction.
   */
  discover({ logs, number, timestampSec }: LogBlock): void {
    if (this.routes.factories.size === 0) return;
    for (const log of logs) {
      const pool = poolCreated(this.routes.factories, log, number, timestampSec);
      if (pool === undefined || this.routes.pools.has(pool.address)) continue;
      this.#store.pools.put(pool);
      this.#store.balances.remove(pool.contracts);
      this.programme = withPool(this.programme, pool);
      addRoute(this.routes, pool);
      for (const each of pool.contracts) this.special.add(each);
    }
  }

  /**
   * `born`: contracts of pools that blocks before it told of and that are not followed yet; the block's own are added.
   */
  filterRelevant<T extends LogBlock>(block: T, born: Set<Address>): T {
    const { factories } = this.routes;
    if (factories.size === 0) return block;
    const logs = block.logs.filter((log) => {
      for (const each of poolCreated(factories, log, block.number)?.contracts ?? []) born.add(each);
      return born.has(log.address) || isRelevant(this.routes, log);
    });
    return { ...block, logs, content: undefined };
  }
}

/**
 * The programme with the pools that its factories made, as far as the ledger has followed the chain, and the wrappers
 * that were dropped.
 */
export function withDiscovered(store: Store, programme: Programme): Programme {
  const dropped = store.refetches.wrappersDropped();
  return withMade(store, dropped.size === 0 ? programme : { ...programme, dropped });
}

function withMade(store: Store, programme: Programme): Programme {
  if (programme.factories.length === 0) return programme;
  const known = new Set(programme.pools.map(({ address }) => address));
  const pools = store.pools.discovered().flatMap(({ address, factory: of, tokens, ...made }) => {
    const factory = programme.factories.find((each) => each.address === of);
    return factory === undefined || known.has(address) ? [] : [poolOfFactory(factory, address, tokens, made)];
  });
  return { ...programme, pools: inOrder([...programme.pools, ...pools]) };
}

/**
 * The wrappers that are stopped with a pool, or with the wrapper that they lie inside, and the tokens that the pool
 * prices.
 */
export function touchedBy({ pool, wrapper }: Quarantine, { wrappers, prices }: Programme): Touches {
  const stopped = new Map(wrapper === null ? [] : [[wrapper, true]]);
  const touched = wrappers.filter(
    (each) =>
      each.pool === pool &&
      each.address !== wrapper &&
      (wrapper === null || saidOfWrapper(wrappers, stopped, { pool, via: each.address }) === true),
  );
  const isPricedBy = (source: PriceSource): boolean => source.kind === "pool" && source.pool === pool;
  const priced = [...prices].filter(([, sources]) => wrapper === null && sources.some(isPricedBy));
  return { wrappers: touched.map(({ address }) => address), prices: priced.map(([token]) => token) };
}

/** The programme with one more pool. */
function withPool(programme: Programme, pool: Pool): Programme {
  const at = programme.pools.findIndex(({ address }) => address > pool.address);
  const { pools } = programme;
  return { ...programme, pools: at < 0 ? [...pools, pool] : pools.toSpliced(at, 0, pool) };
}

function inOrder(pools: readonly Pool[]): readonly Pool[] {
  return [...pools].sort((a, b) => (a.address < b.address ? -1 : 1));
}
