import { z } from "zod";
import { type Day, daysAfter, isDay } from "../core/day.ts";
import { parseDecimal } from "../core/decimal.ts";
import { ONE_ADDRESS, toAddress, toPoolId, ZERO_ADDRESS } from "../core/hex.ts";
import {
  BURN_ADDRESSES,
  type Epoch,
  NEGLIGIBLE_BP,
  type RewardRules,
  type Rules,
  telescoped,
} from "../core/programme/rules.ts";
import type { Problem } from "./problems.ts";
import { address, decimalText, poolId, token } from "./shapes.ts";

const DAYS_MAX = 36_500;
const MULTIPLIER_BP_MAX = 1_000_000;

const day = z
  .string()
  .refine(isDay, "a UTC day like 2026-01-31: epochs are runs of whole days")
  .meta({ pattern: "^\\d{4}-\\d{2}-\\d{2}$" });

const schedule = z.strictObject({
  start: day.describe("the programme's first UTC day"),
  days: z.int().min(1).max(DAYS_MAX).describe("how many days it lasts"),
});

const tiers = z.strictObject({
  minimum: decimalText
    .optional()
    .describe(
      "value of a day, in quote units, at or above which it continues a streak (default 0, which every day with liquidity reaches)",
    ),
  levels: z
    .array(
      z.strictObject({
        week: z.int().min(1).max(5_300).describe("from this week of the streak on, counted from 1"),
        value: decimalText.optional().describe("and only on days of at least this value, in quote units"),
        multiplierBp: z
          .int()
          .min(0)
          .max(MULTIPLIER_BP_MAX)
          .describe("in hundredths of a percent: 10000 counts a value once"),
      }),
    )
    .min(1)
    .max(100)
    .describe("tier 1, tier 2, ...; a day is in the highest one it reaches"),
  retroactive: z
    .boolean()
    .optional()
    .describe("true: all days of an epoch count with the tier of the provider's last one, not each with its own"),
  basis: z
    .enum(["address", "held"])
    .optional()
    .describe(
      "address (the default): a multiplier counts for all that an address has on a day; held: only for what it held on every day of the weeks that earn it, so that a streak of dust cannot be rented",
    ),
});

const rewardToken = z.strictObject({
  ...token.shape,
  chainId: z.int().min(1).optional().describe("the chain it is paid on (default: the programme's)"),
  budget: decimalText.optional().describe("whole tokens for the whole programme, spread over the epochs by their days"),
  minimumPayout: decimalText.optional().describe("whole tokens; less is carried to the provider's next epoch"),
  cap: decimalText.optional().describe("whole tokens that one provider gets of an epoch at most"),
});

const excludedPool = z.strictObject({
  pool: address.or(poolId),
  wrapper: address.optional().describe("only what lies in this wrapper of its shares"),
  from: day.describe("the first day on which its quarantine holds up nobody"),
  until: day.optional().describe("the day after the last one; none: as long as it lasts"),
});

const rewards = z.strictObject({
  tokens: z.array(rewardToken).min(1).max(16),
  epochs: z
    .union([
      z.strictObject({ days: z.int().min(1).max(DAYS_MAX) }),
      z
        .array(
          z.strictObject({
            days: z.int().min(1).max(DAYS_MAX),
            budgets: z.record(address, decimalText).optional().describe("by reward token, in whole tokens"),
          }),
        )
        .min(1),
    ])
    .describe("all of so many days, the last maybe shorter; or a list, each with its days and maybe its budgets"),
  weighting: z
    .enum(["value", "in-range"])
    .optional()
    .describe("value (the default), or only what stood in range: see docs/rewards.md for what each invites"),
  exclude: z
    .array(z.union([address, excludedPool]))
    .optional()
    .describe(
      "providers that get nothing and count in no denominator; and pools or wrappers in quarantine that hold up no epoch: their part is held back",
    ),
  capBp: z.int().min(1).max(10_000).optional().describe("at most this part of an epoch's pot to one provider"),
  undistributed: z
    .enum(["roll-over", "refund"])
    .optional()
    .describe("what nobody can be given: added to the next epoch (the default), or given back"),
  atEnd: z
    .enum(["pay", "keep"])
    .optional()
    .describe("amounts below the minimum payout after the last epoch: paid all the same (the default), or kept"),
  discoveredPools: z
    .boolean()
    .optional()
    .describe("whether pools that factories made count, too (default false: whoever makes a pool sets its price)"),
  negligibleBp: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe(
      "pools that cannot be valued on a day count nothing where they are worth at most so much of the epoch together, in hundredths of a percent (default 1)",
    ),
});

