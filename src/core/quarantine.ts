import type { Day } from "./day.ts";
import type { Finding } from "./errors.ts";
import type { Address } from "./hex.ts";

/** From where on nothing of a pool counts: a transaction, by its first log that is heard; or the end of a day that does not add up. */
export type Stop = { readonly blockNumber: number; readonly logIndex: number } | { readonly fromSec: number };

/** By pool. */
export type Stops = ReadonlyMap<Address, Stop>;

/** A pool that is stopped, and what did not hold. */
export interface Quarantine {
  readonly pool: Address;
  readonly stop: Stop;
  /** No day from this one on is known. */
  readonly firstDay: Day;
  readonly finding: Finding;
}

/** Where in the chain something stands. */
interface Place {
  readonly blockNumber: number;
  readonly timestampSec: number;
}

/** Whether nothing of a transaction counts for a pool; `firstLog`: the transaction's first log that was heard. */
export function isStopped(stop: Stop | undefined, { blockNumber, timestampSec }: Place, firstLog: number): boolean {
  if (stop === undefined) return false;
  if ("fromSec" in stop) return timestampSec >= stop.fromSec;
  return blockNumber > stop.blockNumber || (blockNumber === stop.blockNumber && firstLog >= stop.logIndex);
}

/** What a pool gives to the digest of a block's state: its own digest, and that nothing of it counts any more where that is so. */
export function digestInQuarantine(digest: string, stop: Stop | undefined, at: Place): string {
  return isStopped(stop, at, Number.POSITIVE_INFINITY) ? `${digest} quarantined` : digest;
}
