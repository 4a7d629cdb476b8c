import { LpLedgerError, shown } from "./errors.ts";

declare const brand: unique symbol;
/** 20 bytes as lower-case 0x-hex; where it names a pool, 32 bytes for one that lives inside another contract. */
export type Address = `0x${string}` & { readonly [brand]: "Address" };
/** 32 bytes as lower-case 0x-hex. */
export type Hash = `0x${string}` & { readonly [brand]: "Hash" };

const POOL_ID = /^0x(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const HASH = /^0x[0-9a-fA-F]{64}$/;

/** Whether a text is an address, in whatever case. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** Whether a text names a pool, see `toPoolId`. */
export function isPoolId(text: string): boolean {
  return POOL_ID.test(text);
}

/** Lower-cases an address once, at the edge; anything else is an error. */
export function toAddress(text: unknown): Address {
  if (typeof text === "string" && isAddress(text)) return text.toLowerCase() as Address;
  throw new LpLedgerError("transient", "NOT_AN_ADDRESS", `expected 20 bytes of hex, found ${shown(text)}`);
}

/** What names a pool: its address, or the 32 bytes by which a singleton contract knows it (Uniswap V4). */
export function toPoolId(text: unknown): Address {
  if (typeof text === "string" && isPoolId(text)) return text.toLowerCase() as Address;
  throw new LpLedgerError("transient", "NOT_A_POOL", `expected 20 or 32 bytes of hex, found ${shown(text)}`);
}

/** Lower-cases a 32-byte hash once, at the edge; anything else is an error. */
export function toHash(text: unknown): Hash {
  if (typeof text === "string" && HASH.test(text)) return text.toLowerCase() as Hash;
  throw new LpLedgerError("transient", "NOT_A_HASH", `expected 32 bytes of hex, found ${shown(text)}`);
}

export const ZERO_ADDRESS = toAddress(`0x${"0".repeat(40)}`);
export const ONE_ADDRESS = toAddress(`0x${"0".repeat(39)}1`);
