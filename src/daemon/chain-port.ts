import type { ContractCall } from "../core/amm/contract-call.ts";
import type { Block, FetchOptions, LogBlock, Range, RangeBounds } from "../core/chain.ts";
import type { LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";

/**
 * What the daemon needs of a chain; `cli` plugs a real node in. Every call rejects with a transient error when it
 * fails.
 */
export interface ChainPort {
  identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }>;
  /** The head, finality, and the blocks at `numbers` (null where the node has none), seen together. */
  pollHead(
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<{ readonly head: Block; readonly finalized: Block | null; readonly blocks: readonly (Block | null)[] }>;
  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]>;
  /** Every block from `from` to `to` as consecutive complete ranges, in order. */
  ranges(from: number, to: number, bounds: RangeBounds, signal: AbortSignal, how?: FetchOptions): AsyncGenerator<Range>;
  /**
   * The same once more, asked in another form, and of another endpoint than the first time where there is one; up to
   * `finalTo` nothing changes any more.
   */
  refetch(
    from: number,
    to: number,
    finalTo: number,
    signal: AbortSignal,
    firstBy?: string,
    /** Blocks whose headers are read besides those of blocks with logs: see `Range.headers`. */
    checked?: readonly number[],
  ): AsyncGenerator<Range>;
  /** The time of a block that its hash proves, or that two readings agree on; null without agreement. */
  blockTime(hash: Hash, number: number, signal: AbortSignal): Promise<number | null>;
  /** One block's logs by everything that can be asked of it: the fullest of answers that contain one another. */
  confirm(
    hash: Hash,
    number: number,
    signal: AbortSignal,
  ): Promise<{ readonly block: LogBlock /** Its receipts were among the answers. */; readonly byReceipts: boolean }>;
  /** The last second reading was of another chain than ours. */
  reportInconsistent?(error: LpLedgerError): void;
  /** Leaves the endpoint in use for another one, where there is one. */
  rotate?(reason: string): void;
  /** What contracts answer at a block; only needed where the programme prices shares by their contracts. */
  call?(
    questions: readonly ContractCall[],
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]>;
  blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock>;
}
