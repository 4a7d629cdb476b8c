import type { PoolPrice } from "../amounts.ts";
import type { Log, LogBytes } from "../chain.ts";
import { broken } from "../errors.ts";
import { bytesOf } from "../log-bytes.ts";
import type { Pool } from "../programme.ts";
import type { TicksBook } from "../running-state.ts";
import { sqrtRatioAtTick } from "../ticks.ts";
import type { Place, ReadAlone } from "./reading.ts";
import { int24, isFilled, signed, unsigned } from "./words.ts";

/** What a swap says of its pool, in base units of each token and at its end. */
export interface Swap {
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
  readonly tick: number;
}

/**
 * The `Swap` of a Uniswap V3 pool by fixed offsets: nine of ten logs are swaps, and reading every field by its shape takes
 * three times as long. `feeWords`: words of `uint128` behind the event's own, which forks have. Undefined where anything is
 * not as `decodeWords` would have it.
 */
export function readSwap({ view, start, end, topicCount }: LogBytes, feeWords: number): Swap | undefined {
  const at = start + 64;
  if (topicCount !== 3 || end !== at + 32 * (5 + feeWords)) return undefined;
  const isClean =
    isFilled(view, start, 12, 0) &&
    isFilled(view, start + 32, 12, 0) &&
    isFilled(view, at + 64, 12, 0) &&
    isFilled(view, at + 96, 16, 0);
  const tick = int24(view, at + 128);
  if (!isClean || tick === undefined) return undefined;
  for (let i = 5; i < 5 + feeWords; i++) if (!isFilled(view, at + 32 * i, 16, 0)) return undefined;
  return {
    amount0: signed(view, at),
    amount1: signed(view, at + 32),
    sqrtPriceX96: unsigned(view, at + 64),
    liquidity: unsigned(view, at + 96),
    tick,
  };
}

/** Applies a pool's swap, which moves no liquidity and is matched with no other log; false before the pool's first price. */
export function swapAlone(feeWords: number): ReadAlone {
  return (books, pool, log, place) => {
    const book = books.ticks(pool);
    const bytes = book.price === null ? undefined : bytesOf(log);
    const swap = bytes && readSwap(bytes, feeWords);
    if (swap === undefined) return false;
    const { amount0, amount1, sqrtPriceX96, tick, liquidity } = swap;
    requireCovered(pool, book, log, place, "Swap", [amount0, amount1]);
    book.price = { sqrtPriceX96, tick };
    requireTick("V3-4", pool, place, log, book.price);
    book.ticks.moveTo(tick);
    requireActive("V3-1", pool, place, log, liquidity, book.ticks.active);
    return true;
  };
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
  if (book.amounts === null) return; // Read from before amounts were kept.
  const after = [book.amounts[0] + in0, book.amounts[1] + in1] as const;
  book.amounts = after;
  if (after[0] >= 0n && after[1] >= 0n) return;
  const why = `more leaves the pool with this ${name} than its logs brought in: one of them is missing`;
  throw broken("V3-8", pool, place, log, "amounts of at least 0", after.join(" and "), why);
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
