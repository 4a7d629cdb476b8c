import type { Address } from "./hex.ts";

/** What stands behind an address: a wallet, one that lends itself a contract's code (EIP-7702), or a contract. */
export interface AddressFacts {
  readonly address: Address;
  readonly kind: "wallet" | "delegated" | "contract";
  /** What a contract is, where it answers as one of a kind does. */
  readonly what: string | null;
}

const DELEGATED = /^0xef0100[0-9a-f]{40}$/;

/** What the code at an address makes of it. */
export function kindOfCode(code: string): AddressFacts["kind"] {
  if (code === "0x" || code === "") return "wallet";
  return DELEGATED.test(code.toLowerCase()) ? "delegated" : "contract";
}

/** For people; "" of wallets, and of addresses that nobody asked about. */
export function contractText(facts: AddressFacts | undefined): string {
  if (facts?.kind !== "contract") return "";
  return facts.what === null ? "a contract" : `a contract: ${facts.what}`;
}
