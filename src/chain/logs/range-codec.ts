import type { Log, LogBlock, Range } from "../../core/chain.ts";
import { invariant, LpLedgerError } from "../../core/errors.ts";
import type { Hash } from "../../core/hex.ts";
import { topicOf } from "../../core/log-bytes.ts";
import { WORD_BYTES } from "../../core/word.ts";
import { LOG_CELLS, LogTable, logCount, Names, putLog, TableBlock } from "./log-table.ts";
import { LogMemory, PackedLog, spareMemory } from "./packed-log.ts";

/**
 * A range as few large values instead of many small ones: copied from one thread to another it costs a tenth of the
 * objects. What repeats (emitters, first topics, blocks) stands once in `names`, the rest in one memory.
 */
export interface PackedRange {
  readonly range: Omit<Range, "blocks" | "release">;
  readonly names: readonly string[];
  /** See `LogMemory`; handed over, not copied. */
  readonly memory: Buffer;
  /** By block: number, time, hash, hash of the parent (-1: none), what its logs amount to, and how many they are. */
  readonly blocks: Float64Array;
  /** By log: see `LOG_CELLS`. */
  readonly logs: Int32Array;
}

const BLOCK_CELLS = 6;

const packs = new WeakMap<Range, PackedRange>();

/** Memory of a packed range that was used elsewhere and is free again. */
export function giveBack(memory: Uint8Array): void {
  spareMemory.give(Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength));
}

/**
 * The same range in little memory, with the logs of a block made when they are asked for: ranges wait to be used, and
 * many thousand logs that wait as objects cost more than all that is done with them. `contentOf` adds to each block
 * what its logs amount to.
 */
export function compact(range: Range, contentOf: (block: LogBlock) => string): Range {
  const pack = packed(range, contentOf);
  const light = unpacked(pack, () => spareMemory.give(pack.memory));
  packs.set(light, pack);
  return light;
}

/** What a compact range is made of. */
export function packOf(range: Range): PackedRange {
  const pack = packs.get(range);
  invariant(pack !== undefined, "RANGE_NOT_PACKED", `the range from ${range.from} was handed out as it was read`);
  return pack;
}

/** The same compact range with more said of it, also where it travels. */
export function saying(range: Range, more: Pick<Range, "isByFirst">): Range {
  const pack = packOf(range);
  const told = { ...range, ...more };
  packs.set(told, { ...pack, range: { ...pack.range, ...more } });
  return told;
}

/** How many logs a compact range holds; none of them is made for it. */
export function logCountOf(range: Range): number {
  return packOf(range).logs.length / LOG_CELLS;
}

// What gives memory back belongs to the range it came with: it can neither travel nor mean another one.
function packed({ blocks, release: _, ...range }: Range, contentOf: (block: LogBlock) => string): PackedRange {
  const table = wholeTableOf(blocks) ?? tableOf(blocks);
  const names = [...table.names];
  const cells = new Float64Array(blocks.length * BLOCK_CELLS);
  let at = 0;
  // Loops and no closures: one that is made for each range is also optimized for each range.
  for (const block of blocks) {
    cells[at++] = block.number;
    cells[at++] = block.timestampSec;
    cells[at++] = names.push(block.hash) - 1;
    cells[at++] = block.parentHash === null ? -1 : names.push(block.parentHash) - 1;
    cells[at++] = names.push(contentOf(block)) - 1;
    cells[at++] = logCount(block);
  }
  return { range, names, memory: table.memory.buffer, blocks: cells, logs: table.cells };
}

/** The table that holds the logs of these blocks, in their order, and nothing else; undefined where there is none. */
function wholeTableOf(blocks: readonly LogBlock[]): LogTable | undefined {
  let table: LogTable | undefined;
  let next = 0;
  for (const block of blocks) {
    if (!(block instanceof TableBlock) || block.first !== next) return undefined;
    table ??= block.table;
    if (block.table !== table) return undefined;
    next += block.count;
  }
  return table?.length === next ? table : undefined;
}

/** A table of logs that lie wherever they do. */
function tableOf(blocks: readonly LogBlock[]): LogTable {
  const names = new Names();
  const home = homeOf(blocks);
  const memory = home ?? new LogMemory(spareMemory.take(bytesOf(blocks)));
  let [written, count] = [0, 0];
  for (const { logs } of blocks) count += logs.length;
  const cells = new Int32Array(count * LOG_CELLS);
  let place = 0;
  for (const { logs } of blocks) {
    for (const log of logs) {
      const topic0 = topicOf(log);
      let { start, end } = log instanceof PackedLog ? log : { start: 0, end: 0 };
      if (home === undefined) {
        start = written + WORD_BYTES;
        end = write(memory.buffer, written, log);
        written = end;
      }
      const address = names.placeOf(log.address);
      const topic = topic0 === undefined ? -1 : names.placeOf(topic0);
      putLog(cells, place++, address, topic, log.bytes?.topicCount ?? log.topics.length, log.logIndex, start, end);
    }
  }
  return new LogTable(memory, names.list, cells);
}

/** The memory in which all logs lie already; undefined where they do not. */
function homeOf(blocks: readonly LogBlock[]): LogMemory | undefined {
  const first = blocks[0]?.logs[0];
  const home = first instanceof PackedLog ? first.memory : undefined;
  for (const { logs } of blocks)
    for (const log of logs) if (!(log instanceof PackedLog) || log.memory !== home) return undefined;
  return home;
}

/** How many bytes `write` makes of all logs. */
function bytesOf(blocks: readonly LogBlock[]): number {
  let sum = 0;
  for (const { logs } of blocks)
    for (const { topics, data } of logs) sum += WORD_BYTES * Math.max(1, topics.length) + (data.length - 2) / 2;
  return sum;
}

/** Writes a log's bytes. @returns where they end. */
function write(memory: Buffer, place: number, { transactionHash, topics, data }: Log): number {
  let at = place;
  for (const word of [transactionHash, ...topics.slice(1)]) {
    if (memory.write(word.slice(2), at, "hex") !== WORD_BYTES)
      throw new LpLedgerError("transient", "LOGS_INCONSISTENT", `a topic has ${word.length - 2} digits, not 64`);
    at += WORD_BYTES;
  }
  return at + memory.write(data.slice(2), at, "hex");
}

/** The inverse of `packed`; the logs of a block are made when they are asked for. */
export function unpacked(pack: PackedRange, release: () => void): Range {
  // From another thread memory comes as plain bytes.
  const { names, memory } = pack;
  const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  const table = new LogTable(new LogMemory(bytes), names, pack.logs);
  const cells = pack.blocks;
  const blocks: LogBlock[] = [];
  let first = 0;
  for (let at = 0; at < cells.length; at += BLOCK_CELLS) {
    const [number = 0, timestampSec = 0, hash = 0] = [cells[at], cells[at + 1], cells[at + 2]];
    const [parent = 0, content = 0, count = 0] = [cells[at + 3], cells[at + 4], cells[at + 5]];
    const parentHash = parent < 0 ? null : (table.name(parent) as Hash);
    const hashText = table.name(hash) as Hash;
    blocks.push(new TableBlock(table, first, count, number, hashText, parentHash, timestampSec, table.name(content)));
    first += count;
  }
  const releaseOnce = (): void => {
    if (!table.isReleased) release();
    table.release();
  };
  return { ...pack.range, blocks, release: releaseOnce };
}
