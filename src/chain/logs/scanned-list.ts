import type { Log } from "../../core/chain.ts";
import type { Hash } from "../../core/hex.ts";
import { LOG_CELLS, type LogTable, type TableBlock } from "./log-table.ts";

/** One log of a list with the block it claims to be in, checked as `readLogs` checks what was parsed. */
export class ScannedLog {
  readonly log: Log;
  readonly blockNumber: number;
  readonly blockHash: Hash;
  readonly timestampSec: number | null;

  constructor(log: Log, { number, hash, timestampSec }: TableBlock<number | null>) {
    this.log = log;
    this.blockNumber = number;
    this.blockHash = hash;
    this.timestampSec = timestampSec;
  }
}

/** A list of logs as it was taken out of an answer. */
export class ScannedList {
  readonly table: LogTable;
  /** Neighbours that claim to be of one block and time. */
  readonly blocks: readonly TableBlock<number | null>[];
  /** Whether numbers rise from block to block, and log indexes within each. */
  readonly isInOrder: boolean;

  constructor(table: LogTable, blocks: readonly TableBlock<number | null>[], isInOrder: boolean) {
    this.table = table;
    this.blocks = blocks;
    this.isInOrder = isInOrder;
  }

  get length(): number {
    return this.table.length;
  }

  /** Each log for itself. */
  *[Symbol.iterator](): Generator<ScannedLog> {
    for (const block of this.blocks) for (const log of block.logs) yield new ScannedLog(log, block);
  }

  /** Whether all logs are of these emitters and first topics. */
  isOf(addresses: ReadonlySet<string>, topics: ReadonlySet<string>): boolean {
    const { cells, names } = this.table;
    const isEmitter = names.map((name) => addresses.has(name));
    const isTopic = names.map((name) => topics.has(name));
    for (let at = 0; at < cells.length; at += LOG_CELLS)
      if (isEmitter[cells[at] ?? 0] !== true || isTopic[cells[at + 1] ?? -1] !== true) return false;
    return true;
  }
}
