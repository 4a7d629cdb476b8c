import type { Block, FetchOptions, Log, LogBlock, Range, RangeBounds } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import { BlockReader } from "./block-reader.ts";
import { BloomTest } from "./bloom.ts";
import type { FilterLimits } from "./filter-limits.ts";
import { requireNoGaps } from "./gaps.ts";
import type { HeaderCheck } from "./header-check.ts";
import {
  behind,
  blockCall,
  type Header,
  hashCall,
  logBlock,
  requireLinked,
  requireRisingTime,
  tagCall,
  unfinalOf,
} from "./headers.ts";
import { LogReader } from "./log-reader.ts";
import { plainLog } from "./logs/packed-log.ts";
import { inconsistent, mergeLogs, type PlacedBlock, quantity, type Watch } from "./logs/read-logs.ts";
import { logsOfReceipts } from "./receipts.ts";
import { isBusy, isPassing } from "./rpc/classify-errors.ts";
import type { Rpc } from "./rpc/rpc.ts";
import { hex } from "./rpc/rpc-call.ts";

/**
 * What one poll sees: the head, the node's finalized block if it knows one, and its blocks at the numbers asked for.
 */
export interface HeadSnapshot {
  readonly head: Block;
  readonly finalized: Block | null;
  readonly blocks: readonly (Block | null)[];
}

const byNumber = (a: { readonly number: number }, b: { readonly number: number }): number => a.number - b.number;

/** One node's chain, read with as few requests as the question allows. */
export class ChainNode {
  readonly #rpc: Rpc;
  readonly #watch: Watch;
  readonly #blocks: BlockReader;
  readonly #bloom: BloomTest;
  readonly logs: LogReader;

  /** `limits`: what an earlier process learned of its filters. */
  constructor(rpc: Rpc, watch: Watch, headers: HeaderCheck, limits?: FilterLimits) {
    this.logs = new LogReader(rpc, watch, limits);
    this.#rpc = rpc;
    this.#blocks = new BlockReader(rpc, headers);
    this.#watch = watch;
    this.#bloom = new BloomTest(watch);
  }

