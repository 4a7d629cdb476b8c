import { describe, expect, it } from "vitest";
import type { Day } from "../../../src/core/day.ts";
import { areEnough, believedRate, medianRate, samplingMoments } from "../../../src/core/valuation/share-rate.ts";

const day = "1970-01-02" as Day;
const RULES = { samples: 24, risePerDayBp: 100 };
const at = (hour: number, rate: bigint) => ({ atSec: 86_400 + hour * 3_600, rate });

describe("a share's rate of a day", () => {
  it("is sampled evenly from midnight on", () => {
    expect(samplingMoments(day, { ...RULES, samples: 4 })).toEqual([86_400, 108_000, 129_600, 151_200]);
    expect(samplingMoments(day, RULES)).toHaveLength(24);
  });

  it("is the median of its samples, each for as long as it stood", () => {
    expect(medianRate(day, [at(0, 5n), at(12, 9n)])).toBe(5n); // Exactly half is enough.
    expect(medianRate(day, [at(0, 9n), at(11, 5n)])).toBe(5n);
    expect(medianRate(day, [at(0, 5n), at(11, 9n)])).toBe(9n);
    // A missing sample leaves its time to the one before.
    expect(medianRate(day, [at(0, 1n), at(1, 7n), at(2, 8n), at(20, 2n)])).toBe(8n);
    expect(medianRate(day, [])).toBeUndefined();
  });

  it("is not moved by a donation right before midnight, nor by one that lies there for less than half of the day", () => {
    const samples = Array.from({ length: 24 }, (_, hour) => at(hour, hour >= 13 ? 10n ** 30n : 10n ** 18n));
    expect(medianRate(day, samples)).toBe(10n ** 18n);
  });

  it("needs half of its samples", () => {
    expect([11, 12, 24].map((samples) => areEnough(samples, 24))).toEqual([false, true, true]);
    expect(areEnough(0, 0)).toBe(false);
  });

  it("rises by no more than it is believed to, since the last day that had one, and falls at once", () => {
    const last = { day: "1970-01-01" as Day, rate: 10_000n };
    expect(believedRate(20_000n, last, day, RULES)).toBe(10_100n);
    expect(believedRate(20_000n, last, "1970-01-04" as Day, RULES)).toBe(10_300n);
    expect(believedRate(10_099n, last, day, RULES)).toBe(10_099n);
    expect(believedRate(3n, last, day, RULES)).toBe(3n);
    expect(believedRate(20_000n, undefined, day, RULES)).toBe(20_000n);
  });
});
