import type { Amounts } from "../amm/amounts.ts";
import type { TickRange } from "../amm/ticks.ts";
import { invariant } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import type { HeldPath } from "./held-path.ts";
import { type Holding, integralOf, type Stretch, stretchesOf, unionOf, type Window } from "./holdings.ts";
import { loggedAmounts, type PoolPath, pathOf } from "./pool-path.ts";
import type { PoolMeans } from "./price.ts";
import type { PricePath } from "./price-path.ts";
import { carried, isShareValued, meansOf, spansOf, type TimedState } from "./time-weighted-average.ts";

/** What one provider had in one pool during one day. */
export interface DayShare {
  readonly provider: Address;
  /** Shares or L times seconds, summed over the provider's accounts. */
  readonly liquiditySeconds: bigint;
  /** Token base units times seconds: divided by 86,400 they are the day's average amounts. */
  readonly tokenSeconds: Amounts;
  /** False where the pool's logs did not tell what its shares are worth. */
  readonly valued: boolean;
  /** Seconds with a balance above zero in any position. */
  readonly secondsOpen: number;
  /** Seconds in which any of its positions was in range; null for share tokens. */
  readonly secondsInRange: number | null;
  /**
   * The same as `tokenSeconds`, of each position only while it was in range; null where that is not asked for, or there
   * are no ranges.
   */
  readonly inRangeTokenSeconds: Amounts | null;
}

interface Held {
  readonly range: TickRange | null;
  readonly stretches: readonly Stretch[];
}

/**
 * One day of one pool: its own means, and what each provider had, told as soon as the provider's accounts are all in:
 * there may be very many. Providers with no seconds are left out.
 */
export class PoolDay {
  readonly means: PoolMeans;
  readonly #day: Window;
  readonly #path: PoolPath;
  readonly #inRange: boolean;
  /** What the pool's logs say that it held, x seconds. */
  readonly #logged: Amounts | null;
  /** What all accounts held, before any floor and after. */
  readonly #exact: bigint[];
  readonly #floored: bigint[];
  /** Whose accounts are coming in. */
  #provider: Address | undefined;
  #held: Held[] = [];

  /**
   * `states` begins with the state in force when the day began (at or before its start), if there was one, or with an
   * earlier one that told more, and goes on in order. `inRange`: value what stood in range, too.
   */
  constructor(pool: Pool, day: Window, states: readonly TimedState[], inRange = false) {
    const spans = spansOf(day, carried(states));
    this.means = meansOf(pool, spans);
    this.#day = day;
    this.#path = pathOf(pool, day, spans);
    this.#inRange = inRange;
    this.#logged = loggedAmounts(pool, spans);
    this.#exact = pool.tokens.map(() => 0n);
    this.#floored = pool.tokens.map(() => 0n);
  }

