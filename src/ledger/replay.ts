import type { Sha256 } from "../core/accounting/digest.ts";
import type { WorkingSet } from "../core/accounting/working-set.ts";
import { isSameState, type PoolState } from "../core/amm/pool-state.ts";
import type { LogBlock } from "../core/chain.ts";
import { dayOf } from "../core/day.ts";
import { type Routes, routesOf } from "../core/decode/routes.ts";
import { type AppliedTransaction, applyTransaction } from "../core/decode/transaction.ts";
import { findingOf } from "../core/errors.ts";
import { type Address, toAddress } from "../core/hex.ts";
import { endOfTransaction } from "../core/log-bytes.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import { isStopped, type Quarantine, type Stop, stopsOf } from "../core/programme/quarantine.ts";
import type { Store } from "../store/store.ts";
import { touchedBy, withDiscovered } from "./followed-pools.ts";
import { forgetPricesOf } from "./forget-prices.ts";
import { rebuild } from "./rebuild.ts";

/** What came of a pool in quarantine whose kept logs were applied. */
export interface Replayed {
  readonly events: number;
  /** Where it is stopped again: something does not hold still, or something else later. */
  readonly again: Quarantine | undefined;
}

/**
 * Lets a pool in quarantine go on by the logs that were kept since, as its entry in the programme is now, and rebuilds
 * what rests on it: without the node. What does not hold still stops it there; a wrapper whose logs do not fit is
 * stopped alone. The caller holds the transaction. @returns undefined where the pool is in no quarantine any more, or
 * not everything was kept
 */
export function replay(
  store: Store,
  named: Programme,
  sha256: Sha256,
  address: Address,
  reason: string,
): Replayed | undefined {
  const programme = withDiscovered(store, named);
  const pool = programme.pools.find((each) => each.address === address);
  const quarantine = store.quarantines.all().find((each) => each.pool === address && each.wrapper === null);
  if (pool === undefined || quarantine === undefined || !store.quarantines.isKept(address)) return undefined;
  const digestBefore = store.accounts.poolDigest(address);
  const tip = store.blocks.tip()?.number ?? 0;
  const made = applyKept(store, programme, pool, quarantine.stop);
  keep(store, pool, quarantine.stop, made.blocks);
  forgetPricesOf(store, programme, new Set([address]));
  store.quarantines.remove(address);
  store.findings.closePool(address, tip, reason, { withDenied: false });
  for (const each of made.stopped) {
    store.quarantines.insert(each, touchedBy(each, programme), store.nowIso());
    store.findings.insert(each.finding);
  }
  rebuild(store, programme, sha256, new Set([address]));
  if (store.quarantines.all().length === 0) store.quarantinedLogs.clear();
  store.refetches.done(address, tip, digestBefore, store.accounts.poolDigest(address));
  const events = made.blocks.reduce((sum, each) => sum + each.events.length, 0);
  return { events, again: made.stopped.find(({ wrapper }) => wrapper === null) };
}

/** What a block's kept logs make of a pool. */
interface Made {
  readonly block: Omit<LogBlock, "logs">;
  readonly events: AppliedTransaction["events"];
  readonly state: PoolState | undefined;
}

/** What a pool's kept logs make, up to the first transaction that does not hold; and what is stopped anew. */
function applyKept(
  store: Store,
  programme: Programme,
  pool: Pool,
  stop: Stop,
): { readonly blocks: readonly Made[]; readonly stopped: readonly Quarantine[] } {
  const wrappers = programme.wrappers.filter((each) => each.pool === null || each.pool === pool.address);
  const routes = routesOf({ ...programme, pools: [pool], factories: [], wrappers });
  const known = store.quarantines.all().filter((each) => each.pool === pool.address && each.wrapper !== null);
  // Each wrapper is stopped once: there are only so many.
  for (const stopped: Quarantine[] = []; ; ) {
    routes.stops = stopsOf([...known, ...stopped]);
    const books = store.books();
    const blocks: Made[] = [];
    let found: Quarantine | undefined;
    for (const block of store.quarantinedLogs.from("blockNumber" in stop ? stop.blockNumber : 0)) {
      const made = applyStopped(books, routes, pool, block, stop);
      const { logs: _, ...place } = block;
      blocks.push({ block: place, events: made.events, state: made.state });
      found = made.found;
      if (found !== undefined) break;
    }
    const { wrapper } = found ?? { wrapper: null };
    if (found === undefined) return { blocks, stopped };
    const isWrapper =
      wrapper !== null && wrappers.some((each) => each.address === wrapper && each.pool === pool.address);
    if (!isWrapper) return { blocks, stopped: [...stopped, { ...found, wrapper: null }] };
    stopped.push(found);
  }
}

/**
 * Writes what a pool's kept logs made; of the block in which it was stopped, what its earlier transactions left is
 * replaced.
 */
function keep(store: Store, { address }: Pool, stop: Stop, blocks: readonly Made[]): void {
  const from = "blockNumber" in stop ? stop.blockNumber : undefined;
  let before = store.states.atOrBelow(address, from === undefined ? Number.MAX_SAFE_INTEGER : from - 1);
  for (const { block, events, state } of blocks) {
    for (const event of events) store.events.insert(block, event);
    if (events.length > 0 && store.blocks.at(block.number) === undefined) {
      const { number, hash, parentHash, timestampSec } = block;
      store.insertBlock({ number, hash, parentHash, timestampSec, eventCount: events.length, stateDigest: "" });
    }
    if (state !== undefined) {
      if (block.number === from) store.states.remove(address, block.number);
      if (!isSameState(state, before)) store.states.insert(address, block.number, block.timestampSec, state);
      before = state;
    } else if (block.number === from) before = store.states.atOrBelow(address, from);
  }
}

/** Applies what a block has of a pool from where it was stopped on, transaction by transaction. */
function applyStopped(
  books: WorkingSet,
  routes: Routes,
  pool: Pool,
  { logs, number, timestampSec }: LogBlock,
  stop: Stop,
) {
  const place = { blockNumber: number, timestampSec };
  const events: AppliedTransaction["events"][number][] = [];
  let state: PoolState | undefined;
  for (let begin = 0, end = 0; begin < logs.length; begin = end) {
    end = endOfTransaction(logs, begin);
    const all = logs.slice(begin, end);
    const logIndex = all[0]?.logIndex ?? 0;
    if (!isStopped(stop, place, logIndex)) continue;
    try {
      const applied = applyTransaction(books, routes, all, place);
      events.push(...applied.events);
      if (applied.pools.has(pool)) state = books.stateOf(pool);
    } catch (error) {
      const finding = findingOf(error);
      if (finding?.pool !== pool.address) throw error;
      const wrapper = finding.wrapper === undefined ? null : toAddress(finding.wrapper);
      const stopAgain = { blockNumber: number, logIndex };
      const found = { pool: pool.address, wrapper, stop: stopAgain, firstDay: dayOf(timestampSec), finding };
      return { events, state, found };
    }
  }
  return { events, state, found: undefined };
}
