import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** Keccak-256 of bytes, as Ethereum has it (not SHA3-256). */
export const keccak: (bytes: Uint8Array) => Uint8Array = keccak_256;

/** The same of bytes as 0x-hex. */
export function keccakOfHex(...parts: readonly string[]): `0x${string}` {
  return `0x${bytesToHex(keccak(hexToBytes(parts.map((part) => part.slice(2)).join(""))))}`;
}

/** The same of text. */
export function keccakOfText(text: string): `0x${string}` {
  return `0x${bytesToHex(keccak(utf8ToBytes(text)))}`;
}

/** A whole number as two's complement in so many bytes of 0x-hex. @throws RangeError where it needs more. */
export function hexOf(value: bigint | number, bytes: number): `0x${string}` {
  const bits = 8 * bytes;
  const whole = BigInt(value);
  if (BigInt.asIntN(bits, whole) !== whole && BigInt.asUintN(bits, whole) !== whole)
    throw new RangeError(`${whole} does not fit ${bytes} bytes`);
  return `0x${BigInt.asUintN(bits, whole)
    .toString(16)
    .padStart(2 * bytes, "0")}`;
}

/** A checksum costs a hash, and each file and answer names the same addresses again. */
const checksums = new Map<string, `0x${string}`>();
const CHECKSUMS_MAX = 200_000;

/**
 * An address as people write it, with the checksum of EIP-55: a letter is upper case where the address's hash has a
 * digit of 8 or more.
 */
export function checksummed(address: string): `0x${string}` {
  const digits = address.slice(2).toLowerCase();
  const known = checksums.get(digits);
  if (known !== undefined) return known;
  const hash = keccakOfText(digits).slice(2);
  const shown = [...digits].map((digit, i) => (Number.parseInt(hash[i] ?? "0", 16) >= 8 ? digit.toUpperCase() : digit));
  const text = `0x${shown.join("")}` as const;
  if (checksums.size >= CHECKSUMS_MAX) checksums.clear();
  checksums.set(digits, text);
  return text;
}

/** With its EIP-55 checksum; what names a pool inside a singleton stays as it is. */
export function shownAddress(address: string): string {
  return address.length === 42 ? checksummed(address) : address;
}
