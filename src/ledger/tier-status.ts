import { type Day, daysAfter, nextDay } from "../core/day.ts";
import type { Address } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { isScheduled, type Level } from "../core/programme/rules.ts";
import { earningDays, epochWeights, standingAfter, type TierStatus } from "../core/rewards/tiers.ts";
import { canBePriced } from "../core/valuation/value.ts";
import type { Store } from "../store/store.ts";

/**
 * Keeps how every provider stands at the end of a day that was just closed, and what an epoch weighs that ends with it;
 * the caller holds the transaction.
 */
export function storeTierStatus(store: Store, programme: Programme, day: Day): void {
  const { rules } = programme;
  if (rules === null || !isScheduled(rules, day)) return;
  const before = daysAfter(day, -1);
  // A streak begins within the programme's days.
  const streaks = isScheduled(rules, before) ? store.tiers.streaksOf(before) : new Map<string, number | null>();
  const byRange = rules.rewards?.weighting === "in-range";
  const leasts = rules.tiers.basis === "held" ? rules.tiers.levels.map((level) => leastBefore(store, day, level)) : [];
  for (const { inRangeValue, leftOut, ...had } of store.tiers.valuesOf(day, uncountedOn(store, programme, day))) {
    const inRange = byRange ? inRangeValue : null;
    const streak = streaks.get(had.provider);
    const counted = inRange ?? had.value;
    // What was left out decides a streak only where it may have been worth enough for it.
    const isLeftOut = leftOut === null || (leftOut !== undefined && (had.value ?? 0n) + leftOut >= rules.tiers.minimum);
    const counting = { counted, leasts: leasts.map((least) => least.get(had.provider)), isLeftOut };
    const standing = standingAfter(rules.tiers, streak === undefined ? 0 : streak, had.value, counting);
    store.tiers.insert(day, { ...had, inRangeValue: inRange }, standing);
  }
  const ended = rules.rewards?.epochs.find(({ end }) => end === nextDay(day));
  if (ended !== undefined)
    store.tiers.keepWeights(day, [...epochWeights(rules.tiers, store.tiers.countedDays(ended.first, ended.end))]);
}

/** By provider, the least value of the days of its streak before a day that earn a level with it. */
function leastBefore(store: Store, day: Day, level: Level): ReadonlyMap<string, bigint> {
  const days = earningDays(level) - 1;
  return days === 0 ? new Map() : store.tiers.leastOf(days, day);
}

/** The same again for all closed days from one on: what a later value or another rule changes goes on to the end. */
export function storeTierStatusFrom(store: Store, programme: Programme, first: Day | "0000-00-00"): void {
  store.tiers.clearFrom(first);
  store.rewards.forgetCalculated(first);
  const last = store.days.last()?.date;
  for (
    let day = store.days.firstFrom(first);
    day !== undefined && last !== undefined && day <= last;
    day = nextDay(day)
  )
    storeTierStatus(store, programme, day);
}

/**
 * Pools that do not count on a day: those that were added since, after an epoch with that day was final; of those that
 * a factory made all where rewards are given and the rules do not say otherwise, else those in which no token price can
 * tell a value.
 */
export function uncountedOn(store: Store, programme: Programme, day: Day): readonly Address[] {
  const all = programme.rules?.rewards?.discoveredPools === false;
  const late = store.pools.lateOn(day);
  return programme.pools
    .filter((pool) => {
      return late.has(pool.address) || (pool.discovered !== null && (all || !canBePriced(programme, pool)));
    })
    .map(({ address }) => address);
}

/** How a provider stands by the newest closed day of the programme; undefined where the programme has no tiers. */
export function tierStatusNow(store: Store, programme: Programme): ((provider: Address) => TierStatus) | undefined {
  const { rules } = programme;
  if (rules === null) return undefined;
  const last = store.days.lastScheduled(rules);
  const none: TierStatus = { streakDays: 0, tier: 0, multiplierBp: 0, bases: [] };
  return (provider) => (last === undefined ? none : (store.tiers.standingOf(last, provider) ?? none));
}
