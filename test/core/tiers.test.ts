import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readProgramme } from "../../src/config.ts";
import { toAddress } from "../../src/core/hex.ts";
import type { TierRules } from "../../src/core/programme/rules.ts";
import {
  type CountedDay,
  earningDays,
  epochWeights,
  heldWeight,
  nextThreshold,
  standingAfter,
  weekOf,
  weightedValue,
} from "../../src/core/rewards/tiers.ts";
import { addressOf } from "../support/logs.ts";

const path = new URL("../../config/threshold-arbitrum.json", import.meta.url).pathname;
const { rules } = readProgramme(path);
if (rules === null) throw new Error("the first programme has tiers");
const tiers = rules.tiers;

/** How a provider stands after days of these values. */
function standingsOf(values: readonly (bigint | null)[], by: TierRules = tiers) {
  let before: number | null = 0;
  return values.map((value, day) => {
    const leasts = by.levels.map((level) => {
      const earlier = values.slice(Math.max(0, day + 1 - earningDays(level)), day).flatMap((each) => each ?? []);
      return earlier.reduce<bigint | undefined>(
        (low, each) => (low === undefined || each < low ? each : low),
        undefined,
      );
    });
    const standing = standingAfter(by, before, value, { counted: value, leasts, isLeftOut: false });
    before = standing.streakDays;
    return standing;
  });
}

const days = (count: number, value: bigint | null = 1_000_000n) => Array.from({ length: count }, () => value);

describe("a streak", () => {
  it("counts from 1 with the day itself, and its weeks begin on days 1, 8, 15, ...", () => {
    expect([1, 7, 8, 14, 15, 28, 29].map(weekOf)).toEqual([1, 1, 2, 2, 3, 4, 5]);
    expect(standingsOf(days(1))[0]?.streakDays).toBe(1);
  });

  it("reaches the tiers of the first programme on the first day of weeks 5, 13 and 21", () => {
    const standings = standingsOf(days(210));
    const changes = standings.flatMap(({ tier, multiplierBp }, i) =>
      tier === standings[i - 1]?.tier ? [] : [[i + 1, tier, multiplierBp]],
    );
    expect(changes).toEqual([
      [1, 1, 10_000],
      [29, 2, 12_000],
      [85, 3, 15_000],
      [141, 4, 20_000],
    ]);
  });

  it("ends with a day below the minimum, which weighs nothing, and begins anew after it", () => {
    const standings = standingsOf([...days(30), 9_999n, ...days(2)]);
    expect(standings.slice(29).map(({ streakDays, tier, multiplierBp }) => [streakDays, tier, multiplierBp])).toEqual([
      [30, 2, 12_000],
      [0, 0, 0],
      [1, 1, 10_000],
      [2, 1, 10_000],
    ]);
    // The minimum itself is enough.
    expect(standingsOf([10_000n])[0]?.streakDays).toBe(1);
  });

  it("is unknown from an unpriced day on, until a day below the minimum ends whatever it was", () => {
    const standings = standingsOf([...days(3), null, ...days(2), 0n, ...days(1)]);
    expect(standings.map(({ streakDays }) => streakDays)).toEqual([1, 2, 3, null, null, null, 0, 1]);
    expect(standings.map(({ tier }) => tier)).toEqual([1, 1, 1, null, null, null, 0, 1]);
  });

  it("neither goes on nor ends with a day that is below the minimum only without what was left out of it", () => {
    const left = { counted: 0n, leasts: [], isLeftOut: true };
    expect(standingAfter(tiers, 30, 0n, left)).toEqual({ streakDays: 30, tier: 0, multiplierBp: 0, bases: [] });
    expect(standingAfter(tiers, null, 0n, left).streakDays).toBeNull();
    expect(standingAfter(tiers, 30, 10_000n, { ...left, counted: 10_000n }).streakDays).toBe(31);
  });

  it("names what the next tier asks for", () => {
    expect(nextThreshold(tiers, 1, 1)).toEqual({ tier: 2, daysLeft: 28, value: 0n, multiplierBp: 12_000 });
    expect(nextThreshold(tiers, 1, 28)?.daysLeft).toBe(1);
    expect(nextThreshold(tiers, 4, 200)).toBeNull();
    expect(nextThreshold(tiers, 0, 0)).toMatchObject({ tier: 1, daysLeft: 1 });
  });

  it("is in the tier that its next threshold said, when the days have passed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (length) => {
        const now = standingsOf(days(length)).at(-1);
        const next = nextThreshold(tiers, now?.tier ?? 0, now?.streakDays ?? 0);
        if (next !== null) expect(standingsOf(days(length + next.daysLeft)).at(-1)?.tier).toBe(next.tier);
      }),
    );
  });
});

