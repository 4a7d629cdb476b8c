import type { Log, LogBlock, LogBytes } from "../chain.ts";
import type { Address } from "../hex.ts";
import { bytesOf } from "../log-bytes.ts";
import { WORD_BYTES } from "../word.ts";
import type { Sha256 } from "./digest.ts";

const encoder = new TextEncoder();
const NOTHING = new Uint8Array();
const LINE_END = encoder.encode("\n");

/**
 * Equal exactly when two readings of a block brought the same time and the same logs, byte for byte. Logs must be in
 * log order.
 */
export function logsDigest(sha256: Sha256, { timestampSec, logs }: Pick<LogBlock, "timestampSec" | "logs">): string {
  const parts: LogBytes[] = [];
  lines.clear();
  lines.addNumber(timestampSec);
  lines.add(LINE_END);
  let before: Log | undefined;
  let last: LogBytes | undefined;
  let ending: Uint8Array = NOTHING;
  let isOneStretch = true;
  for (const log of logs) {
    const bytes = bytesOf(log);
    lines.addNumber(log.logIndex);
    if (bytes === undefined) {
      // No node's answer comes so far: each word of it was checked.
      lines.add(encoder.encode(` ${log.address} ${log.transactionHash} ${log.topics.join(",")} ${log.data}\n`));
      continue;
    }
    // Neighbours are mostly of one kind.
    if (last === undefined || log.address !== before?.address || !isSameKind(bytes, last))
      ending = endings.of(log.address, bytes);
    lines.add(ending);
    if (last !== undefined && !isNext(bytes, last)) isOneStretch = false;
    parts.push(bytes);
    before = log;
    last = bytes;
  }
  lines.add(encoder.encode(sha256(isOneStretch ? stretch(parts[0], last) : joined(parts))));
  return sha256(lines.whole).slice(0, 32);
}

/** Text as bytes in memory that is used again: what is hashed of a block is not made as a string. */
class Lines {
  #bytes = new Uint8Array(2 ** 12);
  #end = 0;

  get whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  clear(): void {
    this.#end = 0;
  }

  add(text: Uint8Array): void {
    const at = this.#extend(text.length);
    this.#bytes.set(text, at);
  }

  /** A whole number of at least 0, in decimal digits. */
  addNumber(number: number): void {
    let digits = 1;
    for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    const at = this.#extend(digits);
    let rest = number;
    for (let i = at + digits - 1; i >= at; i--) {
      this.#bytes[i] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }

  /** Makes room for so many bytes. @returns where they begin. */
  #extend(length: number): number {
    const at = this.#end;
    this.#end += length;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#end);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }
}

const ADDRESSES_MAX = 5_000;

/** What the lines of logs of one kind end with: by address and first topic the newest is kept. */
class Endings {
  readonly #known = new Map<Address, Map<string | undefined, { count: number; length: number; text: Uint8Array }>>();

  of(address: Address, { topicCount: count, topic0, start, end }: LogBytes): Uint8Array {
    const length = end - start;
    let ofAddress = this.#known.get(address);
    if (ofAddress === undefined) {
      if (this.#known.size >= ADDRESSES_MAX) this.#known.clear();
      ofAddress = new Map();
      this.#known.set(address, ofAddress);
    }
    const known = ofAddress.get(topic0);
    if (known !== undefined && known.count === count && known.length === length) return known.text;
    const text = encoder.encode(` ${address} ${count} ${topic0 ?? ""} ${length}\n`);
    ofAddress.set(topic0, { count, length, text });
    return text;
  }
}

const lines = new Lines();
const endings = new Endings();

function isSameKind(a: LogBytes, b: LogBytes): boolean {
  return a.topic0 === b.topic0 && a.topicCount === b.topicCount && a.end - a.start === b.end - b.start;
}

/** Whether it lies right behind the one before. */
function isNext({ view, start }: LogBytes, before: LogBytes): boolean {
  return view === before.view && start - WORD_BYTES === before.end;
}

/** The bytes of logs that lie one after another, from the first one's transaction's hash on. */
function stretch(first: LogBytes | undefined, last: LogBytes | undefined): Uint8Array {
  if (first === undefined || last === undefined) return NOTHING;
  const { buffer, byteOffset } = first.view;
  return new Uint8Array(buffer, byteOffset + first.start - WORD_BYTES, last.end - first.start + WORD_BYTES);
}

/** The same of logs that lie anywhere. */
function joined(parts: readonly LogBytes[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { start, end }) => sum + end - start + WORD_BYTES, 0));
  let at = 0;
  for (const bytes of parts) {
    all.set(stretch(bytes, bytes), at);
    at += bytes.end - bytes.start + WORD_BYTES;
  }
  return all;
}
