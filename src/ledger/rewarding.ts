import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { Epoch, RewardRules, Rules } from "../core/programme/rules.ts";

/** A programme that has rewards. */
export interface Rewarding {
  readonly programme: Programme;
  readonly rules: Rules;
  readonly rewards: RewardRules;
}

/** @throws NO_REWARDS where the programme file names none. */
export function rewardingOf(programme: Programme): Rewarding {
  const { rules } = programme;
  if (rules?.rewards == null)
    throw new LpLedgerError("usage", "NO_REWARDS", "the programme file has no rewards", {
      hint: "docs/rewards.md shows how schedule, tiers and rewards are written",
    });
  return { programme, rules, rewards: rules.rewards };
}

/** @throws NO_EPOCH where the programme has no epoch of that number. */
export function epochOf({ rewards }: Rewarding, number: number): Epoch {
  const epoch = rewards.epochs[number - 1];
  if (epoch !== undefined) return epoch;
  throw new LpLedgerError(
    "usage",
    "NO_EPOCH",
    `there is no epoch ${number}: the programme has ${rewards.epochs.length}`,
    {
      exitCode: 64,
    },
  );
}
