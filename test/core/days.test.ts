import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { amountsOf } from "../../src/core/amm/amounts.ts";
import { sqrtRatioAtTick } from "../../src/core/amm/ticks.ts";
import { dayEndSec, dayOf, dayStartSec, isoOf, nextDay, secOf } from "../../src/core/day.ts";
import { type Address, toAddress } from "../../src/core/hex.ts";
import { type Holding, integralOf, stretchesOf } from "../../src/core/valuation/holdings.ts";
import type { DayState, TimedState } from "../../src/core/valuation/time-weighted-average.ts";
import { testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { closePoolDay } from "../support/pool-day.ts";

const DAY_SEC = 86_400;
const DAY = { startSec: DAY_SEC, endSec: 2 * DAY_SEC };
const [pair, pool] = testProgramme().pools as [
  ReturnType<typeof testProgramme>["pools"][0],
  ReturnType<typeof testProgramme>["pools"][0],
];
const ann = toAddress(addressOf(0x1001));
const bob = toAddress(addressOf(0x1002));
const RANGE = { tickLower: -10, tickUpper: 10 };
const ticksAt = (atSec: number, tick: number): TimedState => ({
  atSec,
  state: { kind: "ticks", tick, sqrtPriceX96: sqrtRatioAtTick(tick), liquidity: 1n, amounts: null },
});
/** The same without anybody's liquidity: it has no price. */
const unpriced = (each: TimedState): TimedState => ({
  ...each,
  state: { ...each.state, liquidity: 0n } as never,
});
const holding = (more: Partial<Holding>): Holding => ({
  provider: ann,
  via: "",
  range: RANGE,
  opening: 0n,
  changes: [],
  ...more,
});

describe("a UTC day", () => {
  it("is half-open", () => {
    expect(dayOf(86_399)).toBe("1970-01-01");
    expect(dayOf(86_400)).toBe("1970-01-02");
    const day = dayOf(1_767_225_600);
    expect([day, dayStartSec(day), dayEndSec(day), nextDay(day)]).toEqual([
      "2026-01-01",
      1_767_225_600,
      1_767_312_000,
      "2026-01-02",
    ]);
    expect(secOf(isoOf(1_767_225_601))).toBe(1_767_225_601);
  });
});

describe("a balance over a day", () => {
  const cases: { it: string; opening?: bigint; changes: [number, bigint][]; integral: bigint }[] = [
    { it: "counts a whole day", opening: 3n, changes: [], integral: 3n * 86_400n },
    {
      it: "counts exactly the seconds between opening and closing",
      changes: [
        [90_000, 5n],
        [90_900, 0n],
      ],
      integral: 5n * 900n,
    },
    {
      it: "lets the last of several changes in one second win",
      changes: [
        [90_000, 5n],
        [90_000, 7n],
      ],
      integral: 7n * 82_800n,
    },
    {
      it: "gives nothing for a position opened and closed in one second",
      changes: [
        [90_000, 5n],
        [90_000, 0n],
      ],
      integral: 0n,
    },
    {
      it: "counts a change in the day's first second from the start",
      opening: 1n,
      changes: [[86_400, 2n]],
      integral: 2n * 86_400n,
    },
    { it: "counts a change in the day's last second for one second", changes: [[172_799, 9n]], integral: 9n },
  ];
  for (const { it: name, opening = 0n, changes, integral } of cases) {
    it(name, () => {
      const held = holding({ opening, changes: changes.map(([atSec, balance]) => ({ atSec, balance })) });
      expect(integralOf(stretchesOf(held, DAY))).toBe(integral);
    });
  }
});

describe("a V3 pool's day", () => {
  it("takes the mean tick over the seconds, rounded towards minus infinity, with the opening state carried in", () => {
    const states = [ticksAt(0, -1), ticksAt(DAY.startSec + 43_200, -2)];
    expect(closePoolDay(pool, DAY, states, []).means).toMatchObject({ kind: "ticks", seconds: 86_400, meanTick: -2 });
    const late = closePoolDay(pool, DAY, [ticksAt(DAY.endSec - 100, 7)], []).means;
    expect(late).toEqual({ kind: "ticks", seconds: 100, meanTick: 7, medianTick: 7 });
  });

  it("has as its median the lowest tick at or below which the price stood for half of the priced seconds", () => {
    const medianOf = (...states: TimedState[]) => closePoolDay(pool, DAY, states, []).means;
    const at = (hour: number, tick: number) => ticksAt(DAY.startSec + hour * 3_600, tick);
    expect(medianOf(at(0, 5), at(12, 9))).toMatchObject({ medianTick: 5 }); // Exactly half is enough.
    expect(medianOf(at(0, 9), at(12, 5))).toMatchObject({ medianTick: 5 });
    expect(medianOf(at(0, 5), at(11, 9))).toMatchObject({ medianTick: 9 });
    // However far somebody pushes the price for less than half of the day, it stays where the others saw it.
    expect(medianOf(at(0, 5), at(1, 880_000), at(12, 6), at(23, -3))).toMatchObject({ medianTick: 6 });
  });

  it("has no price while nobody's liquidity is active: moving it is free", () => {
    const states = [ticksAt(0, 3), unpriced(ticksAt(DAY.startSec + 7_200, 887_000))];
    const { means } = closePoolDay(pool, DAY, states, []);
    expect(means).toEqual({ kind: "ticks", seconds: 7_200, meanTick: 3, medianTick: 3 });
    const never = closePoolDay(pool, DAY, states.map(unpriced), []).means;
    expect(never).toEqual({ kind: "ticks", seconds: 0, meanTick: 0, medianTick: null });
  });

  it("values a position by what it held, half a day here and half a day there, never between the two", () => {
    const liquidity = 10n ** 18n;
    const states = [ticksAt(0, 0), ticksAt(DAY.startSec + 43_200, 20)];
    const at = (tick: number) =>
      amountsOf(liquidity * 43_200n, RANGE, { tick, sqrtPriceX96: sqrtRatioAtTick(tick) }, "down");
    const [morning, evening] = [at(0), at(20)];
    const [share] = closePoolDay(pool, DAY, states, [holding({ opening: liquidity })]).shares;
    expect(share?.tokenSeconds).toEqual([morning[0], morning[1] + evening[1] + 1n]); // Two floors are one now.
    expect(share?.liquiditySeconds).toBe(liquidity * 86_400n);
  });

  it.each([
    [12, 1],
    [600, 1.05],
    [1_800, 1.46],
    [3_600, 3.25],
    [7_200, 20.17],
  ])(
    "gives nothing for %s seconds of a price at the end of the scale, which used to multiply a day by %s",
    (away, was) => {
      const liquidity = 10n ** 24n;
      const range = { tickLower: -887_200, tickUpper: 887_200 };
      const [leftSec, backSec] = [DAY.startSec + 40_000, DAY.startSec + 40_000 + away];
      const states = [ticksAt(0, 0), unpriced(ticksAt(leftSec, 887_271)), ticksAt(backSec, 0)];
      const changes = [
        { atSec: leftSec, balance: 0n },
        { atSec: backSec, balance: liquidity },
      ];
      const [share] = closePoolDay(pool, DAY, states, [holding({ range, opening: liquidity, changes })]).shares;
      const worthOf = (amounts: readonly bigint[] | undefined): number =>
        Number(amounts?.reduce((sum, each) => sum + each, 0n));
      const held = worthOf(amountsOf(liquidity * BigInt(DAY_SEC - away), range, ticksAt(0, 0).state as never, "up"));
      const meanTick = Math.floor((887_271 * away) / DAY_SEC);
      const atMean = { tick: meanTick, sqrtPriceX96: sqrtRatioAtTick(meanTick) };
      const before = worthOf(amountsOf(liquidity * BigInt(DAY_SEC - away), range, atMean, "down"));
      expect(before / held).toBeCloseTo(was, 1);
      const after = worthOf(share?.tokenSeconds);
      expect(after).toBeLessThanOrEqual(held);
      expect(after / held).toBeCloseTo(1, 12);
    },
  );

  it("gives two addresses what one would have, but for a unit-second a token, in whatever order they come", () => {
    const position = fc.record({
      lower: fc.integer({ min: -30, max: 20 }),
      width: fc.integer({ min: 1, max: 40 }),
      balance: fc.bigInt({ min: 1n, max: 10n ** 30n }),
      from: fc.integer({ min: DAY.startSec, max: DAY.endSec - 1 }),
      cut: fc.integer({ min: 0, max: 100 }),
    });
    const move = fc.tuple(fc.integer({ min: DAY.startSec, max: DAY.endSec - 1 }), fc.integer({ min: -40, max: 40 }));
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 200 }),
        fc.array(position, { minLength: 1, maxLength: 8 }),
        (moves, all) => {
          const states = [ticksAt(0, 0), ...moves.sort(([a], [b]) => a - b).map(([at, to]) => ticksAt(at, to))];
          const held = all.map(({ lower, width, balance, from, cut }) => {
            const range = { tickLower: lower, tickUpper: lower + width };
            const part = (balance * BigInt(cut)) / 100n;
            const of = (provider: Address, amount: bigint) =>
              holding({ provider, range, changes: [{ atSec: from, balance: amount }] });
            return { whole: of(ann, balance), parts: [of(ann, part), of(bob, balance - part)] as const };
          });
          const sharesOf = (holdings: readonly Holding[]) => closePoolDay(pool, DAY, states, holdings, true).shares;
          const [one] = sharesOf(held.map(({ whole }) => whole));
          const [mine, others] = [held.map(({ parts }) => parts[0]), held.map(({ parts }) => parts[1])];
          const split = sharesOf([...mine, ...others]);
          for (const amounts of ["tokenSeconds", "inRangeTokenSeconds"] as const)
            one?.[amounts]?.forEach((whole, i) => {
              const sum = split.reduce((total, share) => total + (share[amounts]?.[i] ?? 0n), 0n);
              expect([0n, 1n]).toContain(whole - sum);
            });
          expect(sharesOf([...mine.toReversed(), ...others.toReversed()])).toEqual(split);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("counts seconds in range as the union over a provider's positions", () => {
    const states = [ticksAt(0, 0), ticksAt(DAY.startSec + 1000, 15), ticksAt(DAY.startSec + 3000, 100)];
    const narrow = holding({ opening: 1n });
    const wide = holding({ opening: 1n, range: { tickLower: -20, tickUpper: 20 } });
    const brief = holding({
      provider: bob,
      changes: [{ atSec: DAY.startSec + 2500, balance: 4n }],
      range: { tickLower: 10, tickUpper: 20 },
    });
    const { shares } = closePoolDay(pool, DAY, states, [narrow, wide, brief]);
    expect([...shares].map((share) => [share.provider, share.secondsInRange, share.secondsOpen])).toEqual([
      [ann, 3000, 86_400],
      [bob, 500, 83_900],
    ]);
  });

  it("counts seconds in range as a second-by-second walk would", () => {
    const day = { startSec: 1000, endSec: 1060 };
    const second = fc.integer({ min: 1000, max: 1059 });
    const tick = fc.integer({ min: -5, max: 5 });
    const held = fc.record({
      lower: fc.integer({ min: -6, max: 4 }),
      width: fc.integer({ min: 1, max: 6 }),
      opening: fc.integer({ min: 0, max: 1 }),
      changes: fc.array(fc.tuple(second, fc.integer({ min: 0, max: 2 })), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(second, tick), { maxLength: 8 }),
        fc.array(held, { minLength: 1, maxLength: 4 }),
        (moves, positions) => {
          const states = [ticksAt(990, 0), ...moves.sort(([a], [b]) => a - b).map(([at, to]) => ticksAt(at, to))];
          const holdings = positions.map(({ lower, width, opening, changes }) =>
            holding({
              range: { tickLower: lower, tickUpper: lower + width },
              opening: BigInt(opening),
              changes: changes
                .sort(([a], [b]) => a - b)
                .map(([atSec, balance]) => ({ atSec, balance: BigInt(balance) })),
            }),
          );
          let expected = 0;
          for (let now = day.startSec; now < day.endSec; now++) {
            const state = states.filter((each) => each.atSec <= now).at(-1)?.state as DayState & { kind: "ticks" };
            const inside = holdings.some(({ range, opening, changes }) => {
              const balance = changes.filter((each) => each.atSec <= now).at(-1)?.balance ?? opening;
              return balance > 0n && range !== null && range.tickLower <= state.tick && state.tick < range.tickUpper;
            });
            if (inside) expected += 1;
          }
          const [share] = closePoolDay(pool, day, states, holdings).shares;
          expect(share?.secondsInRange ?? 0).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a V2 pair's day", () => {
  const reserves = (atSec: number, reserve0: bigint, reserve1: bigint, supply: bigint): TimedState => ({
    atSec,
    state: { kind: "reserves", reserve0, reserve1, supply },
  });

  it("gives each holder its part of the reserves, and all of them together the whole", () => {
    const states = [reserves(0, 600n, 1200n, 300n), reserves(DAY.startSec + 43_200, 900n, 1200n, 300n)];
    const holders: readonly [Address, bigint][] = [
      [ann, 100n],
      [bob, 200n],
    ];
    const { shares, means } = closePoolDay(
      pair,
      DAY,
      states,
      holders.map(([provider, opening]) => holding({ provider, opening, range: null })),
    );
    expect([...shares].map((share) => share.tokenSeconds)).toEqual([
      [250n * 86_400n, 400n * 86_400n],
      [500n * 86_400n, 800n * 86_400n],
    ]);
    expect([...shares].every((share) => share.secondsInRange === null)).toBe(true);
    expect(means).toMatchObject({ seconds: 86_400, reserve0Seconds: 750n * 86_400n, supplySeconds: 300n * 86_400n });
  });

  it("values who came after a push by what was there then", () => {
    // Ten times the reserves, and as many shares, for the first minute; then what there was before.
    const states = [reserves(0, 6_000n, 6_000n, 600n), reserves(DAY.startSec + 60, 600n, 600n, 600n)];
    const early = holding({ provider: ann, range: null, opening: 300n });
    const late = holding({ provider: bob, range: null, changes: [{ atSec: DAY.startSec + 60, balance: 300n }] });
    const [first, second] = closePoolDay(pair, DAY, states, [early, late]).shares;
    expect(first?.tokenSeconds[0]).toBe(3_000n * 60n + 300n * 86_340n);
    expect(second?.tokenSeconds[0]).toBe(300n * 86_340n);
  });

  it("has the median of its prices, both directions from one state", () => {
    const day = (...states: TimedState[]) => closePoolDay(pair, DAY, states, []).means;
    const at = (hour: number, reserve0: bigint, reserve1: bigint) =>
      reserves(DAY.startSec + 3_600 * hour, reserve0, reserve1, 1n);
    expect(day(at(0, 100n, 200n), at(4, 1n, 20_000n), at(5, 50n, 101n))).toMatchObject({
      median: { reserve0: 50n, reserve1: 101n },
    });
    expect(day(at(0, 100n, 200n), at(12, 1n, 3n))).toMatchObject({ median: { reserve0: 100n, reserve1: 200n } });
    expect(day(at(0, 0n, 0n))).toMatchObject({ seconds: 0, median: null });
  });

  it("has all holders' integrals sum to the supply's, exactly", () => {
    const change = fc.tuple(
      fc.integer({ min: DAY.startSec, max: DAY.endSec - 1 }),
      fc.integer({ min: 0, max: 5 }),
      fc.bigInt({ min: 1n, max: 10n ** 24n }),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), (mints) => {
        const sorted = mints.sort(([a], [b]) => a - b);
        const balances = new Map<number, { atSec: number; balance: bigint }[]>();
        const states: TimedState[] = [];
        let supply = 0n;
        for (const [atSec, who, amount] of sorted) {
          const own = balances.get(who) ?? [];
          own.push({ atSec, balance: (own.at(-1)?.balance ?? 0n) + amount });
          balances.set(who, own);
          supply += amount;
          states.push(reserves(atSec, supply, supply, supply));
        }
        const inOrder = [...balances].sort(([a], [b]) => a - b);
        const holdings = inOrder.map(([who, changes]) =>
          holding({ provider: toAddress(addressOf(who + 1)), range: null, changes }),
        );
        const { shares, means } = closePoolDay(pair, DAY, states, holdings);
        const sum = [...shares].reduce((total, share) => total + share.liquiditySeconds, 0n);
        expect(means.kind === "reserves" && means.supplySeconds).toBe(sum);
      }),
    );
  });
});

describe("the identities of a day", () => {
  const held = (liquidity: bigint, more: Partial<Holding> = {}) => holding({ opening: liquidity, ...more });
  const within = ({ atSec, state }: TimedState, liquidity: bigint) =>
    ({ atSec, state: { ...state, liquidity } }) as TimedState;
  const states = [
    within(ticksAt(0, 0), 10n ** 20n + 7n),
    within(ticksAt(DAY.startSec + 1_000, 15), 0n),
    within(ticksAt(DAY.startSec + 3_000, -12), 7n),
    within(ticksAt(90_000, -12), 5n),
  ];
  const holdings = [
    held(10n ** 20n),
    held(7n, { provider: bob, range: { tickLower: -20, tickUpper: 15 }, changes: [{ atSec: 90_000, balance: 5n }] }),
  ];

  it("hold where each account has its part of what the pool held", () => {
    expect(closePoolDay(pool, DAY, states, holdings).broken).toBeUndefined();
  });

  it("D-2 does not where an account is missing of what the pool says is active", () => {
    for (const some of [holdings.slice(0, 1), holdings.slice(1), []])
      expect(closePoolDay(pool, DAY, states, some).broken).toMatchObject({ identity: "D-2", token: null });
  });

  it("D-1 does not where all of them held more than the pool's logs leave in it, be it by one unit in one second", () => {
    const amounts = (left: bigint) =>
      states.map(({ atSec, state }) => ({ atSec, state: { ...state, amounts: [left, left] } }) as TimedState);
    const all = closePoolDay(pool, DAY, states, holdings).shares;
    const most = [0, 1].map((i) => all.reduce((sum, { tokenSeconds }) => sum + (tokenSeconds[i] ?? 0n), 0n));
    const enough = (most[0] ?? 0n) > (most[1] ?? 0n) ? (most[0] ?? 0n) : (most[1] ?? 0n);
    expect(closePoolDay(pool, DAY, amounts(enough / 86_400n + 1n), holdings).broken).toBeUndefined();
    expect(closePoolDay(pool, DAY, amounts(enough / 86_400n - 1n), holdings).broken).toMatchObject({ identity: "D-1" });
  });

  it("D-2 does not where an account has a unit of a share that the supply does not", () => {
    const pairStates: TimedState[] = [
      { atSec: 0, state: { kind: "reserves", reserve0: 900n, reserve1: 500n, supply: 300n } },
    ];
    const share = (opening: bigint) => holding({ opening, range: null });
    expect(closePoolDay(pair, DAY, pairStates, [share(300n)]).broken).toBeUndefined();
    expect(closePoolDay(pair, DAY, pairStates, [share(301n)]).broken).toMatchObject({ identity: "D-2", token: 0 });
    expect(closePoolDay(pair, DAY, pairStates, [share(299n)]).broken).toMatchObject({ identity: "D-2", token: 0 });
  });
});
