import { isFilled, signed } from "./word.ts";

const LIMB = 2 ** 32;
/** So many words are added before the sum is told anew: sums of their quarters stay exact in a double. */
const ADDED_MAX = 2 ** 20;
/**
 * An estimate this near to zero, as a share of the greatest number met, is not trusted: so many roundings make 2^-31 of
 * it.
 */
const DOUBT = 2 ** -20;

/**
 * A sum that signed words of logs are added to. Nine of ten logs are swaps, and every bigint is made in memory: words
 * are added up by 32 bits, beside an estimate, and the sum is told when somebody asks for it or the estimate is near to
 * zero.
 */
export class Int256Sum {
  #told: bigint;
  #estimate: number;
  #greatest: number;
  // What was added since it was told: the lower 128 bits of each word in quarters, the highest of them signed.
  #added = 0;
  #highest = 0;
  #high = 0;
  #low = 0;
  #lowest = 0;

  constructor(value: bigint) {
    this.#told = value;
    this.#estimate = Number(value);
    this.#greatest = Math.abs(this.#estimate);
  }

  get value(): bigint {
    this.#tell();
    return this.#told;
  }

  #tell(): void {
    if (this.#added === 0) return;
    const upper = (BigInt(this.#highest) << 32n) + BigInt(this.#high);
    const lower = (BigInt(this.#low) << 32n) + BigInt(this.#lowest);
    this.#set(this.#told + (upper << 64n) + lower);
  }

  /** Whether it is zero or more. */
  get isCovered(): boolean {
    return this.#estimate > this.#greatest * DOUBT || this.value >= 0n;
  }

  /** Adds the word that begins at a place, in two's complement. */
  addWord(view: DataView, at: number): void {
    const highest = view.getInt32(at + 16);
    if (!isFilled(view, at, 16, highest < 0 ? -1 : 0)) {
      this.#set(this.value + signed(view, at));
      return;
    }
    const high = view.getUint32(at + 20);
    const low = view.getUint32(at + 24);
    const lowest = view.getUint32(at + 28);
    this.#highest += highest;
    this.#high += high;
    this.#low += low;
    this.#lowest += lowest;
    const size = ((highest * LIMB + high) * LIMB + low) * LIMB + lowest;
    this.#estimate += size;
    this.#greatest = Math.max(this.#greatest, Math.abs(size), Math.abs(this.#estimate));
    this.#added += 1;
    if (this.#added === ADDED_MAX) this.#tell();
  }

  #set(value: bigint): void {
    this.#told = value;
    this.#estimate = Number(value);
    this.#greatest = Math.abs(this.#estimate);
    this.#added = 0;
    this.#highest = 0;
    this.#high = 0;
    this.#low = 0;
    this.#lowest = 0;
  }
}
