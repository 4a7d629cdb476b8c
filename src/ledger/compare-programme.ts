import type { Sha256 } from "../core/accounting/digest.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import { type CanonicalProgramme, canonicalProgramme } from "../core/programme/canonical.ts";
import {
  type Aggregator,
  aggregatorsOf,
  type PriceSource,
  type Programme,
  specialAddresses,
} from "../core/programme/programme.ts";
import type { Store } from "../store/store.ts";
import { Balances } from "./balances.ts";
import { withDiscovered } from "./followed-pools.ts";
import { frozenProblems, keepWhatChanges } from "./paid-programme.ts";
import { storeTierStatusFrom } from "./tier-status.ts";

/** How the programme file stands to what the ledger has followed so far. */
export interface Adoption {
  readonly kind: "new" | "same" | "added" | "dropped" | "revalued" | "ruled";
  /** Pools the ledger has not followed yet, and those whose history is to be fetched again. */
  readonly added: ReadonlySet<Address>;
  /** Aggregators of price feeds it has not listened to yet, or not from their first block. */
  readonly feeds: ReadonlySet<Address>;
  /** It listens to a feed that the file does not name any more. */
  readonly feedsGone: boolean;
  /** Pools that somebody dropped and that the file names no more. */
  readonly dropped: ReadonlySet<Address>;
}

/**
 * Compares the programme file with the one the ledger was built with.
 * @throws PROGRAMME_CHANGED when recorded history would no longer be true: a pool is gone or begins elsewhere, and
 * nobody ordered that its history be fetched again.
 */
export function compareProgramme(store: Store, programme: Programme): Adoption {
  const stored = store.config.get("programme") as CanonicalProgramme | undefined;
  // As long as nothing was read there is no history to protect: a first start that failed may be mended freely.
  if (stored === undefined || store.blocks.tip() === undefined)
    return { kind: "new", added: new Set(), feeds: new Set(), feedsGone: false, dropped: new Set() };
  const now = canonicalProgramme(programme);
  const dropped = droppedBy(store, programme);
  const known = knownPools(store, stored, dropped);
  const problems = historyProblems(store, programme, { stored, now, dropped, known });
  if (problems.length > 0) {
    throw new LpLedgerError(
      "usage",
      "PROGRAMME_CHANGED",
      `the programme file would change recorded history: ${problems.join("; ")}`,
      {
        hint:
          "put the entry back as it was; or have a pool's history fetched again by its new entry, with its managers and wrappers: " +
          "lp-ledger pool refetch POOL; or take it out of the ledger, and out of the file: lp-ledger pool drop POOL, wrapper drop WRAPPER; or start a new DATABASE with this programme. Pools can be added at any time, with the wrappers of " +
          "their shares, and epochs after the final ones, each with budgets of its own",
      },
    );
  }
  const again = store.refetches.waiting();
  const unknown = programme.pools.map((pool) => pool.address).filter((address) => !known.has(address));
  const added = new Set([
    ...unknown,
    ...store.pools.discovered().flatMap(({ address }) => (again.has(address) ? [address] : [])),
  ]);
  const decoded = new Map((stored.feeds ?? []).map(({ address, fromBlock }) => [address, fromBlock]));
  const aggregators = aggregatorsOf(programme);
  const feeds = new Set(
    aggregators
      .filter((each) => each.fromBlock < (decoded.get(each.address) ?? Infinity))
      .map(({ address }) => address),
  );
  const named = new Set<string>(aggregators.map(({ address }) => address));
  const rest = { added, feeds, feedsGone: [...decoded.keys()].some((each) => !named.has(each)), dropped };
  if (dropped.size > 0) return { kind: "dropped", ...rest };
  if (added.size > 0 || feeds.size > 0) return { kind: "added", ...rest };
  if (!isSame(stored.valuation, now.valuation)) return { kind: "revalued", ...rest };
  const areRulesSame =
    isSame(stored.rules ?? null, now.rules ?? null) && isSame(stored.factories ?? [], now.factories ?? []);
  return { kind: areRulesSame ? "same" : "ruled", ...rest };
}

/** What is compared: the programme that the ledger was built with, and the one of the file. */
interface Compared {
  readonly stored: CanonicalProgramme;
  readonly now: CanonicalProgramme;
  readonly dropped: ReadonlySet<Address>;
  /** Pools that the ledger follows, but for those whose history is to be fetched again. */
  readonly known: ReadonlySet<string>;
}

