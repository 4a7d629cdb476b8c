import type { Account } from "../accounts.ts";
import type { Books } from "../books.ts";
import type { Log } from "../chain.ts";
import { broken } from "../errors.ts";
import { ANSWER_UPDATED } from "../feeds.ts";
import { groupBy } from "../group.ts";
import type { Address } from "../hex.ts";
import { followToken, type LedgerEvent, type Posting, post } from "../ledger.ts";
import { topicOf } from "../log-bytes.ts";
import { aggregatorsOf, type Factory, type Pool, type Programme, type Wrapper } from "../programme.ts";
import { isStopped, type Stops } from "../quarantine.ts";
import { factoryShapes } from "./factories.ts";
import { NewTokens } from "./new-tokens.ts";
import { protocolOf } from "./protocols.ts";
import {
  type BeginReader,
  type Emit,
  heardIn,
  type Place,
  type Protocol,
  type Reader,
  type Reading,
} from "./reading.ts";
import type { Shapes } from "./words.ts";
import { WRAPPERS, WrapperLogs } from "./wrappers.ts";

/** What one transaction did to the ledger; events and postings in log order. */
export interface AppliedTransaction {
  readonly events: readonly LedgerEvent[];
  readonly postings: readonly { readonly event: LedgerEvent; readonly posting: Posting }[];
  readonly pools: ReadonlySet<Pool>;
}

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
  /** Pools of which nothing counts from a transaction on: it is as if nobody followed them. */
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
  const { singleton } = protocolOf(pool);
  for (const each of pool.contracts) routes.emitters.set(singleton ? `${each}|${pool.address}` : each, pool);
  routes.pools.set(pool.address, pool);
}

/** The pool whose log it is. */
function emitterOf({ emitters }: Routes, log: Log): Pool | undefined {
  return emitters.get(log.address) ?? emitters.get(`${log.address}|${log.topics[1]}`);
}

/** Whether a log can mean anything: pools that a factory makes are not all followed. */
export function isHeard(routes: Routes, log: Log): boolean {
  const { managers, wrappers, factories, feeds } = routes;
  const { address } = log;
  return emitterOf(routes, log) !== undefined || [managers, wrappers, factories, feeds].some((of) => of.has(address));
}

/** Every topic0 the decoders hear, ascending: the log filter. */
export function topicsHeard(programme: Programme): readonly string[] {
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

/** Applies a log that is all a transaction has for us, if it can be read by itself. @returns its pool; undefined where it cannot. */
export function applyAlone(books: Books, routes: Routes, log: Log, place: Place): Pool | undefined {
  const pool = emitterOf(routes, log);
  if (pool === undefined || isOut(routes, pool.address, place, log)) return undefined;
  const read = protocolOf(pool).alone?.get(topicOf(log) ?? "");
  return read?.(books, pool, log, place) === true ? pool : undefined;
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
  const [first] = logs;
  const isGone = (address: Address): boolean => first !== undefined && isOut(routes, address, place, first);
  const poolOf = (address: Address): Pool | undefined => (isGone(address) ? undefined : routes.pools.get(address));
  const reading: Reading = { books, place, emit, logs, poolOf, newTokens: new NewTokens() };
  let claims: WrapperLogs | undefined;
  const readers: { readonly begin: BeginReader; readonly reader: Reader }[] = [];
  const readerOf = ({ begin }: Protocol): Reader => {
    for (const each of readers) if (each.begin === begin) return each.reader;
    const reader = begin(reading);
    readers.push({ begin, reader });
    return reader;
  };
  for (const log of logs) {
    const pool = emitterOf(routes, log);
    if (pool !== undefined) {
      if (isGone(pool.address)) continue;
      const protocol = protocolOf(pool);
      if (protocol.alone?.get(topicOf(log) ?? "")?.(books, pool, log, place) === true) {
        pools.add(pool);
        continue;
      }
      const heard = heardIn(protocol.shapes, log);
      if (heard === undefined) continue;
      pools.add(pool);
      readerOf(protocol).read(pool, heard);
      continue;
    }
    for (const wrapper of routes.wrappers.get(log.address) ?? []) {
      const heard = heardIn(WRAPPERS.get(wrapper.kind)?.shapes ?? new Map(), log);
      if (heard === undefined || (wrapper.pool !== null && isGone(wrapper.pool))) continue;
      claims ??= new WrapperLogs(reading);
      claims.read(wrapper, heard);
    }
    const protocol = routes.managers.get(log.address);
    const heard = protocol?.managers && heardIn(protocol.managers, log);
    if (protocol !== undefined && heard !== undefined) readerOf(protocol).readManager?.(heard);
  }
  for (const { reader } of readers) reader.finish?.();
  claims?.finish();
  if (events.length === 0) return { events, postings, pools };
  events.sort((a, b) => a.logIndex - b.logIndex);
  const ordered = inOrder(postings);
  requireCovered(ordered, place);
  return { events, postings: ordered, pools };
}

/** Whether nothing of a transaction that begins with a log counts for a pool. */
function isOut({ stops }: Routes, pool: Address, place: Place, { logIndex }: Log): boolean {
  return stops.size > 0 && isStopped(stops.get(pool), place, logIndex);
}

/** W-1: a wrapper holds at least what its users claim; everybody else was held to that log by log. */
function requireCovered(postings: AppliedTransaction["postings"], place: Place): void {
  for (const { event, posting } of postings) {
    const { account } = posting;
    if (account.kind !== "holder" || account.balance >= 0n) continue;
    const why = `the users of the wrapper ${account.provider} claim more than it holds: a transfer or a claim is missing, or its logs mean something else`;
    throw broken("W-1", event.pool, place, event, "at least 0", account.balance, why);
  }
}

/** Postings and the balances after each in log order: some logs are understood only when later ones are read. */
function inOrder(made: AppliedTransaction["postings"]): AppliedTransaction["postings"] {
  if (made.every(({ posting }, i) => posting.logIndex >= (made[i - 1]?.posting.logIndex ?? 0))) return made;
  const postings = [...made].sort((a, b) => a.posting.logIndex - b.posting.logIndex);
  const balances = new Map<Account, bigint>();
  for (const { posting } of postings) {
    const { account, delta } = posting;
    balances.set(account, (balances.get(account) ?? account.balance) - delta);
  }
  return postings.map(({ event, posting }) => {
    const balanceAfter = (balances.get(posting.account) ?? 0n) + posting.delta;
    balances.set(posting.account, balanceAfter);
    return { event, posting: { ...posting, balanceAfter } };
  });
}
