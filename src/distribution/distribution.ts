import { invariant } from "../core/errors.ts";
import type { EpochResult, TokenSums } from "../core/rewards/epoch-record.ts";
import { merklFile, type Reason } from "./merkl.ts";
import { merkleFiles } from "./merkle.ts";
import { inOrder, type Payout, type PayoutFile, requireSame, totalOf } from "./payouts.ts";
import { safeFiles } from "./safe.ts";

export const FORMATS = ["merkle", "merkl", "safe"] as const;
export type Format = (typeof FORMATS)[number];

/** What is to be written for one token. */
export interface Wanted {
  readonly formats: readonly Format[];
  /** Of several epochs: what they paid together, for contracts that pay the difference to what they paid before. */
  readonly cumulative: boolean;
  /** What Merkl's file says the rewards are for. */
  readonly reason: string;
}

/** Everything that pays one token; every file has been read again and pays exactly this. */
export interface Distribution {
  readonly payouts: readonly Payout[];
  readonly total: bigint;
  /** Of the Merkle tree, where one was wanted and somebody is paid. */
  readonly root: string | null;
  readonly files: readonly PayoutFile[];
}

/**
 * The files that pay one token for some epochs. @throws FILE_DIFFERS and others where a file, read again, is not right
 */
export function distributionOf(token: TokenSums, epochs: readonly EpochResult[], wanted: Wanted): Distribution {
  const { formats, cumulative, reason } = wanted;
  const reasons = epochs.flatMap((each) => reasonsOf(each, token, reason));
  const sums = new Map<Payout["recipient"], bigint>();
  for (const { recipient, amount } of reasons) sums.set(recipient, (sums.get(recipient) ?? 0n) + amount);
  const payouts = inOrder([...sums].map(([recipient, amount]) => ({ recipient, amount })));
  const total = totalOf(payouts);
  const paid = epochs.reduce((sum, { record }) => sum + BigInt(sumsOf(record, token)?.paid ?? 0), 0n);
  invariant(total === paid, "PAID_SUM", `the payouts of ${token.symbol} sum to ${total}, the epochs paid ${paid}`);
  if (payouts.length === 0) return { payouts, total, root: null, files: [] };
  const name = `${token.symbol.replaceAll(/[^A-Za-z0-9]/g, "") || "token"}-${token.address}`;
  const tree = formats.includes("merkle") ? merkleFiles(name, token, payouts) : undefined;
  // A batch of transfers pays at once: what was paid before it would pay again.
  const batches = formats.includes("safe") && !cumulative ? safeFiles(name, token, payouts) : [];
  const whole = [...(tree?.files ?? []), ...(formats.includes("merkl") ? [merklFile(name, token, reasons)] : [])];
  for (const file of whole) requireSame(file, payouts);
  const [batch] = batches;
  if (batch !== undefined) requireSame({ ...batch, payouts: batches.flatMap((each) => each.payouts) }, payouts);
  return { payouts, total, root: tree?.root ?? null, files: [...whole, ...batches] };
}

function sumsOf({ tokens }: EpochResult["record"], { address }: TokenSums): TokenSums | undefined {
  return tokens.find((each) => each.address === address);
}

function reasonsOf({ record, rewards }: EpochResult, { address }: TokenSums, reason: string): readonly Reason[] {
  const rows = rewards[record.tokens.findIndex((each) => each.address === address)] ?? [];
  const text = `${reason}, epoch ${record.epoch}`;
  return rows
    .filter(({ paid }) => paid > 0n)
    .map(({ provider, paid }) => ({ recipient: provider, amount: paid, reason: text }));
}
