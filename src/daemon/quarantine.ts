import type { Range } from "../core/chain.ts";
import { type Day, dayEndSec, dayOf } from "../core/day.ts";
import { type Finding, findingOf } from "../core/errors.ts";
import { toPoolId } from "../core/hex.ts";
import type { Quarantine } from "../core/programme/quarantine.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed } from "../ledger/committed.ts";
import { quarantineKey } from "../store/quarantines.ts";

/**
 * Commits; where an identity of a pool does not hold, without that pool from the transaction on that shows it, or
 * without the wrapper whose logs do not fit: all others go on.
 * @param mayStop what may be stopped; everything where it is not given
 * @throws what does not hold and is of no pool, or of one that may not be stopped
 */
export function commitStopping(
  keeper: Bookkeeper,
  ranges: readonly Range[],
  commit: () => Committed,
  mayStop: (found: Quarantine) => boolean = () => true,
): Committed {
  const stopping: Quarantine[] = [];
  for (;;) {
    keeper.stopping = stopping;
    try {
      const committed = commit();
      return stopping.length === 0 ? committed : { ...committed, quarantined: stopping };
    } catch (error) {
      const finding = findingOf(error);
      const found = finding && quarantineOf(keeper, ranges, finding);
      // Each pool and wrapper once: there are only so many.
      if (found === undefined || !mayStop(found)) throw error;
      if (stopping.some((each) => quarantineKey(each) === quarantineKey(found))) throw error;
      stopping.push(found);
    } finally {
      keeper.stopping = [];
    }
  }
}

/**
 * Commits what replaces the blocks above one. A pool may be stopped by it that was stopped up there, and one of which
 * another reading of the same blocks shows the same: what is right may not fit to what is below, which nobody reads
 * again.
 * @param again the other reading, asked for once, when it is needed; without it nothing else is stopped
 * @throws what does not hold, and does not show in both readings
 */
export async function commitReplacing(
  keeper: Bookkeeper,
  above: number,
  ranges: readonly Range[],
  again: (() => Promise<readonly Range[]>) | undefined,
  commit: (ranges: readonly Range[]) => Committed,
): Promise<Committed> {
  const stopped = new Set(keeper.store.quarantines.undoneAbove(above));
  const attempt = (read: readonly Range[]): Committed | { readonly error: unknown; readonly found: Quarantine } => {
    try {
      return commitStopping(
        keeper,
        read,
        () => commit(read),
        (found) => stopped.has(quarantineKey(found)),
      );
    } catch (error) {
      const finding = findingOf(error);
      const found = finding && quarantineOf(keeper, read, finding);
      if (found === undefined || stopped.has(quarantineKey(found))) throw error;
      return { error, found };
    }
  };
  let other: readonly Range[] | undefined;
  for (;;) {
    const first = attempt(ranges);
    if (!("found" in first)) return first;
    if (again === undefined) throw first.error;
    other ??= await again();
    const second = attempt(other);
    if (!("found" in second)) return second;
    if (!isSame(first.found, second.found)) throw second.error;
    stopped.add(quarantineKey(first.found));
  }
}

function isSame(a: Quarantine, b: Quarantine): boolean {
  return quarantineKey(a) === quarantineKey(b) && JSON.stringify(a.stop) === JSON.stringify(b.stop);
}

/**
 * The pool or wrapper of a finding, from the transaction on that shows it; one whose day does not add up, from that day
 * on.
 */
function quarantineOf(
  { programme: { wrappers } }: Bookkeeper,
  ranges: readonly Range[],
  finding: Finding,
): Quarantine | undefined {
  // A pool that a factory makes in these ranges was forgotten again with the commit that failed.
  const pool = toPoolId(finding.pool);
  const wrapper = wrappers.find((each) => each.address === finding.wrapper && each.pool === pool)?.address ?? null;
  const { blockNumber } = finding;
  const day = finding.day as Day | undefined;
  // All that is of a day stays, however it was read; that it does not add up shows at its end.
  if (day !== undefined) return { pool, wrapper: null, stop: { fromSec: dayEndSec(day) }, firstDay: day, finding };
  const block = ranges.flatMap(({ blocks }) => blocks).find(({ number }) => number === blockNumber);
  const shown = block?.logs.find(({ logIndex }) => logIndex === finding.logIndex);
  const begin = block?.logs.find(({ transactionHash }) => transactionHash === shown?.transactionHash);
  if (block === undefined || begin === undefined) return undefined;
  return {
    pool,
    wrapper,
    stop: { blockNumber, logIndex: begin.logIndex },
    firstDay: dayOf(block.timestampSec),
    finding,
  };
}
