import type { Block, LogBlock, Range, RangeBounds } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { groupBy } from "../core/group.ts";
import { type Hash, toHash } from "../core/hex.ts";
import { BloomTest } from "./bloom.ts";
import { isBusy } from "./failures.ts";
import { inconsistent, type LogFilter, type PlacedLog, quantity, readLogs } from "./logs.ts";
import type { Rpc, RpcCall } from "./rpc.ts";

const HEADERS_PER_REQUEST = 100;

/** What one poll sees: the head, the node's finalized block if it knows one, and its blocks at the numbers asked for. */
export interface Sight {
  readonly head: Block;
  readonly finalized: Block | null;
  readonly blocks: readonly (Block | null)[];
}

/** One node's chain, read with as few requests as the question allows. */
export class ChainNode {
  readonly #rpc: Rpc;
  readonly #filter: LogFilter;
  readonly #bloom: BloomTest;
  #dropped = 0;

  constructor(rpc: Rpc, filter: LogFilter) {
    this.#rpc = rpc;
    this.#filter = filter;
    this.#bloom = new BloomTest(filter);
  }

  /** Removed and pending logs that answers held so far: they belong to no chain. */
  get dropped(): number {
    return this.#dropped;
  }

  #readLogs(answer: unknown, from: number, to: number): readonly PlacedLog[] {
    return readLogs(answer, this.#filter, from, to, () => {
      this.#dropped += 1;
    });
  }

  /** Chain id and genesis hash: what tells one chain from another. */
  async identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }> {
    const [chainId, genesis] = await this.#rpc.batch([{ method: "eth_chainId", params: [] }, blockCall(0)], signal);
    const block = readBlock(genesis);
    if (block === null) throw inconsistent("the node has no block 0");
    return { chainId: quantity(chainId, "eth_chainId"), genesisHash: block.hash };
  }

  /** The head, finality, and the blocks at `numbers`, in one request. */
  async sight(numbers: readonly number[], signal: AbortSignal): Promise<Sight> {
    const calls = [tagCall("latest"), ...numbers.map(blockCall), tagCall("finalized")];
    const outcomes = await this.#rpc.outcomes(calls, signal);
    const [latest, ...blocks] = outcomes.slice(0, -1).map((outcome) => {
      if (outcome instanceof LpLedgerError) throw outcome;
      return readBlock(outcome.result);
    });
    if (latest == null) throw inconsistent("the node has no latest block");
    return { head: latest, finalized: finalizedOf(outcomes.at(-1)), blocks };
  }

  /** Headers by number, null where the node has none. */
  async blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Header | null)[]> {
    const blocks: (Header | null)[] = [];
    for (let i = 0; i < numbers.length; i += HEADERS_PER_REQUEST) {
      const results = await this.#rpc.batch(numbers.slice(i, i + HEADERS_PER_REQUEST).map(blockCall), signal);
      blocks.push(...results.map(readBlock));
    }
    return blocks;
  }

  /**
   * All logs of the blocks `from` to `to`, of one chain. Below `finalTo` nothing moves, and one request does: the first
   * and last header come with the logs. Above it the last header is also read in a request before and in one after,
   * since nodes may answer the parts of a batch in any order, and every block with logs is compared with its header.
   */
  async range(from: number, to: number, bounds: RangeBounds, signal: AbortSignal): Promise<Range> {
    const moving = to > bounds.finalTo;
    const known = moving ? await this.#knownHash(to, bounds.head, signal) : undefined;
    const logsCall = this.#logsCall({ fromBlock: hex(from), toBlock: hex(to) });
    const [first, logs, last] = await this.#rpc.batch([blockCall(from), logsCall, blockCall(to)], signal);
    const [start, end] = [readBlock(first), readBlock(last)];
    if (start === null || end === null) throw behind(from, to);
    if (known !== undefined && known !== end.hash) throw inconsistent(`block ${to} changed while its logs were read`);
    const placed = this.#readLogs(logs, from, to);
    const groups = groupBy(placed, (each) => each.blockNumber);
    const wanted = [...groups].filter(
      ([number, [log]]) => (moving && number > bounds.finalTo) || log?.timestampSec === null,
    );
    const headers = new Map<number, Header>([start, end].map((block) => [block.number, block]));
    const numbers = [
      ...(moving ? [to, from] : []),
      ...wanted.map(([number]) => number).filter((number) => !headers.has(number)),
    ];
    for (const block of await this.blocksAt(numbers, signal)) {
      if (block === null) throw behind(from, to);
      const before = headers.get(block.number);
      if (before !== undefined && before.hash !== block.hash)
        throw inconsistent(`block ${block.number} changed while its range was read`);
      headers.set(block.number, block);
    }
    const blocks = [...groups].map(([number, group]) => logBlock(number, group, headers.get(number)));
    const silent = [...headers.values()].filter(({ number }) => number >= from && number <= to && !groups.has(number));
    blocks.push(...(await this.#suspected(silent, signal)));
    blocks.sort((a, b) => a.number - b.number);
    requireRisingTime([start, ...blocks, end]);
    return { from, parentHash: start.parentHash, end, blocks, by: this.#rpc.id };
  }

  /** The same for one block whose logs are too many for one answer: out of its receipts. */
  async rangeByReceipts(number: number, bounds: RangeBounds, signal: AbortSignal): Promise<Range> {
    const block = await this.blockByReceipts(number, signal);
    const [again = null] = number > bounds.finalTo ? await this.blocksAt([number], signal) : [block];
    if (again?.hash !== block.hash) throw inconsistent(`block ${number} changed while its receipts were read`);
    const blocks = block.logs.length === 0 ? [] : [block];
    return { from: number, parentHash: block.parentHash, end: block, blocks, by: this.#rpc.id };
  }

  /** A block with the logs of our filter out of its receipts. */
  async blockByReceipts(number: number, signal: AbortSignal): Promise<Block & LogBlock> {
    const [header] = await this.#rpc.batch([blockCall(number)], signal);
    const block = readBlock(header);
    if (block === null) throw behind(number, number);
    const placed = this.#readLogs(await this.#logsOfReceipts(block, header, signal), number, number);
    if (placed.some((each) => each.blockHash !== block.hash))
      throw inconsistent(`receipts of ${number} are of another block`);
    const { bloom: _, ...rest } = block;
    return { ...rest, logs: placed.map((each) => each.log) };
  }

  /** All logs of a block from its receipts: in one answer, or, where the node has no such call, one by one. */
  async #logsOfReceipts(block: Block, header: unknown, signal: AbortSignal): Promise<readonly unknown[]> {
    const [whole] = await this.#rpc.outcomes([{ method: "eth_getBlockReceipts", params: [hex(block.number)] }], signal);
    if (whole !== undefined && !(whole instanceof LpLedgerError) && Array.isArray(whole.result))
      return logsIn(whole.result);
    const hashes = (header as { transactions?: unknown }).transactions;
    if (!Array.isArray(hashes)) throw inconsistent(`the header of block ${block.number} names no transactions`);
    const receipts: unknown[] = [];
    for (let i = 0; i < hashes.length; i += HEADERS_PER_REQUEST) {
      const some = hashes.slice(i, i + HEADERS_PER_REQUEST);
      const calls = some.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] }));
      receipts.push(...(await this.#rpc.batch(calls, signal)));
    }
    return logsIn(receipts);
  }

  stopBatching(): void {
    this.#rpc.stopBatching();
  }

  /** Blocks that came without logs although their header's bloom speaks of some: asked again by hash, then by receipts. */
  async #suspected(silent: readonly Header[], signal: AbortSignal): Promise<readonly LogBlock[]> {
    const found: LogBlock[] = [];
    for (const { hash, number, bloom } of silent) {
      if (!this.#bloom.suspects(bloom)) continue;
      let block = await this.blockLogs(hash, number, signal);
      if (block.logs.length === 0) block = await this.blockByReceipts(number, signal).catch(() => block);
      signal.throwIfAborted();
      if (block.logs.length > 0 && block.hash === hash) found.push(block);
    }
    return found;
  }

  /** The hash of a block as seen in an earlier request: the poll's, where it is the head. */
  async #knownHash(number: number, head: Block, signal: AbortSignal): Promise<string> {
    if (number === head.number) return head.hash;
    const [block] = await this.blocksAt([number], signal);
    if (block == null) throw behind(number, number);
    return block.hash;
  }

  /** The logs of one block by its hash: the second look when an identity does not hold. */
  async blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock> {
    const [answer, header] = await this.#rpc.batch([this.#logsCall({ blockHash: hash }), hashCall(hash)], signal);
    const block = readBlock(header);
    if (block === null || block.number !== number) throw inconsistent(`the node no longer has the block ${hash}`);
    const placed = this.#readLogs(answer, number, number);
    if (placed.some((each) => each.blockHash !== hash)) throw inconsistent(`logs by hash ${hash} are of another block`);
    return { ...block, logs: placed.map((each) => each.log) };
  }

  #logsCall(where: Readonly<Record<string, string>>): RpcCall {
    const { addresses, topics } = this.#filter;
    return { method: "eth_getLogs", params: [{ ...where, address: addresses, topics: [topics] }] };
  }
}

