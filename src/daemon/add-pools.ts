import type { Sha256 } from "../core/accounting/digest.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { Bookkeeper } from "../ledger/bookkeeper.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { forgetPricesOf } from "../ledger/forget-prices.ts";
import { type Rebuilt, rebuild } from "../ledger/rebuild.ts";
import { attach, copyCanonical, forgetPools } from "../store/file/attach.ts";
import type { Store } from "../store/store.ts";

/** A ledger of its own for the pools that are added, beside the main one, until their history is in. */
export interface SideLedger {
  readonly path: string;
  readonly store: Store;
  /** Removes the file and everything in it. */
  discard(): void;
  close(): void;
}

export interface AddPoolsPlan {
  /** The main ledger, still with the programme it has followed so far. */
  readonly main: Bookkeeper;
  readonly added: Programme;
  readonly sha256: Sha256;
  openSide(): SideLedger;
  /** Brings a ledger to the head, or to `until`. */
  follow(keeper: Bookkeeper, pools: Programme, until?: number): Promise<void>;
  /** True once the run was told to stop. */
  stopped(): boolean;
  /** Stores the whole programme as the one the ledger follows now; runs inside the merge's transaction. */
  adopt(): void;
}

const ATTEMPTS_MAX = 10;

/**
 * Adds pools to a ledger that has history, or fetches the history of some again: only theirs, into a side ledger with
 * all its checks and its own crash safety, up to the main tip; then copies it over and rebuilds, in one transaction.
 * @returns undefined when it was told to stop before that.
 */
export async function addPools(plan: AddPoolsPlan, whole: Programme): Promise<Rebuilt | undefined> {
  const { store: main } = plan.main;
  // Days that close on the way, in however many starts, have to do without what is fetched.
  const closed = main.config.get("adding_after") ?? main.days.last()?.date ?? "";
  main.write(() => main.config.set("adding_after", closed, main.nowIso()));
  // What was read with a pool that is fetched again is not what is read without it.
  if (main.refetches.waiting().size > 0)
    main.write(() => {
      // Nor is anything kept of it meanwhile, where it was in quarantine.
      main.quarantines.leaveGap(main.refetches.waiting());
      requireCrossCheck(main, undefined);
    });
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    await plan.follow(plan.main, plan.main.programme);
    const tip = plan.main.store.blocks.tip();
    if (tip === undefined) break;
    const side = plan.openSide();
    try {
      if ((side.store.blocks.tip()?.number ?? -1) > tip.number) {
        // From an earlier try, before the chain became shorter: it cannot go back, so it begins again.
        side.discard();
        continue;
      }
      await plan.follow(new Bookkeeper(side.store, plan.added, plan.sha256), plan.added, tip.number);
      if (plan.stopped()) return undefined; // What the side ledger has stays, and the next start goes on with it.
      if (side.store.blocks.tip()?.hash === tip.hash) return mergeSide(plan, whole, side, closed);
    } finally {
      side.close();
    }
  }
  throw new LpLedgerError("transient", "ADD_POOLS", "the chain kept moving while the history of new pools was read", {
    hint: "start again; what was committed stays",
  });
}

function mergeSide(plan: AddPoolsPlan, whole: Programme, side: SideLedger, closed: string): Rebuilt {
  const { store } = plan.main;
  const ofSide = side.store.config.get("settled_block");
  side.close();
  const attached = attach(store.db, side.path);
  let rebuilt: Rebuilt;
  try {
    rebuilt = store.write(() => {
      const again = store.refetches.waiting();
      const digests = new Map([...again].map((pool) => [pool, store.accounts.poolDigest(pool)]));
      forgetPricesOf(store, withDiscovered(store, whole), again);
      forgetPools(store.db, again);
      copyCanonical(store.db);
      store.prices.forgetAfter(closed);
      store.config.unset("adding_after");
      plan.adopt();
      requireCrossCheck(store, ofSide);
      const made = rebuild(store, whole, plan.sha256, new Set(plan.added.pools.map((pool) => pool.address)));
      for (const [pool, before] of digests) recordRefetch(store, pool, before);
      return made;
    });
  } finally {
    attached.detach();
  }
  side.discard();
  return rebuilt;
}

/** A pool's history was fetched again: what did not hold in the old one is closed by that. */
function recordRefetch(store: Store, pool: Address, digestBefore: string): void {
  const tip = store.blocks.tip()?.number ?? 0;
  store.refetches.done(pool, tip, digestBefore, store.accounts.poolDigest(pool));
  store.findings.closePool(pool, tip, "the pool's history was fetched again", { withDenied: true });
}

/** Both are settled only as far as either is; above that, the blocks are read once more with the filter of both. */
export function requireCrossCheck(store: Store, ofSide: number | undefined): void {
  const { config, contents, blocks } = store;
  const tip = blocks.tip()?.number ?? 0;
  const settled = Math.min(config.get("settled_block") ?? tip, ofSide ?? tip);
  // A block that both have stored, so that what is above it can be redone.
  const common = blocks.atOrBelow(settled)?.number ?? config.get("anchor")?.number ?? settled;
  config.set("settled_block", common, store.nowIso());
  config.set("contents_from", tip, store.nowIso());
  contents.forgetUpTo(Number.MAX_SAFE_INTEGER);
}
