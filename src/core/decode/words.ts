import { toEventSelector } from "viem/utils";
import type { Log } from "../chain.ts";
import { LpLedgerError } from "../errors.ts";

/** A decoded argument: addresses and 32 bytes as lower-case hex, integers of at most 32 bits as numbers, all others as bigint. */
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

/** The events of a published ABI, by topic0. Of arrays only those of uint256 occur; anything else is refused at load. */
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
  const topic0 = toEventSelector(signature);
  return { name: entry.name, topic0, topicCount: topics, dataLength: 2 + 64 * words, fields };
}

/** Decodes a log of this shape, whose hex is in lower case; topic count, data length and the range of every value must fit exactly. */
export function decodeWords(shape: EventShape, log: Log): Values {
  if (log.topics.length !== shape.topicCount || log.data.length < shape.dataLength) throw misshapen(shape, log);
  const values: Record<string, Value> = {};
  let end = shape.dataLength; // Lists follow one another, as every encoder puts them.
  for (const field of shape.fields) {
    if (field.array !== undefined) {
      const list = field.array === "list";
      const length = list ? lengthOfList(log.data, field.index, end) : field.array;
      if (length === undefined) throw misshapen(shape, log);
      const from = list ? end + 64 : 2 + 64 * field.index;
      if (list) end = from + 64 * length;
      values[field.name] = Array.from({ length }, (_, i) =>
        BigInt(`0x${log.data.slice(from + 64 * i, from + 64 * (i + 1))}`),
      );
      continue;
    }
    const topic = field.topic ? (log.topics[field.index] ?? "") : undefined;
    if (topic !== undefined && topic.length !== 66) throw misshapen(shape, log);
    const value = topic === undefined ? field.read(log.data, 2 + 64 * field.index) : field.read(topic, 2);
    if (value === undefined) throw misshapen(shape, log);
    values[field.name] = value;
  }
  if (log.data.length !== end) throw misshapen(shape, log);
  return values;
}

/** How many words a list has that begins at `start` in the data's text; undefined where it is not there whole. */
function lengthOfList(data: string, index: number, start: number): number | undefined {
  const at = Number.parseInt(data.slice(2 + 64 * index, 66 + 64 * index), 16);
  if (2 + 2 * at !== start || data.length < start + 64) return undefined;
  const length = Number.parseInt(data.slice(start, start + 64), 16);
  return length <= (data.length - start - 64) / 64 ? length : undefined;
}

function misshapen(shape: EventShape, log: Log): LpLedgerError {
  return new LpLedgerError(
    "invariant",
    "LOG_SHAPE",
    `the log ${log.logIndex} of transaction ${log.transactionHash} from ${log.address} has the topic of ${shape.name} but not its shape`,
    { hint: "the contract at this address is not of the protocol the programme file names" },
  );
}

const ZEROS = "0".repeat(64);
const HALF_ZEROS = "0".repeat(32);
const LOW_ZEROS = "0".repeat(56);
const LOW_FULLS = "f".repeat(56);

/** What reads the word of 64 hex digits that begins at a place of a text; undefined where it is out of the type's range. */
type WordReader = (text: string, at: number) => Value | undefined;

function readerOf(type: string): WordReader {
  if (type === "address") {
    const pad = ZEROS.slice(0, 24);
    return (text, at) => (text.startsWith(pad, at) ? `0x${text.slice(at + 24, at + 64)}` : undefined);
  }
  if (type === "bytes32") {
    return (text, at) => {
      const word = text.slice(at, at + 64);
      return /^[0-9a-f]{64}$/.test(word) ? `0x${word}` : undefined;
    };
  }
  const match = /^(u?)int(\d+)$/.exec(type);
  if (match === null) throw new LpLedgerError("invariant", "ABI_TYPE", `no reader for the ABI type ${type}`);
  const bits = Number(match[2]);
  return match[1] === "u" ? uintReader(bits) : intReader(bits);
}

/** The part of a word that is not zeros, if half of it are: most amounts are much smaller than a word holds. */
function unsigned(text: string, at: number): bigint {
  return BigInt(`0x${text.startsWith(HALF_ZEROS, at) ? text.slice(at + 32, at + 64) : text.slice(at, at + 64)}`);
}

function uintReader(bits: number): WordReader {
  const zeros = ZEROS.slice(0, 64 - bits / 4);
  return (text, at) => (text.startsWith(zeros, at) ? unsigned(text, at) : undefined);
}

function intReader(bits: number): WordReader {
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1)];
  return (text, at) => {
    if (bits <= 32) {
      // The sign fills every higher bit, so the low eight digits decide and the rest must agree with them.
      const value = Number.parseInt(text.slice(at + 56, at + 64), 16) | 0;
      const fills = text.startsWith(value < 0 ? LOW_FULLS : LOW_ZEROS, at);
      return fills && value >= low && value < high ? value : undefined;
    }
    const value = text.startsWith(HALF_ZEROS, at) ? unsigned(text, at) : BigInt.asIntN(256, unsigned(text, at));
    return BigInt.asIntN(bits, value) === value ? value : undefined;
  };
}

/** Decoded values as JSON that loses nothing: integers beyond 32 bits as decimal text, the rest as they are. */
export function losslessJson(values: Values): Readonly<Record<string, Json>> {
  const json: Record<string, Json> = {};
  for (const [name, value] of Object.entries(values))
    json[name] = typeof value === "bigint" ? value.toString() : typeof value === "object" ? value.map(String) : value;
  return json;
}

type Json = string | number | readonly string[];
