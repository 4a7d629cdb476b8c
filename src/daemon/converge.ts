import type { Block, Range } from "../core/chain.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import { startBlockOf } from "../core/programme.ts";
import { type FinalitySight, finalOf, judge, type KnownBlock, type Verdict } from "../core/verdict.ts";
import type { Bookkeeper, Committed } from "./bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";

/** What one step found and did. */
export interface Step {
  readonly verdict: Verdict;
  readonly head: number;
  readonly final: number | null;
}

export interface ConvergeOptions {
  /** Follow no further than this block. */
  readonly until?: number;
  /** The operator's consent to undo final blocks: the hash of the new chain's first block that differs from ours. */
  readonly acceptDeepReorg?: Hash;
  onCommit?(committed: Committed, head: number): void;
}

/** Exit code of a fork below the final block. */
export const EXIT_DEEP_REORG = 76;
const ANCESTOR_PAGE = 64;
const REPLACEMENT_LOGS_MAX = 50_000;

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
  const { blocks } = keeper.store;
  const tip = blocks.tip();
  const sight = await look(keeper, chain, tip, signal);
  const { head } = sight;
  const goal = Math.min(head.number, options.until ?? head.number);
  const follow = async (from: number): Promise<void> => {
    for await (const range of chain.ranges(from, goal, signal)) {
      const committed = await secondLook(keeper, chain, [range], signal, ([only]) => keeper.commit(only ?? range));
      options.onCommit?.(committed, head.number);
    }
  };
  if (tip === undefined) {
    const from = startBlockOf(keeper.programme);
    if (goal >= from) await follow(from);
    return { verdict: goal >= from ? "extends" : "behind", head: head.number, final: null };
  }
  const reachable = head.number >= tip.number ? tip : blocks.atOrBelow(head.number);
  const [there = null] =
    reachable === undefined || reachable.number === tip.number
      ? [sight.atTip]
      : await chain.blocksAt([reachable.number], signal);
  const verdict = judge({ tip, head, reachable, there });
  if (verdict === "forked") await repair(keeper, chain, sight, signal, options);
  // Only a chain that carries our tip may say what is final.
  const sound = verdict === "known" || verdict === "extends";
  const final = sound ? keepFinal(keeper, sight) : (keeper.store.config.get("final_block") ?? null);
  if (verdict === "extends" && goal > tip.number) await follow(tip.number + 1);
  return { verdict, head: head.number, final };
}

interface Look extends FinalitySight {
  readonly head: Block;
  readonly atTip: Block | null;
}

/** One request: the head, our tip as the node has it, and what may be final. */
async function look(
  keeper: Bookkeeper,
  chain: ChainPort,
  tip: KnownBlock | undefined,
  signal: AbortSignal,
): Promise<Look> {
  if (tip === undefined) {
    const { head } = await chain.sight([], signal);
    return { head, atTip: null, tagged: null, atMinDepth: null, atFallbackDepth: null };
  }
  const { minDepth, fallbackDepth } = keeper.programme.finality;
  const depths = [minDepth, Math.max(minDepth, fallbackDepth)];
  const numbers = [tip.number, ...depths.map((depth) => Math.max(0, tip.number - depth))];
  const { head, finalized: tagged, blocks } = await chain.sight(numbers, signal);
  const [atTip = null, atMinDepth = null, atFallbackDepth = null] = blocks;
  return { head, tagged, atTip, atMinDepth, atFallbackDepth };
}

/** Tries a commit; on a broken identity once more with that block read again; then records the finding and stops. */
async function secondLook(
  keeper: Bookkeeper,
  chain: ChainPort,
  ranges: readonly Range[],
  signal: AbortSignal,
  attempt: (ranges: readonly Range[]) => Committed,
): Promise<Committed> {
  try {
    return attempt(ranges);
  } catch (error) {
    const finding = findingOf(error);
    const suspect = ranges.flatMap((range) => range.blocks).find((block) => block.number === finding?.blockNumber);
    if (suspect === undefined) throw error;
    const again = await chain.blockLogs(suspect.hash, suspect.number, signal);
    const mended = ranges.map((range) => ({
      ...range,
      blocks: range.blocks.map((block) => (block === suspect ? again : block)),
    }));
    try {
      return attempt(mended);
    } catch (last) {
      const final = findingOf(last);
      if (final !== undefined) keeper.store.write(() => keeper.store.findings.insert(final));
      throw last;
    }
  }
}

