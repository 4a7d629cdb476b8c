import type { Hash } from "../../core/hex.ts";
import { WORD_BYTES } from "../../core/word.ts";
import { ByteCursor, type Check, Slot } from "./byte-cursor.ts";
import { LOG_CELLS, LogTable, Names, putLog, TableBlock } from "./log-table.ts";
import { LOG_INDEX_MAX, LogMemory, spareMemory } from "./packed-log.ts";
import { ScannedList } from "./scanned-list.ts";

const COMMA = 0x2c;
const LIST = 0x5b;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const FALSE = Buffer.from("false");
/** Two quotes and a colon. */
const KEY_MARKS = 3;

const ADDRESS = /^0x[0-9a-f]{40}$/;
const HASH = /^0x[0-9a-f]{64}$/;
const QUANTITY = /^0x[0-9a-f]{1,13}$/;

/** A key, where the first log has it with its quotes and colon, and what reads its value. */
interface Key {
  readonly name: string;
  readonly at: number;
  readonly length: number;
  readonly read: (scan: LogScan) => boolean;
}

/** Tells the place of a name in a list of names, to which it is added where it was not there yet. */
class Named implements Check<number> {
  readonly #form: RegExp;
  readonly #names: Names;

  constructor(form: RegExp, list: string[]) {
    this.#form = form;
    this.#names = new Names(list);
  }

  of(text: string): number | undefined {
    return this.#names.find(text) ?? (this.#form.test(text) ? this.#names.placeOf(text) : undefined);
  }
}

const QUANTITIES: Check<number> = {
  of(text) {
    const number = QUANTITY.test(text) ? Number(text) : undefined;
    return Number.isSafeInteger(number) ? number : undefined;
  },
};

const HASHES: Check<Hash> = { of: (text) => (HASH.test(text) ? (text as Hash) : undefined) };

/** A block as it was met: neighbours that claim the same are one. */
interface Met {
  readonly number: number;
  readonly hash: Hash;
  readonly timestampSec: number | null;
  /** Its first log's place. */
  readonly first: number;
}

/** Cells of the list at hand, used again for the next one unless it became very large. */
let scratch = new Int32Array(2 ** 15);
const SCRATCH_MAX = 2 ** 20;

/** One reading of a list of logs; the first step that does not meet what it expected ends it. */
export class LogScan {
  readonly #cursor: ByteCursor;
  readonly #memory: LogMemory;
  #written = 0;
  /** In the order in which the first log has them. */
  readonly #keys: Key[] = [];
  readonly #names: string[] = [];
  readonly #addressSlot = new Slot(new Named(ADDRESS, this.#names));
  readonly #topicSlot = new Slot(new Named(HASH, this.#names));
  readonly #numberSlot = new Slot(QUANTITIES);
  readonly #hashSlot = new Slot(HASHES);
  readonly #timeSlot = new Slot(QUANTITIES);
  #cells = scratch;
  #count = 0;
  readonly #blocks: Met[] = [];
  #lastIndex = -1;
  #isInOrder = true;
  /** Of the log before: nine of ten are of one kind. */
  #dataLength = 0;

  // Of the log at hand; undefined: not met yet.
  /** Places in the list of names; -1: no first topic. */
  #address: number | undefined;
  #topic0 = -1;
  #topicCount: number | undefined;
  #start = 0;
  #hasData = false;
  #hasTransaction = false;
  #blockNumber: number | undefined;
  #blockHash: Hash | undefined;
  #timestampSec: number | null = null;
  #logIndex: number | undefined;

