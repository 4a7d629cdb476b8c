import type { Block, Range, RangeBounds } from "../core/chain.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import { startBlockOf } from "../core/programme/programme.ts";
import { type FinalitySight, finalOf, judge, type KnownBlock, type Verdict } from "../core/reorg-detection.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed } from "../ledger/committed.ts";
import { cutByDays } from "../ledger/cut-by-days.ts";
import { batchRanges } from "./batch-ranges.ts";
import type { ChainPort } from "./chain-port.ts";
import { commitWithRefetch } from "./commit-with-refetch.ts";
import { type CrossCheckOptions, crossCheck, type Settling } from "./cross-check.ts";
import { retimed } from "./disputed-time.ts";
import { commitReplacing } from "./quarantine.ts";
import { storedFinal } from "./reorg.ts";
import { repairFork } from "./repair-reorg.ts";

/** What one step found and did. */
export interface Step {
  readonly verdict: Verdict;
  readonly head: number;
  readonly final: number | null;
  /** Where final blocks are left to settle, the next step should not wait, unless settling itself has to. */
  readonly settling: Settling;
  /** A newer final block was seen, which the next step confirms. */
  readonly finalPending: boolean;
  /** There is more to follow at once. */
  readonly more: boolean;
}

export interface ConvergeOptions {
  /** Read final blocks a second time; without it nothing is settled. */
  readonly settle?: CrossCheckOptions;
  /** Stop a pool where an identity of its does not hold, and go on with all others. */
  readonly quarantine?: boolean;
  /** Follow no further than this block. */
  readonly until?: number;
  /** The operator's consent to undo final blocks: the hash of the new chain's first block that differs from ours. */
  readonly acceptDeepReorg?: Hash;
  onCommit?(committed: Committed, head: number): void;
  /** Lets timers and signals in, where a step takes long; rejects when it is to end. */
  readonly turn?: (signal: AbortSignal) => Promise<void>;
  /** Resolves when a range that could be committed with the one before is no longer waited for; without it none is. */
  readonly soon?: (signal: AbortSignal) => Promise<void>;
}

/** So many days are closed at most before signals are read. */
const DAYS_MAX = 31;
const never = async (): Promise<void> => {};
const FOLLOW_RANGES_MAX = 100;

/**
 * One step towards the head: look, judge, then follow, repair or wait. Safe to repeat after a crash anywhere in it,
 * since all it leaves behind are whole commits.
 */
export async function converge(
  keeper: Bookkeeper,
  chain: ChainPort,
  signal: AbortSignal,
  options: ConvergeOptions = {},
): Promise<Step> {
  try {
    return await step(keeper, chain, signal, options);
  } catch (error) {
    // Of the node in use and what we hold, one is wrong about a time: another node may know.
    if (error instanceof LpLedgerError && error.code === "TIME_RUNS_BACK") chain.rotate?.(error.message);
    throw error;
  }
}

