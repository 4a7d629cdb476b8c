import { invariant } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Epoch, RewardRules, RewardToken } from "../programme/rules.ts";
import { type HeldBack, type Release, released, sumOfHeld } from "./held-back.ts";
import { order, split } from "./split.ts";

/** What a provider's days of an epoch weigh: the sum of value x multiplier, in scaled quote units x basis points. */
export interface ProviderWeight {
  readonly provider: Address;
  readonly weight: bigint;
  /** Tier of its last day that weighed anything. */
  readonly tier: number;
}

/** One provider's line of an epoch, for one token; amounts in base units. */
export interface Reward {
  readonly provider: Address;
  readonly weight: bigint;
  readonly tier: number;
  /** Its part of this epoch. */
  readonly amount: bigint;
  /** Of that, what earlier epochs held back for a pool in quarantine. */
  readonly released: bigint;
  /** What earlier epochs owed it: too little to be paid then. */
  readonly carriedIn: bigint;
  /** What this epoch pays; the rest of amount and carriedIn is carried on. */
  readonly paid: bigint;
}

/**
 * What an epoch gives out of one token. `budget + rolledIn + releasedIn = allocated + left + heldBack`,
 * `allocated + carriedIn = paid + carriedOut`.
 */
export interface TokenRewards {
  readonly token: RewardToken;
  readonly budget: bigint;
  /** Out of epochs before that could not give theirs out. */
  readonly rolledIn: bigint;
  /** Held back by earlier epochs for pools that are in quarantine no more. */
  readonly releasedIn: bigint;
  /** Held back for pools in quarantine. */
  readonly heldBack: bigint;
  readonly allocated: bigint;
  /** What nobody could be given, because nobody weighed anything or everybody stands at the cap. */
  readonly left: bigint;
  /** Where that goes. */
  readonly leftGoes: "none" | "roll-over" | "refund";
  readonly carriedIn: bigint;
  readonly paid: bigint;
  readonly carriedOut: bigint;
  /** Ascending by provider; everybody who weighs anything or is owed anything. */
  readonly rows: readonly Reward[];
}

/** What the epoch before left for this one, by token. */
export interface Before {
  readonly rolled: bigint;
  readonly carried: ReadonlyMap<Address, bigint>;
}

/** What an epoch holds back for pools in quarantine, and gives out of what earlier ones did. */
export interface Holding {
  readonly heldBack: readonly HeldBack[];
  readonly releases: readonly Release[];
  /** Of a final epoch: by token and provider what it gave out of those. */
  readonly given?: readonly ReadonlyMap<Address, bigint>[];
}

const NOTHING_HELD: Holding = { heldBack: [], releases: [] };

export const NOTHING_BEFORE: Before = { rolled: 0n, carried: new Map() };

/** The most one provider may get of a pot. */
export function capOf({ capBp }: RewardRules, { cap }: RewardToken, pot: bigint): bigint | null {
  const share = capBp === null ? null : (pot * BigInt(capBp)) / 10_000n;
  return share === null || (cap !== null && cap < share) ? cap : share;
}

/**
 * What an epoch gives to whom, token by token in the order of the rules. Weights of excluded providers must not be
 * among `weights`.
 */
export function rewardsOf(
  rules: RewardRules,
  epoch: Epoch,
  weights: readonly ProviderWeight[],
  before: readonly Before[],
  holding: Holding = NOTHING_HELD,
): readonly TokenRewards[] {
  invariant(
    weights.every(({ provider }) => !rules.excluded.has(provider)),
    "EXCLUDED_WEIGHT",
    "an excluded provider has a weight in an epoch",
  );
  const isLast = epoch.number === rules.epochs.length;
  return rules.tokens.map((token, i) => {
    const { rolled: rolledIn, carried } = before[i] ?? NOTHING_BEFORE;
    const budget = epoch.budgets[i] ?? 0n;
    const heldBack = sumOfHeld(holding.heldBack, i);
    const releasedIn = sumOfHeld(holding.releases, i);
    const pot = budget + rolledIn - heldBack;
    const { amounts, left: over } = split(pot, weights, capOf(rules, token, pot));
    const late = lateOf(rules, token, holding, i);
    const left = over + late.left;
    const minimum = isLast && rules.atEnd === "pay" ? 0n : token.minimumPayout;
    const rows = linesOf(weights, [...carried.keys(), ...late.amounts.keys()])
      .map(({ provider, weight, tier }): Reward => {
        const more = late.amounts.get(provider) ?? 0n;
        const amount = (amounts.get(provider) ?? 0n) + more;
        const carriedIn = carried.get(provider) ?? 0n;
        const due = amount + carriedIn;
        const isPaid = due >= minimum && !rules.excluded.has(provider);
        return { provider, weight, tier, amount, released: more, carriedIn, paid: isPaid ? due : 0n };
      })
      .filter(({ amount, carriedIn, weight }) => amount + carriedIn > 0n || weight > 0n);
    const allocated = sumOf(rows, ({ amount }) => amount);
    const carriedIn = sumOf(rows, (row) => row.carriedIn);
    const paid = sumOf(rows, (row) => row.paid);
    const leftGoes = left === 0n ? "none" : isLast ? "refund" : rules.undistributed;
    invariant(
      allocated + left === pot + releasedIn,
      "BUDGET_SUM",
      `epoch ${epoch.number} gives out ${allocated} and leaves ${left} of ${pot + releasedIn}`,
    );
    return {
      token,
      budget,
      rolledIn,
      releasedIn,
      heldBack,
      allocated,
      left,
      leftGoes,
      carriedIn,
      paid,
      carriedOut: allocated + carriedIn - paid,
      rows,
    };
  });
}

/**
 * What is given out of what earlier epochs held back, to nobody more than the cap of that pot, and what nobody can be
 * given.
 */
function lateOf(
  rules: RewardRules,
  token: RewardToken,
  { releases, given }: Holding,
  i: number,
): ReturnType<typeof split> {
  const amounts = given?.[i];
  if (amounts === undefined) return released(releases, i, (pot) => capOf(rules, token, pot));
  return { amounts, left: sumOfHeld(releases, i) - [...amounts.values()].reduce((sum, each) => sum + each, 0n) };
}

/** Everybody who weighs anything or is owed anything, ascending by address. */
function linesOf(weights: readonly ProviderWeight[], due: readonly Address[]): readonly ProviderWeight[] {
  const known = new Set(due.length === 0 ? [] : weights.map(({ provider }) => provider));
  const owed = [...new Set(due)].filter((provider) => !known.has(provider));
  const lines = [...weights, ...owed.map((provider) => ({ provider, weight: 0n, tier: 0 }))];
  // They mostly come in order.
  const ordered = lines.every(({ provider }, i) => i === 0 || (lines[i - 1]?.provider ?? "") < provider);
  return ordered ? lines : lines.sort((a, b) => order(a.provider, b.provider));
}

function sumOf(rows: readonly Reward[], pick: (row: Reward) => bigint): bigint {
  return rows.reduce((sum, row) => sum + pick(row), 0n);
}

/** What the next epoch begins with. */
export function leftBy({ left, leftGoes, rows }: Pick<TokenRewards, "left" | "leftGoes" | "rows">): Before {
  const carried = rows
    .map(({ provider, amount, carriedIn, paid }) => [provider, amount + carriedIn - paid] as const)
    .filter(([, amount]) => amount > 0n);
  return { rolled: leftGoes === "roll-over" ? left : 0n, carried: new Map(carried) };
}
