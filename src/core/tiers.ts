import type { Address } from "./hex.ts";
import type { ProviderWeight } from "./rewards.ts";
import type { TierRules } from "./rules.ts";
import { VALUE_MAX } from "./value.ts";

/** How a provider stands at the end of a day; null where a value that is not known yet decides it. */
export interface Standing {
  /** Consecutive days at or above the minimum, this one included. */
  readonly streakDays: number | null;
  /** 1 is the first tier, 0 none: the day was below the minimum. */
  readonly tier: number | null;
  readonly multiplierBp: number | null;
}

/**
 * Continues a provider's streak by one day. A day below the minimum ends it and counts nothing; a day without a value
 * leaves the streak unknown until it is priced, or until a later day ends it anyway.
 * @param before the streak at the end of the day before: 0 where there was no liquidity
 */
export function standingAfter(rules: TierRules, before: number | null, value: bigint | null): Standing {
  if (value === null) return { streakDays: null, tier: null, multiplierBp: null };
  if (value < rules.minimum) return { streakDays: 0, tier: 0, multiplierBp: 0 };
  if (before === null) return { streakDays: null, tier: null, multiplierBp: null };
  const streakDays = before + 1;
  const tier = tierOf(rules, streakDays, value);
  return { streakDays, tier, multiplierBp: rules.levels[tier - 1]?.multiplierBp ?? 0 };
}

/** A provider's day that has weight: its tier is known and not 0. */
export interface CountedDay {
  readonly provider: Address;
  readonly tier: number;
  readonly multiplierBp: number;
  /** What counts of its value: in range, where that is what has weight. */
  readonly value: bigint;
}

/**
 * What each provider's days of an epoch weigh: the sum of value x multiplier, each day by its own, or, where tiers are
 * retroactive, all by the last one's. `days`: by provider, and of each in order; providers come out in that order, those
 * that weigh nothing left out.
 */
export function* epochWeights(
  { retroactive }: Pick<TierRules, "retroactive">,
  days: Iterable<CountedDay>,
): Generator<ProviderWeight> {
  let [plain, weighted]: [bigint, bigint] = [0n, 0n];
  let last: CountedDay | undefined;
  const weightOf = ({ provider, tier, multiplierBp }: CountedDay): readonly ProviderWeight[] => {
    const weight = retroactive ? plain * BigInt(multiplierBp) : weighted;
    return weight > 0n ? [{ provider, weight, tier }] : [];
  };
  for (const day of days) {
    if (last !== undefined && last.provider !== day.provider) {
      yield* weightOf(last);
      [plain, weighted] = [0n, 0n];
    }
    plain += day.value;
    weighted += day.value * BigInt(day.multiplierBp);
    last = day;
  }
  if (last !== undefined) yield* weightOf(last);
}

/** What a value counts with a multiplier, floored; null where either is not known, or it is more than the database's sums bear. */
export function weightedValue(value: bigint | null, multiplierBp: number | null): bigint | null {
  if (value === null || multiplierBp === null) return null;
  const weighted = (value * BigInt(multiplierBp)) / 10_000n;
  return weighted > VALUE_MAX ? null : weighted;
}

/** Week of a streak, counted from 1: days 1 to 7 are week 1. */
export function weekOf(streakDays: number): number {
  return Math.ceil(streakDays / 7);
}

function tierOf({ levels }: TierRules, streakDays: number, value: bigint): number {
  const week = weekOf(streakDays);
  return levels.findLastIndex((level) => week >= level.week && value >= level.value) + 1;
}

/** What the next tier asks for. */
export interface Threshold {
  readonly tier: number;
  /** Days at or above the minimum that are still needed; 0 where only the value is. */
  readonly daysLeft: number;
  /** Value a day must reach, scaled; 0 where any does. */
  readonly value: bigint;
  readonly multiplierBp: number;
}

/** The next tier above the one a provider is in, as far as it goes on without a break; null in the highest. */
export function nextThreshold({ levels }: TierRules, tier: number, streakDays: number): Threshold | null {
  const next = levels[tier];
  if (next === undefined) return null;
  const { week, value, multiplierBp } = next;
  return { tier: tier + 1, daysLeft: Math.max(0, (week - 1) * 7 + 1 - streakDays), value, multiplierBp };
}