async function step(
  keeper: Bookkeeper,
  chain: ChainPort,
  signal: AbortSignal,
  options: ConvergeOptions,
): Promise<Step> {
  const { blocks } = keeper.store;
  const { quarantine } = options;
  const tip = blocks.tip();
  const sight = await look(keeper, chain, tip, signal);
  const { head } = sight;
  const goal = Math.min(head.number, options.until ?? head.number);
  let ranges = 0;
  let isCut = false;
  const onCommitted = (committed: Committed): void => options.onCommit?.(committed, head.number);
  const turn = options.turn ?? never;
  const closedAhead = async (part: Range): Promise<boolean> => {
    let more = true;
    while (more) {
      const close = (): void => {
        more = keeper.closeDaysAhead(part, DAYS_MAX);
      };
      if (!holds(close, () => {}, isBroken)) return false;
      if (more) await turn(signal);
    }
    return true;
  };
  const follow = async (from: number): Promise<void> => {
    const bounds = boundsOf(keeper, sight);
    const read = (left: AbortSignal) => chain.ranges(from, goal, bounds, left);
    const commit = (some: readonly Range[]): Committed => keeper.commitAll(some);
    for await (const group of batchRanges(read, goal, options.soon ?? never, signal)) {
      const parts = cutByDays(group, keeper.days.openDayEndSec(), DAYS_MAX);
      const isWhole = parts === group && group.length > 1;
      // Where one cannot be committed, one by one: those before it are good, and a second look asks anew for what lies
      // below the range that shows a broken identity.
      for (const part of isWhole && holds(() => commit(group), onCommitted, isOurs) ? [] : parts) {
        if ((await closedAhead(part)) && holds(() => commit([part]), onCommitted, isBroken)) continue;
        const how = { quarantine, onCommit: onCommitted };
        onCommitted(await commitWithRefetch(keeper, chain, bounds, [part], part.from - 1, signal, commit, how));
        // It may have told of pools that what was read after it knows nothing of.
        isCut = true;
        break;
      }
      for (const range of group) range.release?.();
      ranges += group.length;
      // Settling goes along with a long backfill, so that a repair never has more to redo than this.
      if (isCut || (options.settle !== undefined && ranges >= FOLLOW_RANGES_MAX)) break;
    }
  };
  if (tip === undefined) {
    const from = startBlockOf(keeper.programme);
    if (goal >= from) await follow(from);
    return {
      verdict: goal >= from ? "extends" : "behind",
      head: head.number,
      final: null,
      settling: "done",
      finalPending: false,
      more: isCut || ranges >= FOLLOW_RANGES_MAX,
    };
  }
  const reachable = head.number >= tip.number ? tip : blocks.atOrBelow(head.number);
  const [there = null] =
    reachable === undefined || reachable.number === tip.number
      ? [sight.atTip]
      : await chain.blocksAt([reachable.number], signal);
  const verdict = judge({ tip, head, reachable, there });
  if (verdict === "forked")
    await repairFork(keeper, chain, { head: head.number, goal, bounds: boundsOf(keeper, sight) }, signal, {
      ...options,
      onCommit: onCommitted,
    });
  const { atTip } = sight;
  const isDisputed = atTip?.hash === tip.hash && atTip.timestampSec !== tip.timestampSec;
  if (isDisputed) {
    const { above, ranges: read, again, repairs } = await retimed(keeper, chain, tip, atTip, signal);
    const redone = (ranges: readonly Range[]): Committed => keeper.redo(above, ranges, repairs);
    const committed = await commitReplacing(keeper, above, read, quarantine === true ? again : undefined, redone);
    if (committed.quarantined !== undefined) onCommitted(committed);
  }
  // Only a chain that carries our tip may say what is final.
  const sound = verdict === "known" || verdict === "extends";
  if (!sound) keeper.pendingFinal = undefined;
  const final = sound ? keepFinal(keeper, sight) : (keeper.store.config.get("final_block") ?? null);
  if (verdict === "extends" && goal > tip.number && !isDisputed) await follow(tip.number + 1);
  const settles = sound ? options.settle : undefined;
  const settling = settles
    ? await crossCheck(keeper, chain, signal, { ...settles, quarantine, onCommit: onCommitted })
    : "done";
  const finalPending = keeper.pendingFinal !== undefined;
  return {
    verdict,
    head: head.number,
    final,
    settling,
    finalPending,
    more: isDisputed || isCut || ranges >= FOLLOW_RANGES_MAX,
  };
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

/** How far the node's own finality reaches. */
function boundsOf(keeper: Bookkeeper, { head, tagged }: Look): RangeBounds {
  const { fallbackDepth, minDepth } = keeper.programme.finality;
  return { head, finalTo: Math.min(tagged?.number ?? head.number - fallbackDepth, head.number - minDepth) };
}

interface Look extends FinalitySight<Block> {
  readonly head: Block;
  readonly atTip: Block | null;
  /** What stands now where the last look saw a newer final block. */
  readonly atPending: Block | null;
}

/** One request: the head, our tip as the node has it, and what may be final. */
async function look(
  keeper: Bookkeeper,
  chain: ChainPort,
  tip: KnownBlock | undefined,
  signal: AbortSignal,
): Promise<Look> {
  if (tip === undefined) {
    const { head, finalized: tagged } = await chain.pollHead([], signal);
    return { head, atTip: null, atPending: null, tagged, atMinDepth: null, atFallbackDepth: null };
  }
  const { minDepth, fallbackDepth } = keeper.programme.finality;
  const depths = [minDepth, Math.max(minDepth, fallbackDepth)];
  const pending = keeper.pendingFinal;
  const numbers = [
    tip.number,
    ...depths.map((depth) => Math.max(0, tip.number - depth)),
    ...(pending === undefined ? [] : [pending.number]),
  ];
  const { head, finalized: tagged, blocks } = await chain.pollHead(numbers, signal);
  const [atTip = null, atMinDepth = null, atFallbackDepth = null, atPending = null] = blocks;
  // A node that has told finality once and now does not is stalled or confused; a depth must not overrule it.
  const silent = tagged === null && keeper.store.config.get("finality_source") === "tag";
  return { head, tagged, atTip, atPending, atMinDepth, atFallbackDepth: silent ? null : atFallbackDepth };
}

/**
 * Stores what is final; it never moves back. Nodes may answer the parts of a look while the chain moves, so what one
 * look saw with our tip is stored when the next one, too, sees it with our tip. The final block is kept as a row, so
 * that no undo reaches further.
 */
function keepFinal(keeper: Bookkeeper, sight: Look): number | null {
  const { store } = keeper;
  const before = storedFinal(keeper);
  const { pendingFinal: pending } = keeper;
  const isSeenAgain = pending !== undefined && sight.atPending?.hash === pending.hash;
  const final = isSeenAgain && isOfOurs(keeper, pending) ? pending : undefined;
  if (final !== undefined) {
    store.write(() => {
      keeper.insertCheckpoint(final);
      store.config.set("final_block", final.number, store.nowIso());
      store.config.set("final_hash", final.hash, store.nowIso());
      store.config.set("finality_source", final.source, store.nowIso());
      store.thinBlocks(before?.number ?? 0, final.number, store.config.get("settled_block") ?? -1);
    });
  }
  const newer = finalOf(final ?? before, sight);
  keeper.pendingFinal =
    newer === null || !isOfOurs(keeper, newer)
      ? undefined
      : { ...newer, source: sight.tagged === null ? "depth" : "tag" };
  return final?.number ?? before?.number ?? null;
}

/**
 * Where we hold that block, it is the one we hold: nodes behind one URL may answer the parts of a look out of two
 * chains, and do so again.
 */
function isOfOurs({ store }: Bookkeeper, { number, hash }: KnownBlock): boolean {
  const ours = store.blocks.at(number);
  return ours === undefined || ours.hash === hash;
}
