import type { Range, RangeBounds } from "../core/chain.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed } from "../ledger/committed.ts";
import { cutByDays } from "../ledger/cut-by-days.ts";
import { batchRanges } from "./batch-ranges.ts";
import type { ChainPort } from "./chain-port.ts";
import { commitWithRefetch } from "./commit-with-refetch.ts";

/** So many days are closed at most before signals are read. */
const DAYS_MAX = 31;
/** Cross-checking goes along with a long backfill, so that a repair never has more to redo than this. */
const RANGES_MAX = 100;
const never = async (): Promise<void> => {};

/** Which blocks are followed, and what is known of the chain. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly bounds: RangeBounds;
}

export interface FollowOptions {
  /** Stop a pool where an identity of its does not hold, and go on with all others. */
  readonly quarantine?: boolean;
  /** Final blocks are cross-checked between stretches. */
  readonly isCrossChecked: boolean;
  onCommit(committed: Committed): void;
  /** Lets timers and signals in, where a step takes long; rejects when it is to end. */
  readonly turn?: (signal: AbortSignal) => Promise<void>;
  /** Resolves when a range that could be committed with the one before is no longer waited for; without it none is. */
  readonly soon?: (signal: AbortSignal) => Promise<void>;
}

/** Reads and commits the ranges of a stretch. @returns whether there is more to follow at once */
export async function followRanges(
  keeper: Bookkeeper,
  chain: ChainPort,
  { from, to, bounds }: Stretch,
  signal: AbortSignal,
  options: FollowOptions,
): Promise<boolean> {
  const { quarantine, onCommit, soon = never } = options;
  const commit = (some: readonly Range[]): Committed => keeper.commitAll(some);
  const read = (left: AbortSignal) => chain.ranges(from, to, bounds, left);
  let ranges = 0;
  let isCut = false;
  for await (const group of batchRanges(read, to, soon, signal)) {
    const parts = cutByDays(group, keeper.days.openDayEndSec(), DAYS_MAX);
    const isWhole = parts === group && group.length > 1;
    // Where one cannot be committed, one by one: those before it are good, and a second look asks anew for what lies
    // below the range that shows a broken identity.
    for (const part of isWhole && holds(() => commit(group), onCommit, isOurs) ? [] : parts) {
      const isAhead = await closedAhead(keeper, part, options.turn ?? never, signal);
      if (isAhead && holds(() => commit([part]), onCommit, isBroken)) continue;
      const how = { quarantine, onCommit };
      onCommit(await commitWithRefetch(keeper, chain, bounds, [part], part.from - 1, signal, commit, how));
      // It may have told of pools that what was read after it knows nothing of.
      isCut = true;
      break;
    }
    for (const range of group) range.release?.();
    ranges += group.length;
    if (isCut || (options.isCrossChecked && ranges >= RANGES_MAX)) break;
  }
  return isCut || ranges >= RANGES_MAX;
}

/** Closes the days before a range, a few at a time. @returns false where one of them does not add up */
async function closedAhead(
  keeper: Bookkeeper,
  part: Range,
  turn: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  let more = true;
  while (more) {
    const close = (): void => {
      more = keeper.closeDaysAhead(part, DAYS_MAX);
    };
    if (!holds(close, () => {}, isBroken)) return false;
    if (more) await turn(signal);
  }
  return true;
}

const isOurs = (error: unknown): boolean => error instanceof LpLedgerError;
const isBroken = (error: unknown): boolean => findingOf(error) !== undefined;

/** Commits and tells; false where that failed in a way that is foreseen, and nothing was committed. */
function holds<T>(commit: () => T, told: (committed: T) => void, isForeseen: (error: unknown) => boolean): boolean {
  let committed: T;
  try {
    committed = commit();
  } catch (error) {
    if (!isForeseen(error)) throw error;
    return false;
  }
  told(committed);
  return true;
}