/** A tag the node refuses or does not know is null; a node that is busy is an error. */
function finalizedOf(outcome: LpLedgerError | { result: unknown } | undefined): Block | null {
  if (!(outcome instanceof LpLedgerError)) return readBlock(outcome?.result);
  if (isBusy(outcome)) throw outcome;
  return null;
}

function logsIn(receipts: readonly unknown[]): readonly unknown[] {
  return receipts.flatMap((receipt) => {
    const logs = (receipt as { logs?: unknown } | null)?.logs;
    if (!Array.isArray(logs)) throw inconsistent("a receipt has no logs");
    return logs as unknown[];
  });
}

function behind(from: number, to: number): LpLedgerError {
  return new LpLedgerError("transient", "NODE_BEHIND", `the node does not have the blocks ${from} to ${to}`);
}

/** Time never runs back from block to block; days would be closed by a time that does. */
function requireRisingTime(blocks: readonly { readonly number: number; readonly timestampSec: number }[]): void {
  blocks.forEach((block, i) => {
    const before = blocks[i - 1];
    if (before === undefined || before.timestampSec <= block.timestampSec) return;
    throw inconsistent(`block ${block.number} is said to be of an earlier time than block ${before.number}`);
  });
}

function logBlock(number: number, group: readonly PlacedLog[], header: Block | undefined): LogBlock {
  const [first] = group;
  const timestampSec = header?.timestampSec ?? first?.timestampSec;
  if (first === undefined || timestampSec === null || timestampSec === undefined) {
    throw inconsistent(`the node has logs of block ${number} but not its header`);
  }
  if (header !== undefined && header.hash !== first.blockHash) {
    throw inconsistent(`the logs of block ${number} are of another block than its header`);
  }
  return {
    number,
    hash: first.blockHash,
    parentHash: header?.parentHash ?? null,
    timestampSec,
    logs: group.map((each) => each.log),
  };
}

/** A header with its bloom, which proves nothing. */
interface Header extends Block {
  readonly bloom: unknown;
}

/** A header, checked; null where the node has none. */
function readBlock(raw: unknown): Header | null {
  if (raw === null || raw === undefined) return null;
  const block = raw as Record<string, unknown>;
  return {
    number: quantity(block["number"], "block.number"),
    hash: toHash(block["hash"]),
    parentHash: toHash(block["parentHash"]),
    timestampSec: quantity(block["timestamp"], "block.timestamp"),
    bloom: block["logsBloom"],
  };
}

export function hex(number: number): string {
  return `0x${number.toString(16)}`;
}

function blockCall(number: number): RpcCall {
  return { method: "eth_getBlockByNumber", params: [hex(number), false] };
}

function tagCall(tag: string): RpcCall {
  return { method: "eth_getBlockByNumber", params: [tag, false] };
}

function hashCall(hash: string): RpcCall {
  return { method: "eth_getBlockByHash", params: [hash, false] };
}
