import type { Amounts, PoolPrice } from "../amm/amounts.ts";
import type { PoolState } from "../amm/pool-state.ts";
import type { Pool } from "../programme/programme.ts";
import type { Window } from "./holdings.ts";
import { meanTickOf, type PoolMeans, type Reserves } from "./price.ts";

/**
 * What a day needs to know of a state: of concentrated liquidity only where the price stood, and whether it was one.
 */
export type DayState =
  | Exclude<PoolState, { kind: "ticks" }>
  | ({
      readonly kind: "ticks";
      /** Without any that is active there is no price: moving it is free. */
      readonly liquidity: bigint;
      /** What the pool holds by its logs; null where they do not tell. */
      readonly amounts: Amounts | null;
    } & PoolPrice);

/** A pool's state from `atSec` until the next one. */
export interface TimedState {
  readonly atSec: number;
  readonly state: DayState;
}

/** A stretch of time with one state. */
export interface Span extends Window {
  readonly state: DayState;
}

/** Where a pool's logs do not tell what it holds, its shares stand for what they did when the logs last told. */
export function carried(states: readonly TimedState[]): readonly TimedState[] {
  let known: { readonly amounts: Amounts; readonly supply: bigint } | undefined;
  return states.map((each) => {
    const { state } = each;
    if (state.kind !== "shares") return each;
    const { supply, amounts } = state;
    if (amounts !== null && supply > 0n) known = { amounts, supply };
    if (amounts !== null || known === undefined) return each;
    const then = known;
    return { ...each, state: { ...state, amounts: then.amounts.map((held) => (held * supply) / then.supply) } };
  });
}

/** The states of a day, each for the part of the day in which it was in force; those of no duration are left out. */
export function spansOf(day: Window, states: readonly TimedState[]): readonly Span[] {
  const spans: Span[] = [];
  let last: TimedState | undefined;
  for (const state of states) {
    addSpan(spans, day, last, state.atSec);
    last = state;
  }
  addSpan(spans, day, last, day.endSec);
  return spans;
}

function addSpan(spans: Span[], day: Window, of: TimedState | undefined, untilSec: number): void {
  if (of === undefined) return;
  const startSec = Math.max(of.atSec, day.startSec);
  const endSec = Math.min(untilSec, day.endSec);
  if (endSec > startSec) spans.push({ startSec, endSec, state: of.state });
}

/** Whether a day knows what the pool's shares were worth: a price alone does not tell. */
export function isShareValued(means: PoolMeans): boolean {
  return means.kind !== "shares" || means.seconds > 0;
}

function tickMeans(spans: readonly Span[]): PoolMeans {
  let seconds = 0;
  let tickSeconds = 0n;
  const byTick = new Map<number, number>();
  for (const { startSec, endSec, state } of spans) {
    if (state.kind !== "ticks" || state.liquidity === 0n) continue;
    const duration = endSec - startSec;
    seconds += duration;
    tickSeconds += BigInt(state.tick) * BigInt(duration);
    byTick.set(state.tick, (byTick.get(state.tick) ?? 0) + duration);
  }
  if (seconds === 0) return { kind: "ticks", seconds, meanTick: 0, medianTick: null };
  const ticks = [...byTick].sort(([a], [b]) => a - b);
  return { kind: "ticks", seconds, meanTick: meanTickOf(tickSeconds, seconds), medianTick: medianOf(ticks, seconds) };
}

/** The first of ascending values at or below which at least half of the seconds lie. */
function medianOf<T>(values: readonly (readonly [T, number])[], seconds: number): T | null {
  let sum = 0;
  for (const [value, duration] of values) {
    sum += duration;
    if (2 * sum >= seconds) return value;
  }
  return null;
}

/** What a pool's states were on average. */
export function meansOf(pool: Pool, spans: readonly Span[]): PoolMeans {
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
  const priced: [Reserves, number][] = [];
  for (const { startSec, endSec, state } of spans) {
    if (state.kind !== "reserves") continue;
    const duration = BigInt(endSec - startSec);
    sums.reserve0Seconds += state.reserve0 * duration;
    sums.reserve1Seconds += state.reserve1 * duration;
    sums.supplySeconds += state.supply * duration;
    if (state.reserve0 === 0n || state.reserve1 === 0n) continue;
    sums.seconds += endSec - startSec;
    priced.push([{ reserve0: state.reserve0, reserve1: state.reserve1 }, endSec - startSec]);
    sums.price0Seconds += ((state.reserve1 << 112n) / state.reserve0) * duration;
    sums.price1Seconds += ((state.reserve0 << 112n) / state.reserve1) * duration;
  }
  return { kind: "reserves", ...sums, median: medianOf(priced.sort(byPrice), sums.seconds) };
}

/** By the price of token0 in token1. */
function byPrice([a]: readonly [Reserves, number], [b]: readonly [Reserves, number]): number {
  const difference = a.reserve1 * b.reserve0 - b.reserve1 * a.reserve0;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
