import { type Amounts, amountsOf } from "./amounts.ts";
import { invariant } from "./errors.ts";
import type { Address } from "./hex.ts";
import { type Holding, integralOf, type Stretch, stretchesOf, unionOf, type Window } from "./holdings.ts";
import { isShareValued, meansOf, type Span, spansOf, type TimedState } from "./means.ts";
import type { PoolMeans } from "./price.ts";
import type { Pool } from "./programme.ts";
import { type TickSpan, TickTime } from "./tick-time.ts";
import { sqrtRatioAtTick, type TickRange } from "./ticks.ts";
import { E36, inOneToken } from "./value.ts";

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
  /** The same as `tokenSeconds`, of each position only while it was in range; null where that is not asked for, or there are no ranges. */
  readonly inRangeTokenSeconds: Amounts | null;
}

interface Held {
  readonly range: TickRange | null;
  readonly stretches: readonly Stretch[];
}

/**
 * One day of one pool: its own means, and what each provider had, told as soon as the provider's accounts are all in: there
 * may be very many. Providers with no seconds are left out.
 */
export class PoolDay {
  readonly means: PoolMeans;
  readonly #pool: Pool;
  readonly #day: Window;
  readonly #time: TickTime;
  readonly #inRange: boolean;
  /** Whose accounts are coming in. */
  #provider: Address | undefined;
  #held: Held[] = [];

  /**
   * `states` begins with the state in force when the day began (at or before its start), if there was one, and goes on in
   * order. `inRange`: value what stood in range, too.
   */
  constructor(pool: Pool, day: Window, states: readonly TimedState[], inRange = false) {
    const spans = spansOf(day, states);
    this.means = meansOf(pool, spans);
    this.#pool = pool;
    this.#day = day;
    this.#time = new TickTime(ticksOf(spans));
    this.#inRange = inRange && pool.form === "ticks";
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

  /** What the provider of the last account had: all accounts are in. */
  end(): DayShare | undefined {
    const [provider, held] = [this.#provider, this.#held];
    if (provider === undefined || held.length === 0) return undefined;
    this.#held = [];
    const inRangeTokenSeconds = this.#inRange ? inRangeOf(this.#pool, held, this.means, this.#time) : null;
    return shareOf(this.#pool, { provider, held, inRangeTokenSeconds }, this.means, this.#time, this.#day);
  }
}

function ticksOf(spans: readonly Span[]): readonly TickSpan[] {
  const ticks: TickSpan[] = [];
  for (const { startSec, endSec, state } of spans)
    if (state.kind === "ticks") ticks.push({ startSec, endSec, tick: state.tick });
  return ticks;
}

function shareOf(
  pool: Pool,
  {
    provider,
    held,
    inRangeTokenSeconds,
  }: { readonly provider: Address; readonly held: readonly Held[]; readonly inRangeTokenSeconds: Amounts | null },
  means: PoolMeans,
  time: TickTime,
  day: Window,
): DayShare {
  let liquiditySeconds = 0n;
  const tokenSeconds = pool.tokens.map(() => 0n);
  for (const { range, stretches } of held) {
    const integral = integralOf(stretches);
    liquiditySeconds += integral;
    addAmounts(tokenSeconds, tokenSecondsOf(pool, integral, range, means));
  }
  return {
    provider,
    liquiditySeconds,
    tokenSeconds,
    valued: isShareValued(means),
    secondsOpen: secondsOpen(held, day),
    secondsInRange: means.kind === "ticks" ? secondsInRange(held, time) : null,
    inRangeTokenSeconds,
  };
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

/** Amounts x seconds behind an integral of liquidity: at the mean tick, its part of the mean reserves, or by a share's mean value. */
function tokenSecondsOf(pool: Pool, integral: bigint, range: TickRange | null, means: PoolMeans): Amounts {
  if (means.kind === "ticks") {
    if (range === null || means.seconds === 0) return [0n, 0n];
    return amountsOf(integral, range, { sqrtPriceX96: sqrtRatioAtTick(means.meanTick), tick: means.meanTick }, "down");
  }
  if (means.kind === "shares") {
    const { seconds, supplySeconds, amountsSeconds, valueSecondsE36 } = means;
    if (seconds === 0) return [];
    if (pool.valuation.by === "balances") return amountsSeconds.map((each) => (integral * each) / supplySeconds);
    return inOneToken(pool, pool.valuation.token, (integral * valueSecondsE36) / (BigInt(seconds) * E36));
  }
  if (means.supplySeconds === 0n) return [0n, 0n];
  const { reserve0Seconds, reserve1Seconds, supplySeconds } = means;
  return [(integral * reserve0Seconds) / supplySeconds, (integral * reserve1Seconds) / supplySeconds];
}

/** Amounts x seconds behind the integral of each position's liquidity over the seconds in which it was in range. */
function inRangeOf(pool: Pool, held: readonly Held[], means: PoolMeans, time: TickTime): Amounts {
  const amounts = pool.tokens.map(() => 0n);
  for (const { range, stretches } of held) {
    if (range === null) continue;
    let integral = 0n;
    for (const each of stretches) integral += each.balance * BigInt(time.secondsIn(range, each));
    addAmounts(amounts, tokenSecondsOf(pool, integral, range, means));
  }
  return amounts;
}

/** A range while it was open. */
interface Opened extends Window {
  readonly range: TickRange;
}

const byLowerTick = (a: Opened, b: Opened): number => a.range.tickLower - b.range.tickLower;

/**
 * The union over a provider's positions: between two changes one set of ranges is open. They are sorted once, so that each
 * set is merged in one pass: this is done for every provider and day.
 */
function secondsInRange(held: readonly Held[], time: TickTime): number {
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
    if (startSec !== undefined) seconds += secondsInAny(open, { startSec, endSec }, time);
    startSec = endSec;
  }
  return seconds;
}

const BELOW_ANY_TICK = -(2 ** 30);

/** Seconds of a window in which any of the ranges that are open throughout it was in range; by ascending lower tick. */
function secondsInAny(open: readonly Opened[], window: Window, time: TickTime): number {
  let seconds = 0;
  let [tickLower, tickUpper] = [0, BELOW_ANY_TICK];
  for (const { range, startSec, endSec } of open) {
    if (startSec > window.startSec || endSec < window.endSec) continue;
    if (range.tickLower > tickUpper) {
      if (tickUpper > tickLower) seconds += time.secondsIn({ tickLower, tickUpper }, window);
      tickLower = range.tickLower;
      tickUpper = range.tickUpper;
    } else if (range.tickUpper > tickUpper) tickUpper = range.tickUpper;
  }
  return tickUpper > tickLower ? seconds + time.secondsIn({ tickLower, tickUpper }, window) : seconds;
}
