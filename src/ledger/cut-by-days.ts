import type { LogBlock, Range } from "../core/chain.ts";

const DAY_SEC = 86_400;

/** How many days end within half-open time: `dayEndSec` is the end of the open day. */
export function daysEnding(dayEndSec: number, untilSec: number): number {
  return untilSec < dayEndSec ? 0 : Math.floor((untilSec - dayEndSec) / DAY_SEC) + 1;
}

/**
 * Ranges cut at blocks with logs, so that no more than `daysMax` days end in each beside those that end before its
 * first such block, which can be closed ahead of it. `dayEndSec`: the end of the day that is open before them; null
 * where none is yet.
 */
export function cutByDays(ranges: readonly Range[], dayEndSec: number | null, daysMax: number): readonly Range[] {
  const last = ranges.at(-1);
  const from = dayEndSec ?? ranges.find(({ blocks }) => blocks.length > 0)?.blocks[0]?.timestampSec;
  if (last === undefined || from === undefined) return ranges;
  return daysEnding(from, last.end.timestampSec) <= daysMax ? ranges : ranges.flatMap((range) => cut(range, daysMax));
}

function cut(range: Range, daysMax: number): readonly Range[] {
  const pieces: Range[] = [];
  let { from, parentHash } = range;
  let blocks: Range["blocks"][number][] = [];
  const pieceUpTo = ({ number, hash, timestampSec, parentHash: parent }: LogBlock): Range => {
    const end = { number, hash, timestampSec, parentHash: number === from ? parentHash : parent };
    const piece = { ...partOf(range, from, number), parentHash, end, blocks };
    [from, parentHash] = [number + 1, hash];
    return piece;
  };
  for (const block of range.blocks) {
    const [first] = blocks;
    const before = blocks.at(-1);
    if (first !== undefined && before !== undefined && block.timestampSec - first.timestampSec >= daysMax * DAY_SEC) {
      pieces.push(pieceUpTo(before));
      blocks = [];
    }
    blocks.push(block);
  }
  const [first, last] = [blocks[0], blocks.at(-1)];
  const isQuiet = first !== undefined && range.end.timestampSec - first.timestampSec >= daysMax * DAY_SEC;
  if (isQuiet && last !== undefined && last.number < range.end.number) {
    pieces.push(pieceUpTo(last));
    blocks = [];
  }
  pieces.push({ ...partOf(range, from, range.end.number), parentHash, blocks });
  return pieces;
}

/** What else a range holds of some of its blocks; memory is given back with the whole range. */
function partOf({ release: _, headers = [], ...range }: Range, from: number, to: number): Omit<Range, "release"> {
  return { ...range, from, headers: headers.filter(({ number }) => number >= from && number <= to) };
}
