import type { AccountKind } from "./accounts.ts";

/** SHA-256 of text or bytes as lower-case hex; passed in, since hashing belongs to the platform. */
export type Sha256 = (data: string | Uint8Array) => string;

/** One posting as the digest sees it. */
export interface DigestLine {
  readonly logIndex: number;
  readonly kind: AccountKind;
  readonly position: string;
  readonly provider: string;
  /** The wrapper between, if there is one. */
  readonly via?: string;
  readonly delta: bigint;
}

/** Chains one block's postings of a pool to the pool's digest; `previous` is "" at the beginning. */
export function chainDigest(
  sha256: Sha256,
  previous: string,
  at: { readonly chainId: number; readonly blockHash: string },
  lines: readonly DigestLine[],
): string {
  let text = previous;
  for (const { logIndex, kind, position, provider, via, delta } of lines) {
    const holder = via ? `${provider}@${via}` : provider;
    text += `\n${at.chainId} ${at.blockHash} ${logIndex} ${kind} ${position} ${holder} ${delta}`;
  }
  return sha256(text);
}

/**
 * The digest of a state: the hash over its pools' digests in order of address. A pool counts from its first posting on:
 * until then its digest is "", however the pool came to be followed.
 */
export function stateDigest(sha256: Sha256, digests: Iterable<readonly [address: string, digest: string]>): string {
  const counted = [...digests].filter(([, digest]) => digest !== "");
  const lines = counted.sort(([a], [b]) => (a < b ? -1 : 1)).map(([address, digest]) => `${address} ${digest}`);
  return sha256(lines.join("\n"));
}
