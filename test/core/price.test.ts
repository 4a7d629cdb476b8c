import { describe, expect, it } from "vitest";
import { E18, formatPriceE18, parsePriceE18 } from "../../src/core/decimal.ts";
import type { Token } from "../../src/core/programme/programme.ts";
import { poolPriceE18, pricesOfDay } from "../../src/core/valuation/price.ts";
import { valueOfAmounts } from "../../src/core/valuation/value.ts";
import { testProgramme } from "../support/ledger.ts";
import { PAIR, POOL, TOKENS } from "../support/world.ts";

const programme = testProgramme();
const [pair, pool] = programme.pools;
const tokens = pool?.tokens as unknown as readonly [Token, Token];
if (pair === undefined || pool === undefined) throw new Error("the test programme has two pools");
const NOTHING = { broughtIn: () => undefined, rateOf: () => undefined, feedOf: () => undefined };
const MEDIAN = { average: "median", minSeconds: 1 } as const;
const means = (medianTick: number) => ({ kind: "ticks" as const, seconds: 3_600, meanTick: -5_000, medianTick });

describe("a price", () => {
  it.each(["0", "1", "1.5", "0.000000000000000001", "123456789.123456789012345678"])(
    "of %s survives as text",
    (text) => {
      const price = parsePriceE18(text);
      expect(price).toBeDefined();
      expect(formatPriceE18(price ?? -1n)).toBe(text);
    },
  );

  it.each(["", "01", "1.", ".5", "-1", "1e3", "1.0000000000000000001", "abc", "NaN"])("is not read from %j", (text) => {
    expect(parsePriceE18(text)).toBeUndefined();
  });

  it("of a V3 pool follows from its median tick, in both directions", () => {
    expect(poolPriceE18(pool, 0, means(0), MEDIAN)).toBe(E18);
    const up = poolPriceE18(pool, 0, means(6932), MEDIAN) ?? 0n; // 1.0001^6932 is a little more than 2.
    const down = poolPriceE18(pool, 1, means(6932), MEDIAN) ?? 0n;
    expect(up).toBeGreaterThan(2n * E18);
    expect(up).toBeLessThan((20001n * E18) / 10000n);
    expect((up * down) / E18).toBeGreaterThan(E18 - 10n);
  });

  it("counts whole tokens of different decimals", () => {
    const [wide, narrow] = [
      { ...tokens[0], decimals: 18 },
      { ...tokens[1], decimals: 6 },
    ];
    const mixed = { ...pool, tokens: [wide, narrow] as const };
    expect(poolPriceE18(mixed, 0, means(0), MEDIAN)).toBe(10n ** 30n);
    expect(poolPriceE18(mixed, 1, means(0), MEDIAN)).toBe(10n ** 6n);
  });

  it("of a V2 pair follows from the reserves at its median, or is the mean of the priced token's own direction", () => {
    const half = {
      kind: "reserves" as const,
      seconds: 3_600,
      price0Seconds: 1_800n * (1n << 112n),
      price1Seconds: 7_200n * (1n << 112n),
      reserve0Seconds: 0n,
      reserve1Seconds: 0n,
      supplySeconds: 0n,
      median: { reserve0: 300n, reserve1: 900n },
    };
    const MEAN = { average: "mean", minSeconds: 1 } as const;
    expect([0, 1].map((side) => poolPriceE18(pair, side as 0 | 1, half, MEAN))).toEqual([E18 / 2n, 2n * E18]);
    expect([0, 1].map((side) => poolPriceE18(pair, side as 0 | 1, half, MEDIAN))).toEqual([3n * E18, E18 / 3n]);
    // A day that an older version closed has no median.
    expect(poolPriceE18(pair, 0, { ...half, median: null }, MEDIAN)).toBe(E18 / 2n);
    expect(poolPriceE18(pool, 0, { kind: "ticks", seconds: 9, meanTick: 0, medianTick: null }, MEDIAN)).toBe(E18);
  });

  it("is none of a pool that had one for too short a time", () => {
    expect(poolPriceE18(pool, 0, means(0), { average: "median", minSeconds: 3_601 })).toBeNull();
    expect(poolPriceE18(pool, 0, means(0), { average: "mean", minSeconds: 3_600 })).not.toBeNull();
  });

  it("of a day chains through pools and is missing, never zero, where a pool had none", () => {
    const prices = pricesOfDay(programme, (each) => (each.address === POOL ? means(0) : undefined), NOTHING);
    expect([...prices.values()].map((each) => each.priceE18)).toEqual([2n * E18, 2n * E18]);
    const without = pricesOfDay(programme, () => undefined, NOTHING);
    expect([...without.keys()]).toEqual([TOKENS[0]]);
    const nothing = pricesOfDay(programme, () => ({ ...means(0), seconds: 0 }), NOTHING);
    expect([...nothing.keys()]).toEqual([TOKENS[0]]);
  });

  it("comes from the first of its sources that has one, and what a day has already stays", () => {
    const sources = {
      [TOKENS[0]]: [{ coingecko: { id: "t" } }, { imported: true }],
      [TOKENS[1]]: [{ pool: POOL }, { imported: true }],
    };
    const several = testProgramme({ prices: sources });
    const imported = { priceE18: 7n * E18, source: "import a.csv" };
    const textOf = (prices: ReturnType<typeof pricesOfDay>) =>
      [...prices].map(([, each]) => `${each.priceE18 / E18} ${each.source}`);
    expect(textOf(pricesOfDay(several, () => undefined, NOTHING))).toEqual([]);
    const both = { ...NOTHING, broughtIn: (_: string, kind: string) => (kind === "imported" ? imported : undefined) };
    expect(textOf(pricesOfDay(several, () => undefined, both))).toEqual(["7 import a.csv", "7 import a.csv"]);
    const byPool = pricesOfDay(several, (each) => (each.address === POOL ? means(0) : undefined), both);
    expect(textOf(byPool)).toEqual(["7 import a.csv", `7 pool ${POOL}`]);
    const kept = new Map([[several.pools[0]?.tokens[0]?.address as never, { priceE18: 3n * E18, source: "fixed" }]]);
    expect(textOf(pricesOfDay(several, () => undefined, { ...both, kept }))).toEqual(["3 fixed", "7 import a.csv"]);
  });

  it("is refused where it would depend on when a price was brought in", () => {
    const late = { [TOKENS[0]]: [{ imported: true }, { fixed: "2" }] };
    expect(() => testProgramme({ prices: late })).toThrow(/expected fixed before imported/);
  });

  it("must not rest on itself", () => {
    const circle = { [TOKENS[0]]: { pool: PAIR }, [TOKENS[1]]: { pool: POOL } };
    expect(() => testProgramme({ prices: circle })).toThrow(/rest on each other/);
  });
});

describe("a value", () => {
  const [a, b] = tokens;
  const priceOf = (token: string): bigint | undefined =>
    token === a.address ? 3n * E18 : token === b.address ? E18 / 3n : undefined;

  it("is floored once, after everything was added: two parts below a unit can make one", () => {
    expect(valueOfAmounts([a, b], [1n, 10n ** 18n], priceOf, 6)).toBe(333_333n);
    expect(valueOfAmounts([b, a], [3n * 10n ** 18n, 1n], priceOf, 6)).toBe(1_000_000n);
  });

  it("is unknown as soon as one needed price is", () => {
    expect(valueOfAmounts([a], [5n], () => undefined, 6)).toBeNull();
    expect(valueOfAmounts([a], [0n], () => undefined, 6)).toBe(0n);
  });

  it("that does not fit the database is unknown, never a wrong number, and never a stop", () => {
    expect(valueOfAmounts([a], [10n ** 40n], priceOf, 6)).toBeNull();
  });

  it("never rests on a price of zero: a price too small to tell is none", () => {
    const extreme = pricesOfDay(programme, (each) => (each.address === POOL ? means(887_000) : undefined), NOTHING);
    expect([...extreme.keys()]).toEqual([TOKENS[0]]);
  });
});
