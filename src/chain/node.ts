import type { Block, LogBlock, Range } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { type Hash, toHash } from "../core/hex.ts";
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
  #finalizedKnown = true;

  constructor(rpc: Rpc, filter: LogFilter) {
    this.#rpc = rpc;
    this.#filter = filter;
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
    const tagged: RpcCall[] = this.#finalizedKnown ? [tagCall("finalized")] : [];
    const calls = [tagCall("latest"), ...numbers.map(blockCall), ...tagged];
    let results: readonly unknown[];
    try {
      results = await this.#rpc.batch(calls, signal);
    } catch (error) {
      const refused = error instanceof LpLedgerError && error.code === "RPC_ERROR" && this.#finalizedKnown;
      if (!refused) throw error;
      // Some nodes refuse the tag instead of answering null; ask without it, and never again with it.
      this.#finalizedKnown = false;
      return this.sight(numbers, signal);
    }
    const head = readBlock(results[0]);
    if (head === null) throw inconsistent("the node has no latest block");
    const blocks = numbers.map((_, i) => readBlock(results[1 + i]));
    const finalized = tagged.length === 0 ? null : readBlock(results[1 + numbers.length]);
    return { head, finalized, blocks };
  }

  /** Headers by number, null where the node has none. */
  async blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]> {
    const blocks: (Block | null)[] = [];
    for (let i = 0; i < numbers.length; i += HEADERS_PER_REQUEST) {
      const results = await this.#rpc.batch(numbers.slice(i, i + HEADERS_PER_REQUEST).map(blockCall), signal);
      blocks.push(...results.map(readBlock));
    }
    return blocks;
  }

  /**
   * All logs of the blocks `from` to `to`. The hash of `to` is read before and after the logs in one request, so the
   * answer belongs to one chain; logs of the outer blocks must carry the hashes of their headers.
   */
  async range(from: number, to: number, signal: AbortSignal): Promise<Range> {
    const logsCall = this.#logsCall({ fromBlock: hex(from), toBlock: hex(to) });
    const calls = [blockCall(to), blockCall(from), logsCall, blockCall(to)];
    const [before, first, logs, after] = await this.#rpc.batch(calls, signal);
    const [endBefore, start, end] = [readBlock(before), readBlock(first), readBlock(after)];
    if (endBefore === null || start === null || end === null) {
      throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have the blocks ${from} to ${to}`);
    }
    if (endBefore.hash !== end.hash) throw inconsistent(`block ${to} changed while its logs were read`);
    const placed = readLogs(logs, this.#filter, from, to);
    for (const each of placed) {
      for (const outer of [start, end]) {
        if (each.blockNumber === outer.number && each.blockHash !== outer.hash) {
          throw inconsistent(`the logs of block ${outer.number} are of another block ${each.blockHash}`);
        }
      }
    }
    return { from, parentHash: start.parentHash, end, blocks: await this.#toBlocks(placed, [start, end], signal) };
  }

  /** The logs of one block by its hash: the second look when an identity does not hold. */
  async blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock> {
    const [answer, header] = await this.#rpc.batch([this.#logsCall({ blockHash: hash }), hashCall(hash)], signal);
    const block = readBlock(header);
    if (block === null || block.number !== number) throw inconsistent(`the node no longer has the block ${hash}`);
    const placed = readLogs(answer, this.#filter, number, number);
    if (placed.some((each) => each.blockHash !== hash)) throw inconsistent(`logs by hash ${hash} are of another block`);
    return { ...block, logs: placed.map((each) => each.log) };
  }

  #logsCall(where: Readonly<Record<string, string>>): RpcCall {
    const { addresses, topics } = this.#filter;
    return { method: "eth_getLogs", params: [{ ...where, address: addresses, topics: [topics] }] };
  }

  /** Groups logs by block; headers are read only for blocks whose logs carry no time. */
  async #toBlocks(
    placed: readonly PlacedLog[],
    held: readonly Block[],
    signal: AbortSignal,
  ): Promise<readonly LogBlock[]> {
    const groups = new Map<number, PlacedLog[]>();
    for (const each of placed) {
      const group = groups.get(each.blockNumber);
      if (group === undefined) groups.set(each.blockNumber, [each]);
      else group.push(each);
    }
    const headers = new Map(held.map((block) => [block.number, block]));
    const timeless = [...groups].filter(([number, [first]]) => first?.timestampSec === null && !headers.has(number));
    const read = await this.blocksAt(
      timeless.map(([number]) => number),
      signal,
    );
    for (const block of read) if (block !== null) headers.set(block.number, block);
    return [...groups].map(([number, group]) => logBlock(number, group, headers.get(number)));
  }
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

/** A header, checked; null where the node has none. */
function readBlock(raw: unknown): Block | null {
  if (raw === null || raw === undefined) return null;
  const block = raw as Record<string, unknown>;
  return {
    number: quantity(block["number"], "block.number"),
    hash: toHash(block["hash"]),
    parentHash: toHash(block["parentHash"]),
    timestampSec: quantity(block["timestamp"], "block.timestamp"),
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
