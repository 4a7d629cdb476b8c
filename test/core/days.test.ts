import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { amountsOf } from "../../src/core/amounts.ts";
import { dayEndSec, dayOf, dayStartSec, isoOf, nextDay, secOf } from "../../src/core/day.ts";
import { type Address, toAddress } from "../../src/core/hex.ts";
import { type Holding, integralOf, stretchesOf } from "../../src/core/holdings.ts";
import type { TimedState } from "../../src/core/means.ts";
import type { PoolState } from "../../src/core/pool-state.ts";
import { sqrtRatioAtTick } from "../../src/core/ticks.ts";
import { testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { closePoolDay } from "../support/pool-day.ts";

const DAY = { startSec: 86_400, endSec: 172_800 };
const [pair, pool] = testProgramme().pools as [
  ReturnType<typeof testProgramme>["pools"][0],
  ReturnType<typeof testProgramme>["pools"][0],
];
const ann = toAddress(addressOf(0x1001));
const bob = toAddress(addressOf(0x1002));
const RANGE = { tickLower: -10, tickUpper: 10 };
const ticksAt = (atSec: number, tick: number): TimedState => ({
  atSec,
  state: { kind: "ticks", tick },
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
    expect(closePoolDay(pool, DAY, states, []).means).toEqual({ kind: "ticks", seconds: 86_400, meanTick: -2 });
    const late = closePoolDay(pool, DAY, [ticksAt(DAY.endSec - 100, 7)], []).means;
    expect(late).toEqual({ kind: "ticks", seconds: 100, meanTick: 7 });
  });

  it("values the day's integral at the mean tick", () => {
    const day = closePoolDay(pool, DAY, [ticksAt(0, 0)], [holding({ opening: 10n ** 18n })]);
    const expected = amountsOf(10n ** 18n * 86_400n, RANGE, { tick: 0, sqrtPriceX96: sqrtRatioAtTick(0) }, "down");
    const [share] = day.shares;
    expect(share?.tokenSeconds).toEqual(expected);
    expect(share?.liquiditySeconds).toBe(10n ** 18n * 86_400n);
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
            const state = states.filter((each) => each.atSec <= now).at(-1)?.state as PoolState & { kind: "ticks" };
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
