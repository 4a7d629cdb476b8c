import type { Block, LogBlock, Range } from "../core/chain.ts";
import type { Hash } from "../core/hex.ts";

/** What the daemon needs of a chain; `cli` plugs a real node in. Every call rejects with a transient error when it fails. */
export interface ChainPort {
  identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }>;
  /** The head, finality, and the blocks at `numbers` (null where the node has none), seen together. */
  sight(
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<{ readonly head: Block; readonly finalized: Block | null; readonly blocks: readonly (Block | null)[] }>;
  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]>;
  /**
   * Every block from `from` to `to` as consecutive complete ranges, in order. `head` is the head as the poll saw it;
   * above `finalTo` the chain may still move while it is read.
   */
  ranges(
    from: number,
    to: number,
    bounds: { readonly head: Block; readonly finalTo: number },
    signal: AbortSignal,
  ): AsyncGenerator<Range>;
  blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock>;
}
