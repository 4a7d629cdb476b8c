import type { Log, LogBlock, Range } from "../core/chain.ts";
import { invariant, LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import { Spare } from "./spare.ts";

/**
 * A range as few large values instead of many small ones: copied from one thread to another it costs a tenth of the
 * objects. What repeats (emitters, first topics, blocks) stands once in `names`, the rest in one text.
 */
export interface PackedRange {
  readonly range: Omit<Range, "blocks" | "release">;
  readonly names: readonly string[];
  /** Of each log the transaction's hash, the other topics and the data, one after another; handed over, not copied. */
  readonly text: Buffer;
  /** By block: number, time, hash, hash of the parent (-1: none), what its logs amount to, and how many they are. */
  readonly blocks: Float64Array;
  /** By log: emitter, first topic (-1: none), how many other topics, log index, and length of the data. */
  readonly logs: Int32Array;
}

const BLOCK_CELLS = 6;
const LOG_CELLS = 5;
/** Digits of a hash or topic, with 0x. */
const WORD = 66;

const packs = new WeakMap<Range, PackedRange>();
const spare = new Spare();

/** Memory of a packed range that was used elsewhere and is free again. */
export function giveBack(text: Uint8Array): void {
  spare.give(Buffer.from(text.buffer, text.byteOffset, text.byteLength));
}

/**
 * The same range in little memory, with the logs of a block made when they are asked for: ranges wait to be used, and
 * many thousand logs that wait as objects cost more than all that is done with them. `contentOf` adds to each block what its
 * logs amount to.
 */
export function compact(range: Range, contentOf: (block: LogBlock) => string): Range {
  const pack = packed(range, contentOf);
  const light = unpacked(pack, () => spare.give(pack.text));
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
  const text = spare.take(blocks.reduce((sum, { logs }) => sum + lengthOf(logs), 0));
  let written = 0;
  const blockCells = new Float64Array(blocks.length * BLOCK_CELLS);
  const logCells = new Int32Array(blocks.reduce((sum, { logs }) => sum + logs.length, 0) * LOG_CELLS);
  let at = 0;
  blocks.forEach((block, i) => {
    const { number, timestampSec, hash, parentHash, logs } = block;
    const parent = parentHash === null ? -1 : placeOf(parentHash);
    const content = placeOf(contentOf(block));
    blockCells.set([number, timestampSec, placeOf(hash), parent, content, logs.length], i * BLOCK_CELLS);
    const parts: string[] = [];
    for (const { address, topics, data, transactionHash, logIndex } of logs) {
      const [first] = topics;
      logCells[at++] = placeOf(address);
      logCells[at++] = first === undefined ? -1 : placeOf(first);
      logCells[at++] = Math.max(0, topics.length - 1);
      logCells[at++] = logIndex;
      logCells[at++] = data.length;
      parts.push(requireWord(transactionHash));
      for (let j = 1; j < topics.length; j++) parts.push(requireWord(topics[j] ?? ""));
      parts.push(data);
    }
    written += text.write(parts.join(""), written, "latin1");
  });
  return { range, names, text, blocks: blockCells, logs: logCells };
}

function lengthOf(logs: readonly Log[]): number {
  let length = 0;
  for (const { topics, data } of logs) length += WORD * Math.max(1, topics.length) + data.length;
  return length;
}

function requireWord(word: string): string {
  if (word.length === WORD) return word;
  throw new LpLedgerError("transient", "LOGS_INCONSISTENT", `a topic has ${word.length - 2} digits, not 64`);
}

/**
 * The inverse of `packed`. A block's logs are made when they are asked for, and only those of the last block asked for are
 * kept: a range has many thousands, and what does not live long costs the least.
 */
export function unpacked(
  { range, names, text, blocks: cells, logs: logCells }: PackedRange,
  release: () => void,
): Range {
  let [at, textAt] = [0, 0];
  let released = false;
  let last: { readonly block: number; readonly logs: readonly Log[] } | undefined;

  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength); // From another thread it comes as plain bytes.

  function logsOf(block: number, firstCell: number, [start, end]: readonly [number, number], count: number) {
    if (last?.block === block) return last.logs;
    if (released)
      throw new LpLedgerError("invariant", "RANGE_RELEASED", "logs are read of a range that was given back");
    const whole = bytes.toString("latin1", start, end);
    let [cell, from] = [firstCell, 0];
    const next = (length: number): string => {
      from += length;
      return whole.slice(from - length, from);
    };
    const logs: Log[] = [];
    for (let i = 0; i < count; i++, cell += LOG_CELLS) {
      const transactionHash = next(WORD) as Hash;
      const first = logCells[cell + 1] ?? -1;
      const topics = first < 0 ? [] : [names[first] ?? ""];
      for (let j = logCells[cell + 2] ?? 0; j > 0; j--) topics.push(next(WORD));
      const data = next(logCells[cell + 4] ?? 0);
      const address = names[logCells[cell] ?? 0] as Log["address"];
      logs.push({ address, topics, data, transactionHash, logIndex: logCells[cell + 3] ?? 0 });
    }
    last = { block, logs };
    return logs;
  }

  const blocks: LogBlock[] = [];
  for (let i = 0; i < cells.length; i += BLOCK_CELLS) {
    const [number = 0, timestampSec = 0, hash = 0, parent = 0, content = 0, count = 0] = cells.subarray(
      i,
      i + BLOCK_CELLS,
    );
    const [firstCell, firstText] = [at, textAt];
    for (let j = 0; j < count; j++, at += LOG_CELLS)
      textAt += WORD * (1 + (logCells[at + 2] ?? 0)) + (logCells[at + 4] ?? 0);
    const span = [firstText, textAt] as const;
    blocks.push({
      number,
      hash: names[hash] as Hash,
      parentHash: parent < 0 ? null : (names[parent] as Hash),
      timestampSec,
      content: names[content],
      get logs() {
        return logsOf(i, firstCell, span, count);
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
