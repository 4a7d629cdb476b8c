import type { PoolPrice } from "../amm/amounts.ts";
import { TickMap } from "../amm/ticks.ts";
import { Int256Sum } from "../int256-sum.ts";
import { unsigned, WORD_BYTES } from "../word.ts";

/**
 * Running state of a Uniswap V3 pool, by owner and range as the pool itself knows positions. What swaps tell is kept as
 * it lies in their logs, and made a bigint when somebody asks: hardly more often than once a block.
 */
export class TicksBook {
  readonly ticks: TickMap;
  /** The L of position managers, which is spread over many accounts. */
  readonly managed = new Map<string, bigint>();
  /** L by the pool's logs minus L by the accounts, where that is not zero. */
  readonly unmatched = new Map<string, bigint>();
  #price: PoolPrice | null;
  #amounts: readonly [Int256Sum, Int256Sum] | null;
  /** The newest swap's, where `#price` is older; null otherwise. */
  #swapTick: number | null = null;
  readonly #swapPrice = new DataView(new ArrayBuffer(WORD_BYTES));

  /** `price` is null before the pool's first; `amounts` where they are not kept. */
  constructor(price: PoolPrice | null, amounts: readonly [bigint, bigint] | null) {
    this.ticks = new TickMap(price?.tick ?? 0);
    this.#price = price;
    this.#amounts = talliesOf(amounts);
  }

  get isPriced(): boolean {
    return this.#price !== null;
  }

  get price(): PoolPrice | null {
    if (this.#swapTick !== null) this.price = { sqrtPriceX96: unsigned(this.#swapPrice, 0), tick: this.#swapTick };
    return this.#price;
  }

  set price(price: PoolPrice | null) {
    this.#price = price;
    this.#swapTick = null;
  }

  /** What is in the pool of each token. */
  get amounts(): readonly [bigint, bigint] | null {
    return this.#amounts && [this.#amounts[0].value, this.#amounts[1].value];
  }

  set amounts(amounts: readonly [bigint, bigint] | null) {
    this.#amounts = talliesOf(amounts);
  }

  /** Takes over the price of a swap: a word that begins at a place. */
  moveTo(view: DataView, at: number, tick: number): void {
    for (let i = 0; i < WORD_BYTES; i += 4) this.#swapPrice.setInt32(i, view.getInt32(at + i));
    this.#swapTick = tick;
    this.ticks.moveTo(tick);
  }

  /** Adds two words, one after the other, to the amounts. @returns false where less than nothing is left of one. */
  add(view: DataView, at: number): boolean {
    if (this.#amounts === null) return true; // They are not kept.
    const [amount0, amount1] = this.#amounts;
    amount0.addWord(view, at);
    amount1.addWord(view, at + WORD_BYTES);
    return amount0.isCovered && amount1.isCovered;
  }
}

function talliesOf(amounts: readonly [bigint, bigint] | null): readonly [Int256Sum, Int256Sum] | null {
  return amounts && [new Int256Sum(amounts[0]), new Int256Sum(amounts[1])];
}