function knownPools(store: Store, stored: CanonicalProgramme, dropped: ReadonlySet<Address>): ReadonlySet<string> {
  const again = store.refetches.waiting();
  const followed = [...stored.pools, ...store.pools.discovered()].map(({ address }) => address as Address);
  return new Set(followed.filter((each) => !again.has(each) && !dropped.has(each)));
}

/** What of recorded history would no longer be true. */
function historyProblems(store: Store, programme: Programme, compared: Compared): readonly string[] {
  const { stored, now, dropped } = compared;
  const problems: string[] = [];
  if (stored.chainId !== undefined && stored.chainId !== now.chainId)
    problems.push(`the chain was ${stored.chainId}, now it is ${now.chainId}`);
  const again = store.refetches.waiting();
  const isAgain = (address: string): boolean => again.has(address as Address) || dropped.has(address as Address);
  for (const pool of stored.pools) {
    const here = now.pools.find((each) => each.address === pool.address);
    if (dropped.has(pool.address as Address)) continue;
    if (here === undefined) problems.push(`pool ${pool.address} is gone`);
    else if (!again.has(pool.address as Address) && JSON.stringify(here) !== JSON.stringify(pool)) {
      problems.push(`pool ${pool.address} was ${JSON.stringify(pool)}, now it is ${JSON.stringify(here)}`);
    }
  }
  const discovered = new Set<string>(store.pools.discovered().map(({ address }) => address));
  for (const { address } of now.pools)
    if (discovered.has(address))
      problems.push(`pool ${address} is followed already: a factory of the programme made it`);
  if (!areSameFactories(stored.factories, now.factories, new Set([...discovered].filter((each) => !isAgain(each))))) {
    const list = (factories: CanonicalProgramme["factories"]): string => JSON.stringify(factories ?? []);
    problems.push(`the factories were ${list(stored.factories)}, now they are ${list(now.factories)}`);
  }
  for (const { pool, wrapper } of store.refetches.ordered("refetch"))
    if (programme.wrappers.some((each) => each.address === wrapper && (each.pool === null || each.pool === pool)))
      problems.push(`pool ${pool} is to be fetched again without the wrapper ${wrapper}, which is named still`);
  problems.push(...frozenProblems(store, programme.rules));
  const { symbol } = stored.valuation.quote;
  if (symbol !== now.valuation.quote.symbol)
    problems.push(`prices were counted in ${symbol}, now they are in ${now.valuation.quote.symbol}`);
  return [...problems, ...wrapperProblems(store, programme, compared)];
}

function wrapperProblems(store: Store, programme: Programme, { stored, now, known }: Compared): readonly string[] {
  // Position NFTs of one manager may be of several pools: all of them are fetched again, or none changes its stakers.
  const managersKnown = new Set(
    withDiscovered(store, programme)
      .pools.filter(({ address }) => known.has(address))
      .flatMap(({ managers }) => managers),
  );
  const ofKnown = (wrappers: CanonicalWrappers = []): CanonicalWrappers =>
    wrappers.filter(({ pool, manager }) =>
      typeof pool === "string"
        ? known.has(pool)
        : manager === undefined
          ? managersKnown.size > 0
          : managersKnown.has(manager as Address),
    );
  const [were, kept] = [ofKnown(stored.wrappers), ofKnown(now.wrappers)];
  if (JSON.stringify(withManagers(store, were, kept)) === JSON.stringify(kept)) return [];
  return [`the wrappers were ${JSON.stringify(were)}, now they are ${JSON.stringify(kept)}`];
}

/** Pools that are to be dropped, once the programme names or makes them no more. */
function droppedBy(store: Store, { pools, factories }: Programme): ReadonlySet<Address> {
  const excepted = new Set(factories.flatMap(({ except }) => except));
  const made = new Set(store.pools.discovered().map(({ address }) => address));
  const named = new Set(pools.map(({ address }) => address));
  const ordered = store.refetches.ordered("drop").map(({ pool }) => pool);
  return new Set(ordered.filter((pool) => !named.has(pool) && (!made.has(pool) || excepted.has(pool))));
}

/**
 * Whether factories make the pools that they made so far. What is not checked of their pools changes nothing that was
 * recorded; nor does a pool that is not followed, where it never was.
 */
function areSameFactories(
  stored: CanonicalProgramme["factories"] = [],
  now: CanonicalProgramme["factories"] = [],
  made: ReadonlySet<string>,
): boolean {
  const exceptOf = (factories: typeof stored): readonly string[] =>
    factories.flatMap(({ except = [] }) => except as readonly string[]);
  const told = (factories: typeof stored): string =>
    JSON.stringify(
      factories.map(({ except: _, caveats, ...factory }) => ({
        ...factory,
        holdsApart: (caveats as readonly string[]).includes("hook-holds-value"),
      })),
    );
  const excepted = new Set(exceptOf(now));
  const isBack = exceptOf(stored).some((each) => !excepted.has(each));
  return told(stored) === told(now) && !isBack && ![...excepted].some((each) => made.has(each));
}

