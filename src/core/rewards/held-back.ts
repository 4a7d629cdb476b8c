import type { Day } from "../day.ts";
import type { Address } from "../hex.ts";
import { type Epoch, telescoped } from "../programme/rules.ts";
import { type Claim, split } from "./split.ts";

/** A day on which a pool, or a wrapper of its shares, is in quarantine and excluded by rule. */
export interface ExcludedDay {
  readonly date: Day;
  readonly pool: Address;
  readonly wrapper: Address | null;
  /** Its last day with a value; null where it had none. */
  readonly valuedOn: Day | null;
  /** What it, and everything, weighed on that day. */
  readonly poolWeight: bigint;
  readonly allWeight: bigint;
}

/** What is held back for such a day, in base units of each reward token. */
export interface HeldBack extends ExcludedDay {
  readonly amounts: readonly bigint[];
}

/** What an earlier epoch held back, and whose it is by what they had. */
export interface Release {
  readonly epoch: number;
  readonly pool: Address;
  readonly wrapper: Address | null;
  readonly amounts: readonly bigint[];
  readonly claims: readonly Claim[];
}

/**
 * Holds back of each day's budget (its part of the epoch's, telescoped) what the pool weighed of everything on its last
 * valued day, floored; of one day never more than its budget.
 */
export function heldBackOf(
  epoch: Epoch,
  excluded: readonly ExcludedDay[],
  daysBetween: (day: Day) => number,
): readonly HeldBack[] {
  const days = daysBetween(epoch.end);
  const left = new Map<string, bigint>();
  return excluded.map((each) => {
    const first = daysBetween(each.date);
    const amounts = epoch.budgets.map((budget, i) => {
      const key = `${each.date} ${i}`;
      const ofDay = telescoped(budget, { first, end: first + 1 }, days);
      const part = each.allWeight === 0n ? 0n : (ofDay * each.poolWeight) / each.allWeight;
      const rest = left.get(key) ?? ofDay;
      const amount = part < rest ? part : rest;
      left.set(key, rest - amount);
      return amount;
    });
    return { ...each, amounts };
  });
}

/** What a release gives of one token, by provider, and what nobody can be given. */
export function released(
  releases: readonly Release[],
  token: number,
  capOf: (pot: bigint) => bigint | null = () => null,
): ReturnType<typeof split> {
  const amounts = new Map<Address, bigint>();
  let left = 0n;
  for (const { amounts: held, claims } of releases) {
    const pot = held[token] ?? 0n;
    const given = split(pot, claims, capOf(pot));
    left += given.left;
    for (const [provider, amount] of given.amounts) amounts.set(provider, (amounts.get(provider) ?? 0n) + amount);
  }
  return { amounts, left };
}

export function sumOfHeld(held: readonly { readonly amounts: readonly bigint[] }[], token: number): bigint {
  return held.reduce((sum, { amounts }) => sum + (amounts[token] ?? 0n), 0n);
}