  /** A tag the node refuses or does not know is null; a node that is busy is an error. */
  #finalizedOf(outcome: LpLedgerError | { result: unknown } | undefined): Block | null {
    if (!(outcome instanceof LpLedgerError)) return this.#blocks.header(outcome?.result);
    if (isBusy(outcome)) throw outcome;
    return null;
  }

  /** Chain id and genesis hash: what tells one chain from another. */
  async identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }> {
    const [chainId, genesis] = await this.#rpc.batch([{ method: "eth_chainId", params: [] }, blockCall(0)], signal);
    const block = this.#blocks.header(genesis, 0);
    if (block === null) throw inconsistent("the node has no block 0");
    return { chainId: quantity(chainId, "eth_chainId"), genesisHash: block.hash };
  }

  /** The head, finality, and the blocks at `numbers`, in one request. */
  async pollHead(numbers: readonly number[], signal: AbortSignal): Promise<HeadSnapshot> {
    const calls = [tagCall("latest"), ...numbers.map(blockCall), tagCall("finalized")];
    const outcomes = await this.#rpc.outcomes(calls, signal);
    const [latest, ...blocks] = outcomes.slice(0, -1).map((outcome, i) => {
      if (outcome instanceof LpLedgerError) throw outcome;
      return this.#blocks.header(outcome.result, numbers[i - 1]);
    });
    if (latest == null) throw inconsistent("the node has no latest block");
    const finalized = this.#finalizedOf(outcomes.at(-1));
    // Nodes behind one URL may answer of two chains: what one calls final says nothing of the other's head.
    if (finalized !== null && finalized.number >= latest.number && finalized.hash !== latest.hash)
      throw inconsistent(`the final block ${finalized.number} is not below the head ${latest.number}`);
    return { head: latest, finalized, blocks };
  }

  /** Headers by number, null where the node has none. */
  async blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Header | null)[]> {
    return await this.#blocks.at(numbers, signal);
  }

  /**
   * All logs of the blocks `from` to `to`, of one chain. Below `finalTo` nothing moves, and one request does: the first
   * and last header come with the logs. Above it the last header is also read in a request before and in one after,
   * since nodes may answer the parts of a batch in any order, and every block with logs is compared with its header.
   * `checked`: every block with logs is compared with its header below it, too, and the headers of these blocks are
   * read.
   */
  async range(
    from: number,
    to: number,
    bounds: RangeBounds,
    signal: AbortSignal,
    { checked, form = "first" }: FetchOptions = {},
  ): Promise<Range> {
    const moving = to > bounds.finalTo;
    const known = moving ? await this.#knownHash(to, bounds.head, signal) : undefined;
    const watched = this.#watch.size;
    const filter = this.#watch.part(0, watched);
    const where = { fromBlock: hex(from), toBlock: hex(to) };
    const around = [[blockCall(from)], blockCall(to)] as const;
    const asked = await this.logs.ask(filter, { where, form }, around, signal).catch(async (error) => {
      await requireNoGaps(this.#rpc, [from, to], error, signal);
      throw error;
    });
    const start = await this.#blocks.present(asked.first, from, signal);
    const end = await this.#blocks.present(asked.last, to, signal);
    // Of a range of one block both are the same one, which the parts of an answer may show of two chains.
    if (start.number === end.number && start.hash !== end.hash)
      throw inconsistent(`block ${to} has two hashes in one answer`);
    if (known !== undefined && known !== end.hash) throw inconsistent(`block ${to} changed while its logs were read`);
    const placed = this.logs.read(asked.logs, filter, from, to);
    this.logs.answered(filter, asked.calls, asked.logs[0], placed);
    const headers = new Map<number, Header>([start, end].map((block) => [block.number, block]));
    const numbers = moving ? [from] : [];
    for (const { number, timestampSec } of placed) {
      // A time that cannot be a block's is as if there were none.
      const isTimed = timestampSec !== null && this.#blocks.isPlausible(timestampSec);
      const isWanted = checked !== undefined || (moving && number > bounds.finalTo) || !isTimed;
      if (isWanted && !headers.has(number)) numbers.push(number);
    }
    const others = [...(checked ?? []), ...unfinalOf(from, to, bounds)];
    for (const number of others)
      if (number >= from && number <= to && !headers.has(number) && !numbers.includes(number)) numbers.push(number);
    if (moving) numbers.push(to); // Last: what is read before it, one by one without batches, is of its chain.
    for (const block of await this.#blocks.there(numbers, signal)) {
      const before = headers.get(block.number);
      if (before !== undefined && before.hash !== block.hash)
        throw inconsistent(`block ${block.number} changed while its range was read`);
      headers.set(block.number, block);
    }
    requireLinked(headers);
    const blocks: LogBlock[] = [];
    for (const each of placed) blocks.push(logBlock(each, headers.get(each.number)));
    const read = others.flatMap((number) => headers.get(number) ?? []).map(({ bloom: _, ...block }) => block);
    const loud = new Set(placed.map(({ number }) => number));
    const silent = [...headers.values()].filter(({ number }) => number >= from && number <= to && !loud.has(number));
    blocks.push(...(await this.#suspected(silent, signal)));
    blocks.sort(byNumber);
    const timed = read.length === 0 ? blocks : [...blocks, ...read].sort(byNumber);
    requireRisingTime([start, ...timed, end]);
    const isProven = [...headers.values()].every(({ isAuthentic }) => isAuthentic);
    return { from, parentHash: start.parentHash, end, blocks, by: this.#rpc.origin, watched, headers: read, isProven };
  }

  /**
   * Adds to a range the logs of addresses that were not watched yet when it was asked for: pools that a factory made in
   * it, or in a range before it that was read at the same time. The last block must still be the same.
   */
  async completed(range: Range, signal: AbortSignal): Promise<Range> {
    let whole = range;
    while ((whole.watched ?? this.#watch.size) < this.#watch.size) {
      const { from, end } = whole;
      const watched = this.#watch.size;
      const filter = this.#watch.part(whole.watched ?? 0, watched);
      const where = { fromBlock: hex(from), toBlock: hex(end.number) };
      const asked = await this.logs.ask(filter, { where, form: "listed" }, [[], blockCall(end.number)], signal);
      const again = this.#blocks.header(asked.last, end.number);
      if (again?.hash !== end.hash) throw inconsistent(`block ${end.number} changed while its range was read`);
      const placed = this.logs.read(asked.logs, filter, from, end.number);
      whole = { ...whole, watched, ...(await this.#merged(whole, placed, signal)) };
    }
    return whole;
  }

  async #merged(range: Range, placed: readonly PlacedBlock[], signal: AbortSignal): Promise<Partial<Range>> {
    const blocks = new Map(range.blocks.map((block) => [block.number, block]));
    // The parts of a batch may be answered before and after a reorg: what came is compared with headers read after it.
    const numbers = placed.length === 0 ? [] : [...placed.map(({ number }) => number), range.end.number];
    const headers = await this.#blocks.at(numbers, signal);
    if (headers.some((each) => each?.number === range.end.number && each.hash !== range.end.hash))
      throw inconsistent(`block ${range.end.number} changed while its range was read`);
    for (const each of placed) {
      const { number } = each;
      const before = blocks.get(number);
      const block = logBlock(each, headers.find((header) => header?.number === number) ?? undefined);
      if (before !== undefined && before.hash !== block.hash)
        throw inconsistent(`block ${number} has two hashes in two answers`);
      const logs = mergeLogs(number, before?.logs ?? [], block.logs);
      blocks.set(number, { ...(before ?? block), logs, content: undefined });
    }
    const isProven = range.isProven === true && headers.every((each) => each?.isAuthentic === true);
    return { blocks: [...blocks.values()].sort(byNumber), isProven };
  }

  /** The same for one block whose logs are too many for one answer: out of its receipts. */
  async rangeByReceipts(number: number, bounds: RangeBounds, signal: AbortSignal): Promise<Range> {
    const block = await this.blockByReceipts(number, signal);
    const [again = null] = number > bounds.finalTo ? await this.#blocks.at([number], signal) : [block];
    if (again?.hash !== block.hash) throw inconsistent(`block ${number} changed while its receipts were read`);
    const blocks = block.logs.length === 0 ? [] : [block];
    return {
      from: number,
      parentHash: block.parentHash,
      end: block,
      blocks,
      by: this.#rpc.origin,
      watched: this.#watch.size,
      isProven: block.isAuthentic,
    };
  }

  /** A block with the logs of our filter out of its receipts. */
  async blockByReceipts(number: number, signal: AbortSignal): Promise<Omit<Header, "bloom"> & LogBlock> {
    const [header] = await this.#rpc.batch([blockCall(number)], signal);
    const block = this.#blocks.header(header, number);
    if (block === null) throw behind(number, number);
    const logs = await logsOfReceipts(this.#rpc, block.number, header, signal);
    // Once to hear of pools that the block made, and once more with them.
    this.logs.read([logs], this.#watch.part(), number, number);
    const placed = this.logs.read([logs], this.#watch.part(), number, number);
    if (placed.some(({ hash }) => hash !== block.hash))
      throw inconsistent(`receipts of ${number} are of another block`);
    const { bloom: _, ...rest } = block;
    return { ...rest, logs: placed.flatMap(({ logs: all }) => all.map(plainLog)) };
  }

  /**
   * Blocks that came without logs although their header's bloom speaks of some: asked again by hash, then by receipts.
   */
  async #suspected(silent: readonly Header[], signal: AbortSignal): Promise<readonly LogBlock[]> {
    const found: LogBlock[] = [];
    for (const { hash, number, bloom } of silent) {
      if (!this.#bloom.suspects(bloom)) continue;
      let block = await this.blockLogs(hash, number, signal);
      if (block.logs.length === 0)
        block = await this.blockByReceipts(number, signal).catch((error) => {
          if (isPassing(error)) throw error; // Whoever was only too busy is asked again.
          return block;
        });
      signal.throwIfAborted();
      if (block.logs.length > 0 && block.hash === hash) found.push(block);
    }
    return found;
  }

  /** The hash of a block as seen in an earlier request: the poll's, where it is the head. */
  async #knownHash(number: number, head: Block, signal: AbortSignal): Promise<string> {
    if (number === head.number) return head.hash;
    const [block] = await this.#blocks.there([number], signal);
    return block?.hash ?? "";
  }

  /** The header of one block by its hash; null where the node does not have it. */
  async blockByHash(hash: Hash, signal: AbortSignal): Promise<Header | null> {
    const [answer] = await this.#rpc.batch([hashCall(hash)], signal);
    return this.#blocks.header(answer);
  }

  /** The logs of one block by its hash: the second look when an identity does not hold. */
  async blockLogs(
    hash: Hash,
    number: number,
    signal: AbortSignal,
    form: "any-address" | "each-topic" = "any-address",
  ): Promise<LogBlock> {
    let logs: readonly Log[] = [];
    let block: Header | null = null;
    // Again, where its logs tell of pools that it made.
    for (let watched = 0; watched < this.#watch.size; ) {
      const filter = this.#watch.part(watched);
      watched = this.#watch.size;
      const how = { where: { blockHash: hash }, form };
      const asked = await this.logs.ask(filter, how, [[], hashCall(hash)], signal);
      block = this.#blocks.header(asked.last);
      if (block?.number !== number || block.hash !== hash)
        throw inconsistent(`the node no longer has the block ${hash}`);
      const placed = this.logs.read(asked.logs, filter, number, number);
      if (placed.some((each) => each.hash !== hash)) throw inconsistent(`logs by hash ${hash} are of another block`);
      for (const each of placed) logs = mergeLogs(number, logs, each.logs.map(plainLog));
    }
    if (block === null) throw inconsistent("nothing is watched");
    return { ...block, logs };
  }
}
