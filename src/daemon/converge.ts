import type { Range } from "../core/chain.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import { startBlockOf } from "../core/programme/programme.ts";
import { judge, type KnownBlock, type Verdict } from "../core/reorg-detection.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed } from "../ledger/committed.ts";
import type { ProcessedBlock } from "../store/blocks.ts";
import type { ChainPort } from "./chain-port.ts";
import { requireSoundBelow } from "./commit-with-refetch.ts";
import { type CrossCheckOptions, crossCheck, type Settling } from "./cross-check.ts";
import { retimed } from "./disputed-time.ts";
import { keepFinal } from "./finality.ts";
import { type FollowOptions, followRanges } from "./follow-ranges.ts";
import { boundsOf, type HeadSnapshot, pollHead } from "./poll-head.ts";
import { commitReplacing } from "./quarantine.ts";
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

export interface ConvergeOptions extends Pick<FollowOptions, "quarantine" | "turn" | "soon"> {
  /** Read final blocks a second time; without it nothing is settled. */
  readonly settle?: CrossCheckOptions;
  /** Follow no further than this block. */
  readonly until?: number;
  /** The operator's consent to undo final blocks: the hash of the new chain's first block that differs from ours. */
  readonly acceptDeepReorg?: Hash;
  onCommit?(committed: Committed, head: number): void;
}

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
  const { settle, quarantine } = options;
  const tip = blocks.tip();
  const sight = await pollHead(keeper, chain, tip, signal);
  const { head } = sight;
  const goal = Math.min(head.number, options.until ?? head.number);
  const onCommit = (committed: Committed): void => options.onCommit?.(committed, head.number);
  const follow = (from: number): Promise<boolean> => {
    const stretch = { from, to: goal, bounds: boundsOf(keeper, sight) };
    return followRanges(keeper, chain, stretch, signal, { ...options, isCrossChecked: settle !== undefined, onCommit });
  };
  if (tip === undefined) {
    const from = startBlockOf(keeper.programme);
    const begun = { head: head.number, final: null, settling: "done", finalPending: false } as const;
    return goal < from
      ? { ...begun, verdict: "behind", more: false }
      : { ...begun, verdict: "extends", more: await follow(from) };
  }
  const verdict = await verdictOn(keeper, chain, tip, sight, signal);
  if (verdict === "forked") {
    const fork = { head: head.number, goal, bounds: boundsOf(keeper, sight) };
    await repairFork(keeper, chain, fork, signal, { ...options, onCommit });
  }
  const isDisputed = await retimedTip(keeper, chain, tip, sight, signal, { quarantine, onCommit });
  // Only a chain that carries our tip may say what is final.
  const isSound = verdict === "known" || verdict === "extends";
  if (!isSound) keeper.pendingFinal = undefined;
  const final = isSound ? keepFinal(keeper, sight) : (keeper.store.config.get("final_block") ?? null);
  const isFollowed = verdict === "extends" && goal > tip.number && !isDisputed;
  const isMore = isFollowed && (await follow(tip.number + 1));
  const settling =
    settle === undefined || !isSound
      ? "done"
      : await crossCheck(keeper, chain, signal, { ...settle, quarantine, onCommit });
  const finalPending = keeper.pendingFinal !== undefined;
  return { verdict, head: head.number, final, settling, finalPending, more: isDisputed || isMore };
}

/** What the head means for our tip: nothing new, more, another chain, or a node that lags. */
async function verdictOn(
  { store: { blocks } }: Bookkeeper,
  chain: ChainPort,
  tip: KnownBlock,
  { head, atTip }: HeadSnapshot,
  signal: AbortSignal,
): Promise<Verdict> {
  const reachable = head.number >= tip.number ? tip : blocks.atOrBelow(head.number);
  const isTip = reachable === undefined || reachable.number === tip.number;
  const [there = null] = isTip ? [atTip] : await chain.blocksAt([reachable.number], signal);
  return judge({ tip, head, reachable, there });
}

/** Where our tip is said to be of another time: reads again what rests on it. @returns whether it is */
async function retimedTip(
  keeper: Bookkeeper,
  chain: ChainPort,
  tip: ProcessedBlock,
  { atTip }: HeadSnapshot,
  signal: AbortSignal,
  { quarantine, onCommit }: { readonly quarantine: boolean | undefined; onCommit(committed: Committed): void },
): Promise<boolean> {
  if (atTip?.hash !== tip.hash || atTip.timestampSec === tip.timestampSec) return false;
  const { above, ranges, again, repairs } = await retimed(keeper, chain, tip, atTip, signal);
  const redone = (read: readonly Range[]): Committed => keeper.redo(above, read, repairs);
  const other = quarantine === true ? again : undefined;
  const committed = await commitReplacing(keeper, above, ranges, other, redone).catch(async (error: unknown) => {
    if (findingOf(error) !== undefined) await requireSoundBelow(keeper, chain, above, signal, { quarantine, onCommit });
    throw error;
  });
  if (committed.quarantined !== undefined) onCommit(committed);
  return true;
}
