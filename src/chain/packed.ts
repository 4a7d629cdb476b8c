import type { Log, LogBlock, Range } from "../core/chain.ts";
import { invariant, LpLedgerError } from "../core/errors.ts";
import type { Address, Hash } from "../core/hex.ts";
import { topicOf } from "../core/log-bytes.ts";
import { LogMemory, PackedLog, spareMemory, WORD_BYTES } from "./packed-log.ts";

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

// What gives memory back belongs to the range it came with: it can neither travel nor mean another one.
function packed({ blocks, release: _, ...range }: Range, contentOf: (block: LogBlock) => string): PackedRange {
  const names: string[] = [];
  const places = new Map<string, number>();
  const placeOf = (name: string): number => {
    let place = places.get(name);
    if (place === undefined) {
      place = names.push(name) - 1;
      places.set(name, place);
    }
    return place;
  };
  const home = homeOf(blocks);
  const isHome = home !== undefined;
  const memory = home ?? spareMemory.take(sumOf(blocks, bytesOf));
  let written = 0;
  const blockCells = new Float64Array(blocks.length * BLOCK_CELLS);
  const logCells = new Int32Array(sumOf(blocks, () => LOG_CELLS));
  let at = 0;
  blocks.forEach((block, i) => {
    const { number, timestampSec, hash, parentHash, logs } = block;
    const parent = parentHash === null ? -1 : placeOf(parentHash);
    const content = placeOf(contentOf(block));
    blockCells.set([number, timestampSec, placeOf(hash), parent, content, logs.length], i * BLOCK_CELLS);
    for (const log of logs) {
      const topic0 = topicOf(log);
      let { start, end } = log instanceof PackedLog ? log : { start: 0, end: 0 };
      if (!isHome) {
        start = written + WORD_BYTES;
        end = write(memory, written, log);
        written = end;
      }
      logCells[at++] = placeOf(log.address);
      logCells[at++] = topic0 === undefined ? -1 : placeOf(topic0);
      logCells[at++] = log.bytes?.topicCount ?? log.topics.length;
      logCells[at++] = log.logIndex;
      logCells[at++] = start;
      logCells[at++] = end;
    }
  });
  return { range, names, memory, blocks: blockCells, logs: logCells };
}

/** The memory in which all logs lie already; undefined where they do not. */
function homeOf(blocks: readonly LogBlock[]): Buffer | undefined {
  const first = blocks[0]?.logs[0];
  const home = first instanceof PackedLog ? first.memory : undefined;
  const isThere = (log: Log): boolean => log instanceof PackedLog && log.memory === home;
  return blocks.every(({ logs }) => logs.every(isThere)) ? home?.buffer : undefined;
}

function sumOf(blocks: readonly LogBlock[], of: (log: Log) => number): number {
  return blocks.reduce((sum, { logs }) => logs.reduce((all, log) => all + of(log), sum), 0);
}

function bytesOf({ topics, data }: Log): number {
  return WORD_BYTES * Math.max(1, topics.length) + (data.length - 2) / 2;
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

/**
 * The inverse of `packed`. A block's logs are made when they are asked for, and only those of the last block asked for are
 * kept: a range has many thousands, and what does not live long costs the least.
 */
export function unpacked(
  { range, names, memory: bytes, blocks: cells, logs: logCells }: PackedRange,
  release: () => void,
): Range {
  let released = false;
  let last: { readonly block: number; readonly logs: readonly Log[] } | undefined;
  // From another thread it comes as plain bytes.
  const memory = new LogMemory(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

  function logsOf(block: number, first: number, count: number): readonly Log[] {
    if (released)
      throw new LpLedgerError("invariant", "RANGE_RELEASED", "logs are read of a range that was given back");
    if (last?.block === block) return last.logs;
    const logs: PackedLog[] = [];
    const cell = (place: number): number => logCells[place] ?? 0;
    for (let i = first * LOG_CELLS; i < (first + count) * LOG_CELLS; i += LOG_CELLS) {
      const address = names[cell(i)] as Address;
      const topic0 = cell(i + 1) < 0 ? undefined : names[cell(i + 1)];
      logs.push(
        new PackedLog(memory, cell(i + 4), cell(i + 5), address, topic0, cell(i + 2), cell(i + 3), logs.at(-1)),
      );
    }
    last = { block, logs };
    return logs;
  }

  const blocks: LogBlock[] = [];
  let next = 0;
  for (let i = 0; i < cells.length; i += BLOCK_CELLS) {
    const [number = 0, timestampSec = 0, hash = 0, parent = 0, content = 0, count = 0] = cells.subarray(
      i,
      i + BLOCK_CELLS,
    );
    const first = next;
    next += count;
    blocks.push({
      number,
      hash: names[hash] as Hash,
      parentHash: parent < 0 ? null : (names[parent] as Hash),
      timestampSec,
      content: names[content],
      get logs() {
        return logsOf(i, first, count);
      },
    });
  }
  return {
    ...range,
    blocks,
    release: () => {
      if (!released) release();
      released = true;
    },
  };
}
