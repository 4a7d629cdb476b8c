import type { LogBlock } from "../../core/chain.ts";
import { LpLedgerError } from "../../core/errors.ts";
import type { Address, Hash } from "../../core/hex.ts";
import { type LogMemory, PackedLog } from "./packed-log.ts";

/** Of a log: emitter, first topic (-1: none), how many topics, log index, and where its bytes start and end. */
export const LOG_CELLS = 6;

/** Writes the cells of the log at a place. */
export function putLog(
  cells: Int32Array,
  place: number,
  address: number,
  topic0: number,
  topicCount: number,
  logIndex: number,
  start: number,
  end: number,
): void {
  const at = place * LOG_CELLS;
  cells[at] = address;
  cells[at + 1] = topic0;
  cells[at + 2] = topicCount;
  cells[at + 3] = logIndex;
  cells[at + 4] = start;
  cells[at + 5] = end;
}

/** Places of names in a list, to which each is added once. */
export class Names {
  readonly list: string[];
  readonly #places = new Map<string, number>();

  /** `list`: may hold names of others, too. */
  constructor(list: string[] = []) {
    this.list = list;
  }

  /** Undefined where it was not added yet. */
  find(name: string): number | undefined {
    return this.#places.get(name);
  }

  placeOf(name: string): number {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.list.push(name) - 1;
      this.#places.set(name, place);
    }
    return place;
  }
}

/**
 * Many logs as few large values instead of many small ones. A block's logs are made when they are asked for, and only
 * those of the last block asked for are kept: there are many thousands, and what does not live long costs the least.
 */
export class LogTable {
  readonly memory: LogMemory;
  /** Emitters and first topics, each once; others may follow. */
  readonly names: readonly string[];
  readonly cells: Int32Array;
  #last: { readonly first: number; readonly logs: readonly PackedLog[] } | undefined;
  #isReleased = false;

  constructor(memory: LogMemory, names: readonly string[], cells: Int32Array) {
    this.memory = memory;
    this.names = names;
    this.cells = cells;
  }

  get length(): number {
    return this.cells.length / LOG_CELLS;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** From now on the memory may hold something else. */
  release(): void {
    this.#isReleased = true;
  }

  name(place: number): string {
    return this.names[place] ?? "";
  }

  /** So many logs from one on, made anew unless they are those that were asked for last. */
  logs(first: number, count: number): readonly PackedLog[] {
    if (this.#isReleased)
      throw new LpLedgerError("invariant", "RANGE_RELEASED", "logs are read of a range that was given back");
    if (this.#last?.first === first && this.#last.logs.length === count) return this.#last.logs;
    const logs: PackedLog[] = [];
    const { cells } = this;
    let before: PackedLog | undefined;
    for (let i = first * LOG_CELLS; i < (first + count) * LOG_CELLS; i += LOG_CELLS) {
      const [address = 0, topic = 0, topicCount = 0] = [cells[i], cells[i + 1], cells[i + 2]];
      const [logIndex = 0, start = 0, end = 0] = [cells[i + 3], cells[i + 4], cells[i + 5]];
      const topic0 = topic < 0 ? undefined : this.name(topic);
      const emitter = this.name(address) as Address;
      before = new PackedLog(this.memory, start, end, emitter, topic0, topicCount, logIndex, before);
      logs.push(before);
    }
    this.#last = { first, logs };
    return logs;
  }
}

/** How many logs a block has, none of which is made for it. */
export function logCount(block: { readonly logs: readonly unknown[] }): number {
  return block instanceof TableBlock ? block.count : block.logs.length;
}

/** A block whose logs lie in a table: `count` of them from `first` on. */
export class TableBlock<Time extends number | null = number> implements Omit<LogBlock, "timestampSec"> {
  readonly table: LogTable;
  readonly first: number;
  readonly count: number;
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash | null;
  readonly timestampSec: Time;
  readonly content: string | undefined;

  constructor(
    table: LogTable,
    first: number,
    count: number,
    number: number,
    hash: Hash,
    parentHash: Hash | null,
    timestampSec: Time,
    content?: string,
  ) {
    this.table = table;
    this.first = first;
    this.count = count;
    this.number = number;
    this.hash = hash;
    this.parentHash = parentHash;
    this.timestampSec = timestampSec;
    this.content = content;
  }

  get logs(): readonly PackedLog[] {
    return this.table.logs(this.first, this.count);
  }

  /** The same with what only a header tells. */
  of(parentHash: Hash | null, timestampSec: number): TableBlock {
    return new TableBlock(this.table, this.first, this.count, this.number, this.hash, parentHash, timestampSec);
  }
}
