import type { Block } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import type { KnownBlock } from "../core/reorg-detection.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";

/** Exit code of a fork below the final block. */
const EXIT_DEEP_REORG = 76;
const ANCESTOR_PAGE = 64;

/** The newest block that is final for us. */
export function storedFinal(keeper: Bookkeeper): KnownBlock | null {
  const { config } = keeper.store;
  const [number, hash] = [config.get("final_block"), config.get("final_hash")];
  return number === undefined || hash === undefined ? null : { number, hash };
}

/**
 * The highest stored block that the node's chain shares with ours, or the block before our first; undefined where there
 * is none.
 */
export async function commonBlock(
  keeper: Bookkeeper,
  chain: ChainPort,
  headNumber: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  for (let below = headNumber + 1; ; ) {
    const ours = keeper.store.blocks.below(below, ANCESTOR_PAGE);
    if (ours.length === 0) return await sharedAnchor(keeper, chain, signal);
    const theirs = await chain.blocksAt(
      ours.map((block) => block.number),
      signal,
    );
    // A block that is missing below the head says nothing of a fork: the node lags, or answered short.
    requireAll(theirs, ours);
    const shared = ours.find((block, i) => theirs[i]?.hash === block.hash);
    if (shared !== undefined) return shared.number;
    below = ours.at(-1)?.number ?? 0;
  }
}

function requireAll(theirs: readonly (Block | null)[], ours: readonly { readonly number: number }[]): void {
  const at = theirs.indexOf(null);
  if (at >= 0) throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have block ${ours[at]?.number}`);
}

/** The block before our first, where the node still has it: what a chain of the same history must share. */
async function sharedAnchor(keeper: Bookkeeper, chain: ChainPort, signal: AbortSignal): Promise<number | undefined> {
  const anchor = keeper.store.config.get("anchor");
  if (anchor === undefined) return undefined;
  if (anchor.number < 0) return anchor.number; // We began at genesis, which was compared at the start.
  const [theirs] = await chain.blocksAt([anchor.number], signal);
  requireAll([theirs ?? null], [anchor]);
  return theirs?.hash === anchor.hash ? anchor.number : undefined;
}

/**
 * A fork below `final` stops the ledger until the operator names the new chain's first block.
 * @returns the hash that the final block has on the new chain where that was accepted.
 */
export async function refuseDeep(
  keeper: Bookkeeper,
  chain: ChainPort,
  { common, shared }: { readonly common: number; readonly shared: boolean },
  signal: AbortSignal,
  options: { readonly acceptDeepReorg?: Hash },
): Promise<Hash | undefined> {
  const final = storedFinal(keeper);
  if (shared && (final === null || common >= final.number)) return undefined;
  const [first = null, theirs = null] = await chain.blocksAt([common + 1, final?.number ?? common + 1], signal);
  // The fork lies between the final block and our first: there is nothing of ours below it.
  if (final !== null && theirs?.hash === final.hash && !shared && final.number <= common) return undefined;
  // The final block is always stored: a node that has it after all was on its way from one chain to another.
  if (final !== null && theirs?.hash === final.hash)
    throw new LpLedgerError(
      "transient",
      "CHAIN_MOVED",
      `the fork after block ${common} was gone when it was looked at`,
    );
  if (first !== null && theirs !== null && first.hash === options.acceptDeepReorg) return theirs.hash;
  const message = shared
    ? `the node's chain leaves ours after block ${common}, below the final block ${final?.number}`
    : "the node's chain shares no block with ours";
  const { store } = keeper;
  store.write(() => store.config.set("halted", { code: "DEEP_REORG", message }, store.nowIso()));
  throw new LpLedgerError("invariant", "DEEP_REORG", message, {
    exitCode: EXIT_DEEP_REORG,
    facts: { commonBlock: common, final: final?.number ?? null, firstForeignHash: first?.hash ?? null },
    hint:
      `nothing was undone. Check the node against another one. If this is a local development chain that was reset, remove the database. ` +
      `To follow the new chain and undo final blocks: lp-ledger start --accept-deep-reorg ${first?.hash ?? "HASH"}`,
  });
}
