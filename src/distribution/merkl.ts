import { divCeil } from "../core/amm/amounts.ts";
import { invariant } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import { checksummed } from "../core/keccak.ts";
import { type Payout, type PayoutFile, type PayoutToken, readAddress, readAmount } from "./payouts.ts";

/** What one recipient gets, and for what. */
export interface Reason extends Payout {
  readonly reason: string;
}

/**
 * Merkl's airdrop JSON: the reward token, and by recipient an amount in base units for each reason. All addresses carry
 * their EIP-55 checksum, without which Merkl refuses a campaign (docs.merkl.xyz, airdrop).
 */
export function merklFile(name: string, { address }: PayoutToken, reasons: readonly Reason[]): PayoutFile {
  const rewards = new Map<Address, Record<string, string>>();
  for (const { recipient, reason, amount } of reasons) {
    const known = rewards.get(recipient) ?? {};
    invariant(known[reason] === undefined, "PAYOUT_TWICE", `two payouts to ${recipient} for ${reason}`);
    known[reason] = `${amount}`;
    rewards.set(recipient, known);
  }
  const entries = [...rewards].map(([recipient, amounts]) => [checksummed(recipient), amounts] as const);
  const text = `${JSON.stringify({ rewardToken: checksummed(address), rewards: Object.fromEntries(entries) })}\n`;
  return { name: `${name}.merkl.json`, text, payouts: read(text, address) };
}

function read(text: string, token: Address): readonly Payout[] {
  const { rewardToken, rewards } = JSON.parse(text) as {
    rewardToken: string;
    rewards: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  invariant(readAddress(rewardToken) === token, "FILE_TOKEN", `the file pays ${rewardToken}`);
  return Object.entries(rewards).map(([recipient, reasons]) => ({
    recipient: readAddress(recipient),
    amount: Object.values(reasons).reduce<bigint>((sum, amount) => sum + readAmount(amount), 0n),
  }));
}

/** What to provide so that so much arrives after a fee that is taken from it: amount / (1 - fee), rounded up. */
export function grossOf(amount: bigint, feeBp: number): bigint {
  return divCeil(amount * 10_000n, BigInt(10_000 - feeBp));
}
