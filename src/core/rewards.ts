import { invariant } from "./errors.ts";
import type { Address } from "./hex.ts";
import type { Epoch, RewardRules, RewardToken } from "./rules.ts";

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
  /** What earlier epochs owed it: too little to be paid then. */
  readonly carriedIn: bigint;
  /** What this epoch pays; the rest of amount and carriedIn is carried on. */
  readonly paid: bigint;
}

/** What an epoch gives out of one token. `budget + rolledIn = allocated + left`, `allocated + carriedIn = paid + carriedOut`. */
export interface TokenRewards {
  readonly token: RewardToken;
  readonly budget: bigint;
  /** Out of epochs before that could not give theirs out. */
  readonly rolledIn: bigint;
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

export const NOTHING_BEFORE: Before = { rolled: 0n, carried: new Map() };

/** One provider's claim on a pot. */
export interface Claim {
  readonly provider: Address;
  readonly weight: bigint;
}

/**
 * Splits a pot by weight into integers that sum to it exactly: everybody gets the floor of its exact part, and the units
 * left over go one by one to the largest remainders, ties to the lower address. Nobody gets more than `cap`: what is over
 * it is split again among the others, until it fits.
 * @returns amounts by provider, and what could not be given out (all of it without a claim; what is over where all are capped)
 */
export function split(
  pot: bigint,
  claims: readonly Claim[],
  cap: bigint | null = null,
): { readonly amounts: ReadonlyMap<Address, bigint>; readonly left: bigint } {
  const amounts = new Map<Address, bigint>();
  let open = claims.filter(({ weight }) => weight > 0n);
  let rest = pot;
  for (;;) {
    const [round, total] = [rest, totalOf(open)];
    const over = cap === null ? [] : open.filter(({ weight }) => round * weight > cap * total);
    if (cap === null || over.length === 0) break;
    for (const { provider } of over) amounts.set(provider, cap);
    rest -= cap * BigInt(over.length);
    const capped = new Set(over);
    open = open.filter((each) => !capped.has(each));
  }
  const total = totalOf(open);
  if (total === 0n) return { amounts, left: rest };
  let units = rest;
  const parts = open.map(({ provider, weight }) => {
    const exact = rest * weight;
    const amount = exact / total;
    units -= amount;
    amounts.set(provider, amount);
    return { provider, remainder: exact - amount * total };
  });
  for (const { provider } of largest(parts, Number(units))) amounts.set(provider, (amounts.get(provider) ?? 0n) + 1n);
  return { amounts, left: 0n };
}

interface Part {
  readonly provider: Address;
  readonly remainder: bigint;
}

/** The parts with the largest remainders, so many of them, ties to the lower address. */
function largest(parts: readonly Part[], count: number): readonly Part[] {
  if (count === 0) return [];
  // As doubles most remainders stay apart, and sort a hundred times faster; only those at the edge are compared exactly.
  const doubles = Float64Array.from(parts, ({ remainder }) => Number(remainder)).sort();
  const edge = doubles[doubles.length - count] ?? 0;
  const near = (part: Part): number => Number(part.remainder);
  const above = parts.filter((part) => near(part) > edge);
  const tied = parts
    .filter((part) => near(part) === edge)
    .sort((a, b) => (a.remainder === b.remainder ? order(a.provider, b.provider) : a.remainder > b.remainder ? -1 : 1));
  return [...above, ...tied.slice(0, count - above.length)];
}

function totalOf(claims: readonly Claim[]): bigint {
  return claims.reduce((sum, { weight }) => sum + weight, 0n);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The most one provider may get of a pot. */
export function capOf({ capBp }: RewardRules, { cap }: RewardToken, pot: bigint): bigint | null {
  const share = capBp === null ? null : (pot * BigInt(capBp)) / 10_000n;
  return share === null || (cap !== null && cap < share) ? cap : share;
}

/** What an epoch gives to whom, token by token in the order of the rules. Weights of excluded providers must not be among `weights`. */
export function rewardsOf(
  rules: RewardRules,
  epoch: Epoch,
  weights: readonly ProviderWeight[],
  before: readonly Before[],
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
    const pot = budget + rolledIn;
    const { amounts, left } = split(pot, weights, capOf(rules, token, pot));
    const minimum = isLast && rules.atEnd === "pay" ? 0n : token.minimumPayout;
    const rows = linesOf(weights, carried)
      .map(({ provider, weight, tier }): Reward => {
        const amount = amounts.get(provider) ?? 0n;
        const carriedIn = carried.get(provider) ?? 0n;
        const due = amount + carriedIn;
        const isPaid = due >= minimum && !rules.excluded.has(provider);
        return { provider, weight, tier, amount, carriedIn, paid: isPaid ? due : 0n };
      })
      .filter(({ amount, carriedIn, weight }) => amount + carriedIn > 0n || weight > 0n);
    const allocated = sumOf(rows, ({ amount }) => amount);
    const carriedIn = sumOf(rows, (row) => row.carriedIn);
    const paid = sumOf(rows, (row) => row.paid);
    const leftGoes = left === 0n ? "none" : isLast ? "refund" : rules.undistributed;
    invariant(
      allocated + left === pot,
      "BUDGET_SUM",
      `epoch ${epoch.number} gives out ${allocated} and leaves ${left} of ${pot}`,
    );
    return {
      token,
      budget,
      rolledIn,
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

/** Everybody who weighs anything or is owed anything, ascending by address. */
function linesOf(weights: readonly ProviderWeight[], carried: Before["carried"]): readonly ProviderWeight[] {
  const known = new Set(carried.size === 0 ? [] : weights.map(({ provider }) => provider));
  const owed = [...carried.keys()].filter((provider) => !known.has(provider));
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
