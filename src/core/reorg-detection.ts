import type { Block } from "./chain.ts";

/** One block of ours, as `processed_blocks` keeps it. */
export interface KnownBlock {
  readonly number: number;
  readonly hash: string;
}

/**
 * known: the node's head is our tip. extends: the head is above our tip and the tip still stands. forked: a block of
 * ours has another hash on a chain that reaches it. behind: the node has not reached us; wait, never undo.
 */
export type Verdict = "known" | "extends" | "forked" | "behind";

export interface Sighting {
  readonly tip: KnownBlock;
  readonly head: Block;
  /** Our highest stored block that is not above the head; undefined where there is none. */
  readonly reachable: KnownBlock | undefined;
  /** The node's block at the number of `reachable`; null where it has none. */
  readonly there: { readonly hash: string } | null;
}

/**
 * Judges one endpoint's chain against ours. A lower head alone is never a reorg: only another hash at a height of
 * ours that the chain reaches is.
 */
export function judge({ tip, head, reachable, there }: Sighting): Verdict {
  if (reachable === undefined || there === null) return "behind";
  if (there.hash !== reachable.hash) return "forked";
  if (head.number < tip.number) return "behind";
  return head.number === tip.number ? "known" : "extends";
}

/** What one endpoint shows of finality, all of one chain: null where it has no such block. */
export interface FinalitySight<B extends KnownBlock = KnownBlock> {
  readonly tagged: B | null;
  /** The blocks at the two depths of `Finality` below our tip. */
  readonly atMinDepth: B | null;
  readonly atFallbackDepth: B | null;
}

/**
 * The newest block that can no longer be reorganised: the node's where it has one, else a depth of our own; never
 * above the depth floor below our tip, and never back.
 * @returns null where nothing newer than `previous` is final.
 */
export function finalOf<B extends KnownBlock>(previous: KnownBlock | null, sight: FinalitySight<B>): B | null {
  const { tagged, atMinDepth, atFallbackDepth } = sight;
  const said = tagged === null ? atFallbackDepth : lower(tagged, atMinDepth);
  return said === null || (previous !== null && said.number <= previous.number) ? null : said;
}

function lower<B extends KnownBlock>(a: B, b: B | null): B | null {
  if (b === null) return null;
  return a.number <= b.number ? a : b;
}
