import type { Log, LogBlock, Range } from "../core/chain.ts";
import { invariant, LpLedgerError } from "../core/errors.ts";
import type { Address, Hash } from "../core/hex.ts";
import { topicOf, WORD_BYTES } from "../core/log-bytes.ts";
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
  /** By log: emitter, first topic (-1: none), how many topics, log index, and where its bytes start and end. */
  readonly logs: Int32Array;
}

const BLOCK_CELLS = 6;
const LOG_CELLS = 6;

const packs = new WeakMap<Range, PackedRange>();

/** Memory of a packed range that was used elsewhere and is free again. */
export function giveBack(memory: Uint8Array): void {
  spareMemory.give(Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength));
}

/**
 * The same range in little memory, with the logs of a block made when they are asked for: ranges wait to be used, and
 * many thousand logs that wait as objects cost more than all that is done with them. `contentOf` adds to each block what its
 * logs amount to.
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

/** How many logs a compact range holds; none of them is made for it. */
export function logCountOf(range: Range): number {
  return packOf(range).logs.length / LOG_CELLS;
}

/** Names, each once, by their places in the order in which they came. */
class Names {
  readonly list: string[] = [];
  readonly #places = new Map<string, number>();

  placeOf(name: string): number {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.list.push(name) - 1;
      this.#places.set(name, place);
    }
    return place;
  }
}

// What gives memory back belongs to the range it came with: it can neither travel nor mean another one.
function packed({ blocks, release: _, ...range }: Range, contentOf: (block: LogBlock) => string): PackedRange {
  const names = new Names();
  const home = homeOf(blocks);
  const memory = home ?? spareMemory.take(bytesOf(blocks));
  let [written, count] = [0, 0];
  for (const { logs } of blocks) count += logs.length;
  const blockCells = new Float64Array(blocks.length * BLOCK_CELLS);
  const logCells = new Int32Array(count * LOG_CELLS);
  let [blockAt, at] = [0, 0];
  // Loops and no closures: one that is made for each range is also optimized for each range.
  for (const block of blocks) {
    const { logs } = block;
    blockCells[blockAt++] = block.number;
    blockCells[blockAt++] = block.timestampSec;
    blockCells[blockAt++] = names.placeOf(block.hash);
    blockCells[blockAt++] = block.parentHash === null ? -1 : names.placeOf(block.parentHash);
    blockCells[blockAt++] = names.placeOf(contentOf(block));
    blockCells[blockAt++] = logs.length;
    for (const log of logs) {
      const topic0 = topicOf(log);
      let { start, end } = log instanceof PackedLog ? log : { start: 0, end: 0 };
      if (home === undefined) {
        start = written + WORD_BYTES;
        end = write(memory, written, log);
        written = end;
      }
      logCells[at++] = names.placeOf(log.address);
      logCells[at++] = topic0 === undefined ? -1 : names.placeOf(topic0);
      logCells[at++] = log.bytes?.topicCount ?? log.topics.length;
      logCells[at++] = log.logIndex;
      logCells[at++] = start;
      logCells[at++] = end;
    }
  }
  return { range, names: names.list, memory, blocks: blockCells, logs: logCells };
}

/** The memory in which all logs lie already; undefined where they do not. */
function homeOf(blocks: readonly LogBlock[]): Buffer | undefined {
  const first = blocks[0]?.logs[0];
  const home = first instanceof PackedLog ? first.memory : undefined;
  for (const { logs } of blocks)
    for (const log of logs) if (!(log instanceof PackedLog) || log.memory !== home) return undefined;
  return home?.buffer;
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

/** A packed range while it is read. */
class Unpacked {
  readonly #pack: PackedRange;
  readonly #memory: LogMemory;
  readonly #release: () => void;
  #isReleased = false;
  #last: { readonly first: number; readonly logs: readonly Log[] } | undefined;

  constructor(pack: PackedRange, release: () => void) {
    this.#pack = pack;
    // From another thread it comes as plain bytes.
    const { memory } = pack;
    this.#memory = new LogMemory(Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength));
    this.#release = release;
  }

  name(place: number): string {
    return this.#pack.names[place] ?? "";
  }

  /** So many logs from one on, made anew unless they are those that were asked for last. */
  logs(first: number, count: number): readonly Log[] {
    if (this.#isReleased)
      throw new LpLedgerError("invariant", "RANGE_RELEASED", "logs are read of a range that was given back");
    if (this.#last?.first === first && this.#last.logs.length === count) return this.#last.logs;
    const logs: PackedLog[] = [];
    const cells = this.#pack.logs;
    let before: PackedLog | undefined;
    for (let i = first * LOG_CELLS; i < (first + count) * LOG_CELLS; i += LOG_CELLS) {
      const [address = 0, topic = 0, topicCount = 0] = [cells[i], cells[i + 1], cells[i + 2]];
      const [logIndex = 0, start = 0, end = 0] = [cells[i + 3], cells[i + 4], cells[i + 5]];
      const topic0 = topic < 0 ? undefined : this.name(topic);
      before = new PackedLog(
        this.#memory,
        start,
        end,
        this.name(address) as Address,
        topic0,
        topicCount,
        logIndex,
        before,
      );
      logs.push(before);
    }
    this.#last = { first, logs };
    return logs;
  }

  release(): void {
    if (!this.#isReleased) this.#release();
    this.#isReleased = true;
  }
}

/** A block of a packed range. */
class UnpackedBlock implements LogBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash | null;
  readonly timestampSec: number;
  readonly content: string;
  readonly #range: Unpacked;
  readonly #first: number;
  readonly #count: number;

  /** `at`: where its cells begin; `first`: its first log. */
  constructor(range: Unpacked, cells: Float64Array, at: number, first: number) {
    const [number = 0, timestampSec = 0, hash = 0] = [cells[at], cells[at + 1], cells[at + 2]];
    const [parent = 0, content = 0, count = 0] = [cells[at + 3], cells[at + 4], cells[at + 5]];
    this.number = number;
    this.timestampSec = timestampSec;
    this.hash = range.name(hash) as Hash;
    this.parentHash = parent < 0 ? null : (range.name(parent) as Hash);
    this.content = range.name(content);
    this.#range = range;
    this.#first = first;
    this.#count = count;
  }

  get logs(): readonly Log[] {
    return this.#range.logs(this.#first, this.#count);
  }
}

/**
 * The inverse of `packed`. A block's logs are made when they are asked for, and only those of the last block asked for are
 * kept: a range has many thousands, and what does not live long costs the least.
 */
export function unpacked(pack: PackedRange, release: () => void): Range {
  const range = new Unpacked(pack, release);
  const cells = pack.blocks;
  const blocks: LogBlock[] = [];
  let first = 0;
  for (let at = 0; at < cells.length; at += BLOCK_CELLS) {
    blocks.push(new UnpackedBlock(range, cells, at, first));
    first += cells[at + BLOCK_CELLS - 1] ?? 0;
  }
  return { ...pack.range, blocks, release: () => range.release() };
}
