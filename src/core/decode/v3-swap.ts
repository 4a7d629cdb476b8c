import type { TicksBook } from "../accounting/ticks-book.ts";
import type { PoolPrice } from "../amm/amounts.ts";
import { sqrtRatioAtTick, TICK_MAX } from "../amm/ticks.ts";
import type { Log, LogBytes } from "../chain.ts";
import { broken, type LpLedgerError } from "../errors.ts";
import { bytesOf } from "../log-bytes.ts";
import type { Pool } from "../programme/programme.ts";
import { int24, isFilled, unsigned, WORD_BYTES } from "../word.ts";
import type { DecodeAlone, Place } from "./reading.ts";

/** Where the words of a `Swap` lie behind the two parties among its topics: amounts, price, liquidity, tick. */
const [AMOUNTS, PRICE, LIQUIDITY, TICK, END] = [64, 128, 160, 192, 224];

/** The tick of a swap whose every field is as `decodeWords` would have it; undefined of any other. */
function tickOf({ view, start, end, topicCount }: LogBytes, feeWords: number): number | undefined {
  if (topicCount !== 3 || end !== start + END + WORD_BYTES * feeWords) return undefined;
  const isClean =
    isFilled(view, start, 12, 0) &&
    isFilled(view, start + WORD_BYTES, 12, 0) &&
    isFilled(view, start + PRICE, 12, 0) &&
    isFilled(view, start + LIQUIDITY, 16, 0);
  if (!isClean) return undefined;
  for (let i = 0; i < feeWords; i++) if (!isFilled(view, start + END + WORD_BYTES * i, 16, 0)) return undefined;
  return int24(view, start + TICK);
}

/**
 * Applies a pool's swap, which moves no liquidity and is matched with no other log; false before the pool's first
 * price, and where the log is not of its shape. Nine of ten logs are swaps: they are read by fixed offsets, and few
 * need a bigint, where a check is too close for doubles or an initialised tick is crossed. `feeWords`: words of
 * `uint128` behind the event's own, which forks have.
 */
export function swapAlone(feeWords: number): DecodeAlone {
  return (books, pool, log, place) => {
    const book = books.ticks(pool);
    const bytes = book.isPriced ? bytesOf(log) : undefined;
    const tick = bytes && tickOf(bytes, feeWords);
    if (bytes === undefined || tick === undefined) return false;
    const { view, start } = bytes;
    if (!book.add(view, start + AMOUNTS)) throw notCovered(pool, book.amounts ?? [], log, place, "Swap");
    book.moveTo(view, start + PRICE, tick);
    if (!isSurelyWithin(view, start + PRICE, tick))
      requireTick("V3-4", pool, place, log, { sqrtPriceX96: unsigned(view, start + PRICE), tick });
    if (!book.ticks.isActive(view, start + LIQUIDITY))
      requireActive("V3-1", pool, place, log, unsigned(view, start + LIQUIDITY), book.ticks.active);
    return true;
  };
}

const LIMB = 2 ** 32;
const TICKS_PER_LOG = 2 / Math.log1p(0.0001);
/** In ticks: above what doubles are off by (1e-9), and what rounding a ratio up makes of the lowest ones (5e-6). */
const DOUBT = 1e-4;

/**
 * Whether the price that begins at a place lies at this tick, and surely so: doubles do not tell it near the tick's
 * ends.
 */
function isSurelyWithin(view: DataView, at: number, tick: number): boolean {
  const upper = view.getUint32(at + 12) * LIMB + view.getUint32(at + 16);
  const lower = view.getUint32(at + 20) + (view.getUint32(at + 24) + view.getUint32(at + 28) / LIMB) / LIMB;
  const above = TICKS_PER_LOG * Math.log(upper + lower / LIMB) - tick;
  return above > DOUBT && above < 1 - DOUBT && Math.abs(tick) < TICK_MAX;
}

/** V3-8: nothing leaves the pool that did not come in before; what is in it is kept for V3-7. */
export function requireCovered(
  pool: Pool,
  book: TicksBook,
  log: Log,
  place: Place,
  name: string,
  [in0, in1]: readonly [in0: bigint, in1: bigint],
): void {
  const before = book.amounts;
  if (before === null) return; // They are not kept.
  const after = [before[0] + in0, before[1] + in1] as const;
  book.amounts = after;
  if (after[0] < 0n || after[1] < 0n) throw notCovered(pool, after, log, place, name);
}

function notCovered(pool: Pool, after: readonly bigint[], log: Log, place: Place, name: string): LpLedgerError {
  const why = `more leaves the pool with this ${name} than its logs brought in: one of them is missing`;
  return broken("V3-8", pool, place, log, "amounts of at least 0", after.join(" and "), why);
}

/** V3-4: the price lies at its tick, or exactly on the next one, where a swap that went down has stopped. */
export function requireTick(identity: string, pool: Pool, place: Place, log: Log, price: PoolPrice): void {
  const { tick, sqrtPriceX96 } = price;
  if (sqrtRatioAtTick(tick) <= sqrtPriceX96 && sqrtPriceX96 <= sqrtRatioAtTick(tick + 1)) return;
  const expected = `a price from ${sqrtRatioAtTick(tick)} to ${sqrtRatioAtTick(tick + 1)}`;
  throw broken(identity, pool, place, log, expected, sqrtPriceX96, "the price is not at the tick");
}

/** V3-1: the positions in range are the liquidity that a swap saw. */
export function requireActive(identity: string, pool: Pool, place: Place, log: Log, saw: bigint, ours: bigint): void {
  if (saw === ours) return;
  const why = "the positions in range do not sum to the liquidity the swap saw";
  throw broken(identity, pool, place, log, saw, ours, why);
}
