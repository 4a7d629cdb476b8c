import { sqrtRatioAtTick, type TickRange } from "../amm/ticks.ts";
import { firstIndex } from "./first-index.ts";
import type { HeldPath, PerUnit } from "./held-path.ts";
import type { Window } from "./holdings.ts";

/** A stretch of a day in which a pool's price stood still. */
export interface PriceSpan extends Window {
  readonly tick: number;
  /** Q64.96. */
  readonly sqrtPriceX96: bigint;
}

/** How long the price stood where, as seen from a range, and the sums over the spans in it. */
interface RangeTime {
  below: number;
  inside: number;
  above: number;
  /** Sum of sqrtPriceX96 x seconds. */
  prices: bigint;
  /** Sum of inverse x seconds. */
  inverses: bigint;
}

/** So many spans are summed together: most ranges have all of them on one side. */
const BLOCK = 128;
/** So many ranges are remembered with what they are worth over the whole path. */
const RANGES_MAX = 20_000;
const Q288 = 1n << 288n;

/**
 * 1 / sqrtPriceX96 with 192 bits below those of Q64.96, so that the error of a day stays below 2^-47 unit-seconds for
 * any L below 2^128.
 */
export const inverseOf = (sqrtPriceX96: bigint): bigint => Q288 / sqrtPriceX96;

/**
 * The path of a pool's price through a day, and the exact integral of a position's amounts along it: what liquidity
 * held, second by second, never what it would have held at a mean price. A span counts by its tick; a swap that ends on
 * a boundary from above leaves the tick below the price.
 */
export class PricePath implements HeldPath {
  /** Token0 by 2^192, token1 by 2^96. */
  readonly shifts = [192n, 96n];
  readonly #startSecs: Float64Array;
  readonly #endSecs: Float64Array;
  readonly #ticks: Int32Array;
  readonly #prices: readonly bigint[];
  readonly #startSec: number;
  readonly #endSec: number;
  readonly #whole: TickSums;
  /** Made when a part of the day is asked for: most accounts stand all day. */
  readonly #blocks: (TickSums | undefined)[] = [];
  readonly #byRange = new Map<number, PerUnit>();

  /** `spans`: in order, without gaps. */
  constructor(spans: readonly PriceSpan[]) {
    this.#startSecs = Float64Array.from(spans, ({ startSec }) => startSec);
    this.#endSecs = Float64Array.from(spans, ({ endSec }) => endSec);
    this.#startSec = spans[0]?.startSec ?? 0;
    this.#endSec = spans.at(-1)?.endSec ?? 0;
    this.#ticks = Int32Array.from(spans, ({ tick }) => tick);
    this.#prices = spans.map(({ sqrtPriceX96 }) => sqrtPriceX96);
    this.#whole = this.#sumsOf(0, spans.length);
  }

  /** Seconds of the window in which tickLower <= tick < tickUpper. */
  secondsIn(range: TickRange, window: Window): number {
    if (this.#isWhole(window)) return this.#whole.secondsIn(range);
    let seconds = 0;
    this.#walk(
      window,
      (block) => {
        seconds += block.secondsIn(range);
      },
      (i, duration) => {
        const tick = this.#ticks[i] ?? 0;
        if (tick >= range.tickLower && tick < range.tickUpper) seconds += duration;
      },
    );
    return seconds;
  }

