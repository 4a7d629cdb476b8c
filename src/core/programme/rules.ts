import { type Day, daysAfter } from "../day.ts";
import type { Address } from "../hex.ts";

/** How loyalty is measured and what it earns. */
export interface Rules {
  /** The programme's days; null: every day there is. */
  readonly schedule: Schedule | null;
  readonly tiers: TierRules;
  readonly rewards: RewardRules | null;
}

export interface Schedule {
  readonly first: Day;
  readonly days: number;
}

export interface TierRules {
  /** Value of a day (scaled by quote.decimals) at or above which it continues a streak. */
  readonly minimum: bigint;
  /**
   * Tier 1, tier 2, ...: the highest one whose week and value a day reaches is its tier. The first asks for nothing.
   */
  readonly levels: readonly Level[];
  /** Each day of an epoch counts with the tier of the provider's last day in it, not with its own. */
  readonly retroactive: boolean;
  /**
   * Whether a multiplier counts for all that an address has on a day, or only for what it held all the weeks that earn
   * it.
   */
  readonly basis: "address" | "held";
}

export interface Level {
  /** Week of the streak from which on, counted from 1. */
  readonly week: number;
  /** And the day's value at least. */
  readonly value: bigint;
  /** Hundredths of a percent: 10000 counts a value once. */
  readonly multiplierBp: number;
}

export interface RewardRules {
  readonly weighting: "value" | "in-range";
  readonly tokens: readonly RewardToken[];
  readonly epochs: readonly Epoch[];
  /** Providers that get nothing, and whose weight is in no denominator. */
  readonly excluded: ReadonlySet<Address>;
  /** What does not hold up an epoch while it is in quarantine: its part is held back. */
  readonly excludedPools: readonly ExcludedPool[];
  /** At most this part of an epoch's pot goes to one provider, in basis points; null: no such limit. */
  readonly capBp: number | null;
  /** Where an epoch's pot cannot be given out: to the next epoch, or back to its owner. */
  readonly undistributed: "roll-over" | "refund";
  /** What becomes of amounts below the minimum payout after the last epoch. */
  readonly atEnd: "pay" | "keep";
  /** Whether pools that factories made count: whoever makes one sets its price. */
  readonly discoveredPools: boolean;
  /** What cannot be valued counts nothing where it is worth at most so much of the epoch, in basis points. */
  readonly negligibleBp: number;
}

/**
 * A pool, or a wrapper of its shares alone, on the days from `from` to before `until`; to the end where there is none.
 */
export interface ExcludedPool {
  readonly pool: Address;
  readonly wrapper: Address | null;
  readonly from: Day;
  readonly until: Day | null;
}

/** What is worth less of an epoch decides nothing. */
export const NEGLIGIBLE_BP = 1;

export interface RewardToken {
  readonly address: Address;
  readonly chainId: number;
  readonly symbol: string;
  readonly decimals: number;
  /** Base units; less is not paid but carried to the provider's next epoch. */
  readonly minimumPayout: bigint;
  /** Base units one provider may get of an epoch at most; null: no such limit. */
  readonly cap: bigint | null;
}

/** A half-open run of whole UTC days. */
export interface Epoch {
  /** Counted from 1. */
  readonly number: number;
  readonly first: Day;
  /** The day after its last. */
  readonly end: Day;
  /** Base units of each reward token, in the order of `RewardRules.tokens`. */
  readonly budgets: readonly bigint[];
}

/** The addresses that no programme pays: liquidity sent there is given up. */
export const BURN_ADDRESSES: readonly string[] = [`0x${"0".repeat(36)}dead`];

/** Whether a day is one of the programme's. */
export function isScheduled({ schedule }: Rules, day: Day): boolean {
  return schedule === null || (day >= schedule.first && day < daysAfter(schedule.first, schedule.days));
}

/**
 * The epoch's part of a budget for the whole programme: floor(B x end / days) - floor(B x first / days), so that all
 * epochs together are the budget exactly. `first` and `end` are counted in days from the programme's beginning.
 */
export function telescoped(budget: bigint, part: { first: number; end: number }, days: number): bigint {
  const upTo = (day: number): bigint => (budget * BigInt(day)) / BigInt(days);
  return upTo(part.end) - upTo(part.first);
}
