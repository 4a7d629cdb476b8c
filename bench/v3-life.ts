import { seeded } from "../demo/life.ts";
import { amountsOf, divCeil, type PoolPrice } from "../src/core/amm/amounts.ts";
import { inRange, sqrtRatioAtTick } from "../src/core/amm/ticks.ts";
import { addressOf, type Draft, draft } from "../test/support/logs.ts";
import type { Kind, Life, LifeOptions, Mix } from "./chain.ts";

const SPACING = 60;
const FEE_PIPS = 3_000n;
const PIPS = 1_000_000n;
const Q96 = 1n << 96n;
/** The price wanders between these ticks; a position that is never closed covers them all. */
const TICK_FAR = 6_000;
const STEP_TICKS = 30;

interface Position {
  readonly owner: string;
  readonly tickLower: number;
  readonly tickUpper: number;
  liquidity: bigint;
}

/** What was burned and not collected yet, of one owner's range. */
interface Owed {
  readonly owner: string;
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly amounts: readonly [bigint, bigint];
}

const ratios = new Map<number, bigint>();

function ratioAt(tick: number): bigint {
  let ratio = ratios.get(tick);
  if (ratio === undefined) {
    ratio = sqrtRatioAtTick(tick);
    ratios.set(tick, ratio);
  }
  return ratio;
}

/** The greatest tick whose ratio is not above the price. */
function tickAt(sqrtPriceX96: bigint): number {
  const price = Number(sqrtPriceX96) / 2 ** 96;
  let tick = Math.floor((2 * Math.log(price)) / Math.log(1.0001));
  while (ratioAt(tick) > sqrtPriceX96) tick -= 1;
  while (ratioAt(tick + 1) <= sqrtPriceX96) tick += 1;
  return tick;
}

/**
 * A Uniswap V3 pool with a fee of 0.3 %: every swap moves the price through the initialised ticks as the contract does
 * (UniswapV3Pool.swap, SwapMath), step by step with its roundings; amounts of mints and burns follow from the price;
 * what is collected was burned before. Fees stay in the pool.
 */
export class V3Life implements Life {
  readonly #pool: string;
  readonly #random: () => number;
  readonly #owners: number;
  readonly #ticks = new Map<number, { net: bigint; gross: bigint }>();
  readonly #open: Position[] = [];
  readonly #owed: Owed[] = [];
  #price: PoolPrice = { sqrtPriceX96: ratioAt(0), tick: 0 };
  #active = 0n;
  #born = 0;

  constructor({ address, seed, owners }: LifeOptions) {
    this.#pool = address;
    this.#random = seeded(seed);
    this.#owners = owners;
  }

