import type { Log, LogBytes } from "../chain.ts";
import { LpLedgerError } from "../errors.ts";
import { keccakOfText } from "../keccak.ts";
import { bytesOf } from "../log-bytes.ts";
import { isFilled, signed, unsigned } from "../word.ts";

/**
 * A decoded argument: addresses and 32 bytes as lower-case hex, integers of at most 32 bits as numbers, all others as
 * bigint.
 */
export type Value = string | number | bigint | readonly bigint[];
export type Values = Readonly<Record<string, Value>>;

interface AbiEntry {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly { readonly indexed?: boolean; readonly name: string; readonly type: string }[];
}

interface Field {
  readonly name: string;
  readonly topic: boolean;
  readonly index: number;
  readonly read: WordReader;
  /** Of an array of uint256: how many words lie inline, or that the word tells where the list begins. */
  readonly array?: number | "list";
}

/** How one event lies in topics and data. `dataLength`: of the part before any lists; exact where there are none. */
export interface EventShape {
  readonly name: string;
  readonly topic0: string;
  readonly topicCount: number;
  readonly dataLength: number;
  readonly fields: readonly Field[];
}

export type Shapes = ReadonlyMap<string, EventShape>;

/**
 * The events of a published ABI, by topic0. Of arrays only those of uint256 occur; anything else is refused at load.
 */
export function eventShapes(abi: readonly unknown[], names: readonly string[]): Shapes {
  const shapes = new Map<string, EventShape>();
  for (const entry of abi as readonly AbiEntry[]) {
    if (entry.type !== "event" || !names.includes(entry.name)) continue;
    const shape = shapeOf(entry);
    shapes.set(shape.topic0, shape);
  }
  return shapes;
}

function shapeOf(entry: AbiEntry): EventShape {
  let topics = 1;
  let words = 0;
  const fields = entry.inputs.map((input): Field => {
    const topic = input.indexed === true;
    const list = /^uint256\[(\d*)\]$/.exec(input.type);
    const index = topic ? topics++ : words++;
    if (list === null || topic) return { name: input.name, topic, index, read: readerOf(input.type) };
    const inline = list[1] === "" ? undefined : Number(list[1]);
    words += (inline ?? 1) - 1;
    return { name: input.name, topic, index, read: readerOf("uint256"), array: inline ?? "list" };
  });
  const signature = `${entry.name}(${entry.inputs.map((input) => input.type).join(",")})`;
  const topic0 = keccakOfText(signature);
  return { name: entry.name, topic0, topicCount: topics, dataLength: 2 + 64 * words, fields };
}

/** Decodes a log of this shape; topic count, data length and the range of every value must fit exactly. */
export function decodeWords(shape: EventShape, log: Log): Values {
  const bytes = bytesOf(log);
  const dataStart = bytes === undefined ? 0 : bytes.start + 32 * (shape.topicCount - 1);
  let end = dataStart + (shape.dataLength - 2) / 2; // Lists follow one another, as every encoder puts them.
  if (bytes === undefined || bytes.topicCount !== shape.topicCount || bytes.end < end) throw misshapen(shape, log);
  const values: Record<string, Value> = {};
  for (const field of shape.fields) {
    const at = field.topic ? bytes.start + 32 * (field.index - 1) : dataStart + 32 * field.index;
    let value: Value | undefined;
    if (field.array === undefined) value = field.read(bytes, at);
    else if (field.array === "list") {
      const length = lengthOfList(bytes, { at, dataStart, start: end });
      value = length === undefined ? undefined : wordsOf(bytes, end + 32, length);
      end += 32 * (1 + (length ?? 0));
    } else value = wordsOf(bytes, at, field.array);
    if (value === undefined) throw misshapen(shape, log);
    values[field.name] = value;
  }
  if (bytes.end !== end) throw misshapen(shape, log);
  return values;
}

function wordsOf({ view }: LogBytes, start: number, length: number): readonly bigint[] {
  return Array.from({ length }, (_, i) => unsigned(view, start + 32 * i));
}

/** How many words a list has that begins at `start`; undefined where it is not there whole. */
function lengthOfList(
  { view, end }: LogBytes,
  { at, dataStart, start }: { readonly at: number; readonly dataStart: number; readonly start: number },
): number | undefined {
  if (end < start + 32 || unsigned(view, at) !== BigInt(start - dataStart)) return undefined;
  const length = unsigned(view, start);
  return length <= BigInt(Math.floor((end - start - 32) / 32)) ? Number(length) : undefined;
}

function misshapen(shape: EventShape, log: Log): LpLedgerError {
  return new LpLedgerError(
    "invariant",
    "LOG_SHAPE",
    `the log ${log.logIndex} of transaction ${log.transactionHash} from ${log.address} has the topic of ${shape.name} but not its shape`,
    { hint: "the contract at this address is not of the protocol the programme file names" },
  );
}

/** What reads the word of 32 bytes that begins at a place; undefined where it is out of the type's range. */
type WordReader = (bytes: LogBytes, at: number) => Value | undefined;

function readerOf(type: string): WordReader {
  if (type === "address")
    return (bytes, at) => (isFilled(bytes.view, at, 12, 0) ? `0x${bytes.hex(at + 12, 20)}` : undefined);
  if (type === "bytes32") return (bytes, at) => `0x${bytes.hex(at, 32)}`;
  const match = /^(u?)int(\d+)$/.exec(type);
  if (match === null) throw new LpLedgerError("invariant", "ABI_TYPE", `no reader for the ABI type ${type}`);
  const bits = Number(match[2]);
  return match[1] === "u" ? uintReader(bits) : intReader(bits);
}

function uintReader(bits: number): WordReader {
  const unused = 32 - bits / 8;
  return ({ view }, at) => (isFilled(view, at, unused, 0) ? unsigned(view, at) : undefined);
}

function intReader(bits: number): WordReader {
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1)];
  if (bits <= 32)
    return ({ view }, at) => {
      // The sign fills every higher bit, so the last four bytes decide and the rest must agree with them.
      const value = view.getInt32(at + 28);
      return value >= low && value < high && isFilled(view, at, 28, value < 0 ? -1 : 0) ? value : undefined;
    };
  return ({ view }, at) => {
    const value = signed(view, at);
    return BigInt.asIntN(bits, value) === value ? value : undefined;
  };
}

/** Decoded values as JSON that loses nothing: integers beyond 32 bits as decimal text, the rest as they are. */
export function losslessJson(values: Values): Readonly<Record<string, Json>> {
  const json: Record<string, Json> = {};
  for (const name in values) {
    const value = values[name];
    if (value === undefined) continue;
    json[name] = typeof value === "bigint" ? value.toString() : typeof value === "object" ? value.map(String) : value;
  }
  return json;
}

type Json = string | number | readonly string[];
