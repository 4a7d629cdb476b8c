import type { Range } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { ProcessedBlock } from "../store/blocks.ts";

/** Whether a range is what comes after our tip. @throws CHAIN_MOVED, TIME_RUNS_BACK where it is not: it may be, read again */
export function requireFollowing(tip: ProcessedBlock | undefined, { from, parentHash, blocks, end }: Range): void {
  if (tip === undefined) return;
  if (from !== tip.number + 1 || parentHash !== tip.hash)
    throw new LpLedgerError(
      "transient",
      "CHAIN_MOVED",
      `block ${from} does not follow our tip ${tip.number}: the chain moved while it was read`,
    );
  const firstSec = blocks[0]?.timestampSec ?? end.timestampSec;
  if (firstSec < tip.timestampSec)
    throw new LpLedgerError(
      "transient",
      "TIME_RUNS_BACK",
      `block ${from} is said to be of an earlier time than our tip: ${firstSec}, before ${tip.timestampSec}`,
      {
        hint: "where every node goes on saying so, the tip's own time was wrong when it was read, and settled since: put back a backup from before it (lp-ledger backup list, lp-ledger restore), or begin a new DATABASE",
      },
    );
}
