import type { Log, LogBytes } from "../core/chain.ts";
import type { Address, Hash } from "../core/hex.ts";
import { Spare } from "./spare.ts";

/** Beyond any block: an index fits a cell of 32 bits. */
export const LOG_INDEX_MAX = 2 ** 31 - 1;
/** Bytes of a hash or topic. */
export const WORD_BYTES = 32;

/** Where the memory of logs comes from, and goes back to when they are not read any more. */
export const spareMemory = new Spare();

/** Memory in which the bytes of many logs lie: of each its transaction's hash, the other topics and the data. */
export class LogMemory {
  readonly buffer: Buffer;
  readonly view: DataView;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  hex(at: number, length: number): string {
    return this.buffer.toString("hex", at, at + length);
  }
}

/** A transaction whose hash lies in memory; text is made of it once. */
class PackedTransaction {
  readonly #memory: LogMemory;
  readonly #at: number;
  #hash: Hash | undefined;

  constructor(memory: LogMemory, at: number) {
    this.#memory = memory;
    this.#at = at;
  }

  get hash(): Hash {
    this.#hash ??= `0x${this.#memory.hex(this.#at, WORD_BYTES)}` as Hash;
    return this.#hash;
  }

  hasHashAt(memory: LogMemory, at: number): boolean {
    if (memory !== this.#memory) return false;
    for (let i = 0; i < WORD_BYTES; i += 4)
      if (memory.view.getInt32(at + i) !== memory.view.getInt32(this.#at + i)) return false;
    return true;
  }
}

/** A log that lies in memory with many others: as text it costs ten times as much, and most of it is never read so. */
export class PackedLog implements Log, LogBytes {
  readonly memory: LogMemory;
  readonly address: Address;
  readonly topic0: string | undefined;
  readonly topicCount: number;
  readonly logIndex: number;
  readonly transaction: PackedTransaction;
  /** Where its second topic begins; the transaction's hash lies before it. */
  readonly start: number;
  readonly end: number;

  /** `before`: its neighbour, which may be of the same transaction. */
  constructor(
    memory: LogMemory,
    start: number,
    end: number,
    address: Address,
    topic0: string | undefined,
    topicCount: number,
    logIndex: number,
    before: PackedLog | undefined,
  ) {
    const transactionAt = start - WORD_BYTES;
    this.transaction = before?.transaction.hasHashAt(memory, transactionAt)
      ? before.transaction
      : new PackedTransaction(memory, transactionAt);
    this.memory = memory;
    this.start = start;
    this.end = end;
    this.address = address;
    this.topic0 = topic0;
    this.topicCount = topicCount;
    this.logIndex = logIndex;
  }

  get bytes(): LogBytes {
    return this;
  }

  get view(): DataView {
    return this.memory.view;
  }

  hex(at: number, length: number): string {
    return this.memory.hex(at, length);
  }

  get transactionHash(): Hash {
    return this.transaction.hash;
  }

  get topics(): readonly string[] {
    if (this.topic0 === undefined) return [];
    const topics = [this.topic0];
    for (let i = 1; i < this.topicCount; i++)
      topics.push(`0x${this.hex(this.start + WORD_BYTES * (i - 1), WORD_BYTES)}`);
    return topics;
  }

  get data(): string {
    const at = this.start + WORD_BYTES * Math.max(0, this.topicCount - 1);
    return `0x${this.hex(at, this.end - at)}`;
  }
}

/** A log for itself alone, as text. */
export function plainLog({ address, topics, data, transactionHash, logIndex }: Log): Log {
  return { address, topics, data, transactionHash, logIndex };
}

/** A packed log with the block it claims to be in, checked as `readLogs` checks what was parsed. */
export class ScannedLog {
  readonly log: PackedLog;
  readonly blockNumber: number;
  readonly blockHash: Hash;
  readonly timestampSec: number | null;

  constructor(log: PackedLog, blockNumber: number, blockHash: Hash, timestampSec: number | null) {
    this.log = log;
    this.blockNumber = blockNumber;
    this.blockHash = blockHash;
    this.timestampSec = timestampSec;
  }
}
