import { type Block, type Range, runningBack } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { ProcessedBlock } from "../store/blocks.ts";
import type { Store } from "../store/store.ts";

/** What is left to do where a time was settled that nobody says any more: nothing that is settled is undone. */
export const SETTLED_WRONG =
  "where every node goes on saying so, a wrong time was settled: stop the daemon, put back a backup from before it (lp-ledger backup list, lp-ledger restore), or begin a new DATABASE";
const SAID_WRONG =
  "another endpoint is asked next; where there is none that says otherwise, name another one in RPC_URLS";

/**
 * Whether a range is what comes after our tip, in order. @throws CHAIN_MOVED, TIME_RUNS_BACK where it is not: it may
 * be, read again
 */
export function requireFollowing({ config }: Store, tip: ProcessedBlock | undefined, range: Range): void {
  requireAscending(range);
  if (tip === undefined) return;
  const { from, parentHash } = range;
  if (from !== tip.number + 1 || parentHash !== tip.hash)
    throw new LpLedgerError(
      "transient",
      "CHAIN_MOVED",
      `block ${from} does not follow our tip ${tip.number}: the chain moved while it was read`,
    );
  const firstSec = beginSecOf(range);
  if (firstSec < tip.timestampSec)
    throw new LpLedgerError(
      "transient",
      "TIME_RUNS_BACK",
      `block ${from} is said to be of an earlier time than our tip: ${firstSec}, before ${tip.timestampSec}`,
      { hint: tip.number <= (config.get("settled_block") ?? -1) ? SETTLED_WRONG : SAID_WRONG },
    );
}

/** The time of the first block of a range that is known of it; later ones are not earlier. */
export function beginSecOf({ blocks, headers = [], end }: Range): number {
  return Math.min(blocks[0]?.timestampSec ?? end.timestampSec, headers[0]?.timestampSec ?? end.timestampSec);
}

/**
 * Blocks and headers of a range may come from several answers. @throws TIME_RUNS_BACK where these do not go together
 */
function requireAscending({ blocks, headers = [], end }: Range): void {
  const told: readonly Pick<Block, "number" | "timestampSec">[] = [...blocks, ...headers, end];
  const found = runningBack(headers.length === 0 ? told : [...told].sort((a, b) => a.number - b.number));
  if (found === undefined) return;
  const [before, block] = found;
  throw new LpLedgerError(
    "transient",
    "TIME_RUNS_BACK",
    `block ${block.number} is said to be of ${block.timestampSec}, and block ${before.number} of ${before.timestampSec}`,
  );
}
