import type { Day } from "../day.ts";
import type { Address } from "../hex.ts";
import type { HeldBack, Release } from "./held-back.ts";
import type { Holding, Reward, TokenRewards } from "./rewards.ts";

/** One token's sums of an epoch, as they are kept; amounts are base units in decimal text. */
export interface TokenSums {
  readonly address: Address;
  readonly chainId: number;
  readonly symbol: string;
  readonly decimals: number;
  readonly budget: string;
  readonly rolledIn: string;
  /** Held back by earlier epochs, and by this one, for pools in quarantine; left out where there is nothing. */
  readonly releasedIn?: string;
  readonly heldBack?: string;
  readonly allocated: string;
  readonly left: string;
  readonly leftGoes: TokenRewards["leftGoes"];
  readonly carriedIn: string;
  readonly paid: string;
  readonly carriedOut: string;
}

/** What an epoch's result rests on, and its sums. */
export interface EpochRecord {
  readonly epoch: number;
  readonly first: Day;
  /** The day after its last. */
  readonly end: Day;
  /** The last block with events before its end. */
  readonly blockNumber: number;
  readonly blockHash: string;
  /** Digest of each pool's postings up to that block, by address. */
  readonly pools: Readonly<Record<string, string>>;
  readonly programmeHash: string;
  /** Tiers and rewards as they were. */
  readonly rules: object;
  readonly tokens: readonly TokenSums[];
  readonly totalWeight: string;
  /**
   * What is held back for pools in quarantine, and given out of what earlier epochs held back; null where there is
   * nothing.
   */
  readonly held: HeldRecord | null;
}

/**
 * What an epoch holds back and releases, as it is kept; amounts are base units in decimal text, in the order of the
 * tokens.
 */
export interface HeldRecord {
  readonly heldBack: readonly (Omit<HeldBack, "poolWeight" | "allWeight" | "amounts"> & {
    readonly poolWeight: string;
    readonly allWeight: string;
    readonly amounts: readonly string[];
  })[];
  readonly releases: readonly (Omit<Release, "amounts" | "claims"> & { readonly amounts: readonly string[] })[];
}

export function heldRecordOf({ heldBack, releases }: Holding): HeldRecord | null {
  if (heldBack.length + releases.length === 0) return null;
  const textOf = (amounts: readonly bigint[]): readonly string[] => amounts.map(String);
  return {
    heldBack: heldBack.map(({ poolWeight, allWeight, amounts, ...each }) => ({
      ...each,
      poolWeight: `${poolWeight}`,
      allWeight: `${allWeight}`,
      amounts: textOf(amounts),
    })),
    releases: releases.map(({ claims: _, amounts, ...each }) => ({ ...each, amounts: textOf(amounts) })),
  };
}

/** An epoch with everything that is paid for it. */
export interface EpochResult {
  readonly record: EpochRecord;
  /** Rows of each token, in the order of the record's tokens. */
  readonly rewards: readonly (readonly Reward[])[];
}

export function sumsOf({ token, rows: _, ...sums }: TokenRewards): TokenSums {
  const { address, chainId, symbol, decimals } = token;
  const { budget, rolledIn, releasedIn, heldBack, allocated, left, leftGoes, carriedIn, paid, carriedOut } = sums;
  return {
    address,
    chainId,
    symbol,
    decimals,
    budget: `${budget}`,
    rolledIn: `${rolledIn}`,
    ...(releasedIn === 0n ? {} : { releasedIn: `${releasedIn}` }),
    ...(heldBack === 0n ? {} : { heldBack: `${heldBack}` }),
    allocated: `${allocated}`,
    left: `${left}`,
    leftGoes,
    carriedIn: `${carriedIn}`,
    paid: `${paid}`,
    carriedOut: `${carriedOut}`,
  };
}

/** An epoch's result in one canonical form, a line for each row: its hash is what finalising freezes. */
export function resultText({ record, rewards }: EpochResult): string {
  const { epoch, first, end, blockNumber, blockHash, pools, programmeHash, rules, tokens, totalWeight, held } = record;
  const parts = { epoch, first, end, blockNumber, blockHash, pools, programmeHash, rules, tokens, totalWeight };
  // Most epochs hold nothing back: theirs is the text that it always was.
  const head = held === null ? parts : { ...parts, held };
  const lines = rewards.flatMap((rows, i) =>
    rows.map(
      ({ provider, tier, weight, amount, released, carriedIn, paid }) =>
        `${tokens[i]?.address} ${provider} ${tier} ${weight} ${amount} ${carriedIn} ${paid}${released === 0n ? "" : ` ${released}`}`,
    ),
  );
  return `${[JSON.stringify(head), ...lines].join("\n")}\n`;
}

/** Where two results of one epoch differ, each as "what: was, now is". */
export function differencesOf(was: EpochResult, is: EpochResult): readonly string[] {
  const found: string[] = [];
  const compare = (what: string, before: unknown, after: unknown): void => {
    if (before !== after) found.push(`${what} was ${before ?? "nothing"}, now it is ${after ?? "nothing"}`);
  };
  compare("its last block with events", was.record.blockHash, is.record.blockHash);
  compare("the weight of all", was.record.totalWeight, is.record.totalWeight);
  for (const [pool, digest] of Object.entries(was.record.pools))
    compare(`the digest of pool ${pool}`, digest, is.record.pools[pool]);
  for (const [i, sums] of was.record.tokens.entries()) {
    const now = is.record.tokens[i];
    for (const [key, value] of Object.entries({ heldBack: undefined, releasedIn: undefined, ...sums }))
      compare(`the ${key} of ${sums.symbol}`, value, (now as unknown as Record<string, unknown> | undefined)?.[key]);
    const [before, after] = [was.rewards[i] ?? [], is.rewards[i] ?? []].map(
      (rows) => new Map(rows.map((row) => [row.provider, row])),
    );
    for (const provider of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])].sort())) {
      const [old, current] = [before?.get(provider), after?.get(provider)];
      for (const key of ["tier", "weight", "amount", "released", "carriedIn", "paid"] as const)
        compare(`the ${key} of ${provider} in ${sums.symbol}`, old?.[key], current?.[key]);
    }
  }
  return found;
}
