import type { LogBlock, Range } from "../core/chain.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Content, Repair } from "../store/contents.ts";
import type { Bookkeeper, TakenFork } from "./bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";
import { headerAt } from "./header-at.ts";
import { commitStopping, stoppedAbove } from "./quarantine.ts";
import { firstReader } from "./readers.ts";
import { cutAtFinal, refetchAbove } from "./refetch.ts";
import { agreedEnd, closedEarly, timedOtherwise } from "./settled-times.ts";

/**
 * Whether final blocks are left to settle, and whether that has to wait: no hash proves the times of the next ones, and no other
 * endpoint does well than the one of several that read them first.
 */
export type Settling = "done" | "more" | "waits";

export interface SettleOptions {
  /** Wait until so many final blocks are unsettled, so that a quiet head costs no request a poll. */
  readonly blocksMin: number;
  /** Ranges a step, so that the head is looked at in between. */
  readonly rangesMax: number;
  onRepair?(repairs: readonly Repair[]): void;
}

/**
 * Reads final blocks a second time, from another endpoint where there is one, and compares them with what is stored.
 * Where they differ the block is asked about in every way there is; if what is stored was wrong, everything from there
 * on is undone and redone in one transaction, and recorded.
 */
export async function settle(
  keeper: Bookkeeper,
  chain: ChainPort,
  signal: AbortSignal,
  options: SettleOptions,
): Promise<Settling> {
  const { config, blocks } = keeper.store;
  const [final, tip] = [config.get("final_block"), blocks.tip()];
  if (final === undefined || tip === undefined) return "done";
  const settled = config.get("settled_block") ?? beginAt(keeper, final, tip.number);
  if (final - settled < options.blocksMin || final <= settled) return "done";
  let ranges = 0;
  const first = firstReader(keeper.store, settled + 1);
  const to = Math.min(final, first.to);
  const closings = keeper.store.days.closedBetween(settled + 1, to);
  const closingBlocks = closings.map(({ block }) => block);
  for await (const range of chain.reread(settled + 1, to, final, signal, first.by, closingBlocks)) {
    const early = closedEarly(range, closings);
    const differing = differences(keeper, range, [
      ...(await foreignBlocks(keeper, chain, range, signal)),
      ...early.keys(),
      ...timedOtherwise(keeper, range),
    ]);
    if (differing.length > 0) {
      const redone = await redo(keeper, chain, range, differing, signal, { ...options, early });
      if (redone) return "more"; // And compared again.
    }
    range.release?.();
    if (range.isByFirst === true) return "waits";
    const end = await agreedEnd(keeper, chain, range, signal);
    if (end === null) return "waits";
    keeper.settleUpTo(end);
    ranges += 1;
    if (ranges >= options.rangesMax) break;
  }
  return (config.get("settled_block") ?? 0) < final ? "more" : "done";
}

/**
 * Reads once more whatever is not settled yet, up to a block: for an identity that fails because of a log that was left
 * out earlier. `accepted` is a fork below the final block that the operator agreed to and that is taken over with
 * the repair. @returns whether something was repaired.
 */
export async function recheck(
  keeper: Bookkeeper,
  chain: ChainPort,
  to: number,
  signal: AbortSignal,
  accepted?: TakenFork,
): Promise<boolean> {
  const { config } = keeper.store;
  const settled = config.get("settled_block");
  const final = config.get("final_block") ?? settled;
  if (settled === undefined || final === undefined || to <= settled) return false;
  for (const [from, end] of cutAtFinal(settled, to, final)) {
    for await (const range of chain.reread(from, end, final, signal, firstReader(keeper.store, from).by)) {
      const foreign = await foreignBlocks(keeper, chain, range, signal);
      // A fork, which the guard looks at; but a chain that has our tip has all that is ours below it.
      if (foreign.some((number) => number > final) && !(await carriesTip(keeper, chain, signal))) return false;
      const differing = differences(keeper, range, foreign);
      if (differing.length > 0 && (await redo(keeper, chain, range, differing, signal, { accepted }))) return true;
    }
  }
  return false;
}

async function carriesTip({ store }: Bookkeeper, chain: ChainPort, signal: AbortSignal): Promise<boolean> {
  const tip = store.blocks.tip();
  return tip !== undefined && (await headerAt(chain, tip.number, signal)).hash === tip.hash;
}