  perUnit(range: TickRange, window: Window, onlyInside = false): PerUnit {
    if (!this.#isWhole(window)) return perUnitOf(range, this.#timeOf(range, window), onlyInside);
    const key = (range.tickLower * 2 ** 21 + range.tickUpper) * 2 + (onlyInside ? 1 : 0);
    let known = this.#byRange.get(key);
    if (known === undefined) {
      const time = noTime();
      this.#whole.addTo(time, range);
      known = perUnitOf(range, time, onlyInside);
      if (this.#byRange.size >= RANGES_MAX) this.#byRange.clear();
      this.#byRange.set(key, known);
    }
    return known;
  }

  #isWhole({ startSec, endSec }: Window): boolean {
    return startSec <= this.#startSec && endSec >= this.#endSec;
  }

  #timeOf(range: TickRange, window: Window): RangeTime {
    const time = noTime();
    this.#walk(
      window,
      (block) => block.addTo(time, range),
      (i, duration) => {
        const tick = this.#ticks[i] ?? 0;
        if (tick < range.tickLower) time.below += duration;
        else if (tick >= range.tickUpper) time.above += duration;
        else {
          const price = this.#prices[i] ?? 0n;
          time.inside += duration;
          time.prices += price * BigInt(duration);
          time.inverses += inverseOf(price) * BigInt(duration);
        }
      },
    );
    return time;
  }

  /** Goes through a window: blocks of spans that lie in it whole, and of each other span its seconds in it. */
  #walk(
    { startSec, endSec }: Window,
    block: (sums: TickSums) => void,
    span: (i: number, seconds: number) => void,
  ): void {
    const [starts, ends] = [this.#startSecs, this.#endSecs];
    const end = firstIndex(starts, endSec);
    for (let i = firstIndex(ends, startSec + 1); i < end; i++) {
      const last = i + BLOCK - 1;
      if (i % BLOCK === 0 && last < end && (starts[i] ?? 0) >= startSec && (ends[last] ?? 0) <= endSec) {
        block(this.#blockOf(i / BLOCK));
        i = last;
      } else span(i, Math.min(ends[i] ?? 0, endSec) - Math.max(starts[i] ?? 0, startSec));
    }
  }

  #blockOf(at: number): TickSums {
    const known = this.#blocks[at] ?? this.#sumsOf(at * BLOCK, (at + 1) * BLOCK);
    this.#blocks[at] = known;
    return known;
  }

  #sumsOf(from: number, to: number): TickSums {
    const byTick = new Map<number, TickSum>();
    for (let i = from; i < to; i++) {
      const [tick, price] = [this.#ticks[i] ?? 0, this.#prices[i] ?? 0n];
      const seconds = (this.#endSecs[i] ?? 0) - (this.#startSecs[i] ?? 0);
      const sum = byTick.get(tick) ?? { seconds: 0, prices: 0n, inverses: 0n };
      sum.seconds += seconds;
      sum.prices += price * BigInt(seconds);
      sum.inverses += inverseOf(price) * BigInt(seconds);
      byTick.set(tick, sum);
    }
    return new TickSums(byTick);
  }
}

interface TickSum {
  seconds: number;
  prices: bigint;
  inverses: bigint;
}

/** Sums over some spans by tick: those of all ticks below another one by binary search. */
class TickSums {
  /** Ticks that occur, ascending. */
  readonly #ticks: Int32Array;
  /** Over the first i of them. */
  readonly #seconds: Float64Array;
  readonly #prices: bigint[] = [0n];
  readonly #inverses: bigint[] = [0n];

  constructor(byTick: ReadonlyMap<number, TickSum>) {
    this.#ticks = Int32Array.from(byTick.keys()).sort();
    this.#seconds = new Float64Array(this.#ticks.length + 1);
    for (let i = 0; i < this.#ticks.length; i++) {
      const sum = byTick.get(this.#ticks[i] ?? 0);
      if (sum === undefined) continue;
      this.#seconds[i + 1] = (this.#seconds[i] ?? 0) + sum.seconds;
      this.#prices.push((this.#prices[i] ?? 0n) + sum.prices);
      this.#inverses.push((this.#inverses[i] ?? 0n) + sum.inverses);
    }
  }

  secondsIn({ tickLower, tickUpper }: TickRange): number {
    const [lower, upper] = [firstIndex(this.#ticks, tickLower), firstIndex(this.#ticks, tickUpper)];
    return (this.#seconds[upper] ?? 0) - (this.#seconds[lower] ?? 0);
  }

  addTo(time: RangeTime, { tickLower, tickUpper }: TickRange): void {
    const [lower, upper] = [firstIndex(this.#ticks, tickLower), firstIndex(this.#ticks, tickUpper)];
    const [below, within] = [this.#seconds[lower] ?? 0, this.#seconds[upper] ?? 0];
    time.below += below;
    time.inside += within - below;
    time.above += (this.#seconds.at(-1) ?? 0) - within;
    if (lower === upper) return;
    time.prices += (this.#prices[upper] ?? 0n) - (this.#prices[lower] ?? 0n);
    time.inverses += (this.#inverses[upper] ?? 0n) - (this.#inverses[lower] ?? 0n);
  }
}

const noTime = (): RangeTime => ({ below: 0, inside: 0, above: 0, prices: 0n, inverses: 0n });

function perUnitOf(range: TickRange, time: RangeTime, onlyInside: boolean): PerUnit {
  const [lower, upper] = [sqrtRatioAtTick(range.tickLower), sqrtRatioAtTick(range.tickUpper)];
  const [inside, atUpper] = [BigInt(time.inside), inverseOf(upper)];
  let seconds0X192 = time.inverses - inside * atUpper;
  let seconds1X96 = time.prices - inside * lower;
  if (!onlyInside) {
    seconds0X192 += BigInt(time.below) * (inverseOf(lower) - atUpper);
    seconds1X96 += BigInt(time.above) * (upper - lower);
  }
  return [seconds0X192, seconds1X96];
}