/** @throws PROGRAMME_REVALUED where what the ledger was valued with is not what the programme names now. */
export function requireSamePricing({ kind }: Adoption): void {
  if (kind !== "revalued") return;
  throw new LpLedgerError(
    "usage",
    "PROGRAMME_REVALUED",
    "the prices, quote or tokens of the programme file are not those the ledger was valued with",
    {
      hint:
        "run lp-ledger rebuild, then start again: it prices what has no price yet and every day that is not final by the new sources. " +
        "What a final day was priced with stays; lp-ledger prices revise changes that, and keeps the reason",
    },
  );
}

type CanonicalWrappers = NonNullable<CanonicalProgramme["wrappers"]>;

/**
 * Stakers of a ledger from before each belonged to one position manager get the one that is named now, where none of
 * their deposits was taken for a token of another.
 */
function withManagers(store: Store, stored: CanonicalWrappers, now: CanonicalWrappers): CanonicalWrappers {
  return stored.map((wrapper) => {
    const manager = now.find(({ address }) => address === wrapper.address)?.["manager"];
    if (typeof manager !== "string" || "manager" in wrapper) return wrapper;
    return store.events.depositsElsewhere(wrapper.address, manager) ? wrapper : { ...wrapper, manager };
  });
}

function isSame(a: object | null, b: object | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Takes up changed tiers and rewards: every closed day's standings follow them at once. The caller holds the
 * transaction.
 */
export function adoptRules(store: Store, programme: Programme, sha256: Sha256): void {
  adoptProgramme(store, programme, sha256);
  const followed = withDiscovered(store, programme);
  storeTierStatusFrom(store, followed, "0000-00-00");
  new Balances(store, { programme: followed, special: specialAddresses(followed) }).refresh("all");
}

/** Stores the programme and its hash as the one the ledger follows; the caller holds the transaction. */
export function adoptProgramme(store: Store, programme: Programme, sha256: Sha256): void {
  const canonical = canonicalProgramme(programme);
  keepWhatChanges(store, programme);
  store.pools.removeBut(programme.pools);
  // What is added counts from the first day that no final epoch has: what was paid stays what it was.
  const known = new Set(
    (store.config.get("programme") as CanonicalProgramme | undefined)?.pools.map((each) => each.address),
  );
  const finalUntil = store.rewards.finalUntil();
  for (const pool of programme.pools) store.pools.put(pool, known.has(pool.address) ? undefined : finalUntil);
  store.config.set("programme", canonical, store.nowIso());
  store.config.set("programme_hash", sha256(JSON.stringify(canonical)), store.nowIso());
}

/** The programme without the pools and feeds the ledger does not follow yet. */
export function withoutAdded(programme: Programme, { added: pools, feeds }: Adoption): Programme {
  const wrappers = programme.wrappers.filter(({ pool }) => pool === null || !pools.has(pool));
  const prices = pricesBy(programme, (each) => !feeds.has(each.address));
  return { ...programme, pools: programme.pools.filter((pool) => !pools.has(pool.address)), wrappers, prices };
}

/** Only the pools and feeds the ledger does not follow yet; values, tiers and rewards are the whole ledger's. */
export function onlyAdded(programme: Programme, { added: pools, feeds }: Adoption): Programme {
  const wrappers = programme.wrappers.filter(({ pool }) => pool === null || pools.has(pool));
  const own = programme.pools.filter((pool) => pools.has(pool.address));
  const prices = pricesBy(programme, (each) => feeds.has(each.address));
  return { ...programme, pools: own, wrappers, factories: [], prices, rules: null };
}

/** The prices with some aggregators only; sources of which none is left are left out. */
function pricesBy({ prices }: Programme, isKept: (aggregator: Aggregator) => boolean): Programme["prices"] {
  const kept = (source: PriceSource): readonly PriceSource[] => {
    if (source.kind !== "chainlink") return [source];
    const aggregators = source.feed.aggregators.filter(isKept);
    return aggregators.length === 0 ? [] : [{ ...source, feed: { ...source.feed, aggregators } }];
  };
  return new Map([...prices].map(([token, sources]) => [token, sources.flatMap(kept)]));
}
