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
export interface FinalitySight {
  readonly tagged: KnownBlock | null;
  /** The blocks at the two depths of `Finality` below our tip. */
  readonly atMinDepth: KnownBlock | null;
  readonly atFallbackDepth: KnownBlock | null;
}

/**
 * The newest block that can no longer be reorganised: the node's where it has one, else a depth of our own; never
 * above the depth floor below our tip, and never back.
 */
export function finalOf(previous: KnownBlock | null, sight: FinalitySight): KnownBlock | null {
  const { tagged, atMinDepth, atFallbackDepth } = sight;
  const said = tagged === null ? atFallbackDepth : lower(tagged, atMinDepth);
  return said === null || (previous !== null && said.number <= previous.number) ? previous : said;
}

function lower(a: KnownBlock, b: KnownBlock | null): KnownBlock | null {
  if (b === null) return null;
  return a.number <= b.number ? a : b;
}
