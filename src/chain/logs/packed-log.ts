import type { Log, LogBytes } from "../../core/chain.ts";
import type { Address, Hash } from "../../core/hex.ts";
import { isSameWord, WORD_BYTES } from "../../core/word.ts";
import { BufferPool } from "./buffer-pool.ts";

/** Beyond any block: an index fits a cell of 32 bits. */
export const LOG_INDEX_MAX = 2 ** 31 - 1;

/** Where the memory of logs comes from, and goes back to when they are not read any more. */
export const spareMemory = new BufferPool();

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

/** A log that lies in memory with many others: as text it costs ten times as much, and most of it is never read so. */
export class PackedLog implements Log, LogBytes {
  readonly memory: LogMemory;
  readonly address: Address;
  readonly topic0: string | undefined;
  readonly topicCount: number;
  readonly logIndex: number;
  readonly start: number;
  readonly end: number;
  /** Where the hash of its transaction lies with the first of its logs that are neighbours. */
  readonly transaction: number;

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
    this.memory = memory;
    this.start = start;
    this.end = end;
    this.address = address;
    this.topic0 = topic0;
    this.topicCount = topicCount;
    this.logIndex = logIndex;
    const at = start - WORD_BYTES;
    this.transaction =
      before !== undefined && before.memory === memory && isSameWord(memory.view, at, memory.view, before.transaction)
        ? before.transaction
        : at;
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
    return `0x${this.hex(this.transaction, WORD_BYTES)}` as Hash;
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
