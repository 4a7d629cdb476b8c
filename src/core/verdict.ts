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

/** What the node says of finality: the tag where it has one, else a depth of our own; never below the depth floor, never back. */
export function finalOf(
  previous: number | null,
  head: number,
  tagged: number | null,
  depths: { readonly fallbackDepth: number; readonly minDepth: number },
): number | null {
  const said = Math.min(tagged ?? head - depths.fallbackDepth, head - depths.minDepth);
  const final = Math.max(previous ?? -1, said);
  return final < 0 ? null : final;
}
