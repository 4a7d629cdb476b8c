import { type Range, runningBack } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { ProcessedBlock } from "../store/blocks.ts";

/** Whether a range is what comes after our tip, in order. @throws CHAIN_MOVED, TIME_RUNS_BACK where it is not: it may be, read again */
export function requireFollowing(tip: ProcessedBlock | undefined, range: Range): void {
  requireAscending(range);
  if (tip === undefined) return;
  const { from, parentHash, blocks, end } = range;
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

/** Blocks of a range may come from several answers. @throws TIME_RUNS_BACK where these do not go together */
function requireAscending({ blocks, end }: Range): void {
  const found = runningBack([...blocks, end]);
  if (found === undefined) return;
  const [before, block] = found;
  throw new LpLedgerError(
    "transient",
    "TIME_RUNS_BACK",
    `block ${block.number} is said to be of ${block.timestampSec}, and block ${before.number} of ${before.timestampSec}`,
  );
}