/** The parts of the programme file that say how loyalty is measured and what it earns. */
export const rulesShape = {
  schedule: schedule.optional().describe("the programme's days; needed for rewards"),
  tiers: tiers.optional().describe("loyalty tiers by weeks of streak and, optionally, value"),
  rewards: rewards.optional().describe("reward tokens and the epochs they are given out in"),
};

export interface RulesFile {
  readonly schedule?: z.infer<typeof schedule> | undefined;
  readonly tiers?: z.infer<typeof tiers> | undefined;
  readonly rewards?: z.infer<typeof rewards> | undefined;
}

const PLAIN_LEVEL = { week: 1, value: 0n, multiplierBp: 10_000 };

/** The rules a file says, or null where it has neither tiers nor rewards. */
export function rulesOf(file: RulesFile, chainId: number, quoteDecimals: number): Rules | null {
  const { schedule: said, tiers: tiered, rewards: rewarded } = file;
  if (tiered === undefined && rewarded === undefined) return null;
  const value = (text: string | undefined): bigint => parseDecimal(text ?? "0", quoteDecimals) ?? 0n;
  return {
    schedule: said === undefined ? null : { first: said.start as Day, days: said.days },
    tiers: {
      minimum: value(tiered?.minimum),
      levels: tiered?.levels.map((level) => ({ ...level, value: value(level.value) })) ?? [PLAIN_LEVEL],
      retroactive: tiered?.retroactive ?? false,
      basis: tiered?.basis ?? "address",
    },
    rewards: rewarded === undefined || said === undefined ? null : rewardRulesOf(rewarded, said, chainId),
  };
}

function rewardRulesOf(file: z.infer<typeof rewards>, said: z.infer<typeof schedule>, chainId: number): RewardRules {
  const tokens = file.tokens.map((one) => {
    const amount = (text: string): bigint => parseDecimal(text, one.decimals) ?? 0n;
    return {
      address: toAddress(one.address),
      chainId: one.chainId ?? chainId,
      symbol: one.symbol,
      decimals: one.decimals,
      minimumPayout: amount(one.minimumPayout ?? "0"),
      cap: one.cap === undefined ? null : amount(one.cap),
    };
  });
  const providers = (file.exclude ?? []).filter((each) => typeof each === "string");
  const pools = (file.exclude ?? []).filter((each) => typeof each !== "string");
  let from = 0;
  const epochs = lengthsOf(file, said.days).map(({ days, budgets }, i): Epoch => {
    const part = { first: from, end: from + days };
    from += days;
    return {
      number: i + 1,
      first: daysAfter(said.start as Day, part.first),
      end: daysAfter(said.start as Day, part.end),
      budgets: file.tokens.map(({ address: of, budget, decimals }) => {
        if (budget !== undefined) return telescoped(parseDecimal(budget, decimals) ?? 0n, part, said.days);
        return parseDecimal(listed(budgets, of) ?? "0", decimals) ?? 0n;
      }),
    };
  });
  return {
    weighting: file.weighting ?? "value",
    tokens,
    epochs,
    excluded: new Set([...providers, ...BURN_ADDRESSES, ZERO_ADDRESS, ONE_ADDRESS].map(toAddress)),
    excludedPools: pools.map(({ pool, wrapper, from: first, until }) => ({
      pool: toPoolId(pool),
      wrapper: wrapper === undefined ? null : toAddress(wrapper),
      from: first as Day,
      until: (until ?? null) as Day | null,
    })),
    capBp: file.capBp ?? null,
    undistributed: file.undistributed ?? "roll-over",
    atEnd: file.atEnd ?? "pay",
    discoveredPools: file.discoveredPools ?? false,
    negligibleBp: file.negligibleBp ?? NEGLIGIBLE_BP,
  };
}

type EpochFile = { readonly days: number; readonly budgets?: Readonly<Record<string, string>> | undefined };

