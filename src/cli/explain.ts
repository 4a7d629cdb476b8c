import { type Day, dayStartSec, nextDay } from "../core/day.ts";
import { formatDecimal } from "../core/decimal.ts";
import type { Address } from "../core/hex.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import type { RewardRules, Rules, TierRules } from "../core/programme/rules.ts";
import type { TokenSums } from "../core/rewards/epoch-record.ts";
import { capOf, type Reward } from "../core/rewards/rewards.ts";
import { earningDays, heldWeight, weekOf, weightOfDay } from "../core/rewards/tiers.ts";
import type { DayPrices } from "../core/valuation/price.ts";
import { pastOf } from "../ledger/epochs.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { type Rewarding, rewardingOf } from "../ledger/rewarding.ts";
import { uncountedOn } from "../ledger/tier-status.ts";
import { type CommonOptions, contextOf, type Io, withReader } from "../runtime/context.ts";
import { type DayPart, derivationOf, type PoolPart } from "../store/queries/reward-inputs.ts";
import type { StoredEpoch } from "../store/rewards.ts";
import { paysText, storedEpoch } from "./rewards.ts";
import { jsonAnswer, scaled } from "./table.ts";

export interface ExplainOptions extends CommonOptions {
  readonly epoch: number;
}

/** Prints everything one provider's rewards of an epoch follow from, so that they can be checked by hand. */
export async function rewardsExplain(io: Io, provider: Address, options: ExplainOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const rewarding = rewardingOf(programme);
  await withReader(settings, async (store) => {
    const answer = store.db.transaction(() => {
      const stored = storedEpoch(store, rewarding, options.epoch);
      const { first, end } = stored.record;
      const followed = withDiscovered(store, programme);
      const days = derivationOf(store.db, provider, first, end).map((day) => ({
        ...day,
        prices: store.prices.ofDay(day.date),
        uncounted: new Set<string>(uncountedOn(store, followed, day.date)),
        leftOut: new Map(
          store.leftOut
            .between(day.date, nextDay(day.date))
            .filter((each) => each.provider === provider)
            .map(({ pool, note }) => [pool, note]),
        ),
      }));
      const rewards = stored.record.tokens.map(({ address }) =>
        store.rewards.rowsOf(options.epoch, address).find((row) => row.provider === provider),
      );
      return { stored, days, rewards, programme: followed };
    })();
    if (options.json) io.out(jsonAnswer({ provider, ...jsonOf(answer) }));
    else io.out(`${explanation(provider, pastOf(rewarding, answer.stored), answer).join("\n")}\n`);
  });
}

/**
 * `uncounted`: pools that the day's value leaves out; `leftOut`: those without a value that count nothing, and what
 * they may be worth.
 */
type ExplainedDay = DayPart & {
  readonly prices: DayPrices;
  readonly uncounted: ReadonlySet<string>;
  readonly leftOut: ReadonlyMap<string, string>;
};

interface Facts {
  readonly stored: StoredEpoch;
  readonly days: readonly ExplainedDay[];
  readonly rewards: readonly (Reward | undefined)[];
  readonly programme: Programme;
}

function jsonOf({ stored, days, rewards }: Facts): object {
  const { rules: _, ...epoch } = stored.record;
  return {
    epoch: { ...epoch, state: stored.state, resultHash: stored.resultHash },
    days: days.map(({ prices, uncounted, leftOut, ...day }) => ({
      ...day,
      pools: day.pools.map((part) => ({
        ...part,
        counts: !uncounted.has(part.pool) && !leftOut.has(part.pool),
        leftOut: leftOut.get(part.pool) ?? null,
      })),
      prices: [...prices].map(([token, { priceE18, source }]) => ({
        token,
        price: formatDecimal(priceE18, 18),
        source,
      })),
    })),
    rewards: stored.record.tokens.map(({ address }, i) => ({ token: address, ...(rewards[i] ?? {}) })),
  };
}

function explanation(provider: Address, { rules, rewards: rule }: Rewarding, facts: Facts): readonly string[] {
  const { stored, days, rewards, programme } = facts;
  const { record, state } = stored;
  const head = [
    `provider ${provider}`,
    `epoch ${record.epoch} of ${rule.epochs.length}: ${record.first} to before ${record.end}, ${state}`,
    "",
    ...(rule.excluded.has(provider)
      ? ["this address is excluded from rewards: it weighs nothing and is in no denominator", ""]
      : []),
    ...(days.length === 0 ? ["it had no liquidity in these days", ""] : []),
  ];
  const weight = weightLines(days, rules, rule, programme);
  return [
    ...head,
    ...days.flatMap((day) => [...dayLines(day, rules, rule, programme), ""]),
    ...(rule.excluded.has(provider) ? [] : weight.lines),
    ...(weight.total === (rewards[0]?.weight ?? 0n) || rule.excluded.has(provider)
      ? []
      : [
          `THIS IS NOT the weight the epoch was calculated with, ${rewards[0]?.weight ?? 0n}: something beneath it has changed since`,
        ]),
    `all providers together weigh ${record.totalWeight}; excluded addresses are not among them`,
    ...record.tokens.flatMap((sums, i) => ["", ...tokenLines(sums, rewards[i], facts, rule, rules)]),
  ];
}

