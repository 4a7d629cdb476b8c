import { type Sha256, stateDigest } from "../core/accounting/digest.ts";
import { followToken, type LedgerEvent, post } from "../core/accounting/post.ts";
import { WorkingSet } from "../core/accounting/working-set.ts";
import { dayEndSec, dayOf, nextDay } from "../core/day.ts";
import { invariant } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import { type Programme, specialAddresses } from "../core/programme/programme.ts";
import { digestsInQuarantine } from "../core/programme/quarantine.ts";
import { clearDerived, type DerivedSummary, summarise } from "../store/derived-tables.ts";
import { EarlierValues } from "../store/earlier-values.ts";
import type { Store } from "../store/store.ts";
import { Balances } from "./balances.ts";

import { closeDay } from "./close-day.ts";
import { withDiscovered } from "./followed-pools.ts";
import { type EventPosting, insertPostings } from "./postings.ts";

export interface Rebuilt {
  readonly events: number;
  readonly postings: number;
  readonly days: number;
  readonly stateDigest: string;
}

/**
 * Computes everything derived again from the stored events and pool states, without the node. The caller holds the
 * transaction.
 * @param added pools whose events were put in since: only the digests of all others must come out as they were.
 * @throws REBUILD_DIFFERS when the result is not the state that stood before; the caller's transaction rolls back.
 */
export function rebuild(
  store: Store,
  named: Programme,
  sha256: Sha256,
  added: ReadonlySet<Address> = new Set(),
): Rebuilt {
  const before = summarise(store.db);
  const programme = withDiscovered(store, named);
  const earlier = new EarlierValues(store.db, store.rewards.finalUntil());
  clearDerived(store.db);
  const special = specialAddresses(programme);
  const stops = store.quarantines.stops();
  const pools = new Map<string, Programme["pools"][number]>(programme.pools.map((pool) => [pool.address, pool]));
  // The pools' states are canonical and stay; books that read them would expect the accounts to be there too.
  const books = new WorkingSet({
    findAccount: (key) => store.accounts.findAccount(key),
    findToken: (manager, tokenId) => store.accounts.findToken(manager, tokenId),
    poolState: () => undefined,
    poolDigest: (pool) => store.accounts.poolDigest(pool),
    rampEndSec: () => undefined,
    sampledSec: () => undefined,
    openAccounts: () => [],
    nextAccountId: () => store.accounts.nextAccountId(),
  });
  const totals = { events: 0, postings: 0, days: 0 };
  const first = store.states.firstSec();
  let openEndSec = first === undefined ? Number.POSITIVE_INFINITY : dayEndSec(dayOf(first));
  const eventBlocks = store.events.blocks(pools);
  let next = eventBlocks.next();
  for (const block of store.blocks.ascending()) {
    store.flush(books);
    for (; openEndSec <= block.timestampSec; totals.days++) {
      const day = dayOf(openEndSec - 1);
      closeDay(store, programme, special, day, block.number, earlier);
      openEndSec = dayEndSec(nextDay(day));
    }
    let eventCount = 0;
    if (!next.done && next.value.number === block.number) {
      const { events } = next.value;
      const postings = events.flatMap((event) => replay(books, event, block.number));
      eventCount = events.length;
      totals.events += events.length;
      totals.postings += postings.length;
      store.flush(books);
      insertPostings(store, books, { sha256, chainId: programme.chainId }, block, postings);
      next = eventBlocks.next();
    }
    const digests = new Map<string, string>(programme.pools.map(({ address }) => [address, books.digest(address)]));
    const at = { blockNumber: block.number, timestampSec: block.timestampSec };
    store.setDigest(block.number, eventCount, stateDigest(sha256, digestsInQuarantine(digests, stops, at)));
    books.shrink();
  }
  invariant(
    next.done === true,
    "EVENT_WITHOUT_BLOCK",
    "an event stands in a block that processed_blocks does not have",
  );
  store.flush(books);
  earlier.end();
  new Balances(store, { programme, special }).refresh("all");
  requireSame(before, summarise(store.db), added);
  return { ...totals, stateDigest: store.blocks.tip()?.stateDigest ?? "" };
}

function replay(books: WorkingSet, event: LedgerEvent, blockNumber: number): readonly EventPosting[] {
  const postings = post(books, event, blockNumber).map((posting) => ({ event, posting }));
  followToken(books, event, blockNumber);
  return postings;
}

function requireSame(before: DerivedSummary, after: DerivedSummary, added: ReadonlySet<Address>): void {
  for (const [pool, { digest, positions }] of before.pools) {
    if (added.has(pool)) continue;
    const now = after.pools.get(pool);
    invariant(
      now?.digest === digest && now.positions === positions,
      "REBUILD_DIFFERS",
      `rebuilding pool ${pool} gives another state than was stored: digest ${now?.digest} instead of ${digest}`,
      { pool, expected: digest, actual: now?.digest },
    );
  }
  invariant(
    added.size > 0 || before.stateDigest === after.stateDigest,
    "REBUILD_DIFFERS",
    `rebuilding gives the state digest ${after.stateDigest} instead of ${before.stateDigest}`,
  );
}
