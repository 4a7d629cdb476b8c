import { isDay } from "../core/day.ts";
import { parseDecimal } from "../core/decimal.ts";
import { type Address, toAddress } from "../core/hex.ts";
import { checksummed } from "../core/keccak.ts";
import type { Io } from "../runtime/context.ts";
import { addressesIn, asked, unfit, wholeNumber } from "./asked.ts";
import type { FoundToken } from "./found-pool.ts";

/** What may be said beforehand of tiers and rewards. */
export interface RuleOptions {
  readonly tiers?: string;
  readonly rewardToken?: string;
  readonly rewardBudget?: string;
  readonly rewardStart?: string;
  readonly rewardDays?: string;
  readonly epochDays?: string;
}

const DAYS_MAX = 36_500;
const WEEKS_MAX = 5_300;
/** Hundredths of a percent: a multiplier of 1 has four places. */
const BP_PLACES = 4;
const MULTIPLIER_BP_MAX = 1_000_000n;

/** The programme file's `schedule`, `tiers` and `rewards`, as far as somebody wants them. */
export async function rulesAsked(
  io: Io,
  options: RuleOptions,
  tokenOf: (address: Address) => Promise<FoundToken>,
): Promise<object> {
  const levels = await asked(io, {
    question: "loyalty tiers as WEEK:MULTIPLIER, separated by spaces, like 1:1 5:1.25 13:1.5 (empty: none): ",
    option: "--tiers",
    given: options.tiers,
    absent: null,
    read: (text) => text.split(/[\s,]+/).map(levelOf),
  });
  const tiers = levels === null ? {} : { tiers: { levels } };
  const address = await asked(io, {
    question: "address of the token that rewards are paid in (empty: no rewards yet): ",
    option: "--reward-token",
    given: options.rewardToken,
    absent: null,
    read: (text) => toAddress(addressesIn("--reward-token", text)[0]),
  });
  if (address === null) return tiers;
  const { symbol, decimals } = await tokenOf(address);
  if (decimals === null) throw unfit("--reward-token", "a token whose decimals are known", address);
  const budget = await asked(io, {
    question: `how many ${symbol} for the whole programme? `,
    option: "--reward-budget",
    given: options.rewardBudget,
    read: (text) => {
      if ((parseDecimal(text, decimals) ?? 0n) > 0n) return text;
      throw unfit("--reward-budget", `whole tokens with at most ${decimals} places, like "1000.5"`, text);
    },
  });
  const start = await asked(io, {
    question: "the programme's first UTC day (like 2026-01-31): ",
    option: "--reward-start",
    given: options.rewardStart,
    read: (text) => {
      if (isDay(text)) return text;
      throw unfit("--reward-start", "a UTC day like 2026-01-31", text);
    },
  });
  const daysOf = (question: string, option: string, given: string | undefined, most: number): Promise<number> =>
    asked(io, { question, option, given, read: (text) => wholeNumber(option, text, 1, most) });
  const days = await daysOf("how many days does it last? ", "--reward-days", options.rewardDays, DAYS_MAX);
  const each = await daysOf("how many days has an epoch? ", "--epoch-days", options.epochDays, days);
  return {
    schedule: { start, days },
    ...tiers,
    rewards: { tokens: [{ address: checksummed(address), symbol, decimals, budget }], epochs: { days: each } },
  };
}

function levelOf(text: string): { readonly week: number; readonly multiplierBp: number } {
  const [week = "", multiplier = "", more] = text.split(":");
  const bp = parseDecimal(multiplier, BP_PLACES);
  if (bp === undefined || bp > MULTIPLIER_BP_MAX || more !== undefined)
    throw unfit("--tiers", `WEEK:MULTIPLIER like 5:1.25, with at most ${BP_PLACES} places`, text);
  return { week: wholeNumber("--tiers", week, 1, WEEKS_MAX), multiplierBp: Number(bp) };
}