  /**
   * Takes an account that was open at any moment of the day; they come in order of provider. @returns what the provider
   * before had, where this account is the first of another one.
   */
  add(holding: Holding): DayShare | undefined {
    const { provider, range } = holding;
    let share: DayShare | undefined;
    if (provider !== this.#provider) {
      share = this.end();
      const last = this.#provider;
      invariant(
        last === undefined || provider > last,
        "HOLDINGS_ORDER",
        `the accounts of ${provider} come after ${last}'s`,
      );
      this.#provider = provider;
    }
    const stretches = stretchesOf(holding, this.#day);
    if (stretches.length > 0) this.#held.push({ range, stretches });
    return share;
  }

  /** Takes an account that is nobody's: it counts in the pool's sums alone. */
  addUncredited(holding: Holding): void {
    const stretches = stretchesOf(holding, this.#day);
    if (stretches.length > 0) this.#tokenSeconds([{ range: holding.range, stretches }]);
  }

  /** What the provider of the last account had: all accounts are in. */
  end(): DayShare | undefined {
    const [provider, held] = [this.#provider, this.#held];
    if (provider === undefined || held.length === 0) return undefined;
    this.#held = [];
    const { prices } = this.#path;
    let liquiditySeconds = 0n;
    for (const { stretches } of held) liquiditySeconds += integralOf(stretches);
    return {
      provider,
      liquiditySeconds,
      tokenSeconds: this.#tokenSeconds(held),
      valued: isShareValued(this.means),
      secondsOpen: secondsOpen(held, this.#day),
      secondsInRange: prices === null ? null : secondsInRange(held, prices),
      inRangeTokenSeconds: prices === null || !this.#inRange ? null : floored(prices, exactSeconds(held, prices, true)),
    };
  }

  #tokenSeconds(held: readonly Held[]): Amounts {
    const exact = exactSeconds(held, this.#path.held, false);
    const whole = floored(this.#path.held, exact);
    for (const { range, stretches } of held) this.#path.count(range, stretches);
    addAmounts(this.#exact, exact);
    addAmounts(this.#floored, whole);
    return whole;
  }

  /**
   * Compares what all accounts held with what the pool did, once they are all in. D-2: before any floor it is what the
   * pool's own figures say, to the last bit. D-1: after all floors it is not more than its logs leave in it.
   * @returns the identity that does not hold, if there is one
   */
  audit(): BrokenDay | undefined {
    const total = this.#path.total();
    if (total === undefined) return { identity: "D-2", token: null, expected: 0n, actual: 0n };
    const other = total.findIndex((each, i) => each !== this.#exact[i]);
    if (other >= 0)
      return { identity: "D-2", token: other, expected: total[other] ?? 0n, actual: this.#exact[other] ?? 0n };
    const over = this.#logged?.findIndex((each, i) => (this.#floored[i] ?? 0n) > each) ?? -1;
    if (over < 0) return undefined;
    return { identity: "D-1", token: over, expected: this.#logged?.[over] ?? 0n, actual: this.#floored[over] ?? 0n };
  }
}

/** An identity of a pool's day that does not hold, in one of its tokens. */
export interface BrokenDay {
  readonly identity: "D-1" | "D-2";
  /** Null where the liquidity of all accounts is not what the pool said was active. */
  readonly token: number | null;
  readonly expected: bigint;
  readonly actual: bigint;
}

/** The one position and its one stretch, where there is no more: so it is with most providers. */
function onlyStretch(held: readonly Held[]): { range: TickRange | null; stretch: Stretch } | undefined {
  const [first, second] = held;
  const [stretch, next] = first?.stretches ?? [];
  if (first === undefined || stretch === undefined || second !== undefined || next !== undefined) return undefined;
  return { range: first.range, stretch };
}

/** What positions held, each along the pool's path, before anything is floored. */
function exactSeconds(held: readonly Held[], path: HeldPath, onlyInside: boolean): readonly bigint[] {
  const only = onlyStretch(held);
  if (only !== undefined)
    return path.perUnit(only.range, only.stretch, onlyInside).map((each) => only.stretch.balance * each);
  const sums = path.shifts.map(() => 0n);
  for (const { range, stretches } of held) {
    for (const stretch of stretches) {
      const perUnit = path.perUnit(range, stretch, onlyInside);
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0n) + stretch.balance * (perUnit[i] ?? 0n);
    }
  }
  return sums;
}

/** Whole unit-seconds: floored once a token, over all of a provider's positions together. */
function floored({ shifts }: HeldPath, exact: readonly bigint[]): Amounts {
  return exact.map((sum, i) => sum >> (shifts[i] ?? 0n));
}

function addAmounts(sums: bigint[], amounts: Amounts): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0n) + (amounts[i] ?? 0n);
}

/** Seconds of the day with a balance in any account: all of them where one was open throughout. */
function secondsOpen(held: readonly Held[], { startSec, endSec }: Window): number {
  const stretches: [number, number][] = [];
  for (const each of held) {
    for (const one of each.stretches) {
      if (one.startSec === startSec && one.endSec === endSec) return endSec - startSec;
      stretches.push([one.startSec, one.endSec]);
    }
  }
  let seconds = 0;
  for (const [from, to] of unionOf(stretches)) seconds += to - from;
  return seconds;
}

/** A range while it was open. */
interface Opened extends Window {
  readonly range: TickRange;
}

const byLowerTick = (a: Opened, b: Opened): number => a.range.tickLower - b.range.tickLower;

/**
 * The union over a provider's positions: between two changes one set of ranges is open. They are sorted once, so that
 * each set is merged in one pass: this is done for every provider and day.
 */
function secondsInRange(held: readonly Held[], path: PricePath): number {
  const only = onlyStretch(held);
  if (only !== undefined) return only.range === null ? 0 : path.secondsIn(only.range, only.stretch);
  const open: Opened[] = [];
  const changes = new Set<number>();
  for (const { range, stretches } of held) {
    if (range === null) continue;
    for (const { startSec, endSec } of stretches) {
      open.push({ range, startSec, endSec });
      changes.add(startSec).add(endSec);
    }
  }
  open.sort(byLowerTick);
  let seconds = 0;
  let startSec: number | undefined;
  for (const endSec of Float64Array.from(changes).sort()) {
    if (startSec !== undefined) seconds += secondsInAny(open, { startSec, endSec }, path);
    startSec = endSec;
  }
  return seconds;
}

const BELOW_ANY_TICK = -(2 ** 30);

/** Seconds of a window in which any of the ranges that are open throughout it was in range; by ascending lower tick. */
function secondsInAny(open: readonly Opened[], window: Window, path: PricePath): number {
  let seconds = 0;
  let [tickLower, tickUpper] = [0, BELOW_ANY_TICK];
  for (const { range, startSec, endSec } of open) {
    if (startSec > window.startSec || endSec < window.endSec) continue;
    if (range.tickLower > tickUpper) {
      if (tickUpper > tickLower) seconds += path.secondsIn({ tickLower, tickUpper }, window);
      tickLower = range.tickLower;
      tickUpper = range.tickUpper;
    } else if (range.tickUpper > tickUpper) tickUpper = range.tickUpper;
  }
  return tickUpper > tickLower ? seconds + path.secondsIn({ tickLower, tickUpper }, window) : seconds;
}
