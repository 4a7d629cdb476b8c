import type { Range } from "../core/chain.ts";
import type { Address } from "../core/hex.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { TakenFork } from "../ledger/committed.ts";
import { firstFetchedBy } from "../ledger/first-readings.ts";
import type { ChainPort } from "./chain-port.ts";
import { agreedEnd, closedEarly, timedOtherwise } from "./cross-checked-times.ts";
import { headerAt } from "./header-at.ts";
import { cutAtFinal } from "./refetch.ts";
import { doubted, type RepairOptions, rollbackAndReapply, storedLogsDigests } from "./rollback-and-reapply.ts";

/**
 * Whether final blocks are left to settle, and whether that has to wait: no hash proves the times of the next ones, and
 * no other endpoint does well than the one of several that read them first.
 */
export type Settling = "done" | "more" | "waits";

export interface CrossCheckOptions extends RepairOptions {
  /** Wait until so many final blocks are unsettled, so that a quiet head costs no request a poll. */
  readonly blocksMin: number;
  /** Ranges a step, so that the head is looked at in between. */
  readonly rangesMax: number;
}

/**
 * Reads final blocks a second time, from another endpoint where there is one, and compares them with what is stored.
 * Where they differ the block is asked about in every way there is; if what is stored was wrong, everything from there
 * on is undone and redone in one transaction, and recorded.
 */
export async function crossCheck(
  keeper: Bookkeeper,
  chain: ChainPort,
  signal: AbortSignal,
  options: CrossCheckOptions,
): Promise<Settling> {
  const { config, blocks } = keeper.store;
  const [final, tip] = [config.get("final_block"), blocks.tip()];
  if (final === undefined || tip === undefined) return "done";
  const settled = config.get("settled_block") ?? beginAt(keeper, final, tip.number);
  if (final - settled < options.blocksMin || final <= settled) return "done";
  let ranges = 0;
  const first = firstFetchedBy(keeper.store, settled + 1);
  const to = Math.min(final, first.to);
  const closings = keeper.store.days.closedBetween(settled + 1, to);
  const closingBlocks = closings.map(({ block }) => block);
  for await (const range of chain.refetch(settled + 1, to, final, signal, first.by, closingBlocks)) {
    const early = closedEarly(range, closings);
    const differing = differences(keeper, range, [
      ...(await foreignBlocks(keeper, chain, range, signal)),
      ...early.keys(),
      ...timedOtherwise(keeper, range),
    ]);
    if (differing.length > 0) {
      const redone = await rollbackAndReapply(keeper, chain, range, differing, signal, { ...options, early });
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
 * out earlier. `how.accepted` is a fork below the final block that the operator agreed to and that is taken over with
 * the repair. @returns whether something was repaired.
 */
export async function reverify(
  keeper: Bookkeeper,
  chain: ChainPort,
  to: number,
  signal: AbortSignal,
  how: RepairOptions & { readonly accepted?: TakenFork | undefined } = {},
): Promise<boolean> {
  const { config } = keeper.store;
  const settled = config.get("settled_block");
  const final = config.get("final_block") ?? settled;
  if (settled === undefined || final === undefined || to <= settled) return false;
  for (const [from, end] of cutAtFinal(settled, to, final)) {
    for await (const range of chain.refetch(from, end, final, signal, firstFetchedBy(keeper.store, from).by)) {
      const foreign = await foreignBlocks(keeper, chain, range, signal);
      // A fork, which the guard looks at; but a chain that has our tip has all that is ours below it.
      if (foreign.some((number) => number > final) && !(await carriesTip(keeper, chain, signal))) return false;
      const differing = differences(keeper, range, foreign);
      if (differing.length > 0 && (await rollbackAndReapply(keeper, chain, range, differing, signal, how))) return true;
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
 * Blocks that the second reading has by another hash than the ledger. Where the node in use agrees with that reading,
 * the first one was of another fork, and they are redone; else the second one is, and is not believed.
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

/** Numbers of the blocks whose two readings differ, ascending. */
function differences(keeper: Bookkeeper, range: Range, foreign: readonly number[]): readonly number[] {
  const stored = storedLogsDigests(keeper, range);
  const differing = new Set(stored.keys());
  const born = new Set<Address>();
  for (const read of range.blocks) {
    const block = keeper.filterRelevant(read, born);
    if (block.logs.length === 0) continue;
    if (stored.get(block.number)?.hash === keeper.logsDigest(block)) differing.delete(block.number);
    else differing.add(block.number);
  }
  return [...new Set([...differing, ...foreign])].sort((a, b) => a - b);
}
