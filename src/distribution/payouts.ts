import { invariant } from "../core/errors.ts";
import { type Address, ZERO_ADDRESS } from "../core/hex.ts";
import { checksummed } from "../core/keccak.ts";

/** What one recipient gets of one token, in base units. */
export interface Payout {
  readonly recipient: Address;
  readonly amount: bigint;
}

/** The token of a file of payouts. */
export interface PayoutToken {
  readonly address: Address;
  readonly chainId: number;
  readonly symbol: string;
  readonly decimals: number;
}

/** A file, and what it says it pays when it is read again. */
export interface PayoutFile {
  readonly name: string;
  readonly text: string;
  readonly payouts: readonly Payout[];
}

/** Payouts in order of address: each recipient once, amounts above zero, nobody at the zero address. */
export function inOrder(payouts: readonly Payout[]): readonly Payout[] {
  const sorted = [...payouts].sort((a, b) => (a.recipient < b.recipient ? -1 : 1));
  for (const [i, { recipient, amount }] of sorted.entries()) {
    invariant(amount > 0n, "PAYOUT_AMOUNT", `a payout to ${recipient} is ${amount}`);
    invariant(recipient !== ZERO_ADDRESS, "PAYOUT_RECIPIENT", "a payout to the zero address");
    invariant(sorted[i - 1]?.recipient !== recipient, "PAYOUT_TWICE", `two payouts to ${recipient}`);
  }
  return sorted;
}

/**
 * Proves that a file, read again, pays exactly what it was to pay.
 * @throws FILE_DIFFERS
 */
export function requireSame({ name, payouts: read }: PayoutFile, meant: readonly Payout[]): void {
  const text = (payouts: readonly Payout[]): string =>
    inOrder(payouts)
      .map(({ recipient, amount }) => `${recipient} ${amount}`)
      .join("\n");
  invariant(
    text(read) === text(meant) && totalOf(read) === totalOf(meant),
    "FILE_DIFFERS",
    `${name}, read again, pays ${totalOf(read)} to ${read.length} recipients instead of ${totalOf(meant)} to ${meant.length}`,
  );
}

export function totalOf(payouts: readonly Payout[]): bigint {
  return payouts.reduce((sum, { amount }) => sum + amount, 0n);
}

/** An address out of a file. @throws FILE_ADDRESS where its EIP-55 checksum is not right */
export function readAddress(text: string): Address {
  const address = text.toLowerCase() as Address;
  invariant(
    /^0x[0-9a-f]{40}$/.test(address) && checksummed(address) === text,
    "FILE_ADDRESS",
    `${JSON.stringify(text)} is no address with its EIP-55 checksum`,
  );
  return address;
}

/** A positive integer out of a file. @throws FILE_AMOUNT */
export function readAmount(text: unknown): bigint {
  invariant(typeof text === "string" && /^[1-9]\d*$/.test(text), "FILE_AMOUNT", `${JSON.stringify(text)} is no amount`);
  return BigInt(text);
}
