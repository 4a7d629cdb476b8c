import { type Amounts, amountsOf } from "./amounts.ts";
import { invariant } from "./errors.ts";
import type { Address } from "./hex.ts";
import { type Holding, integralOf, type Stretch, stretchesOf, unionOf, type Window } from "./holdings.ts";
import type { PoolState } from "./pool-state.ts";
import { meanTickOf, type PoolMeans } from "./price.ts";
import type { Pool } from "./programme.ts";
import { TickTime } from "./tick-time.ts";
import { sqrtRatioAtTick, type TickRange } from "./ticks.ts";
import { E36, inOneToken } from "./value.ts";

/** What a day needs to know of a state: of concentrated liquidity nothing but where the price stood. */
type DayState = Exclude<PoolState, { kind: "ticks" }> | { readonly kind: "ticks"; readonly tick: number };

/** A pool's state from `atSec` until the next one. */
export interface TimedState {
  readonly atSec: number;
  readonly state: DayState;
}

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

/**
 * A pool's day: its own means and what each provider had, ascending by address, told one by one: there may be very many.
 * Providers with no seconds are left out.
 */
export interface PoolDay {
  readonly means: PoolMeans;
  readonly shares: Iterable<DayShare>;
}

/**
 * Closes one day of one pool. `states` begins with the state in force when the day began (at or before its start), if
 * there was one, and goes on in order; `holdings` are all accounts that were open at any moment of the day, in order of
 * provider; they are taken as the shares are. `inRange`: value what stood in range, too.
 */
export function closePoolDay(
  pool: Pool,
  day: Window,
  states: readonly TimedState[],
  holdings: Iterable<Holding>,
  inRange = false,
): PoolDay {
  const spans = spansOf(day, states);
  const means = meansOf(pool, spans);
  const time = new TickTime(
    spans.flatMap(({ startSec, endSec, state }) =>
      state.kind === "ticks" ? [{ startSec, endSec, tick: state.tick }] : [],
    ),
  );
  function* shares(): Generator<DayShare> {
    for (const [provider, held] of heldBy(holdings, day)) {
      const inRangeTokenSeconds = inRange && pool.form === "ticks" ? inRangeOf(pool, held, means, time) : null;
      yield shareOf(pool, { provider, held, inRangeTokenSeconds }, means, time, day);
    }
  }
  return { means, shares: { [Symbol.iterator]: shares } };
}

interface Held {
  readonly range: TickRange | null;
  readonly stretches: readonly Stretch[];
}

/** By provider: what it held during the day. */
function* heldBy(holdings: Iterable<Holding>, day: Window): Generator<readonly [Address, readonly Held[]]> {
  let of: Address | undefined;
  let held: Held[] = [];
  for (const holding of holdings) {
    const { provider, range } = holding;
    if (provider !== of) {
      if (of !== undefined && held.length > 0) yield [of, held];
      invariant(of === undefined || provider > of, "HOLDINGS_ORDER", `the accounts of ${provider} come after ${of}'s`);
      [of, held] = [provider, []];
    }
    const stretches = stretchesOf(holding, day);
    if (stretches.length > 0) held.push({ range, stretches });
  }
  if (of !== undefined && held.length > 0) yield [of, held];
}

interface Span extends Window {
  readonly state: DayState;
}

function spansOf(day: Window, states: readonly TimedState[]): readonly Span[] {
  const spans: Span[] = [];
  states.forEach(({ atSec, state }, index) => {
    const startSec = Math.max(atSec, day.startSec);
    const endSec = Math.min(states[index + 1]?.atSec ?? day.endSec, day.endSec);
    if (endSec > startSec) spans.push({ startSec, endSec, state });
  });
  return spans;
}

function tickMeans(spans: readonly Span[]): PoolMeans {
  let seconds = 0;
  let tickSeconds = 0n;
  for (const { startSec, endSec, state } of spans) {
    if (state.kind !== "ticks") continue;
    seconds += endSec - startSec;
    tickSeconds += BigInt(state.tick) * BigInt(endSec - startSec);
  }
  return { kind: "ticks", seconds, meanTick: seconds === 0 ? 0 : meanTickOf(tickSeconds, seconds) };
}

function meansOf(pool: Pool, spans: readonly Span[]): PoolMeans {
  switch (pool.form) {
    case "ticks":
      return tickMeans(spans);
    case "reserves":
      return reserveMeans(spans);
    case "shares":
      return shareMeans(pool, spans);
  }
}

