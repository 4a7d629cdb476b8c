import type { Amounts } from "../amm/amounts.ts";
import type { TickRange } from "../amm/ticks.ts";
import type { Pool } from "../programme/programme.ts";
import type { HeldPath, PerUnit } from "./held-path.ts";
import type { Stretch, Window } from "./holdings.ts";
import { PricePath } from "./price-path.ts";
import { RatePath, type RateSpan, rateOf } from "./rate-path.ts";
import { type LiquiditySpan, TicksTotal } from "./ticks-total.ts";
import type { Span } from "./time-weighted-average.ts";
import { E36 } from "./value.ts";

/** What a pool's liquidity held through a day, by each position and, counted a second way, by all of them. */
export interface PoolPath {
  readonly held: HeldPath;
  /** Null for shares, which have no ranges. */
  readonly prices: PricePath | null;
  /** Takes the liquidity of one account. */
  count(range: TickRange | null, stretches: readonly Stretch[]): void;
  /**
   * What all accounts held together, scaled as `held` is, out of the pool's own figures; undefined where they
   * contradict each other.
   */
  total(): PerUnit | undefined;
}

/** The path of a pool's day, out of its states in order. */
export function pathOf(pool: Pool, day: Window, spans: readonly Span[]): PoolPath {
  return pool.form === "ticks" ? pathOfTicks(day, spans) : pathOfShares(pool, spans);
}

function pathOfTicks(day: Window, spans: readonly Span[]): PoolPath {
  const path: LiquiditySpan[] = [];
  for (const { state, startSec, endSec } of spans)
    if (state.kind === "ticks") {
      const { tick, sqrtPriceX96, liquidity } = state;
      path.push({ startSec, endSec, tick, sqrtPriceX96, liquidity });
    }
  const [prices, total] = [new PricePath(path), new TicksTotal(day)];
  return {
    held: prices,
    prices,
    count: (range, stretches) => {
      if (range !== null) total.add(range, stretches);
    },
    total: () => total.over(path),
  };
}

/** The sum over all holders of balance x rate is that of supply x rate. */
function pathOfShares(pool: Pool, spans: readonly Span[]): PoolPath {
  const rates = ratesOf(pool, spans);
  const sums = pool.tokens.map(() => 0n);
  spans.forEach(({ startSec, endSec, state }, i) => {
    if (state.kind === "ticks") return;
    const supplySeconds = state.supply * BigInt(endSec - startSec);
    for (let t = 0; t < sums.length; t++) sums[t] = (sums[t] ?? 0n) + (rates[i]?.rates[t] ?? 0n) * supplySeconds;
  });
  return { held: new RatePath(rates, pool.tokens.length), prices: null, count: () => {}, total: () => sums };
}

/**
 * What a share was worth in each token. Where the pool's logs did not tell, it was worth what it was when they last
 * did. Before the first time a vault's share is worth nothing that anybody knows: what somebody tells of it later, at a
 * moment of their choice, says nothing of before. A pool's balances are another thing: what the logs left open a
 * removal shows, and it was there.
 */
function ratesOf(pool: Pool, spans: readonly Span[]): readonly RateSpan[] {
  const known = spans.map(({ state }) => ratesIn(pool, state));
  const isShown = pool.form === "shares" && pool.valuation.by === "balances";
  let rates = (isShown ? known.find((each) => each !== null) : undefined) ?? pool.tokens.map(() => 0n);
  return spans.map(({ startSec, endSec }, i) => {
    rates = known[i] ?? rates;
    return { startSec, endSec, rates };
  });
}

/** Base units of each token behind a share; null where the state does not tell, and while there are no shares. */
function ratesIn(pool: Pool, state: Span["state"]): readonly bigint[] | null {
  if (state.kind === "ticks" || state.supply === 0n) return null;
  const { supply } = state;
  if (state.kind === "reserves") return [rateOf(state.reserve0, supply), rateOf(state.reserve1, supply)];
  const { valuation } = pool;
  if (valuation.by === "balances") return state.amounts?.map((each) => rateOf(each, supply)) ?? null;
  if (state.shareValueE36 === null) return null;
  const worth = rateOf(state.shareValueE36, E36);
  return pool.tokens.map((_, i) => (i === valuation.token ? worth : 0n));
}

/**
 * What the logs say that a pool held of each token, x seconds; null where they do not tell for the whole day, and where
 * shares are valued in one token.
 */
export function loggedAmounts(pool: Pool, spans: readonly Span[]): Amounts | null {
  if (pool.form === "shares" && pool.valuation.by !== "balances") return null;
  if (pool.caveats.includes("rebasing-token")) return null;
  const sums = pool.tokens.map(() => 0n);
  for (const { startSec, endSec, state } of spans) {
    const amounts = state.kind === "reserves" ? [state.reserve0, state.reserve1] : state.amounts;
    if (amounts === null) return null;
    const seconds = BigInt(endSec - startSec);
    for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0n) + (amounts[i] ?? 0n) * seconds;
  }
  return sums;
}
