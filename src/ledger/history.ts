import { type Day, dayEndSec, dayOf, isoOf } from "../core/day.ts";
import { notThere } from "../core/errors.ts";
import { groupBy } from "../core/group.ts";
import type { Address } from "../core/hex.ts";
import { creditedBy, type Discovered, type Programme, specialAddresses } from "../core/programme/programme.ts";
import { valueOfAccounts } from "../core/valuation/value.ts";
import { accountsAt, type HeldAccount } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";
import { knownPriceE18 } from "./balances.ts";
import { specialOn } from "./close-day.ts";
import { withDiscovered } from "./followed-pools.ts";

/** A moment of the ledger: the end of a block, or of a day. */
export type Moment = { readonly block: number } | { readonly date: Day };

/** Everything that was held at a moment, and what it was worth. */
export interface Snapshot {
  /** The block asked for, or the day's last stored one. */
  readonly blockNumber: number;
  /**
   * The last stored block not above it: nothing was held otherwise from there to `blockNumber`. Null before the first.
   */
  readonly stored: { readonly number: number; readonly hash: string; readonly time: string } | null;
  readonly stateDigest: string | null;
  readonly positions: readonly HeldAccount[];
  /** Scaled by quote.decimals, ascending by provider; null where a price was not known then. */
  readonly balances: readonly { readonly provider: Address; readonly value: bigint | null }[];
}

/**
 * Answers what was held at a moment, from one state of the ledger. @throws BEFORE_LEDGER, BEYOND_TIP outside what it
 * covers.
 */
export function snapshotAt(store: Store, programme: Programme, moment: Moment): Snapshot {
  return store.db.transaction(() => readSnapshot(store, programme, moment))();
}

function readSnapshot(store: Store, named: Programme, moment: Moment): Snapshot {
  const programme = withDiscovered(store, named);
  const endSec = "date" in moment ? dayEndSec(moment.date) : null;
  const block = "block" in moment ? store.blocks.atOrBelow(moment.block) : store.blocks.lastBefore(endSec ?? 0);
  requireCovered(store, moment, block !== undefined, endSec);
  const last = "block" in moment ? moment.block : (block?.number ?? 0);
  const positions = accountsAt(store.db, last).filter((account) => account.kind === "holder");
  // What was priced by then: days closed at or before the block, or the day itself.
  const pricedBefore = endSec === null ? store.days.firstOpenAt(last) : dayOf(endSec);
  const priceOf = (token: Address): bigint | undefined => knownPriceE18(store, programme, token, pricedBefore);
  const above = store.blocks.above(last)?.number ?? last;
  const states = new Map(
    programme.pools.map(({ address }) => [
      address,
      endSec === null ? store.states.atOrBelow(address, last) : store.states.before(address, above, endSec),
    ]),
  );
  const day = "date" in moment ? moment.date : dayOf(block?.timestampSec ?? 0);
  const isMade = "date" in moment ? undefined : (made: Discovered): boolean => made.block <= last;
  const special = specialOn(store, programme, specialAddresses(programme), day, isMade);
  const isCredited = creditedBy(programme);
  const credited = positions.filter(({ pool, via }) => isCredited(pool, via));
  const balances = [...groupBy(credited, (each) => each.provider)]
    .filter(([provider]) => !special.has(provider))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([provider, accounts]) => ({
      provider,
      value: valueOfAccounts(programme, accounts, (pool) => states.get(pool), priceOf),
    }));
  const stored =
    block === undefined ? null : { number: block.number, hash: block.hash, time: isoOf(block.timestampSec) };
  return { blockNumber: last, stored, stateDigest: block?.stateDigest ?? null, positions, balances };
}

function requireCovered(store: Store, moment: Moment, hasBlock: boolean, endSec: number | null): void {
  const tip = store.blocks.tip();
  const anchor = store.config.get("anchor");
  const early = !hasBlock && !("block" in moment && anchor !== undefined && moment.block > anchor.number);
  if (tip === undefined || early) {
    const hint = tip === undefined ? "run lp-ledger start first" : "name a later block or day";
    throw notThere("BEFORE_LEDGER", `the ledger holds nothing at ${momentText(moment)}`, hint);
  }
  const beyond = "block" in moment ? moment.block > tip.number : tip.timestampSec < (endSec ?? 0);
  if (!beyond) return;
  const at = `block ${tip.number} of ${isoOf(tip.timestampSec)}`;
  const message = `${momentText(moment)} is not over at the ledger's tip, ${at}`;
  throw notThere("BEYOND_TIP", message, "name an earlier block or day");
}

function momentText(moment: Moment): string {
  return "block" in moment ? `block ${moment.block}` : `the end of ${moment.date}`;
}

/** One position that differs between two moments; zero where it was not open. */
export interface PositionChange {
  readonly pool: Address;
  readonly position: string;
  readonly provider: Address;
  readonly before: bigint;
  readonly after: bigint;
}

/**
 * Every position whose liquidity differs, ascending by pool, position and provider; what wrappers hold for it is added.
 */
export function changesBetween(
  before: readonly HeldAccount[],
  after: readonly HeldAccount[],
): readonly PositionChange[] {
  const changes = new Map<string, PositionChange>();
  const keyOf = ({ pool, position, provider }: HeldAccount): string => `${pool} ${position} ${provider}`;
  const add = (each: HeldAccount, was: bigint, is: bigint): void => {
    const { pool, position, provider } = each;
    const known = changes.get(keyOf(each));
    const sums = { before: (known?.before ?? 0n) + was, after: (known?.after ?? 0n) + is };
    changes.set(keyOf(each), { pool, position, provider, ...sums });
  };
  for (const each of before) add(each, each.balance, 0n);
  for (const each of after) add(each, 0n, each.balance);
  return [...changes]
    .filter(([, change]) => change.before !== change.after)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, change]) => change);
}