/** A ledger from before there was settling: what is final is taken as it is, and told by `settled_from`. */
function beginAt({ store }: Bookkeeper, final: number, tip: number): number {
  store.write(() => {
    for (const key of ["settled_block", "settled_from"] as const) store.config.set(key, final, store.nowIso());
    store.config.set("contents_from", tip, store.nowIso());
  });
  return final;
}

/**
 * Blocks that the second reading has by another hash than the ledger. Where the node in use agrees with that reading, the
 * first one was of another fork, and they are redone; else the second one is, and is not believed.
 */
async function foreignBlocks(
  { store }: Bookkeeper,
  chain: ChainPort,
  range: Range,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const foreign = [...range.blocks, range.end].filter((block) => {
    const ours = store.blocks.at(block.number);
    return ours !== undefined && ours.hash !== block.hash;
  });
  const [first] = foreign;
  if (first === undefined) return [];
  if ((await headerAt(chain, first.number, signal)).hash === first.hash) return foreign.map(({ number }) => number);
  throw doubted(
    chain,
    "SETTLE_FORKED",
    `a second reading has another block ${first.number} than the ledger and the node in use`,
  );
}

/** What the first readings of a range's blocks brought, by block number. */
function storedContents({ store }: Bookkeeper, { from, end }: Range): ReadonlyMap<number, Content> {
  return new Map(store.contents.between(from, end.number).map((each) => [each.blockNumber, each]));
}

/** Numbers of the blocks whose two readings differ, ascending. */
function differences(keeper: Bookkeeper, range: Range, foreign: readonly number[]): readonly number[] {
  const stored = storedContents(keeper, range);
  const differing = new Set(stored.keys());
  const born = new Set<Address>();
  for (const read of range.blocks) {
    const block = keeper.heardOf(read, born);
    if (block.logs.length === 0) continue;
    if (stored.get(block.number)?.hash === keeper.contentOf(block)) differing.delete(block.number);
    else differing.add(block.number);
  }
  return [...new Set([...differing, ...foreign])].sort((a, b) => a - b);
}

/** @returns whether anything was undone and redone; false where the second reading fell short. */
async function redo(
  keeper: Bookkeeper,
  chain: ChainPort,
  range: Range,
  differing: readonly number[],
  signal: AbortSignal,
  options: Pick<SettleOptions, "onRepair"> & {
    readonly accepted?: TakenFork | undefined;
    readonly early?: ReadonlyMap<number, number>;
  },
): Promise<boolean> {
  const { store } = keeper;
  const { accepted, early } = options;
  const common = store.config.get("settled_block") ?? 0;
  const tip = store.blocks.tip()?.number ?? common;
  if ((differing[0] ?? 0) <= (store.config.get("contents_from") ?? 0)) {
    // Nothing was kept to compare with: read once more, and compared from then on.
    const ranges = await refetchAbove(keeper, chain, common, tip, signal);
    requireFinal(keeper, chain, ranges, accepted);
    redoAll(keeper, chain, common, ranges, [], accepted);
    return true;
  }
  const stored = storedContents(keeper, range);
  const confirmed = new Map<number, LogBlock>();
  const repairs: Repair[] = [];
  for (const number of differing) {
    const hash =
      range.blocks.find((block) => block.number === number)?.hash ?? (await headerAt(chain, number, signal)).hash;
    const { block: read, byReceipts } = await chain.confirm(hash, number, signal);
    // What it says of pools that nobody knew of is kept, and understood when it is applied.
    confirmed.set(number, read);
    const block = keeper.heardOf(read, new Set(range.blocks.flatMap((each) => bornBefore(keeper, each, number))));
    const before = stored.get(number);
    if (before?.blockHash === hash && block.logs.length < before.logCount && !byReceipts) {
      // Nodes leave logs out, they do not make them up: without receipts, fewer is no better knowledge.
      throw doubted(
        chain,
        "READINGS_DIFFER",
        `block ${number} has fewer logs in a second reading, and there are no receipts to tell`,
      );
    }
    const sameLogs = block.logs.length === 0 ? before === undefined : before?.hash === keeper.contentOf(block);
    const isEarly = read.timestampSec < (early?.get(number) ?? 0);
    const row = store.blocks.at(number);
    const isTimed = row === undefined || row.hash !== hash || row.timestampSec === read.timestampSec;
    const same = sameLogs && isTimed && !isEarly && (before?.blockHash ?? row?.hash ?? hash) === hash;
    const isMore = block.logs.length > (before?.logCount ?? 0);
    if (!same && !isMore && range.isProven !== true && store.contents.isRepaired(hash)) {
      // Of nodes that say now this and now that without a proof, no word is the last.
      const what = `block ${number} was repaired already, and is said to be otherwise again`;
      throw doubted(chain, "READINGS_DIFFER", what);
    }
    if (!same)
      repairs.push({
        blockNumber: number,
        blockHash: hash,
        storedLogs: before?.logCount ?? 0,
        foundLogs: block.logs.length,
      });
  }
  if (repairs.length === 0) return false;
  const corrected = correctedBy(range, confirmed);
  const before = await refetchAbove(keeper, chain, common, range.from - 1, signal);
  const after = await refetchAbove(keeper, chain, range.end.number, tip, signal);
  const ranges = [...before, corrected, ...after];
  requireFinal(keeper, chain, ranges, accepted);
  redoAll(keeper, chain, common, ranges, repairs, accepted);
  options.onRepair?.(repairs);
  return true;
}