function dayLines(day: ExplainedDay, rules: Rules, rule: RewardRules, programme: Programme): readonly string[] {
  const { tiers } = rules;
  const money = (value: bigint | null): string => scaled(value, programme);
  const lines = [day.date, ...day.pools.flatMap((part) => poolLines(part, day, programme))];
  if (day.value === null) return [...lines, "  the day is not priced yet"];
  lines.push(`  value of the day: ${money(day.value)}`);
  if (day.value < tiers.minimum)
    return [...lines, `  below the minimum of ${money(tiers.minimum)}: the streak ends, and the day weighs nothing`];
  if (day.streakDays === null || day.multiplierBp === null)
    return [...lines, "  an earlier day without a price decides the streak"];
  const level = tiers.levels[(day.tier ?? 1) - 1];
  const asks = level === undefined || level.value === 0n ? "" : ` and at least ${money(level.value)}`;
  lines.push(
    `  at least the minimum of ${money(tiers.minimum)}: day ${day.streakDays} of the streak, week ${weekOf(day.streakDays)}`,
    `  tier ${day.tier} (from week ${level?.week}${asks}): multiplier ${formatDecimal(BigInt(day.multiplierBp), 4)}, ${day.multiplierBp} basis points`,
  );
  const counted = day.inRangeValue ?? day.value;
  if (rule.weighting === "in-range") lines.push(`  of it in range: ${money(counted)}`);
  if (tiers.retroactive) return [...lines, `  counts ${counted}`];
  if (tiers.basis === "held") return [...lines, ...heldLines(tiers, day, money)];
  return [...lines, `  weighs ${counted} x ${day.multiplierBp} = ${counted * BigInt(day.multiplierBp)}`];
}

/** What each tier counts for, and what the day weighs by that. */
function heldLines(tiers: TierRules, day: ExplainedDay, money: (value: bigint) => string): readonly string[] {
  const { bases } = day;
  const counting = tiers.levels.flatMap((level, i) => {
    const { multiplierBp } = level;
    const [base, next] = [bases[i] ?? 0n, bases[i + 1] ?? 0n];
    return base === 0n ? [] : [{ tier: i + 1, days: earningDays(level), base, part: base - next, multiplierBp }];
  });
  const sum = counting.map(({ part, multiplierBp }) => `${part} x ${multiplierBp}`).join(" + ");
  return [
    ...counting.map(
      ({ tier, days, base }) =>
        `  tier ${tier} counts for ${money(base)}, ${days === 1 ? "the day's" : `the least of its last ${days} days`}`,
    ),
    `  weighs ${sum || "0"} = ${heldWeight(tiers, bases)}`,
  ];
}

/** A pool's part of a day: average amount x price of each token. */
function poolLines(
  part: PoolPart,
  { prices, uncounted, leftOut }: ExplainedDay,
  programme: Programme,
): readonly string[] {
  const out = leftOut.get(part.pool);
  const why = uncounted.has(part.pool)
    ? ", which does not count on this day"
    : out === undefined
      ? ""
      : `, which has no value and counts nothing: ${out}`;
  const pool = programme.pools.find(({ address }) => address === part.pool);
  return [
    `  pool ${part.pool} (${part.protocol}): ${scaled(part.value, programme)}${why}`,
    ...amountLines(pool, part.tokenSeconds, prices, ""),
    ...(part.inRangeTokenSeconds === null ? [] : amountLines(pool, part.inRangeTokenSeconds, prices, ", in range")),
  ];
}

function amountLines(
  pool: Pool | undefined,
  seconds: readonly bigint[],
  prices: DayPrices,
  what: string,
): readonly string[] {
  return seconds.flatMap((sum, i) => {
    const token = pool?.tokens[i];
    if (token === undefined || sum === 0n) return [];
    const price = prices.get(token.address);
    const average = token.decimals === null ? `${sum / 86_400n}` : formatDecimal(sum / 86_400n, token.decimals);
    const priced = price === undefined ? "no price" : `${formatDecimal(price.priceE18, 18)} (${price.source})`;
    return [`    ${token.symbol}${what}: ${sum} base units x seconds / 86400 s = ${average} on average, x ${priced}`];
  });
}

