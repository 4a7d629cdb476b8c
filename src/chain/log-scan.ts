import { type Address, type Hash, toAddress } from "../core/hex.ts";
import { WORD_BYTES } from "../core/log-bytes.ts";
import { ByteCursor, type Check, Slot } from "./byte-cursor.ts";
import { LOG_INDEX_MAX, LogMemory, ScannedLog, spareMemory } from "./packed-log.ts";

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

/** Makes each value once, however often its text comes. */
class Once<T> implements Check<T> {
  readonly #form: RegExp;
  readonly #read: (text: string) => T;
  readonly #known = new Map<string, T>();

  constructor(form: RegExp, read: (text: string) => T) {
    this.#form = form;
    this.#read = read;
  }

  of(text: string): T | undefined {
    let value = this.#known.get(text);
    if (value === undefined && this.#form.test(text)) {
      value = this.#read(text);
      this.#known.set(text, value);
    }
    return value;
  }
}

const QUANTITIES: Check<number> = {
  of(text) {
    const number = QUANTITY.test(text) ? Number(text) : undefined;
    return Number.isSafeInteger(number) ? number : undefined;
  },
};

const HASHES: Check<Hash> = { of: (text) => (HASH.test(text) ? (text as Hash) : undefined) };

/** One reading of a list of logs; the first step that does not meet what it expected ends it. */
export class LogScan {
  readonly #cursor: ByteCursor;
  readonly #memory: LogMemory;
  #written = 0;
  /** In the order in which the first log has them. */
  readonly #keys: Key[] = [];
  readonly #addressSlot = new Slot(new Once(ADDRESS, toAddress));
  readonly #topicSlot = new Slot(new Once(HASH, String));
  readonly #numberSlot = new Slot(QUANTITIES);
  readonly #hashSlot = new Slot(HASHES);
  readonly #timeSlot = new Slot(QUANTITIES);
  #last: ScannedLog | undefined;
  /** Of the log before: nine of ten are of one kind. */
  #dataLength = 0;

  // Of the log at hand; undefined: not met yet.
  #address: Address | undefined;
  #topic0: string | undefined;
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
    // Two digits a byte: what is written is never more than half of what is read.
    this.#memory = new LogMemory(spareMemory.take((body.length - start) >> 1));
  }

  /** The place after what was read. */
  get at(): number {
    return this.#cursor.at;
  }

  /** The whole list; undefined where anything is not as expected. */
  list(): readonly ScannedLog[] | undefined {
    const logs: ScannedLog[] = [];
    this.#cursor.take();
    for (;;) {
      const log = this.#log(logs.length === 0);
      const next = this.#cursor.take();
      if (log === undefined || (next !== COMMA && next !== LIST_END)) {
        spareMemory.give(this.#memory.buffer);
        return undefined;
      }
      logs.push(log);
      if (next === LIST_END) return logs;
    }
  }

  #log(isFirst: boolean): ScannedLog | undefined {
    if (this.#cursor.take() !== OBJECT) return undefined;
    this.#begin();
    for (let i = 0; ; i++) {
      if (isFirst && !this.#learnKey()) return undefined;
      const key = this.#keys[i];
      if (key === undefined || !this.#cursor.passesSame(key.at, key.length) || !key.read(this)) return undefined;
      const next = this.#cursor.take();
      if (next === OBJECT_END) return i + 1 === this.#keys.length ? this.#placed() : undefined;
      if (next !== COMMA) return undefined;
    }
  }

  #begin(): void {
    this.#address = undefined;
    this.#topic0 = undefined;
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

  #placed(): ScannedLog | undefined {
    const [address, topicCount, logIndex] = [this.#address, this.#topicCount, this.#logIndex];
    const [blockNumber, blockHash] = [this.#blockNumber, this.#blockHash];
    if (address === undefined || topicCount === undefined || logIndex === undefined) return undefined;
    if (blockNumber === undefined || blockHash === undefined || !this.#hasData || !this.#hasTransaction)
      return undefined;
    this.#last = new ScannedLog(
      blockNumber,
      blockHash,
      this.#timestampSec,
      this.#memory,
      this.#start,
      this.#written,
      address,
      this.#topic0,
      topicCount,
      logIndex,
      this.#last,
    );
    return this.#last;
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
    this.#topic0 = this.#cursor.value(this.#topicSlot);
    if (this.#topic0 === undefined) return false;
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
    this.#timestampSec = seconds ?? null;
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
