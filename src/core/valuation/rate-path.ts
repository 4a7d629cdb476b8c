import { firstIndex } from "./first-index.ts";
import type { HeldPath, PerUnit } from "./held-path.ts";
import type { Window } from "./holdings.ts";

/** A stretch of a day in which a share was worth the same. */
export interface RateSpan extends Window {
  /** Base units of each token per base unit of a share, scaled by 2^128 and floored. */
  readonly rates: readonly bigint[];
}

/** So exact that a day's error stays below one unit-second for any balance below 2^111. */
const SHIFT = 128n;

/** A quotient as a rate. */
export function rateOf(numerator: bigint, denominator: bigint): bigint {
  return (numerator << SHIFT) / denominator;
}

/** What a share held of each token through a day: its part of the reserves, or its value in one of them. */
export class RatePath implements HeldPath {
  readonly shifts: readonly bigint[];
  readonly #spans: readonly RateSpan[];
  readonly #startSecs: Float64Array;
  readonly #endSec: number;
  /** By span: the sums up to its beginning. */
  readonly #before: PerUnit[] = [];
  readonly #whole: PerUnit;

  /** `spans`: in order, without gaps. */
  constructor(spans: readonly RateSpan[], tokens: number) {
    this.shifts = Array.from({ length: tokens }, () => SHIFT);
    this.#spans = spans;
    this.#startSecs = Float64Array.from(spans, ({ startSec }) => startSec);
    this.#endSec = spans.at(-1)?.endSec ?? 0;
    let sums: PerUnit = this.shifts.map(() => 0n);
    for (const { rates, startSec, endSec } of spans) {
      this.#before.push(sums);
      const seconds = BigInt(endSec - startSec);
      sums = sums.map((sum, i) => sum + (rates[i] ?? 0n) * seconds);
    }
    this.#whole = sums;
  }

  perUnit(_range: unknown, { startSec, endSec }: Window): PerUnit {
    if (startSec <= (this.#startSecs[0] ?? 0) && endSec >= this.#endSec) return this.#whole;
    const [from, to] = [this.#upTo(startSec), this.#upTo(endSec)];
    return to.map((sum, i) => sum - (from[i] ?? 0n));
  }

  /** The sums from the path's beginning to a moment. */
  #upTo(atSec: number): PerUnit {
    if (atSec >= this.#endSec) return this.#whole;
    const at = firstIndex(this.#startSecs, atSec + 1) - 1;
    const span = this.#spans[at];
    if (span === undefined) return this.shifts.map(() => 0n);
    const seconds = BigInt(atSec - span.startSec);
    return (this.#before[at] ?? []).map((sum, i) => sum + (span.rates[i] ?? 0n) * seconds);
  }
}
