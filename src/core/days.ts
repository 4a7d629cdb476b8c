import { type Amounts, amountsOf } from "./amounts.ts";
import { invariant } from "./errors.ts";
import type { Address } from "./hex.ts";
import { type Holding, integralOf, type Stretch, secondsOpen, stretchesOf, unionOf, type Window } from "./holdings.ts";
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
      yield shareOf(pool, { provider, held, inRangeTokenSeconds }, means, time);
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
): DayShare {
  const stretches = held.flatMap((each) => each.stretches);
  const amounts = held.map((each) => tokenSecondsOf(pool, integralOf(each.stretches), each.range, means));
  return {
    provider,
    liquiditySeconds: integralOf(stretches),
    tokenSeconds: pool.tokens.map((_, i) => amounts.reduce((sum, each) => sum + (each[i] ?? 0n), 0n)),
    valued: means.kind !== "shares" || means.seconds > 0,
    secondsOpen: secondsOpen(stretches),
    secondsInRange: means.kind === "ticks" ? secondsInRange(held, time) : null,
    inRangeTokenSeconds,
  };
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

/** The union over a provider's positions: each stretch between two changes has one set of open ranges. */
function secondsInRange(held: readonly Held[], time: TickTime): number {
  const changes: { readonly atSec: number; readonly range: TickRange; readonly opens: boolean }[] = [];
  for (const { range, stretches } of held) {
    if (range === null) continue;
    for (const { startSec, endSec } of stretches)
      changes.push({ atSec: startSec, range, opens: true }, { atSec: endSec, range, opens: false });
  }
  changes.sort((a, b) => a.atSec - b.atSec);
  const open = new Map<TickRange, number>();
  let seconds = 0;
  let startSec = 0;
  for (const { atSec, range, opens } of changes) {
    if (atSec > startSec) {
      const ranges = [...open.keys()].map(({ tickLower, tickUpper }) => [tickLower, tickUpper] as const);
      for (const [tickLower, tickUpper] of unionOf(ranges))
        seconds += time.secondsIn({ tickLower, tickUpper }, { startSec, endSec: atSec });
      startSec = atSec;
    }
    const count = (open.get(range) ?? 0) + (opens ? 1 : -1);
    if (count === 0) open.delete(range);
    else open.set(range, count);
  }
  return seconds;
}
