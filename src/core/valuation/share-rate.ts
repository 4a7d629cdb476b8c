import { type Day, dayEndSec, dayStartSec } from "../day.ts";
import type { RateRules } from "../programme/programme.ts";

/** What a whole share was worth in base units of its asset from a moment on. */
export interface RateSample {
  readonly atSec: number;
  readonly rate: bigint;
}

/** A day's rate: what it is priced with, and the median that the samples say, which may be more. */
export interface DayRate {
  readonly rate: bigint;
  readonly median: bigint;
  readonly samples: number;
}

/** The moments of a day at which a share is sampled: each at the first block then or later. */
export function samplingMoments(day: Day, { samples }: RateRules): readonly number[] {
  return Array.from({ length: samples }, (_, i) => dayStartSec(day) + Math.floor((i * 86_400) / samples));
}

/** Whether so many samples are enough for a day: half of them, and one. */
export function areEnough(samples: number, wanted: number): boolean {
  return samples > 0 && 2 * samples >= wanted;
}

/**
 * The time-weighted median: the least rate at or below which the share stood for at least half of the time; each sample
 * stands until the next one. What is given to a share's contract counts once it is there at half of the moments.
 */
export function medianRate(day: Day, samples: readonly RateSample[]): bigint | undefined {
  const stood = samples.map(({ atSec, rate }, i) => ({
    rate,
    seconds: (samples[i + 1]?.atSec ?? dayEndSec(day)) - atSec,
  }));
  const whole = stood.reduce((sum, { seconds }) => sum + seconds, 0);
  let sum = 0;
  for (const { rate, seconds } of stood.sort((a, b) => (a.rate < b.rate ? -1 : a.rate > b.rate ? 1 : 0))) {
    sum += seconds;
    if (2 * sum >= whole) return rate;
  }
  return undefined;
}

/**
 * What a day believes of its median: no more than the last rate that was believed, and what it may rise by since; a
 * fall at once.
 */
export function believedRate(
  median: bigint,
  last: { readonly day: Day; readonly rate: bigint } | undefined,
  day: Day,
  { risePerDayBp }: RateRules,
): bigint {
  if (last === undefined) return median;
  const days = (dayStartSec(day) - dayStartSec(last.day)) / 86_400;
  const most = (last.rate * BigInt(10_000 + risePerDayBp * days)) / 10_000n;
  return median < most ? median : most;
}