function weightLines(
  days: readonly ExplainedDay[],
  { tiers }: Rules,
  rule: RewardRules,
  programme: Programme,
): { readonly lines: readonly string[]; readonly total: bigint } {
  const counting = days.filter(({ tier }) => tier !== null && tier > 0);
  if (counting.length === 0) return { lines: ["it weighs nothing in this epoch"], total: 0n };
  const values = counting.map((day) => (rule.weighting === "in-range" ? day.inRangeValue : null) ?? day.value ?? 0n);
  const unit = `in ${programme.quote.symbol} scaled by ${programme.quote.decimals} decimals x basis points`;
  if (tiers.retroactive) {
    const sum = values.reduce((total, value) => total + value, 0n);
    const last = BigInt(counting.at(-1)?.multiplierBp ?? 0);
    const text = `weight: (${values.join(" + ")}) x ${last}, the multiplier of its last day, = ${sum * last} (${unit})`;
    return { lines: [text], total: sum * last };
  }
  const parts = counting.map(({ multiplierBp, bases }, i) =>
    weightOfDay(tiers, { value: values[i] ?? 0n, multiplierBp: multiplierBp ?? 0, bases }),
  );
  const total = parts.reduce((sum, part) => sum + part, 0n);
  const text = `weight: ${parts.join(" + ")}${parts.length > 1 ? ` = ${total}` : ""} (${unit})`;
  return { lines: [text], total };
}

function tokenLines(
  sums: TokenSums,
  reward: Reward | undefined,
  { stored }: Facts,
  rule: RewardRules,
  rules: Rules,
): readonly string[] {
  const { record } = stored;
  const unit = `base units of ${sums.symbol}, ${sums.decimals} decimals`;
  const heldBack = BigInt(sums.heldBack ?? 0);
  const pot = BigInt(sums.budget) + BigInt(sums.rolledIn) - heldBack;
  const lines = [
    `${sums.symbol} ${sums.address} on chain ${sums.chainId}`,
    `  budget of the epoch: ${sums.budget} (${unit})${scheduleText(record.first, record.end, rules)}`,
    ...(sums.rolledIn === "0" ? [] : [`  rolled in from epochs before: ${sums.rolledIn}; together ${pot}`]),
  ];
  if (heldBack > 0n) lines.push(`  held back for pools in quarantine: ${heldBack}; left to give out: ${pot}`);
  if (reward === undefined) return [...lines, "  nothing goes to this address"];
  const { weight, amount, released, carriedIn, paid } = reward;
  const total = BigInt(record.totalWeight);
  const token = rule.tokens.find(({ address }) => address === sums.address);
  if (weight > 0n && total > 0n) {
    const exact = pot * weight;
    const cap = token === undefined ? null : capOf(rule, token, pot);
    lines.push(
      `  exact part: ${pot} x ${weight} / ${total} = ${exact / total}, remainder ${exact % total}`,
      ...(cap === null
        ? []
        : [`  at most ${cap} to one provider; what is over that is split among the others by weight`]),
    );
    const plain = exact / total;
    if (amount - released === plain + 1n)
      lines.push("  1 more: its remainder is among the largest, which share what flooring leaves over");
    else if (amount - released !== plain) lines.push(`  with the cap: ${amount - released}`);
  }
  if (released > 0n) lines.push(`  of what earlier epochs held back for pools that it was in: ${released}`);
  lines.push(`  allocated: ${amount} = ${formatDecimal(amount, sums.decimals)} ${sums.symbol}`);
  if (carriedIn > 0n) lines.push(`  carried in from epochs before: ${carriedIn}`);
  const due = amount + carriedIn;
  if (paid === due)
    return [...lines, `  ${paysText(stored.state)} ${paid} = ${formatDecimal(paid, sums.decimals)} ${sums.symbol}`];
  return [
    ...lines,
    `  ${due} is below the minimum payout of ${token?.minimumPayout ?? "?"}: carried to its next epoch`,
  ];
}

/** How far into the programme an epoch lies: what its part of a whole budget follows from. */
function scheduleText(first: Day, end: Day, { schedule }: Rules): string {
  if (schedule === null) return "";
  const at = (day: Day): number => (dayStartSec(day) - dayStartSec(schedule.first)) / 86_400;
  return `; days ${at(first)} to ${at(end)} of ${schedule.days}`;
}
