import type { Log } from "../../core/chain.ts";
import { LpLedgerError, shown } from "../../core/errors.ts";
import { type Address, type Hash, toAddress, toHash } from "../../core/hex.ts";
import { topicOf } from "../../core/log-bytes.ts";
import { LOG_INDEX_MAX } from "./packed-log.ts";
import { ScannedList, ScannedLog } from "./scanned-list.ts";

/** What we ask logs of, and what we check each answer against again. */
export interface LogFilter {
  readonly addresses: readonly Address[];
  readonly topics: readonly string[];
}

/**
 * What is watched: addresses are only ever added, as factories make new pools, so a place in the list is a state of
 * knowledge. One list for all endpoints of a chain.
 */
export class Watch {
  readonly topics: readonly string[];
  readonly #addresses: Address[];
  readonly #known: Set<Address>;
  readonly #created: ((log: Log, block: number) => readonly Address[]) | undefined;

  /** `created`: the contracts whose logs are to be read since this log. */
  constructor(filter: LogFilter, created?: (log: Log, block: number) => readonly Address[]) {
    this.topics = filter.topics;
    this.#addresses = [...filter.addresses];
    this.#known = new Set(filter.addresses);
    this.#created = created;
  }

  get size(): number {
    return this.#addresses.length;
  }