/** Only spans whose value is known count, so that a value that comes late stands for the whole day. */
function shareMeans(pool: Pool, spans: readonly Span[]): PoolMeans {
  let [seconds, supplySeconds, valueSecondsE36] = [0, 0n, 0n];
  let amountsSeconds: readonly bigint[] = pool.tokens.map(() => 0n);
  for (const { startSec, endSec, state } of spans) {
    if (state.kind !== "shares") continue;
    const duration = BigInt(endSec - startSec);
    const { supply, amounts, shareValueE36 } = state;
    if (pool.valuation.by === "balances") {
      if (amounts === null || supply === 0n) continue;
      amountsSeconds = amountsSeconds.map((sum, i) => sum + (amounts[i] ?? 0n) * duration);
      supplySeconds += supply * duration;
    } else if (shareValueE36 === null) continue;
    else valueSecondsE36 += shareValueE36 * duration;
    seconds += endSec - startSec;
  }
  return { kind: "shares", seconds, supplySeconds, amountsSeconds, valueSecondsE36 };
}

function reserveMeans(spans: readonly Span[]): PoolMeans {
  const sums = {
    seconds: 0,
    price0Seconds: 0n,
    price1Seconds: 0n,
    reserve0Seconds: 0n,
    reserve1Seconds: 0n,
    supplySeconds: 0n,
  };
  for (const { startSec, endSec, state } of spans) {
    if (state.kind !== "reserves") continue;
    const duration = BigInt(endSec - startSec);
    sums.reserve0Seconds += state.reserve0 * duration;
    sums.reserve1Seconds += state.reserve1 * duration;
    sums.supplySeconds += state.supply * duration;
    if (state.reserve0 === 0n || state.reserve1 === 0n) continue;
    sums.seconds += endSec - startSec;
    sums.price0Seconds += ((state.reserve1 << 112n) / state.reserve0) * duration;
    sums.price1Seconds += ((state.reserve0 << 112n) / state.reserve1) * duration;
  }
  return { kind: "reserves", ...sums };
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
  const integrals = held.map((each) => integralOf(each.stretches));
  const amounts = held.map(({ range }, i) => tokenSecondsOf(pool, integrals[i] ?? 0n, range, means));
  return {
    provider,
    liquiditySeconds: integrals.reduce((sum, each) => sum + each, 0n),
    tokenSeconds: pool.tokens.map((_, i) => amounts.reduce((sum, each) => sum + (each[i] ?? 0n), 0n)),
    valued: means.kind !== "shares" || means.seconds > 0,
    secondsOpen: secondsOpen(held, day),
    secondsInRange: means.kind === "ticks" ? secondsInRange(held, time) : null,
    inRangeTokenSeconds,
  };
}

/** Seconds of the day with a balance in any account: all of them where one was open throughout. */
function secondsOpen(held: readonly Held[], { startSec, endSec }: Window): number {
  const isOpen = ({ stretches }: Held): boolean =>
    stretches[0]?.startSec === startSec && stretches[0].endSec === endSec;
  if (held.some(isOpen)) return endSec - startSec;
  const stretches = held.flatMap((each) => each.stretches.map((one) => [one.startSec, one.endSec] as const));
  return unionOf(stretches).reduce((sum, [from, to]) => sum + to - from, 0);
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
  const amounts = held.map(({ range, stretches }) => {
    const seconds = (each: Stretch): bigint => BigInt(range === null ? 0 : time.secondsIn(range, each));
    const integral = stretches.reduce((sum, each) => sum + each.balance * seconds(each), 0n);
    return tokenSecondsOf(pool, integral, range, means);
  });
  return pool.tokens.map((_, i) => amounts.reduce((sum, each) => sum + (each[i] ?? 0n), 0n));
}

/**
 * The union over a provider's positions: between two changes one set of ranges is open. They are sorted once, so that each
 * set is merged in one pass: this is done for every provider and day.
 */
function secondsInRange(held: readonly Held[], time: TickTime): number {
  const open: { readonly range: TickRange; readonly startSec: number; readonly endSec: number }[] = [];
  const changes = new Set<number>();
  for (const { range, stretches } of held) {
    if (range === null) continue;
    for (const { startSec, endSec } of stretches) {
      open.push({ range, startSec, endSec });
      changes.add(startSec).add(endSec);
    }
  }
  open.sort((a, b) => a.range.tickLower - b.range.tickLower);
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
function secondsInAny(
  open: readonly { readonly range: TickRange; readonly startSec: number; readonly endSec: number }[],
  window: Window,
  time: TickTime,
): number {
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
