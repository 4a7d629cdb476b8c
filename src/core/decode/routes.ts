import type { Log } from "../chain.ts";
import { groupBy } from "../group.ts";
import type { Address } from "../hex.ts";
import { endOfTransaction } from "../log-bytes.ts";
import { aggregatorsOf, type Factory, type Pool, type Programme, type Wrapper } from "../programme/programme.ts";
import { around, isStopped, type Stops } from "../programme/quarantine.ts";
import { ANSWER_UPDATED } from "../valuation/feeds.ts";
import { factoryShapes } from "./factories.ts";
import { protocolOf } from "./protocols.ts";
import { decodeLog, type Place, type Protocol } from "./reading.ts";
import type { Shapes } from "./words.ts";
import { WRAPPERS } from "./wrappers.ts";

/** Whose logs an address emits: a pool's, those of many pools in one contract, or a position manager's. */
export interface Routes {
  readonly pools: Map<Address, Pool>;
  /** By the emitting contract; of a singleton by contract and first topic. */
  readonly emitters: Map<string, Pool>;
  readonly managers: ReadonlyMap<Address, Protocol>;
  readonly wrappers: ReadonlyMap<Address, readonly Wrapper[]>;
  readonly factories: ReadonlyMap<Address, Factory>;
  /** Aggregators of Chainlink feeds. */
  readonly feeds: ReadonlySet<Address>;
  /** Pools and wrappers of which nothing counts from a transaction on: it is as if nobody followed them. */
  stops: Stops;
}

export function routesOf(programme: Programme): Routes {
  const managers = new Map<Address, Protocol>();
  for (const each of [...programme.pools, ...programme.factories])
    for (const manager of each.managers) managers.set(manager, protocolOf(each));
  const wrappers = groupBy(programme.wrappers, ({ address }) => address);
  const factories = new Map(programme.factories.map((each) => [each.address, each]));
  const feeds = new Set(aggregatorsOf(programme).map(({ address }) => address));
  const routes: Routes = {
    pools: new Map(),
    emitters: new Map(),
    managers,
    wrappers,
    factories,
    feeds,
    stops: new Map(),
  };
  for (const pool of programme.pools) addRoute(routes, pool);
  return routes;
}

/** From now on the pool's logs are its own. */
export function addRoute(routes: Routes, pool: Pool): void {
  for (const each of pool.contracts) routes.emitters.set(pool.salted ? `${each}|${pool.address}` : each, pool);
  routes.pools.set(pool.address, pool);
}

/** The pool whose log it is. */
export function emitterOf({ emitters }: Routes, log: Log): Pool | undefined {
  return emitters.get(log.address) ?? emitters.get(`${log.address}|${log.topics[1]}`);
}

/** Whether a log can mean anything: pools that a factory makes are not all followed. */
export function isRelevant(routes: Routes, log: Log): boolean {
  const { managers, wrappers, factories, feeds } = routes;
  const { address } = log;
  return emitterOf(routes, log) !== undefined || [managers, wrappers, factories, feeds].some((of) => of.has(address));
}

/** Every topic0 the decoders know, ascending: the log filter. */
export function relevantTopics(programme: Programme): readonly string[] {
  const topics = new Set<string>();
  const add = (shapes: Shapes): void => {
    for (const topic of shapes.keys()) topics.add(topic);
  };
  for (const pool of programme.pools) {
    const { shapes, managers } = protocolOf(pool);
    add(shapes);
    if (pool.managers.length > 0 && managers !== undefined) add(managers);
  }
  for (const factory of programme.factories) {
    const { shapes, managers } = protocolOf(factory);
    for (const each of [factoryShapes(factory), shapes, ...(managers === undefined ? [] : [managers])]) add(each);
  }
  if (aggregatorsOf(programme).length > 0) topics.add(ANSWER_UPDATED);
  for (const { kind } of programme.wrappers) add(WRAPPERS.get(kind)?.shapes ?? new Map());
  return [...topics].sort();
}

/** Whether nothing of a transaction that begins with a log counts for a pool. */
export function isOut({ stops }: Routes, pool: Address, place: Place, { logIndex }: Log): boolean {
  return stops.size > 0 && isStopped(stops.get(pool)?.whole, place, logIndex);
}

/** Whether nothing of a wrapper counts in a transaction: it is stopped, or one that it lies inside is. */
export function isWrapperOut({ stops, wrappers }: Routes, wrapper: Wrapper, place: Place, { logIndex }: Log): boolean {
  const stopped = wrapper.pool === null ? undefined : stops.get(wrapper.pool)?.wrappers;
  if (stopped === undefined || stopped.size === 0) return false;
  for (const each of around(wrapper, (address) => wrappers.get(address) ?? []))
    if (isStopped(stopped.get(each.address), place, logIndex)) return true;
  return false;
}

/** What is known of position NFTs besides the logs at hand. */
export interface KnownTokens {
  poolOf(manager: Address, tokenId: string): Address | undefined;
  /** Whether a log of it was kept: it may be new, of a pool that was stopped by then. */
  isKept(manager: Address, tokenId: string): boolean;
}

/** The logs of a block's transactions that a stopped pool is in, and that it would go on by. */
export function logsOfStopped(routes: Routes, logs: readonly Log[], place: Place, known: KnownTokens): readonly Log[] {
  const kept: Log[] = [];
  // Nothing is stopped, as nearly always.
  if ([...routes.stops.values()].every(({ whole }) => whole === undefined)) return kept;
  const tokens = new Set<string>();
  const isOfStopped = (log: Log, first: Log): boolean => {
    const pool = emitterOf(routes, log);
    if (pool !== undefined) return isOut(routes, pool.address, place, first);
    const token = tokenOf(routes, log);
    if (token !== undefined) {
      const of = known.poolOf(token.manager, token.tokenId);
      if (of !== undefined) return isOut(routes, of, place, first);
      return tokens.has(`${token.manager} ${token.tokenId}`) || known.isKept(token.manager, token.tokenId);
    }
    const wrappers = routes.wrappers.get(log.address) ?? [];
    return wrappers.some((each) => each.pool !== null && isOut(routes, each.pool, place, first));
  };
  for (let begin = 0, end = 0; begin < logs.length; begin = end) {
    end = endOfTransaction(logs, begin);
    const all = logs.slice(begin, end);
    if (!all.some((log) => isOfStopped(log, all[0] ?? log))) continue;
    for (const log of all) {
      kept.push(log);
      const token = tokenOf(routes, log);
      if (token !== undefined) tokens.add(`${token.manager} ${token.tokenId}`);
    }
  }
  return kept;
}

/** What a log that cannot be read is about nobody knows: whoever applies it says so. */
function tokenIdIn(shapes: Shapes, log: Log): unknown {
  try {
    return decodeLog(shapes, log)?.values["tokenId"];
  } catch {
    return undefined;
  }
}

/** The position NFT that a log of a manager, or of a staker, is about. */
export function tokenOf(
  { managers, wrappers }: Pick<Routes, "managers" | "wrappers">,
  log: Log,
): { readonly manager: Address; readonly tokenId: string } | undefined {
  const protocol = managers.get(log.address);
  const staker = wrappers.get(log.address)?.find(({ manager }) => manager !== null);
  const manager = protocol === undefined ? staker?.manager : log.address;
  const shapes = protocol === undefined ? staker && WRAPPERS.get(staker.kind)?.shapes : protocol.managers;
  const tokenId = shapes && tokenIdIn(shapes, log);
  return manager == null || tokenId === undefined ? undefined : { manager, tokenId: `${tokenId}` };
}
