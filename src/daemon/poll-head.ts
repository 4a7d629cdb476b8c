import type { Block, RangeBounds } from "../core/chain.ts";
import type { FinalitySight, KnownBlock } from "../core/reorg-detection.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";

/** How far the node's own finality reaches. */
export function boundsOf(keeper: Bookkeeper, { head, tagged }: HeadSnapshot): RangeBounds {
  const { fallbackDepth, minDepth } = keeper.programme.finality;
  return { head, finalTo: Math.min(tagged?.number ?? head.number - fallbackDepth, head.number - minDepth) };
}

/** What one request shows of the chain. */
export interface HeadSnapshot extends FinalitySight<Block> {
  readonly head: Block;
  readonly atTip: Block | null;
  /** What stands now where the last look saw a newer final block. */
  readonly atPending: Block | null;
}

/** One request: the head, our tip as the node has it, and what may be final. */
export async function pollHead(
  keeper: Bookkeeper,
  chain: ChainPort,
  tip: KnownBlock | undefined,
  signal: AbortSignal,
): Promise<HeadSnapshot> {
  if (tip === undefined) {
    const { head, finalized: tagged } = await chain.pollHead([], signal);
    return { head, atTip: null, atPending: null, tagged, atMinDepth: null, atFallbackDepth: null };
  }
  const { minDepth, fallbackDepth } = keeper.programme.finality;
  const depths = [minDepth, Math.max(minDepth, fallbackDepth)];
  const pending = keeper.pendingFinal;
  const numbers = [
    tip.number,
    ...depths.map((depth) => Math.max(0, tip.number - depth)),
    ...(pending === undefined ? [] : [pending.number]),
  ];
  const { head, finalized: tagged, blocks } = await chain.pollHead(numbers, signal);
  const [atTip = null, atMinDepth = null, atFallbackDepth = null, atPending = null] = blocks;
  // A node that has told finality once and now does not is stalled or confused; a depth must not overrule it.
  const silent = tagged === null && keeper.store.config.get("finality_source") === "tag";
  return { head, tagged, atTip, atPending, atMinDepth, atFallbackDepth: silent ? null : atFallbackDepth };
}