  static readonly #READERS: ReadonlyMap<string, Key["read"]> = new Map([
    ["address", (scan: LogScan) => scan.#readAddress()],
    ["topics", (scan: LogScan) => scan.#readTopics()],
    ["data", (scan: LogScan) => scan.#readData()],
    ["blockNumber", (scan: LogScan) => scan.#readNumber()],
    ["blockHash", (scan: LogScan) => scan.#readHash()],
    ["blockTimestamp", (scan: LogScan) => scan.#readTime()],
    ["transactionHash", (scan: LogScan) => scan.#readTransaction()],
    ["logIndex", (scan: LogScan) => scan.#readLogIndex()],
    ["removed", (scan: LogScan) => scan.#cursor.passes(FALSE)],
  ]);

  static readonly #SKIP: Key["read"] = (scan) => scan.#cursor.skips();

  /** `start`: the place of the list's bracket. */
  constructor(body: Buffer, start: number) {
    this.#cursor = new ByteCursor(body, start);
    // Two digits a byte: what is written is never more than half of what is read, but for a transaction that is not met
    // yet.
    this.#memory = new LogMemory(spareMemory.take(((body.length - start) >> 1) + WORD_BYTES));
  }

  /** The place after what was read. */
  get at(): number {
    return this.#cursor.at;
  }

  /** The whole list; undefined where anything is not as expected. */
  list(): ScannedList | undefined {
    this.#cursor.take();
    for (;;) {
      const isGood = this.#log();
      const next = this.#cursor.take();
      if (!isGood || (next !== COMMA && next !== LIST_END)) {
        spareMemory.give(this.#memory.buffer);
        return undefined;
      }
      if (next === LIST_END) return this.#whole();
    }
  }

  #whole(): ScannedList {
    const table = new LogTable(this.#memory, this.#names, this.#cells.slice(0, this.#count * LOG_CELLS));
    const blocks: TableBlock<number | null>[] = [];
    for (const [i, { number, hash, timestampSec, first }] of this.#blocks.entries()) {
      const count = (this.#blocks[i + 1]?.first ?? this.#count) - first;
      blocks.push(new TableBlock(table, first, count, number, hash, null, timestampSec));
    }
    return new ScannedList(table, blocks, this.#isInOrder);
  }

  #log(): boolean {
    if (this.#cursor.take() !== OBJECT) return false;
    this.#begin();
    for (let i = 0; ; i++) {
      if (this.#count === 0 && !this.#learnKey()) return false;
      const key = this.#keys[i];
      if (key === undefined || !this.#cursor.passesSame(key.at, key.length) || !key.read(this)) return false;
      const next = this.#cursor.take();
      if (next === OBJECT_END) return i + 1 === this.#keys.length && this.#keep();
      if (next !== COMMA) return false;
    }
  }

  #begin(): void {
    this.#address = undefined;
    this.#topic0 = -1;
    this.#topicCount = undefined;
    this.#blockNumber = undefined;
    this.#blockHash = undefined;
    this.#logIndex = undefined;
    this.#timestampSec = null;
    this.#hasData = false;
    this.#hasTransaction = false;
    this.#start = this.#written + WORD_BYTES;
    this.#written = this.#start;
  }

  /** Adds the log at hand; false where not all that it needs was met. */
  #keep(): boolean {
    const [address, topicCount, logIndex] = [this.#address, this.#topicCount, this.#logIndex];
    const [number, hash, timestampSec] = [this.#blockNumber, this.#blockHash, this.#timestampSec];
    if (address === undefined || topicCount === undefined || logIndex === undefined) return false;
    if (number === undefined || hash === undefined || !this.#hasData || !this.#hasTransaction) return false;
    const last = this.#blocks.at(-1);
    if (last === undefined || last.number !== number || last.hash !== hash || last.timestampSec !== timestampSec) {
      if (last !== undefined && number <= last.number) this.#isInOrder = false;
      this.#blocks.push({ number, hash, timestampSec, first: this.#count });
    } else if (logIndex <= this.#lastIndex) this.#isInOrder = false;
    this.#lastIndex = logIndex;
    if ((this.#count + 1) * LOG_CELLS > this.#cells.length) this.#enlarge();
    putLog(this.#cells, this.#count++, address, this.#topic0, topicCount, logIndex, this.#start, this.#written);
    return true;
  }

  #enlarge(): void {
    const larger = new Int32Array(2 * this.#cells.length);
    larger.set(this.#cells);
    this.#cells = larger;
    if (larger.length <= SCRATCH_MAX) scratch = larger;
  }

  /** Adds the key that stands next to the list of keys, without passing it. */
  #learnKey(): boolean {
    const { at } = this.#cursor;
    const name = this.#cursor.key();
    if (name === undefined || !/^\w+$/.test(name) || this.#keys.some((key) => key.name === name)) return false;
    const read = LogScan.#READERS.get(name) ?? LogScan.#SKIP;
    this.#keys.push({ name, at, length: name.length + KEY_MARKS, read });
    return true;
  }

  #readAddress(): boolean {
    this.#address = this.#cursor.value(this.#addressSlot);
    return this.#address !== undefined;
  }

  #readTopics(): boolean {
    if (this.#hasData || this.#cursor.take() !== LIST) return false; // Topics lie before the data.
    this.#topicCount = 0;
    if (this.#cursor.byte === LIST_END) return this.#cursor.take() !== undefined;
    const topic0 = this.#cursor.value(this.#topicSlot);
    if (topic0 === undefined) return false;
    this.#topic0 = topic0;
    for (this.#topicCount = 1; ; this.#topicCount++) {
      const next = this.#cursor.take();
      if (next === LIST_END) return true;
      if (next !== COMMA || this.#hexTo(this.#written, WORD_BYTES) === undefined) return false;
      this.#written += WORD_BYTES;
    }
  }

  #readData(): boolean {
    if (this.#topicCount === undefined) return false;
    const length = this.#cursor.hexTo(this.#memory.view, this.#written, undefined, this.#dataLength);
    if (length === undefined) return false;
    this.#dataLength = length;
    this.#written += length;
    this.#hasData = true;
    return true;
  }

  #readTransaction(): boolean {
    this.#hasTransaction = this.#hexTo(this.#start - WORD_BYTES, WORD_BYTES) !== undefined;
    return this.#hasTransaction;
  }

  #readNumber(): boolean {
    this.#blockNumber = this.#cursor.value(this.#numberSlot);
    return this.#blockNumber !== undefined;
  }

  #readHash(): boolean {
    this.#blockHash = this.#cursor.value(this.#hashSlot);
    return this.#blockHash !== undefined;
  }

  #readTime(): boolean {
    const seconds = this.#cursor.value(this.#timeSlot);
    this.#timestampSec = seconds || null; // Zero is no time.
    return seconds !== undefined;
  }

  #readLogIndex(): boolean {
    this.#logIndex = this.#cursor.quantity();
    return this.#logIndex !== undefined && this.#logIndex <= LOG_INDEX_MAX;
  }

  #hexTo(place: number, length: number): number | undefined {
    return this.#cursor.hexTo(this.#memory.view, place, length);
  }
}
