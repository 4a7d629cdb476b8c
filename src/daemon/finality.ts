import { finalOf, type KnownBlock } from "../core/reorg-detection.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { HeadSnapshot } from "./poll-head.ts";
import { storedFinal } from "./reorg.ts";

/**
 * Stores what is final; it never moves back. Nodes may answer the parts of a look while the chain moves, so what one
 * look saw with our tip is stored when the next one, too, sees it with our tip. The final block is kept as a row, so
 * that no undo reaches further.
 */
export function keepFinal(keeper: Bookkeeper, sight: HeadSnapshot): number | null {
  const { store } = keeper;
  const before = storedFinal(keeper);
  const { pendingFinal: pending } = keeper;
  const isSeenAgain = pending !== undefined && sight.atPending?.hash === pending.hash;
  const final = isSeenAgain && isOfOurs(keeper, pending) ? pending : undefined;
  if (final !== undefined) {
    store.write(() => {
      keeper.insertCheckpoint(final);
      store.config.set("final_block", final.number, store.nowIso());
      store.config.set("final_hash", final.hash, store.nowIso());
      store.config.set("finality_source", final.source, store.nowIso());
      store.thinBlocks(before?.number ?? 0, final.number, store.config.get("settled_block") ?? -1);
    });
  }
  const newer = finalOf(final ?? before, sight);
  keeper.pendingFinal =
    newer === null || !isOfOurs(keeper, newer)
      ? undefined
      : { ...newer, source: sight.tagged === null ? "depth" : "tag" };
  return final?.number ?? before?.number ?? null;
}

/**
 * Where we hold that block, it is the one we hold: nodes behind one URL may answer the parts of a look out of two
 * chains, and do so again.
 */
function isOfOurs({ store }: Bookkeeper, { number, hash }: KnownBlock): boolean {
  const ours = store.blocks.at(number);
  return ours === undefined || ours.hash === hash;
}
