import type { Range } from "../core/chain.ts";
import { type Day, dayEndSec } from "../core/day.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";

/**
 * Blocks that are rows of ours by the same hash and another time than the second reading says: ends of ranges, and
 * others without logs. A time before what is settled cannot be put right any more: that one is wrong, and not undone.
 */
export function timedOtherwise({ store }: Bookkeeper, { from, headers = [], end }: Range): readonly number[] {
  const settledSec = store.blocks.at(from - 1)?.timestampSec ?? 0;
  const differ = ({ number, hash, timestampSec }: typeof end): boolean => {
    const ours = store.blocks.at(number);
    return ours?.hash === hash && ours.timestampSec !== timestampSec && timestampSec >= settledSec;
  };
  return [...headers, end].filter(differ).map(({ number }) => number);
}

/** Blocks that closed a day before its end, by the second reading's word for their time, and when that day ends. */
export function closedEarly(
  { headers = [] }: Range,
  closings: readonly { readonly block: number; readonly date: Day }[],
): ReadonlyMap<number, number> {
  const ends = new Map(closings.map(({ block, date }) => [block, dayEndSec(date)]));
  const early = headers.filter(({ number, timestampSec }) => timestampSec < (ends.get(number) ?? 0));
  return new Map(early.map(({ number }) => [number, ends.get(number) ?? 0]));
}

/**
 * The end of a range that is to be settled, with a time that is not one reading's word alone: proven, that of the first
 * reading, or one that two readings agree on. It becomes a row that nothing undoes. Null without agreement.
 */
export async function agreedEnd(
  { store }: Bookkeeper,
  chain: ChainPort,
  { end, isProven }: Range,
  signal: AbortSignal,
): Promise<Range["end"] | null> {
  const ours = store.blocks.at(end.number);
  if (isProven === true || (ours?.hash === end.hash && ours.timestampSec === end.timestampSec)) return end;
  const timestampSec = await chain.blockTime(end.hash, end.number, signal);
  return timestampSec === null ? null : { ...end, timestampSec };
}
