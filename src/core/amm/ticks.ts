import { invariant } from "../errors.ts";
import { isSameWord, WORD_BYTES, writeNumber } from "../word.ts";

export const TICK_MAX = 887_272;
const Q32 = 1n << 32n;
const Q128 = 1n << 128n;
const UINT256_MAX = (1n << 256n) - 1n;

/** sqrt(1.0001)^(-2^i) as Q128.128 for i = 0..19: the constants of Uniswap V3's TickMath. */
const FACTORS = [
  0xfffcb933bd6fad37aa2d162d1a594001n,
  0xfff97272373d413259a46990580e213an,
  0xfff2e50f5f656932ef12357cf3c7fdccn,
  0xffe5caca7e10e4e61c3624eaa0941cd0n,
  0xffcb9843d60f6159c9db58835c926644n,
  0xff973b41fa98c081472e6896dfb254c0n,
  0xff2ea16466c96a3843ec78b326b52861n,
  0xfe5dee046a99a2a811c461f1969c3053n,
  0xfcbe86c7900a88aedcffc83b479aa3a4n,
  0xf987a7253ac413176f2b074cf7815e54n,
  0xf3392b0822b70005940c7a398e4b70f3n,
  0xe7159475a2c29b7443b29c7fa6e889d9n,
  0xd097f3bdfd2022b8845ad8f792aa5825n,
  0xa9f746462d870fdf8a65dc1f90e061e5n,
  0x70d869a156d2a1b890bb3df62baf32f7n,
  0x31be135f97d08fd981231505542fcfa6n,
  0x9aa508b5b7a84e1c677de54f3e99bc9n,
  0x5d6af8dedb81196699c329225ee604n,
  0x2216e584f5fa1ea926041bedfe98n,
  0x48a170391f7dc42444e8fa2n,
] as const;

/** So many ratios are kept: twenty multiplications each, and swaps stay near. */
const RATIOS_MAX = 50_000;
const ratios = new Map<number, bigint>();

/** The square root of the price at a tick as Q64.96, rounded up as Uniswap V3's TickMath does. */
export function sqrtRatioAtTick(tick: number): bigint {
  const known = ratios.get(tick);
  if (known !== undefined) return known;
  if (ratios.size >= RATIOS_MAX) ratios.clear();
  const ratio = computedRatio(tick);
  ratios.set(tick, ratio);
  return ratio;
}

function computedRatio(tick: number): bigint {
  const steps = Math.abs(tick);
  invariant(Number.isInteger(tick) && steps <= TICK_MAX, "TICK_RANGE", `the tick ${tick} is outside ±${TICK_MAX}`);
  let ratio = Q128;
  FACTORS.forEach((factor, bit) => {
    if ((steps >> bit) & 1) ratio = (ratio * factor) >> 128n;
  });
  if (tick > 0) ratio = UINT256_MAX / ratio;
  return ratio / Q32 + (ratio % Q32 === 0n ? 0n : 1n);
}

export interface TickRange {
  readonly tickLower: number;
  readonly tickUpper: number;
}

/** Half-open: a position earns while tickLower <= tick < tickUpper. */
export function inRange(range: TickRange, tick: number): boolean {
  return range.tickLower <= tick && tick < range.tickUpper;
}

export function rangeId(range: TickRange): string {
  return `${range.tickLower}:${range.tickUpper}`;
}

/** The liquidity of a pool by tick: net changes at initialised ticks, and the sum in range at the current tick. */
export class TickMap {
  readonly #net = new Map<number, bigint>();
  readonly #sorted: number[] = [];
  #tick: number;
  #active = 0n;
  /** The active liquidity as a word, to compare with those of swaps; behind it while not written. */
  readonly #word = new DataView(new ArrayBuffer(WORD_BYTES));
  #isWritten = true;

  constructor(tick: number) {
    this.#tick = tick;
  }

  /** The sum of L over all positions with tickLower <= tick < tickUpper. */
  get active(): bigint {
    return this.#active;
  }

  /** Whether that is the number of the word that begins at a place. */
  isActive(view: DataView, at: number): boolean {
    if (!this.#isWritten) writeNumber(this.#word, this.#active);
    this.#isWritten = true;
    return isSameWord(this.#word, 0, view, at);
  }

  /** Adds (or with a negative delta removes) the liquidity of one range. */
  change(range: TickRange, delta: bigint): void {
    const { tickLower: from, tickUpper: to } = range;
    invariant(
      -TICK_MAX <= from && from < to && to <= TICK_MAX,
      "TICK_RANGE",
      `no pool has a range from ${from} to ${to}`,
    );
    this.#bump(range.tickLower, delta);
    this.#bump(range.tickUpper, -delta);
    if (inRange(range, this.#tick)) this.#setActive(this.#active + delta);
  }

  #setActive(active: bigint): void {
    this.#active = active;
    this.#isWritten = false;
  }

  /** Moves the current tick, crossing every initialised tick on the way. */
  moveTo(tick: number): void {
    const up = tick > this.#tick;
    const [low, high] = up ? [this.#tick, tick] : [tick, this.#tick];
    for (let i = this.#firstAbove(low); i < this.#sorted.length; i++) {
      const crossed = this.#sorted[i] ?? Number.POSITIVE_INFINITY;
      if (crossed > high) break;
      const net = this.#net.get(crossed) ?? 0n;
      this.#setActive(this.#active + (up ? net : -net));
    }
    this.#tick = tick;
  }

  #bump(tick: number, delta: bigint): void {
    const before = this.#net.get(tick);
    const after = (before ?? 0n) + delta;
    if (before === undefined) this.#sorted.splice(this.#firstAbove(tick), 0, tick);
    // A tick whose net is zero stays listed: crossing it changes nothing, and it is often used again.
    this.#net.set(tick, after);
  }

  /** Index of the first listed tick greater than `tick`. */
  #firstAbove(tick: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] ?? 0) > tick) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