function lengthsOf({ epochs }: z.infer<typeof rewards>, days: number): readonly EpochFile[] {
  if (Array.isArray(epochs)) return epochs;
  const whole = Math.floor(days / epochs.days);
  const lengths: EpochFile[] = Array.from({ length: whole }, () => ({ days: epochs.days }));
  return days % epochs.days === 0 ? lengths : [...lengths, { days: days % epochs.days }];
}

/** A token's budget in an epoch's list, however its address is written. */
function listed(budgets: EpochFile["budgets"], of: string): string | undefined {
  return Object.entries(budgets ?? {}).find(([each]) => toAddress(each) === toAddress(of))?.[1];
}

/** What the schema cannot say of the rules. */
export function ruleProblems(file: RulesFile, quoteDecimals: number): readonly Problem[] {
  const problems: Problem[] = [];
  const problem = (field: string, expected: string, found: unknown): void => {
    problems.push({ field, expected, found: found === undefined ? "nothing" : JSON.stringify(found) });
  };
  const { schedule: said, tiers: tiered, rewards: rewarded } = file;
  const places = (field: string, text: string | undefined, decimals: number): void => {
    if (text !== undefined && parseDecimal(text, decimals) === undefined)
      problem(field, `at most ${decimals} decimal places`, text);
  };
  places("tiers.minimum", tiered?.minimum, quoteDecimals);
  tiered?.levels.forEach(({ week, value }, i) => {
    const before = tiered.levels[i - 1];
    places(`tiers.levels.${i}.value`, value, quoteDecimals);
    if (i === 0 && week !== 1) problem(`tiers.levels.0.week`, "1: the first tier is where everybody begins", week);
    if (i === 0 && value !== undefined)
      problem(`tiers.levels.0.value`, "no such key: tiers.minimum is the least value", value);
    if (before !== undefined && week < before.week)
      problem(`tiers.levels.${i}.week`, `at least ${before.week}, as the tier before`, week);
  });
  if (tiered?.basis === "held" && tiered.retroactive === true)
    problem("tiers.basis", "address where tiers are retroactive: held counts each day by what stood behind it", "held");
  if (rewarded === undefined) return problems;
  rewarded.exclude?.forEach((each, i) => {
    if (typeof each !== "string" && each.until !== undefined && each.until <= each.from)
      problem(`rewards.exclude.${i}.until`, `a day after ${each.from}`, each.until);
  });
  if (said === undefined) problem("schedule", "the programme's first day and its days: rewards need them", undefined);
  rewarded.tokens.forEach(({ address: at, decimals, ...one }, i) => {
    const field = `rewards.tokens.${i}`;
    for (const key of ["budget", "minimumPayout", "cap"] as const) places(`${field}.${key}`, one[key], decimals);
    if (rewarded.tokens.findIndex((each) => toAddress(each.address) === toAddress(at)) !== i)
      problem(`${field}.address`, "each reward token once", at);
    const lists = Array.isArray(rewarded.epochs) ? rewarded.epochs : [];
    const given = lists.map(({ budgets }) => listed(budgets, at));
    for (const [e, text] of given.entries()) places(`rewards.epochs.${e}.budgets.${at}`, text, decimals);
    if (one.budget === undefined && (lists.length === 0 || given.some((text) => text === undefined)))
      problem(`${field}.budget`, "a budget for the whole programme, or one in each epoch's budgets", undefined);
    if (one.budget !== undefined && given.some((text) => text !== undefined))
      problem(`${field}.budget`, "no such key: the epochs list budgets of this token", one.budget);
  });
  if (Array.isArray(rewarded.epochs)) {
    const known = new Set(rewarded.tokens.map(({ address: at }) => toAddress(at)));
    rewarded.epochs.forEach(({ budgets }, e) => {
      for (const at of Object.keys(budgets ?? {}))
        if (!known.has(toAddress(at))) problem(`rewards.epochs.${e}.budgets.${at}`, "a reward token", at);
    });
    const days = rewarded.epochs.reduce((sum, each) => sum + each.days, 0);
    if (said !== undefined && days !== said.days)
      problem("rewards.epochs", `epochs that are ${said.days} days together, as the schedule`, days);
  }
  return problems;
}
