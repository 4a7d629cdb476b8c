import type { Range, RangeBounds } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import { startBlockOf } from "../core/programme/programme.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed } from "../ledger/committed.ts";
import { beginSecOf } from "../ledger/range-order.ts";
import type { ChainPort } from "./chain-port.ts";
import { commitWithRefetch } from "./commit-with-refetch.ts";
import { type Retimed, retimed } from "./disputed-time.ts";
import { cutAtFinal } from "./refetch.ts";
import { commonBlock, refuseDeep, storedFinal } from "./reorg.ts";
import { requireFinal } from "./rollback-and-reapply.ts";

const REPLACEMENT_LOGS_MAX = 50_000;

/**
 * What replaces ours may run back before the last block that both share: then the time of that one was wrong when it
 * was read.
 */
async function retimedShared(
  keeper: Bookkeeper,
  chain: ChainPort,
  common: number,
  first: Range | undefined,
  signal: AbortSignal,
): Promise<Retimed | undefined> {
  const ours = keeper.store.blocks.at(common);
  if (ours === undefined || first === undefined || beginSecOf(first) >= ours.timestampSec) return undefined;
  const [there = null] = await chain.blocksAt([common], signal);
  if (there?.hash !== ours.hash || there.timestampSec === ours.timestampSec) return undefined;
  return await retimed(keeper, chain, ours, there, signal);
}

export interface ForkOptions {
  readonly quarantine?: boolean;
  /** The operator's consent to undo final blocks: the hash of the new chain's first block that differs from ours. */
  readonly acceptDeepReorg?: Hash;
  onCommit(committed: Committed): void;
}

/** Undoes a fork to its root and commits the replacement: fetched first, then undone and redone in one transaction. */
export async function repairFork(
  keeper: Bookkeeper,
  chain: ChainPort,
  { head, goal, bounds }: { readonly head: number; readonly goal: number; readonly bounds: RangeBounds },
  signal: AbortSignal,
  options: ForkOptions,
): Promise<void> {
  const start = startBlockOf(keeper.programme);
  const shared = await commonBlock(keeper, chain, head, signal);
  const common = shared ?? start - 1;
  const acceptedFinal = await refuseDeep(keeper, chain, { common, shared: shared !== undefined }, signal, options);
  // The chain came back while we searched, or it is shorter now than what it shares with ours: nothing replaces ours.
  if (common >= goal || common === keeper.store.blocks.tip()?.number)
    throw new LpLedgerError("transient", "CHAIN_MOVED", `the fork after block ${common} was gone when it was read`);
  const ranges: Range[] = [];
  let logs = 0;
  for (const [from, to] of cutAtFinal(common, goal, storedFinal(keeper)?.number ?? common)) {
    if (logs > REPLACEMENT_LOGS_MAX) break; // What goes below the final block is replaced up to it, whatever it takes.
    for await (const range of chain.ranges(from, to, bounds, signal)) {
      ranges.push(range);
      logs += range.blocks.reduce((sum, block) => sum + block.logs.length, 0);
      if (logs > REPLACEMENT_LOGS_MAX && to === goal) break;
    }
  }
  const fork = { common, finalHash: acceptedFinal };
  const accepted = acceptedFinal === undefined ? undefined : fork;
  const again = await retimedShared(keeper, chain, common, ranges[0], signal);
  const attempt = (each: readonly Range[]): Committed => {
    // What was read may be of another chain than the one that was looked at and accepted.
    if (accepted !== undefined) requireFinal(keeper, chain, each, accepted);
    return again === undefined
      ? keeper.replace(common, each, acceptedFinal)
      : keeper.redo(again.above, [...again.ranges, ...each], again.repairs, fork);
  };
  const { quarantine, onCommit } = options;
  const how = { accepted, quarantine, onCommit, below: again?.ranges };
  onCommit(await commitWithRefetch(keeper, chain, bounds, ranges, common, signal, attempt, how));
}
