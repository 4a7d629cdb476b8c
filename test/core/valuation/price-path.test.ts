import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sqrtRatioAtTick, type TickRange } from "../../../src/core/amm/ticks.ts";
import type { Window } from "../../../src/core/valuation/holdings.ts";
import { PricePath, type PriceSpan } from "../../../src/core/valuation/price-path.ts";
import { pricePaths, spanAt } from "../../support/price-paths.ts";

/** Seconds of a window that each span fills. */
function* within(spans: readonly PriceSpan[], { startSec, endSec }: Window): Generator<readonly [PriceSpan, bigint]> {
  for (const span of spans) {
    const seconds = Math.min(span.endSec, endSec) - Math.max(span.startSec, startSec);
    if (seconds > 0) yield [span, BigInt(seconds)];
  }
}

/** So many bits of a reciprocal: far more than the path keeps. */
const FINE = 512n;
const reciprocal = (price: bigint): bigint => (1n << FINE) / price;
/** From reciprocals of Q64.96 prices to amounts scaled by 2^192. */
const asX192 = (sum: bigint): bigint => sum >> (FINE - 288n);

/** Second by second: the amounts of a unit of liquidity by Uniswap's three cases, summed. */
function walked(spans: readonly PriceSpan[], { tickLower, tickUpper }: TickRange, window: Window, onlyInside: boolean) {
  const [lower, upper] = [sqrtRatioAtTick(tickLower), sqrtRatioAtTick(tickUpper)];
  let [sum0, sum1] = [0n, 0n];
  for (const [{ tick, sqrtPriceX96 }, seconds] of within(spans, window)) {
    for (let second = 0n; second < seconds; second++) {
      if (tick < tickLower) sum0 += onlyInside ? 0n : reciprocal(lower) - reciprocal(upper);
      else if (tick >= tickUpper) sum1 += onlyInside ? 0n : upper - lower;
      else {
        sum0 += reciprocal(sqrtPriceX96) - reciprocal(upper);
        sum1 += sqrtPriceX96 - lower;
      }
    }
  }
  return { seconds0: asX192(sum0), seconds1: sum1 };
}

/**
 * By levels of the price instead of by time: between two neighbouring levels of the range, the seconds for which the
 * price stood above give token1, and those for which it stood below give token0.
 */
function byLevels(spans: readonly PriceSpan[], { tickLower, tickUpper }: TickRange, window: Window) {
  const [lower, upper] = [sqrtRatioAtTick(tickLower), sqrtRatioAtTick(tickUpper)];
  const all = [...within(spans, window)];
  const inner = all.map(([{ sqrtPriceX96 }]) => sqrtPriceX96).filter((each) => each > lower && each < upper);
  const levels = [...new Set([lower, upper, ...inner])].sort((a, b) => (a < b ? -1 : 1));
  let [sum0, sum1] = [0n, 0n];
  for (let i = 1; i < levels.length; i++) {
    const [from, to] = [levels[i - 1] ?? 0n, levels[i] ?? 0n];
    for (const [{ sqrtPriceX96 }, seconds] of all) {
      if (sqrtPriceX96 >= to) sum1 += (to - from) * seconds;
      else sum0 += (reciprocal(from) - reciprocal(to)) * seconds;
    }
  }
  return { seconds0: asX192(sum0), seconds1: sum1 };
}

/** Below 2^-47 unit-seconds for any liquidity below 2^128: an inverse is floored by less than one in each second. */
function isAsExact(actual: bigint, expected: bigint): void {
  const away = actual > expected ? actual - expected : expected - actual;
  expect((away << 128n) >> 192n <= 1n << (128n - 47n)).toBe(true);
  expect(away).toBeLessThan(1n << 17n);
}

describe("what a unit of liquidity held", () => {
  it("is what a walk second by second adds up, anywhere and in range", () => {
    fc.assert(
      fc.property(pricePaths, fc.boolean(), ([spans, questions], onlyInside) => {
        const prices = new PricePath(spans);
        for (const { range, window } of [...questions, ...questions.map((each) => ({ ...each, window: ALL }))]) {
          const [seconds0X192 = 0n, seconds1X96] = prices.perUnit(range, window, onlyInside);
          const { seconds0, seconds1 } = walked(spans, range, window, onlyInside);
          expect(seconds1X96).toBe(seconds1);
          isAsExact(seconds0X192, seconds0);
          expect(prices.perUnit(range, window, onlyInside)).toEqual([seconds0X192, seconds1X96]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is what levels of the price add up", () => {
    fc.assert(
      fc.property(pricePaths, ([spans, questions]) => {
        const prices = new PricePath(spans);
        for (const { range, window } of questions) {
          const [seconds0X192 = 0n, seconds1X96] = prices.perUnit(range, window);
          const { seconds0, seconds1 } = byLevels(spans, range, window);
          expect(seconds1X96).toBe(seconds1);
          isAsExact(seconds0X192, seconds0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is the sum of its parts: of two windows, and of two ranges that touch", () => {
    fc.assert(
      fc.property(pricePaths, fc.nat(1_200), ([spans, questions], cut) => {
        const prices = new PricePath(spans);
        for (const { range, window } of questions) {
          const whole = prices.perUnit(range, window);
          const at = Math.min(Math.max(cut, window.startSec), window.endSec);
          const middle = Math.floor((range.tickLower + range.tickUpper) / 2);
          const windows = [
            { ...window, endSec: at },
            { ...window, startSec: at },
          ].map((part) => prices.perUnit(range, part));
          const ranges = [
            { ...range, tickUpper: middle },
            { ...range, tickLower: middle },
          ].map((part) => prices.perUnit(part, window));
          for (const parts of [windows, ranges]) {
            expect(whole.map((_, i) => parts.reduce((sum, part) => sum + (part[i] ?? 0n), 0n))).toEqual(whole);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is nothing where nothing is known", () => {
    const nothing = [0n, 0n];
    expect(new PricePath([]).perUnit({ tickLower: -1, tickUpper: 1 }, ALL)).toEqual(nothing);
    const late = new PricePath([spanAt(50, 10, 0, "on")]);
    expect(late.perUnit({ tickLower: -1, tickUpper: 1 }, { startSec: 0, endSec: 50 })).toEqual(nothing);
  });
});

const ALL: Window = { startSec: 0, endSec: 1_000_000 };

it("counts the seconds of any range and part of a day as a walk from span to span would", () => {
  fc.assert(
    fc.property(pricePaths, ([spans, questions]) => {
      const prices = new PricePath(spans);
      for (const { range, window } of [...questions, ...questions.map((each) => ({ ...each, window: ALL }))]) {
        let expected = 0n;
        for (const [{ tick }, seconds] of within(spans, window))
          if (range.tickLower <= tick && tick < range.tickUpper) expected += seconds;
        expect(prices.secondsIn(range, window)).toBe(Number(expected));
      }
    }),
    { numRuns: 200 },
  );
});
