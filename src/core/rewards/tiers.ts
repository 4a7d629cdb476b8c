import type { Address } from "../hex.ts";
import type { Level, TierRules } from "../programme/rules.ts";
import { VALUE_MAX } from "../valuation/value.ts";
import type { ProviderWeight } from "./rewards.ts";

/** How a provider stands at the end of a day; null where a value that is not known yet decides it. */
export interface TierStatus {
  /** Consecutive days at or above the minimum, this one included. */
  readonly streakDays: number | null;
  /** 1 is the first tier, 0 none: the day was below the minimum. */
  readonly tier: number | null;
  readonly multiplierBp: number | null;
  /** What each tier counts for; empty where multipliers count for all that an address has. */
  readonly bases: readonly bigint[];
}

/** What else decides how a day counts. */
export interface Counting {
  /** What counts of its value: all of it, or what was in range. */
  readonly counted: bigint | null;
  /** By tier, the least value of the days before it that earn that tier; nothing where there are none. */
  readonly leasts: readonly (bigint | undefined)[];
  /** Something of the day was left out, and nobody knows what it was worth. */
  readonly isLeftOut: boolean;
}

/**
 * Continues a provider's streak by one day. A day below the minimum ends it and counts nothing; a day without a value
 * leaves the streak unknown until it is priced, or until a later day ends it anyway. A day that is below the minimum
 * only without what was left out of it neither continues the streak nor ends it.
 * @param before the streak at the end of the day before: 0 where there was no liquidity
 * @param counting needed only where multipliers count for what was held
 */
export function standingAfter(
  rules: TierRules,
  before: number | null,
  value: bigint | null,
  { counted, leasts, isLeftOut }: Counting = { counted: value, leasts: [], isLeftOut: false },
): TierStatus {
  const unknown: TierStatus = { streakDays: null, tier: null, multiplierBp: null, bases: [] };
  if (value === null) return unknown;
  if (value < rules.minimum) return { streakDays: isLeftOut ? before : 0, tier: 0, multiplierBp: 0, bases: [] };
  if (before === null || counted === null) return unknown;
  const streakDays = before + 1;
  const bases = rules.basis === "held" ? basesOf(rules, streakDays, { value, counted }, leasts) : [];
  const tier =
    rules.basis === "held"
      ? Math.max(1, bases.findLastIndex((base) => base > 0n) + 1)
      : tierOf(rules, streakDays, value);
  return { streakDays, tier, multiplierBp: rules.levels[tier - 1]?.multiplierBp ?? 0, bases };
}

/** So many days of a streak earn a level: its week's first day is the last of them. */
export function earningDays({ week }: Level): number {
  return 7 * (week - 1) + 1;
}

/**
 * What each level counts for: the least value of the days that earn it, the day itself included; nothing where the
 * streak is shorter or that is below the level's value, and never more than what the level before counts for. The first
 * one counts for what counts of the day.
 */
function basesOf(
  { levels }: Pick<TierRules, "levels">,
  streakDays: number,
  { value, counted }: { readonly value: bigint; readonly counted: bigint },
  leasts: Counting["leasts"],
): readonly bigint[] {
  let most = counted;
  return levels.map((level, i) => {
    const least = lower(value, leasts[i]);
    const isEarned = i === 0 || (streakDays >= earningDays(level) && least >= level.value);
    most = isEarned ? lower(most, least) : 0n;
    return most;
  });
}

function lower(a: bigint, b: bigint | undefined): bigint {
  return b === undefined || a < b ? a : b;
}

/** What a day weighs by the bases of its levels, in scaled quote units x basis points. */
export function heldWeight({ levels }: Pick<TierRules, "levels">, bases: readonly bigint[]): bigint {
  return bases.reduce((sum, base, i) => sum + (base - (bases[i + 1] ?? 0n)) * BigInt(levels[i]?.multiplierBp ?? 0), 0n);
}

/** A provider's day that has weight: its tier is known and not 0. */
export interface CountedDay {
  readonly provider: Address;
  readonly tier: number;
  readonly multiplierBp: number;
  /** What counts of its value: in range, where that is what has weight. */
  readonly value: bigint;
  readonly bases: readonly bigint[];
}

/** What a day weighs by itself, in scaled quote units x basis points. */
export function weightOfDay(
  rules: Pick<TierRules, "basis" | "levels">,
  { value, multiplierBp, bases }: Omit<CountedDay, "provider" | "tier">,
): bigint {
  return rules.basis === "held" ? heldWeight(rules, bases) : value * BigInt(multiplierBp);
}

/**
 * What each provider's days of an epoch weigh: the sum of value x multiplier, each day by its own, or, where tiers are
 * retroactive, all by the last one's. `days`: by provider, and of each in order; providers come out in that order,
 * those that weigh nothing left out.
 */
export function* epochWeights(
  rules: Pick<TierRules, "retroactive" | "basis" | "levels">,
  days: Iterable<CountedDay>,
): Generator<ProviderWeight> {
  let [plain, weighted]: [bigint, bigint] = [0n, 0n];
  let last: CountedDay | undefined;
  const weightOf = ({ provider, tier, multiplierBp }: CountedDay): readonly ProviderWeight[] => {
    const weight = rules.retroactive ? plain * BigInt(multiplierBp) : weighted;
    return weight > 0n ? [{ provider, weight, tier }] : [];
  };
  for (const day of days) {
    if (last !== undefined && last.provider !== day.provider) {
      yield* weightOf(last);
      [plain, weighted] = [0n, 0n];
    }
    plain += day.value;
    weighted += weightOfDay(rules, day);
    last = day;
  }
  if (last !== undefined) yield* weightOf(last);
}

/**
 * What a value counts with its multipliers, floored; null where it is not known, or more than the database's sums bear.
 */
export function weightedValue(
  rules: Pick<TierRules, "basis" | "levels"> | null,
  value: bigint | null,
  { multiplierBp, bases }: TierStatus,
): bigint | null {
  if (value === null || multiplierBp === null) return null;
  // Less than was held at the day's end was not held for all that time either.
  const now = bases.map((base, i) => (i === 0 ? value : lower(value, base)));
  const weighted = rules?.basis === "held" && bases.length > 0 ? heldWeight(rules, now) : value * BigInt(multiplierBp);
  return weighted / 10_000n > VALUE_MAX ? null : weighted / 10_000n;
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
