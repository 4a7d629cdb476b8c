import { toEventSelector } from "viem";
import type { Log } from "../chain.ts";
import { LpLedgerError } from "../errors.ts";

/** A decoded argument: addresses as lower-case hex, integers of at most 32 bits as numbers, all others as bigint. */
export type Value = string | number | bigint;
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
  read(word: string): Value | undefined;
}

/** How one event of static types lies in topics and data. */
export interface EventShape {
  readonly name: string;
  readonly topic0: string;
  readonly topicCount: number;
  readonly dataLength: number;
  readonly fields: readonly Field[];
}

/** The events of a published ABI, by topic0. Only static types occur in them; anything else is refused at load. */
export function eventShapes(abi: readonly unknown[], names: readonly string[]): ReadonlyMap<string, EventShape> {
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
    return { name: input.name, topic, index: topic ? topics++ : words++, read: readerOf(input.type) };
  });
  const signature = `${entry.name}(${entry.inputs.map((input) => input.type).join(",")})`;
  const topic0 = toEventSelector(signature);
  return { name: entry.name, topic0, topicCount: topics, dataLength: 2 + 64 * words, fields };
}

/** Decodes a log of this shape; topic count, data length and the range of every value must fit exactly. */
export function decodeWords(shape: EventShape, log: Log): Values {
  if (log.topics.length !== shape.topicCount || log.data.length !== shape.dataLength) throw misshapen(shape, log);
  const values: Record<string, Value> = {};
  for (const field of shape.fields) {
    const word = field.topic
      ? (log.topics[field.index] ?? "").slice(2)
      : log.data.slice(2 + 64 * field.index, 66 + 64 * field.index);
    const value = field.read(word);
    if (value === undefined) throw misshapen(shape, log);
    values[field.name] = value;
  }
  return values;
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
const FULLS = "f".repeat(64);

function readerOf(type: string): (word: string) => Value | undefined {
  if (type === "address") {
    return (word) => (word.startsWith(ZEROS.slice(0, 24)) ? `0x${word.slice(24).toLowerCase()}` : undefined);
  }
  const match = /^(u?)int(\d+)$/.exec(type);
  if (match === null) throw new LpLedgerError("invariant", "ABI_TYPE", `no reader for the ABI type ${type}`);
  const bits = Number(match[2]);
  return match[1] === "u" ? uintReader(bits) : intReader(bits);
}

function uintReader(bits: number): (word: string) => Value | undefined {
  const pad = 64 - bits / 4;
  const zeros = ZEROS.slice(0, pad);
  return (word) => (word.startsWith(zeros) ? BigInt(`0x${word}`) : undefined);
}

function intReader(bits: number): (word: string) => Value | undefined {
  return (word) => {
    if (bits <= 32) {
      // The sign fills every higher bit, so the low eight digits decide and the rest must agree with them.
      const low = Number.parseInt(word.slice(56), 16) | 0;
      const fill = low < 0 ? FULLS : ZEROS;
      if (!word.toLowerCase().startsWith(fill.slice(0, 56)) || low < -(2 ** (bits - 1)) || low >= 2 ** (bits - 1)) {
        return undefined;
      }
      return low;
    }
    const value = BigInt.asIntN(256, BigInt(`0x${word}`));
    return BigInt.asIntN(bits, value) === value ? value : undefined;
  };
}

/** Decoded values as JSON that loses nothing: integers beyond 32 bits as decimal text, the rest as they are. */
export function losslessJson(values: Values): Readonly<Record<string, string | number>> {
  const json: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(values)) json[name] = typeof value === "bigint" ? value.toString() : value;
  return json;
}