/** Stores what is final now; it never moves back. */
function keepFinal(keeper: Bookkeeper, sight: FinalitySight): number | null {
  const { store } = keeper;
  const before = storedFinal(keeper);
  const final = finalOf(before, sight);
  if (final !== null && final.number !== before?.number) {
    store.write(() => {
      store.config.set("final_block", final.number, store.nowIso());
      store.config.set("final_hash", final.hash, store.nowIso());
    });
  }
  return final?.number ?? null;
}

function storedFinal(keeper: Bookkeeper): KnownBlock | null {
  const { config } = keeper.store;
  const [number, hash] = [config.get("final_block"), config.get("final_hash")];
  return number === undefined || hash === undefined ? null : { number, hash };
}

/** Undoes a fork to its root and commits the replacement: fetched first, then undone and redone in one transaction. */
async function repair(
  keeper: Bookkeeper,
  chain: ChainPort,
  sight: { readonly head: Block },
  signal: AbortSignal,
  options: ConvergeOptions,
): Promise<void> {
  const start = startBlockOf(keeper.programme);
  const common = (await commonBlock(keeper, chain, sight.head.number, signal)) ?? start - 1;
  const acceptedFinal = await refuseDeep(keeper, chain, common, signal, options);
  const goal = Math.min(sight.head.number, options.until ?? sight.head.number);
  const ranges: Range[] = [];
  let logs = 0;
  for await (const range of chain.ranges(common + 1, goal, signal)) {
    ranges.push(range);
    logs += range.blocks.reduce((sum, block) => sum + block.logs.length, 0);
    if (logs > REPLACEMENT_LOGS_MAX) break;
  }
  const committed = await secondLook(keeper, chain, ranges, signal, (each) =>
    keeper.replace(common, each, acceptedFinal),
  );
  options.onCommit?.(committed, sight.head.number);
}

/** The highest stored block that the node's chain shares with ours; undefined where there is none. */
async function commonBlock(
  keeper: Bookkeeper,
  chain: ChainPort,
  headNumber: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  for (let below = headNumber + 1; ; ) {
    const ours = keeper.store.blocks.below(below, ANCESTOR_PAGE);
    if (ours.length === 0) return undefined;
    const theirs = await chain.blocksAt(
      ours.map((block) => block.number),
      signal,
    );
    const shared = ours.find((block, i) => theirs[i]?.hash === block.hash);
    if (shared !== undefined) return shared.number;
    below = ours.at(-1)?.number ?? 0;
  }
}

/**
 * A fork below `final` stops the ledger until the operator names the new chain's first block.
 * @returns the hash that the final block has on the new chain where that was accepted.
 */
async function refuseDeep(
  keeper: Bookkeeper,
  chain: ChainPort,
  common: number,
  signal: AbortSignal,
  options: ConvergeOptions,
): Promise<Hash | undefined> {
  const final = storedFinal(keeper);
  if (final === null || common >= final.number) return undefined;
  // Stored blocks are sparse: only the final block's own hash tells whether the fork is below or above it.
  const [theirs, first] = await chain.blocksAt([final.number, common + 1], signal);
  if (theirs?.hash === final.hash) return undefined;
  if (theirs != null && first != null && first.hash === options.acceptDeepReorg) return theirs.hash;
  const message = `the node's chain leaves ours after block ${common}, below the final block ${final.number}`;
  const { store } = keeper;
  store.write(() => store.config.set("halted", { code: "DEEP_REORG", message }, store.nowIso()));
  throw new LpLedgerError("invariant", "DEEP_REORG", message, {
    exitCode: EXIT_DEEP_REORG,
    facts: { commonBlock: common, final: final.number, firstForeignHash: first?.hash ?? null },
    hint:
      `nothing was undone. Check the node against another one. If this is a local development chain that was reset, remove the database. ` +
      `To follow the new chain and undo final blocks: lp-ledger start --accept-deep-reorg ${first?.hash ?? "HASH"}`,
  });
}
