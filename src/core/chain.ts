import type { Address, Hash } from "./hex.ts";

/** The facts of a block header that the ledger uses. */
export interface Block {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash;
  readonly timestampSec: number;
}

/** The transaction's hash, the topics after the first and the data of a log as bytes, one after another. */
export interface LogBytes {
  readonly view: DataView;
  /** Where the second topic begins; the transaction's hash lies before it, and the data follows the last topic. */
  readonly start: number;
  /** Where the data ends. */
  readonly end: number;
  /** All topics, the first included. */
  readonly topicCount: number;
  readonly topic0: string | undefined;
  /** The same for neighbours of one transaction, and for them alone. */
  readonly transaction: unknown;
  /** So many bytes from a place on as lower-case hex digits. */
  hex(at: number, length: number): string;
}

/** One log of a block, checked and lower-cased; `data` and `topics` are 0x-hex. */
export interface Log {
  readonly address: Address;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: Hash;
  readonly logIndex: number;
  /** The same as bytes, where it was read so: text is then made when it is asked for. */
  readonly bytes?: LogBytes;
}

/** A block with the logs our filter matched, in log order. `parentHash` is null where no header was needed. */
export interface LogBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash | null;
  readonly timestampSec: number;
  readonly logs: readonly Log[];
  /** What `contentOf` makes of exactly these logs, where that was done when they were read. */
  readonly content?: string | undefined;
}

/** The complete answer for blocks `from` to `end.number`, tied to the parent of the first and the hash of the last. */
export interface Range {
  readonly from: number;
  readonly parentHash: Hash;
  /** Its parent is not known where the range was cut. */
  readonly end: Omit<Block, "parentHash"> & { readonly parentHash: Hash | null };
  /** Only blocks that have logs, ascending. */
  readonly blocks: readonly LogBlock[];
  /** Origin of the endpoint that answered: who it was also in another run. */
  readonly by?: string;
  /** Headers that were read besides those of blocks with logs, ascending. */
  readonly headers?: readonly Block[];
  /**
   * Whether every header that was read for it hashes to its block; of a settling reading these are those of all blocks
   * with logs.
   */
  readonly isProven?: boolean;
  /**
   * A second reading by the endpoint that gave the first, though there are others, and nothing proves its times:
   * nothing is settled by it.
   */
  readonly isByFirst?: boolean;
  /** How many addresses were watched when it was asked: pools that were made before it may have been unknown then. */
  readonly watched?: number;
  /** Gives back the memory that its logs lie in: they are not read again. */
  release?(): void;
}

/**
 * The first of some blocks, in order, that is said to be earlier than the one before it, after that one. Time never
 * runs back.
 */
export function runningBack<B extends Pick<Block, "number" | "timestampSec">>(
  blocks: readonly B[],
): readonly [before: B, block: B] | undefined {
  let before = blocks[0];
  for (const block of blocks) {
    if (before !== undefined && before.timestampSec > block.timestampSec) return [before, block];
    before = block;
  }
  return undefined;
}

/** Ranges are of a size that is right for a request; so many make a commit. */
export const RANGES_TOGETHER = 14;

/** What is known of the chain when a range is asked for. */
export interface RangeBounds {
  /** The head as the poll saw it. */
  readonly head: Block;
  /** The node's own finality: no block up to here can change any more. */
  readonly finalTo: number;
}

/** How ranges are asked for. */
export interface FetchOptions {
  /**
   * Given, every block with logs is compared with its header, below the final block, too, and these blocks' headers are
   * read: see `Range.headers`.
   */
  readonly checked?: readonly number[] | undefined;
  /**
   * How the filter is put. Nodes were seen to answer with nothing where a filter is longer than they like, so a second
   * reading asks another question than the first; one block is asked for all that bears our topics, whoever it is of;
   * and where two readings differ, for each topic alone.
   */
  readonly form?: "first" | "other" | "any-address" | "each-topic";
}

/** Time as a value, so that tests can own it. */
export interface Clock {
  /**
   * Milliseconds that only ever run on, from an arbitrary moment: what intervals, rates and patience are counted in.
   */
  nowMs(): number;
  /**
   * Milliseconds since 1970 as the machine's clock says, which may be set back: what is written down, and compared with
   * times of blocks.
   */
  wallMs(): number;
  /** Resolves after `ms`, rejects at once when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A signal that aborts after `ms`, and a way to drop the timer. */
  deadline(ms: number): { readonly signal: AbortSignal; clear(): void };
}
