import { sqrtRatioAtTick, type TickRange } from "../amm/ticks.ts";
import type { PerUnit } from "./held-path.ts";
import type { Stretch, Window } from "./holdings.ts";
import { inverseOf, type PriceSpan } from "./price-path.ts";

/** Net liquidity that is added to ticks at one moment. */
type NetChanges = Map<number, bigint>;

/**
 * A stretch of a day with the liquidity that was active in it by the pool's state, which each swap's own word is
 * compared with.
 */
export interface LiquiditySpan extends PriceSpan {
  readonly liquidity: bigint;
}

/**
 * What all positions of a pool held together, summed over a day: from the net liquidity at each tick, as the pool
 * itself counts, and the path of the price, walked from state to state. It shares no sum and no search with what is
 * told of each position, and must come out the same to the last bit.
 */
export class TicksTotal {
  readonly #byTime = new Map<number, NetChanges>();
  /** What stood all day, by range: most of all that there is. */
  readonly #standing = new Map<number, TickRange & { balance: bigint }>();
  readonly #day: Window;

  constructor(day: Window) {
    this.#day = day;
  }

  add(range: TickRange, stretches: readonly Stretch[]): void {
    for (const stretch of stretches) {
      const { balance, startSec, endSec } = stretch;
      if (startSec === this.#day.startSec && endSec === this.#day.endSec) this.#stand(range, balance);
      else {
        this.#open(range, startSec, balance);
        this.#open(range, endSec, -balance);
      }
    }
  }

  #stand({ tickLower, tickUpper }: TickRange, balance: bigint): void {
    const key = tickLower * 2 ** 21 + tickUpper;
    const known = this.#standing.get(key);
    if (known === undefined) this.#standing.set(key, { tickLower, tickUpper, balance });
    else known.balance += balance;
  }

  #open({ tickLower, tickUpper }: TickRange, atSec: number, delta: bigint): void {
    this.#change(atSec, tickLower, delta);
    this.#change(atSec, tickUpper, -delta);
  }

  #change(atSec: number, tick: number, delta: bigint): void {
    if (atSec >= this.#day.endSec) return;
    let changes = this.#byTime.get(atSec);
    if (changes === undefined) {
      changes = new Map();
      this.#byTime.set(atSec, changes);
    }
    changes.set(tick, (changes.get(tick) ?? 0n) + delta);
  }

  /**
   * @returns token0 x seconds scaled by 2^192, token1 x seconds scaled by 2^96; undefined where the net liquidity below
   * the price is not what was active by the pool's states.
   */
  over(spans: readonly LiquiditySpan[]): PerUnit | undefined {
    const [first] = spans;
    if (first === undefined) return [0n, 0n];
    for (const { balance, ...range } of this.#standing.values()) this.#open(range, this.#day.startSec, balance);
    this.#standing.clear();
    const times = [...this.#byTime.keys()].sort((a, b) => a - b);
    const walk = new Walk([...this.#byTime.values()].flatMap((changes) => [...changes.keys()]));
    let [sum0, sum1, next] = [0n, 0n, 0];
    for (const { startSec, endSec, tick, sqrtPriceX96, liquidity } of spans) {
      walk.moveTo(tick, sqrtPriceX96);
      for (let atSec = startSec; atSec < endSec; ) {
        for (; (times[next] ?? endSec) <= atSec; next++) walk.change(this.#byTime.get(times[next] ?? 0) ?? new Map());
        const untilSec = Math.min(times[next] ?? endSec, endSec);
        if (walk.active !== liquidity) return undefined;
        const seconds = BigInt(untilSec - atSec);
        sum0 += walk.total0 * seconds;
        sum1 += walk.total1 * seconds;
        atSec = untilSec;
      }
    }
    return [sum0, sum1];
  }
}

/** A price on its way over the ticks of a pool, with what all its liquidity holds there. */
class Walk {
  total0 = 0n;
  total1 = 0n;
  /** What lies around the price. */
  active = 0n;
  /** Ascending, with their net liquidity and their prices. */
  readonly #ticks: Int32Array;
  readonly #net: bigint[];
  readonly #prices: bigint[];
  readonly #inverses: bigint[];
  readonly #at = new Map<number, number>();
  /** So many ticks lie at or below the price's. */
  #below = 0;
  #price = 0n;
  #inverse = 0n;

  constructor(ticks: readonly number[]) {
    this.#ticks = Int32Array.from(new Set(ticks)).sort();
    this.#net = Array.from(this.#ticks, () => 0n);
    this.#prices = Array.from(this.#ticks, sqrtRatioAtTick);
    this.#inverses = this.#prices.map(inverseOf);
    this.#ticks.forEach((tick, i) => {
      this.#at.set(tick, i);
    });
  }

  moveTo(tick: number, price: bigint): void {
    for (let i = this.#below; i < this.#ticks.length && (this.#ticks[i] ?? 0) <= tick; i++) this.#cross(i, 1n, i + 1);
    for (let i = this.#below - 1; i >= 0 && (this.#ticks[i] ?? 0) > tick; i--) this.#cross(i, -1n, i);
    this.#goTo(price, inverseOf(price));
  }

  change(changes: NetChanges): void {
    for (const [tick, delta] of changes) {
      const i = this.#at.get(tick) ?? 0;
      this.#net[i] = (this.#net[i] ?? 0n) + delta;
      const isBelow = i < this.#below;
      if (isBelow) this.active += delta;
      // Of each unit that begins at a tick: token1 up to the price or not yet, token0 from the higher one of both.
      this.total1 -= delta * (isBelow ? (this.#prices[i] ?? 0n) : this.#price);
      this.total0 += delta * (isBelow ? this.#inverse : (this.#inverses[i] ?? 0n));
    }
  }

  #cross(i: number, sign: bigint, below: number): void {
    this.#goTo(this.#prices[i] ?? 0n, this.#inverses[i] ?? 0n);
    this.active += sign * (this.#net[i] ?? 0n);
    this.#below = below;
  }

  /** Within one stretch of active liquidity. */
  #goTo(price: bigint, inverse: bigint): void {
    this.total1 += this.active * (price - this.#price);
    this.total0 -= this.active * (this.#inverse - inverse);
    [this.#price, this.#inverse] = [price, inverse];
  }
}