  /** The filter with the addresses from one place in the list up to another. */
  part(from = 0, to = this.size): LogFilter {
    return { topics: this.topics, addresses: this.#addresses.slice(from, to) };
  }

  /** Adds what these logs tell of. */
  learn(blocks: readonly PlacedBlock[]): void {
    if (this.#created === undefined) return;
    for (const { logs, number } of blocks) for (const log of logs) this.#add(this.#created(log, number));
  }

  #add(addresses: readonly Address[]): void {
    for (const address of addresses) {
      if (this.#known.has(address)) continue;
      this.#known.add(address);
      this.#addresses.push(address);
    }
  }
}

/** The logs of one block, as they claim, in log order. */
export interface PlacedBlock {
  readonly number: number;
  readonly hash: Hash;
  /** Where the node gives `blockTimestamp`. */
  readonly timestampSec: number | null;
  readonly logs: readonly Log[];
}

/** A log with the block it claims to be in. */
interface PlacedLog {
  readonly log: Log;
  readonly blockNumber: number;
  readonly blockHash: Hash;
  readonly timestampSec: number | null;
}

/**
 * Checks and sorts an answer to `eth_getLogs`: our filter once more, the block range, one hash per block, strictly
 * rising log indexes. Removed and pending logs are dropped, and told; so is a log that is there twice, byte for byte.
 * @throws LOGS_INCONSISTENT when the answer cannot be of one chain.
 */
export function readLogs(
  answer: unknown,
  filter: LogFilter,
  from: number,
  to: number,
  onDropped: () => void = () => {},
): readonly PlacedBlock[] {
  if (!isList(answer)) throw inconsistent(`eth_getLogs answered with ${shown(answer)}`);
  const addresses = new Set<string>(filter.addresses);
  const topics = new Set<string>(filter.topics);
  const isTable = answer instanceof ScannedList && answer.isInOrder;
  if (isTable && areWithin(answer.blocks, from, to) && answer.isOf(addresses, topics)) return answer.blocks;
  const placed: PlacedLog[] = [];
  const checked = new Checked();
  let last: PlacedLog | undefined;
  let isInOrder = true;
  for (const raw of answer) {
    const each = raw instanceof ScannedLog ? raw : placeLog(raw, checked);
    if (each === null) {
      onDropped();
      continue;
    }
    if (each.blockNumber < from || each.blockNumber > to) {
      throw inconsistent(`a log of block ${each.blockNumber} came for the range ${from} to ${to}`);
    }
    if (!addresses.has(each.log.address) || !topics.has(topicOf(each.log) ?? "")) continue;
    if (last !== undefined && byPlace(last, each) > 0) isInOrder = false;
    placed.push(each);
    last = each;
  }
  return blocksOf(withoutRepeats(isInOrder ? placed : placed.sort(byPlace)));
}

/** Whether something is a list of logs, taken out of its answer or parsed. */
export function isList(answer: unknown): answer is ScannedList | readonly unknown[] {
  return answer instanceof ScannedList || Array.isArray(answer);
}

function areWithin(rising: readonly PlacedBlock[], from: number, to: number): boolean {
  const [first, last] = [rising[0], rising.at(-1)];
  return first === undefined || last === undefined || (first.number >= from && last.number <= to);
}

/** Logs in order of place, by block. */
function blocksOf(placed: readonly PlacedLog[]): readonly PlacedBlock[] {
  const blocks: PlacedBlock[] = [];
  let [number, logs]: [number | undefined, Log[]] = [undefined, []];
  for (const { log, blockNumber, blockHash: hash, timestampSec } of placed) {
    if (blockNumber !== number) {
      [number, logs] = [blockNumber, []];
      blocks.push({ number, hash, timestampSec, logs });
    }
    logs.push(log);
  }
  return blocks;
}

/** Logs in order of place, each once. */
function withoutRepeats(placed: readonly PlacedLog[]): readonly PlacedLog[] {
  const repeats = new Set<PlacedLog>();
  let before: PlacedLog | undefined;
  for (const each of placed) {
    if (before !== undefined && before.blockNumber === each.blockNumber) {
      if (before.blockHash !== each.blockHash)
        throw inconsistent(`block ${each.blockNumber} has two hashes in one answer`);
      if (before.log.logIndex === each.log.logIndex) {
        if (!isSameLog(before.log, each.log))
          throw inconsistent(`block ${each.blockNumber} has two logs of the index ${each.log.logIndex}`);
        repeats.add(each);
        continue;
      }
    }
    before = each;
  }
  return repeats.size === 0 ? placed : placed.filter((each) => !repeats.has(each));
}

const byPlace = (a: PlacedLog, b: PlacedLog): number =>
  a.blockNumber - b.blockNumber || a.log.logIndex - b.log.logIndex;

/** Byte for byte: only then is the second one a repetition. */
function isSameLog(a: Log, b: Log): boolean {
  return (
    a.address === b.address &&
    a.data === b.data &&
    a.transactionHash === b.transactionHash &&
    a.topics.length === b.topics.length &&
    a.topics.every((topic, i) => topic === b.topics[i])
  );
}

/**
 * The logs of one block out of two answers, in order, each once: a block that was asked for by its hash meanwhile may
 * hold what a second answer brings again. @throws LOGS_INCONSISTENT where two logs claim one index.
 */
export function mergeLogs(blockNumber: number, first: readonly Log[], second: readonly Log[]): readonly Log[] {
  const byIndex = new Map(first.map((log) => [log.logIndex, log]));
  for (const log of second) {
    const known = byIndex.get(log.logIndex);
    if (known !== undefined && !isSameLog(known, log))
      throw inconsistent(`block ${blockNumber} has two logs of the index ${log.logIndex}`);
    byIndex.set(log.logIndex, log);
  }
  return [...byIndex.values()].sort((a, b) => a.logIndex - b.logIndex);
}

const BYTES = /^0x(?:[0-9a-f]{2})*$/;
const WORD = /^0x[0-9a-fA-F]{64}$/;

/**
 * What the last log held: neighbours mostly share block, time, transaction and emitter, and what is equal needs no
 * second check.
 */
class Checked {
  readonly #last = new Map<string, { readonly raw: unknown; readonly value: unknown }>();

  as<T>(field: string, raw: unknown, check: (raw: unknown) => T): T {
    const last = this.#last.get(field);
    if (last !== undefined && last.raw === raw) return last.value as T;
    const value = check(raw);
    this.#last.set(field, { raw, value });
    return value;
  }
}

function placeLog(raw: unknown, checked: Checked): PlacedLog | null {
  const each = raw as Record<string, unknown>;
  if (each["removed"] === true || each["blockHash"] === null || each["blockNumber"] === null) return null;
  const topics = each["topics"];
  if (!Array.isArray(topics) || typeof each["data"] !== "string") throw inconsistent("a log has no topics or data");
  const data = each["data"].toLowerCase();
  if (!BYTES.test(data)) throw inconsistent(`the data of a log is not hex: ${shown(each["data"].slice(0, 80))}`);
  const logIndex = quantity(each["logIndex"], "logIndex");
  if (logIndex > LOG_INDEX_MAX) throw inconsistent(`a log has the index ${logIndex}`);
  return {
    blockNumber: checked.as("blockNumber", each["blockNumber"], (value) => quantity(value, "blockNumber")),
    blockHash: checked.as("blockHash", each["blockHash"], toHash),
    timestampSec: checked.as("blockTimestamp", each["blockTimestamp"], timeOf),
    log: {
      address: checked.as("address", each["address"], toAddress),
      topics: topics.map(word),
      data,
      transactionHash: checked.as("transactionHash", each["transactionHash"], toHash),
      logIndex,
    },
  };
}

function word(topic: unknown): string {
  if (typeof topic === "string" && WORD.test(topic)) return topic.toLowerCase();
  throw inconsistent(`a topic is ${shown(topic)}`);
}

/** The time that a node adds to a log; one that cannot be used is as if it were not there: then the header is asked. */
function timeOf(value: unknown): number | null {
  const seconds = typeof value === "string" && QUANTITY.test(value) ? Number(value) : 0;
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : null;
}

const QUANTITY = /^0x[0-9a-fA-F]+$/;

/** A JSON-RPC quantity as a number; anything else is the node's fault. */
export function quantity(value: unknown, field: string): number {
  const number = typeof value === "string" && QUANTITY.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw inconsistent(`${field} is ${shown(value)}, not a quantity`);
}

export function inconsistent(message: string): LpLedgerError {
  return new LpLedgerError("transient", "LOGS_INCONSISTENT", message);
}
