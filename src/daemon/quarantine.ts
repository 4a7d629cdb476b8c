import type { Range } from "../core/chain.ts";
import { type Day, dayEndSec, dayOf } from "../core/day.ts";
import { type Finding, findingOf } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Quarantine } from "../core/quarantine.ts";
import type { Bookkeeper, Committed } from "./bookkeeper.ts";

/**
 * Commits; where an identity of a pool does not hold, without that pool from the transaction on that shows it: all others go on.
 * @param mayStop which pools may be stopped; all where it is not given
 * @throws what does not hold and is of no pool, or of one that may not be stopped
 */
export function commitStopping(
  keeper: Bookkeeper,
  ranges: readonly Range[],
  commit: () => Committed,
  mayStop: (pool: Address) => boolean = () => true,
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
      // Each pool once: there are only so many.
      if (found === undefined || !mayStop(found.pool) || stopping.some(({ pool }) => pool === found.pool)) throw error;
      stopping.push(found);
    } finally {
      keeper.stopping = [];
    }
  }
}

/** Whether a quarantine of a pool goes with what is above a block, so that it may be stopped again where that is redone. */
export function stoppedAbove({ store }: Bookkeeper, block: number): (pool: Address) => boolean {
  const stopped = store.quarantines.undoneAbove(block);
  return (pool) => stopped.has(pool);
}

/** The pool of a finding, from the transaction on that shows it; one whose day does not add up, from that day on. */
function quarantineOf({ programme }: Bookkeeper, ranges: readonly Range[], finding: Finding): Quarantine | undefined {
  const pool = programme.pools.find(({ address }) => address === finding.pool)?.address;
  if (pool === undefined) return undefined;
  const { blockNumber } = finding;
  const day = finding.day as Day | undefined;
  // All that is of a day stays, however it was read; that it does not add up shows at its end.
  if (day !== undefined) return { pool, stop: { fromSec: dayEndSec(day) }, firstDay: day, finding };
  const block = ranges.flatMap(({ blocks }) => blocks).find(({ number }) => number === blockNumber);
  const shown = block?.logs.find(({ logIndex }) => logIndex === finding.logIndex);
  const begin = block?.logs.find(({ transactionHash }) => transactionHash === shown?.transactionHash);
  if (block === undefined || begin === undefined) return undefined;
  return { pool, stop: { blockNumber, logIndex: begin.logIndex }, firstDay: dayOf(block.timestampSec), finding };
}
