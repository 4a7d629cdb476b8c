import type { Address } from "../hex.ts";

/** One provider's claim on a pot. */
export interface Claim {
  readonly provider: Address;
  readonly weight: bigint;
}

/**
 * Splits a pot by weight into integers that sum to it exactly: everybody gets the floor of its exact part, and the
 * units left over go one by one to the largest remainders, ties to the lower address. Nobody gets more than `cap`: what
 * is over it is split again among the others, until it fits.
 * @returns amounts by provider, and what could not be given out (all of it without a claim; what is over where all are
 * capped)
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
  // As doubles most remainders stay apart, and sort a hundred times faster; only those at the edge are compared
  // exactly.
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

/** Ascending by address. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
