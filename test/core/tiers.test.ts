import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readProgramme } from "../../src/config.ts";
import type { TierRules } from "../../src/core/rules.ts";
import { nextThreshold, standingAfter, weekOf } from "../../src/core/tiers.ts";

const path = new URL("../../config/threshold-arbitrum.json", import.meta.url).pathname;
const { rules } = readProgramme(path);
if (rules === null) throw new Error("the first programme has tiers");
const tiers = rules.tiers;

/** How a provider stands after days of these values. */
function standingsOf(values: readonly (bigint | null)[], by: TierRules = tiers) {
  let before: number | null = 0;
  return values.map((value) => {
    const standing = standingAfter(by, before, value);
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
  const byValue: TierRules = { minimum: 1n, levels, retroactive: false };

  it("take the highest one whose week and value the day reaches", () => {
    expect(standingsOf([499n, 500n, 10_000n], byValue).map(({ tier }) => tier)).toEqual([1, 2, 2]);
    const late = standingsOf([...days(14, 1_000n), 1_000n, 999n, 1n, 0n], byValue).slice(14);
    expect(late.map(({ tier }) => tier)).toEqual([3, 2, 1, 0]);
  });
});