describe("tiers by value", () => {
  const levels = [
    { week: 1, value: 0n, multiplierBp: 10_000 },
    { week: 1, value: 500n, multiplierBp: 11_000 },
    { week: 3, value: 1_000n, multiplierBp: 15_000 },
  ];
  const byValue: TierRules = { minimum: 1n, levels, retroactive: false, basis: "address" };

  it("take the highest one whose week and value the day reaches", () => {
    expect(standingsOf([499n, 500n, 10_000n], byValue).map(({ tier }) => tier)).toEqual([1, 2, 2]);
    const late = standingsOf([...days(14, 1_000n), 1_000n, 999n, 1n, 0n], byValue).slice(14);
    expect(late.map(({ tier }) => tier)).toEqual([3, 2, 1, 0]);
  });
});

describe("multipliers for what was held", () => {
  const levels = [
    { week: 1, value: 0n, multiplierBp: 10_000 },
    { week: 2, value: 0n, multiplierBp: 12_000 },
    { week: 4, value: 50n, multiplierBp: 20_000 },
  ];
  const rules: TierRules = { minimum: 1n, levels, retroactive: false, basis: "held" };
  const byAddress: TierRules = { ...rules, basis: "address" };

  /** What the last of some days weighs. */
  function weightOfLast(values: readonly (bigint | null)[], by: TierRules): bigint {
    const standing = standingsOf(values, by).at(-1);
    const day: CountedDay = {
      provider: toAddress(addressOf(0x1001)),
      tier: standing?.tier ?? 0,
      multiplierBp: standing?.multiplierBp ?? 0,
      value: values.at(-1) ?? 0n,
      bases: standing?.bases ?? [],
    };
    return [...epochWeights(by, [day])][0]?.weight ?? 0n;
  }

  it("count as before where nothing changed through all the weeks", () => {
    for (const length of [1, 7, 8, 21, 22, 40])
      expect(weightOfLast(days(length, 100n), rules)).toBe(weightOfLast(days(length, 100n), byAddress));
  });

  it("are not to be rented with a streak of dust: what came last counts once, the dust as long as it was there", () => {
    const rented = [...days(60, 60n), 100_000n];
    expect(weightOfLast(rented, byAddress)).toBe(100_000n * 20_000n);
    expect(weightOfLast(rented, rules)).toBe(99_940n * 10_000n + 60n * 20_000n);
    // A week later it has earned the second level, four weeks later everything.
    expect(weightOfLast([...rented, ...days(7, 100_000n)], rules)).toBe(99_940n * 12_000n + 60n * 20_000n);
    expect(weightOfLast([...rented, ...days(21, 100_000n)], rules)).toBe(100_000n * 20_000n);
  });

  it("of what was in range count for no more than that, and ask of the days before only that it was held", () => {
    const counting = { counted: 30n, leasts: [undefined, 100n, 100n], isLeftOut: false };
    expect(standingAfter(rules, 29, 100n, counting)).toMatchObject({ tier: 3, bases: [30n, 30n, 30n] });
    // All day out of range: it weighs nothing, and takes nothing from the days after.
    expect(standingAfter(rules, 29, 100n, { ...counting, counted: 0n }).bases).toEqual([0n, 0n, 0n]);
  });

  it("count a level for nothing while what was held is below its value, or the streak is too short", () => {
    expect(weightOfLast([...days(30, 49n), 100n], rules)).toBe(51n * 10_000n + 49n * 12_000n);
    expect(weightOfLast(days(21, 100n), rules)).toBe(100n * 12_000n);
    expect(weightOfLast([...days(30, 100n), 0n, 100n], rules)).toBe(100n * 10_000n); // The streak began anew.
  });

  it("are what a search through the days of the streak finds", () => {
    const value = fc.bigInt({ min: 0n, max: 120n });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), (values) => {
        const standing = standingsOf(values, rules).at(-1);
        const broken = values.findLastIndex((each) => each < rules.minimum);
        const streak = values.slice(broken + 1);
        let most = streak.at(-1) ?? 0n;
        const expected = levels.map(({ week, value: least }, j) => {
          const needed = 7 * (week - 1) + 1;
          const low = streak.slice(-needed).reduce((a, b) => (b < a ? b : a), most);
          if (j > 0) most = streak.length < needed || low < least ? 0n : low < most ? low : most;
          return most;
        });
        expect(standing?.bases).toEqual(streak.length === 0 ? [] : expected);
        expect(standing?.tier).toBe(streak.length === 0 ? 0 : expected.findLastIndex((each) => each > 0n) + 1);
      }),
      { numRuns: 500 },
    );
  });

  it("show of a balance what it would count now: less than was held counts at most by that", () => {
    const standing = standingsOf(days(30, 100n), rules).at(-1);
    if (standing === undefined) throw new Error("no standing");
    expect(weightedValue(rules, 150n, standing)).toBe(50n + 200n);
    expect(weightedValue(rules, 60n, standing)).toBe(120n);
    expect(weightedValue(byAddress, 150n, standing)).toBe(300n);
    expect(heldWeight(rules, [])).toBe(0n);
  });
});
