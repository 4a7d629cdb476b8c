import type { LogBlock, Range } from "../core/chain.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed, TakenFork } from "../ledger/committed.ts";
import type { LogsDigest, Repair } from "../store/contents.ts";
import type { ChainPort } from "./chain-port.ts";
import { headerAt } from "./header-at.ts";
import { commitReplacing } from "./quarantine.ts";
import { refetchAbove, refetchFromOther } from "./refetch.ts";

/** What goes with a repair. */
export interface RepairOptions {
  /** Stop a pool that what is right does not fit: what is settled of it may be wrong. */
  readonly quarantine?: boolean | undefined;
  /** Of a repair that stopped something. */
  onCommit?(committed: Committed): void;
  onRepair?(repairs: readonly Repair[]): void;
}

/** What the first readings of a range's blocks brought, by block number. */
export function storedLogsDigests({ store }: Bookkeeper, { from, end }: Range): ReadonlyMap<number, LogsDigest> {
  return new Map(store.contents.between(from, end.number).map((each) => [each.blockNumber, each]));
}

/** @returns whether anything was undone and redone; false where the second reading fell short. */
export async function rollbackAndReapply(
  keeper: Bookkeeper,
  chain: ChainPort,
  range: Range,
  differing: readonly number[],
  signal: AbortSignal,
  options: RepairOptions & {
    readonly accepted?: TakenFork | undefined;
    readonly early?: ReadonlyMap<number, number>;
  },
): Promise<boolean> {
  const { store } = keeper;
  const { early } = options;
  const common = store.config.get("settled_block") ?? 0;
  const tip = store.blocks.tip()?.number ?? common;
  if ((differing[0] ?? 0) <= (store.config.get("contents_from") ?? 0)) {
    // Nothing was kept to compare with: read once more, and compared from then on.
    const ranges = await refetchAbove(keeper, chain, common, tip, signal);
    const again = (): Promise<readonly Range[]> => refetchFromOther(keeper, chain, common, tip, signal);
    await redoAll(keeper, chain, common, { ranges, again }, [], options);
    return true;
  }
  const stored = storedLogsDigests(keeper, range);
  const confirmed = new Map<number, LogBlock>();
  const repairs: Repair[] = [];
  for (const number of differing) {
    const hash =
      range.blocks.find((block) => block.number === number)?.hash ?? (await headerAt(chain, number, signal)).hash;
    const { block: read, byReceipts } = await chain.confirm(hash, number, signal);
    // What it says of pools that nobody knew of is kept, and understood when it is applied.
    confirmed.set(number, read);
    const block = keeper.filterRelevant(
      read,
      new Set(range.blocks.flatMap((each) => bornBefore(keeper, each, number))),
    );
    const before = stored.get(number);
    if (before?.blockHash === hash && block.logs.length < before.logCount && !byReceipts) {
      // Nodes leave logs out, they do not make them up: without receipts, fewer is no better knowledge.
      throw doubted(
        chain,
        "READINGS_DIFFER",
        `block ${number} has fewer logs in a second reading, and there are no receipts to tell`,
      );
    }
    const sameLogs = block.logs.length === 0 ? before === undefined : before?.hash === keeper.logsDigest(block);
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
  const around = async (read: typeof refetchAbove): Promise<readonly Range[]> => [
    ...(await read(keeper, chain, common, range.from - 1, signal)),
    corrected,
    ...(await read(keeper, chain, range.end.number, tip, signal)),
  ];
  const ranges = await around(refetchAbove);
  await redoAll(keeper, chain, common, { ranges, again: () => around(refetchFromOther) }, repairs, options);
  options.onRepair?.(repairs);
  return true;
}

/** Contracts of pools that a block before another one told of. */
function bornBefore(keeper: Bookkeeper, block: LogBlock, number: number): readonly Address[] {
  const born = new Set<Address>();
  if (block.number < number) keeper.filterRelevant(block, born);
  return [...born];
}

/**
 * A second reading with what was confirmed of it; other headers than of its end are one node's word, and are not kept.
 */
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

/**
 * Undoes and redoes. Readings that break an identity together are no repair, and the next one may be better; where
 * another reading of what they are made of breaks the same, its pool is stopped there.
 */
async function redoAll(
  keeper: Bookkeeper,
  chain: ChainPort,
  common: number,
  { ranges, again }: { readonly ranges: readonly Range[]; readonly again: () => Promise<readonly Range[]> },
  repairs: readonly Repair[],
  { accepted, quarantine, onCommit }: RepairOptions & { readonly accepted?: TakenFork | undefined },
): Promise<void> {
  const commit = (read: readonly Range[]): Committed => {
    requireFinal(keeper, chain, read, accepted);
    return keeper.redo(common, read, repairs, accepted);
  };
  try {
    const other = quarantine === true ? again : undefined;
    const committed = await commitReplacing(keeper, common, ranges, other, commit);
    if (committed.quarantined !== undefined) onCommit?.(committed);
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
export function doubted(chain: ChainPort, code: ErrorCode, message: string): LpLedgerError {
  const error = new LpLedgerError("transient", code, message);
  chain.reportInconsistent?.(error);
  return error;
}