/** Contracts of pools that a block before another one told of. */
function bornBefore(keeper: Bookkeeper, block: LogBlock, number: number): readonly Address[] {
  const born = new Set<Address>();
  if (block.number < number) keeper.heardOf(block, born);
  return [...born];
}

/** A second reading with what was confirmed of it; other headers than of its end are one node's word, and are not kept. */
function correctedBy({ headers: _, ...range }: Range, confirmed: ReadonlyMap<number, LogBlock>): Range {
  const { end } = range;
  const timestampSec = confirmed.get(end.number)?.timestampSec ?? end.timestampSec;
  const numbers = new Set([...range.blocks.map((block) => block.number), ...confirmed.keys()]);
  const read = new Map(range.blocks.map((block) => [block.number, block]));
  const blocks = [...numbers]
    .sort((a, b) => a - b)
    .flatMap((number) => confirmed.get(number) ?? read.get(number) ?? [])
    .filter((block) => block.logs.length > 0);
  return { ...range, end: { ...end, timestampSec }, blocks };
}

/** Undoes and redoes; readings that break an identity together are no repair, and the next one may be better. */
function redoAll(
  keeper: Bookkeeper,
  chain: ChainPort,
  common: number,
  ranges: readonly Range[],
  repairs: readonly Repair[],
  accepted?: TakenFork,
): void {
  try {
    const mayStop = stoppedAbove(keeper, common);
    commitStopping(keeper, ranges, () => keeper.redo(common, ranges, repairs, accepted), mayStop);
  } catch (error) {
    const isRunningBack = error instanceof LpLedgerError && error.code === "TIME_RUNS_BACK";
    if (findingOf(error) === undefined && !isRunningBack) throw error;
    throw doubted(chain, "READINGS_DIFFER", `two readings do not make one chain: ${(error as Error).message}`);
  }
}

/** What replaces final blocks must end in our final block: a reading of another fork must not come in by a repair. */
export function requireFinal(
  { store }: Bookkeeper,
  chain: ChainPort,
  ranges: readonly Range[],
  accepted?: TakenFork,
): void {
  const [final, hash] = [store.config.get("final_block"), accepted?.finalHash ?? store.config.get("final_hash")];
  const at = ranges.find(({ end }) => end.number === final);
  if (final === undefined || final < (ranges[0]?.from ?? 0) || (ranges.at(-1)?.end.number ?? 0) < final) return;
  if (at?.end.hash !== hash)
    throw doubted(chain, "SETTLE_FORKED", `a second reading does not hold our final block ${final}`);
}

/** The error of a second reading that cannot be believed; its endpoint is left alone for a while. */
function doubted(chain: ChainPort, code: string, message: string): LpLedgerError {
  const error = new LpLedgerError("transient", code, message);
  chain.doubt?.(error);
  return error;
}