  first(): readonly Draft[] {
    const wide = { owner: addressOf(0xfa5), tickLower: -2 * TICK_FAR, tickUpper: 2 * TICK_FAR, liquidity: 0n };
    return [draft("pool", this.#pool, "Initialize", { ...this.#price }), this.#mint(wide, 10n ** 21n)];
  }

  next(mix: Mix): readonly Draft[] {
    const kind = kindOf(mix, this.#random());
    if (kind === "swap") return [this.#swap()];
    if (kind === "collect" && this.#owed.length > 0) return [this.#collect()];
    const at = Math.floor(this.#random() * this.#open.length);
    const position = this.#open[at];
    if (kind === "new" || position === undefined) return [this.#mint(this.#newPosition(), this.#someLiquidity())];
    if (kind === "burn") return [this.#burn(position, at)];
    return [kind === "mint" ? this.#mint(position, this.#someLiquidity()) : this.#swap()];
  }

  #someLiquidity(): bigint {
    return BigInt(1 + Math.floor(this.#random() * 1e15)) * 1000n;
  }

  /** Owners come in turn, so that there are as many as positions while there are fewer than `owners`. */
  #newPosition(): Position {
    const owner = addressOf(0x10_0000 + (this.#born++ % this.#owners));
    const tickLower = (Math.floor(this.#random() * 200) - 100) * SPACING;
    const tickUpper = tickLower + SPACING * (1 + Math.floor(this.#random() * 40));
    const position = { owner, tickLower, tickUpper, liquidity: 0n };
    this.#open.push(position);
    return position;
  }

  #mint(position: Position, amount: bigint): Draft {
    const { owner, tickLower, tickUpper } = position;
    const [amount0, amount1] = amountsOf(amount, position, this.#price, "up");
    position.liquidity += amount;
    this.#change(position, amount);
    const values = { sender: owner, owner, tickLower, tickUpper, amount, amount0, amount1 };
    return draft("pool", this.#pool, "Mint", values);
  }

  #burn(position: Position, at: number): Draft {
    const { owner, tickLower, tickUpper, liquidity: amount } = position;
    const amounts = amountsOf(amount, position, this.#price, "down");
    this.#open[at] = this.#open.at(-1) ?? position;
    this.#open.pop();
    this.#change(position, -amount);
    if (amounts.some((each) => each > 0n)) this.#owed.push({ owner, tickLower, tickUpper, amounts });
    const [amount0, amount1] = amounts;
    return draft("pool", this.#pool, "Burn", { owner, tickLower, tickUpper, amount, amount0, amount1 });
  }

  #collect(): Draft {
    const at = Math.floor(this.#random() * this.#owed.length);
    const { owner, tickLower, tickUpper, amounts } = this.#owed[at] as Owed;
    this.#owed[at] = this.#owed.at(-1) as Owed;
    this.#owed.pop();
    const [amount0, amount1] = amounts;
    const values = { owner, recipient: owner, tickLower, tickUpper, amount0, amount1 };
    return draft("pool", this.#pool, "Collect", values);
  }

  #change(position: Position, delta: bigint): void {
    for (const [tick, by] of [
      [position.tickLower, delta],
      [position.tickUpper, -delta],
    ] as const) {
      const before = this.#ticks.get(tick) ?? { net: 0n, gross: 0n };
      const after = { net: before.net + by, gross: before.gross + delta };
      if (after.gross === 0n) this.#ticks.delete(tick);
      else this.#ticks.set(tick, after);
    }
    if (inRange(position, this.#price.tick)) this.#active += delta;
  }

  /** As much as it takes to move the price to somewhere near, in the direction that keeps it near. */
  #swap(): Draft {
    const wanted = this.#price.tick + Math.floor(this.#random() * (2 * STEP_TICKS + 1)) - STEP_TICKS;
    const target = Math.max(-TICK_FAR, Math.min(TICK_FAR, wanted === this.#price.tick ? wanted + 1 : wanted));
    const [low, high] = [ratioAt(target), ratioAt(target + 1)];
    const limit = low + ((high - low) * BigInt(1 + Math.floor(this.#random() * 998))) / 1000n;
    const [amount0, amount1] = this.#moveTo(limit);
    const { sqrtPriceX96, tick } = this.#price;
    const swapper = addressOf(0x5a_0000 + Math.floor(this.#random() * 500));
    return draft("pool", this.#pool, "Swap", {
      sender: swapper,
      recipient: swapper,
      amount0,
      amount1,
      sqrtPriceX96,
      liquidity: this.#active,
      tick,
    });
  }

  /** @returns what came into the pool of each token, fees included; minus what left. */
  #moveTo(limit: bigint): readonly [bigint, bigint] {
    const down = limit < this.#price.sqrtPriceX96;
    let [amountIn, amountOut] = [0n, 0n];
    let { sqrtPriceX96: price, tick } = this.#price;
    while (price !== limit) {
      const { next, initialised } = this.#nextTick(tick, down);
      const nextRatio = ratioAt(next);
      const target = down ? (nextRatio < limit ? limit : nextRatio) : nextRatio > limit ? limit : nextRatio;
      const [low, high] = down ? [target, price] : [price, target];
      const product = this.#active * (high - low);
      const came = down ? divCeil(divCeil(product * Q96, high), low) : divCeil(product, Q96);
      amountIn += came + divCeil(came * FEE_PIPS, PIPS - FEE_PIPS);
      amountOut += down ? product / Q96 : (product * Q96) / high / low;
      price = target;
      if (price !== nextRatio) tick = tickAt(price);
      else {
        if (initialised) this.#active += (down ? -1n : 1n) * (this.#ticks.get(next)?.net ?? 0n);
        tick = down ? next - 1 : next;
      }
    }
    this.#price = { sqrtPriceX96: price, tick };
    return down ? [amountIn, -amountOut] : [-amountOut, amountIn];
  }

  /**
   * The next initialised tick, or the last one of the same word of 256 (TickBitmap.nextInitializedTickWithinOneWord).
   */
  #nextTick(tick: number, down: boolean): { readonly next: number; readonly initialised: boolean } {
    const compressed = Math.floor(tick / SPACING) + (down ? 0 : 1);
    const edge = down ? compressed & ~0xff : compressed | 0xff;
    for (let i = compressed; ; i += down ? -1 : 1) {
      if (this.#ticks.has(i * SPACING)) return { next: i * SPACING, initialised: true };
      if (i === edge) return { next: i * SPACING, initialised: false };
    }
  }
}

/** Which kind a number below 1 falls on, by the shares of the mix. */
export function kindOf(mix: Mix, at: number): Kind {
  let left = at;
  for (const kind of Object.keys(mix) as Kind[]) {
    left -= mix[kind];
    if (left < 0) return kind;
  }
  return "swap";
}
