import type { Block, Range } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { toHash } from "../core/hex.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import { SETTLED_WRONG } from "../ledger/range-order.ts";
import type { ProcessedBlock } from "../store/blocks.ts";
import type { Repair } from "../store/contents.ts";
import type { ChainPort } from "./chain-port.ts";
import { refetchAbove, refetchFromOther } from "./refetch.ts";
import { requireFinal } from "./rollback-and-reapply.ts";

const ANCESTOR_PAGE = 64;
/** Where nothing proves times, two endpoints of several have to say the same. */
const ALONE =
  "it goes on once two endpoints agree: mend another one or name it, or take out of RPC_URLS what is gone for good";

/**
 * What is read again in place of blocks whose times were wrong: everything above one block, up to the one in dispute.
 */
export interface Retimed {
  readonly above: number;
  readonly ranges: readonly Range[];
  /** Another reading of the same. */
  again(): Promise<readonly Range[]>;
  readonly repairs: readonly Repair[];
}

/**
 * The node has a block of ours by its hash, our tip or the last one that a fork shares with us, and says another time
 * of it than we stored. What its hash proves or two readings agree on wins: where that is not ours, blocks are to be
 * undone down to the last one whose time stands, and done again, once for a hash.
 * @throws TIME_DISPUTED where nobody agrees, where the node at hand is wrong, or where that did not help
 */
export async function retimed(
  keeper: Bookkeeper,
  chain: ChainPort,
  { number, hash, timestampSec }: ProcessedBlock,
  there: Block,
  signal: AbortSignal,
): Promise<Retimed> {
  const { store } = keeper;
  const ours = `block ${number} has the time ${timestampSec} in the ledger`;
  const agreed = await chain.blockTime(toHash(hash), number, signal);
  const isUndone = store.contents.isRepaired(hash);
  const isSettled = number <= (store.config.get("settled_block") ?? -1);
  if (agreed === null || agreed === timestampSec || isUndone || isSettled) {
    const why = agreed === null ? "no two readings agree" : agreed === timestampSec ? "others say ours" : "ours stands";
    const hint = agreed === null ? ALONE : isSettled && agreed !== timestampSec ? SETTLED_WRONG : undefined;
    throw disputed(chain, `${ours}, and the node in use says ${there.timestampSec}: ${why}`, hint);
  }
  const above = await lastTimed(keeper, chain, number, signal);
  const read = async (how: typeof refetchAbove): Promise<readonly Range[]> => {
    const ranges = await how(keeper, chain, above, number, signal);
    const end = ranges.at(-1)?.end;
    // It may have moved, or say a third time: what it brought is not what two agree on.
    if (end?.hash !== hash || end.timestampSec !== agreed)
      throw disputed(chain, `${ours}, two say ${agreed}, and a node that was read again does not`);
    requireFinal(keeper, chain, ranges);
    return ranges;
  };
  const logs = store.contents.between(number, number)[0]?.logCount ?? 0;
  const repairs = [{ blockNumber: number, blockHash: hash, storedLogs: logs, foundLogs: logs }];
  return { above, ranges: await read(refetchAbove), again: () => read(refetchFromOther), repairs };
}

/** The error of a dispute that nobody ends now; the node in use is left for another one. */
function disputed(chain: ChainPort, message: string, hint?: string): LpLedgerError {
  chain.rotate?.(message);
  return new LpLedgerError("transient", "TIME_DISPUTED", message, hint === undefined ? {} : { hint });
}

/** The highest stored block that the node has by the same hash and time; not below what is settled. */
async function lastTimed(keeper: Bookkeeper, chain: ChainPort, tip: number, signal: AbortSignal): Promise<number> {
  const { blocks, config } = keeper.store;
  const floor = config.get("settled_block") ?? config.get("anchor")?.number ?? -1;
  for (let below = tip; ; ) {
    const ours = blocks.below(below, ANCESTOR_PAGE).filter(({ number }) => number > floor);
    if (ours.length === 0) return floor;
    const theirs = await chain.blocksAt(
      ours.map(({ number }) => number),
      signal,
    );
    const timed = ours.find(
      ({ hash, timestampSec }, i) => theirs[i]?.hash === hash && theirs[i]?.timestampSec === timestampSec,
    );
    if (timed !== undefined) return timed.number;
    below = ours.at(-1)?.number ?? floor;
  }
}
