import type { Block, Clock, LogBlock, Range, RangeBounds } from "../core/chain.ts";
import { topicsHeard } from "../core/decode/transaction.ts";
import type { Hash } from "../core/hex.ts";
import { addressesOf, type Programme } from "../core/programme.ts";
import { ChainNode, type Sight } from "./node.ts";
import { type RangeLimits, Ranges } from "./ranges.ts";
import type { Rpc } from "./rpc.ts";

/** A node's chain with the logs of one programme's pools: what the daemon follows. */
export class FollowedChain {
  readonly #node: ChainNode;
  readonly #ranges: Ranges;

  constructor(rpc: Rpc, programme: Programme, clock: Clock, random: () => number, limits: RangeLimits) {
    this.#node = new ChainNode(rpc, { addresses: addressesOf(programme), topics: topicsHeard(programme) });
    this.#ranges = new Ranges(this.#node, clock, random, limits);
  }

  identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }> {
    return this.#node.identity(signal);
  }

  sight(numbers: readonly number[], signal: AbortSignal): Promise<Sight> {
    return this.#node.sight(numbers, signal);
  }

  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]> {
    return this.#node.blocksAt(numbers, signal);
  }

  blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock> {
    return this.#node.blockLogs(hash, number, signal);
  }

  ranges(from: number, to: number, bounds: RangeBounds, signal: AbortSignal): AsyncGenerator<Range> {
    return this.#ranges.read(from, to, bounds, signal);
  }
}
