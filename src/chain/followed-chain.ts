import type { AddressFacts } from "../core/address-facts.ts";
import type { ContractCall } from "../core/amm/contract-call.ts";
import type { Block, Clock, FetchOptions, Log, LogBlock, Range, RangeBounds } from "../core/chain.ts";
import { poolCreated } from "../core/decode/factories.ts";
import { relevantTopics } from "../core/decode/routes.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Address, Hash } from "../core/hex.ts";
import { addressesOf, type Programme } from "../core/programme/programme.ts";
import { ContractFacts } from "./contracts/contract-facts.ts";
import { ContractReader } from "./contracts/contract-reader.ts";
import type { Endpoint, EndpointListener, Expected } from "./endpoint.ts";
import type { EndpointHealth, EndpointLimits } from "./endpoint-health.ts";
import { Endpoints } from "./endpoints.ts";
import { HeaderCheck } from "./header-check.ts";
import { saying } from "./logs/range-codec.ts";
import { Watch } from "./logs/read-logs.ts";
import { ChainNode, type HeadSnapshot } from "./node.ts";
import { OldState } from "./old-state.ts";
import { type RangeLimits, Ranges } from "./ranges.ts";
import type { Rpc } from "./rpc/rpc.ts";

export interface FollowOptions extends EndpointListener {
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: RangeLimits;
  /** How far a block's time may be ahead of the clock. */
  readonly clockDriftSec?: number;
  /** What a block's logs amount to: computed where they are read. */
  readonly contentOf: (block: LogBlock) => string;
  /** What an endpoint must agree on before it is used; asked each time. */
  expected?(): Expected;
  /** What an earlier process learned of an endpoint. */
  limitsOf?(origin: string): EndpointLimits | undefined;
}

const CLOCK_DRIFT_SEC = 900;

/** The chain behind one or several endpoints, with the logs of one programme's pools: what the daemon follows. */
export class FollowedChain {
  readonly #endpoints: Endpoints;
  readonly #headers: HeaderCheck;
  /** Who gave the last second reading. */
  #second: Endpoint | undefined;

  constructor(rpcs: readonly Rpc[], programme: Programme, options: FollowOptions) {
    const { clock, random, limits } = options;
    const factories = new Map(programme.factories.map((each) => [each.address, each]));
    const created = (log: Log, block: number): readonly Address[] =>
      poolCreated(factories, log, block)?.contracts ?? [];
    const filter = { addresses: addressesOf(programme), topics: relevantTopics(programme) };
    const watch = new Watch(filter, factories.size > 0 ? created : undefined);
    const headers = new HeaderCheck({
      chainId: programme.chainId,
      nowMs: () => clock.wallMs(),
      clockDriftSec: options.clockDriftSec ?? CLOCK_DRIFT_SEC,
      hasRecomputed: () => options.expected?.().recomputes === true,
      onUnauthenticated: (id, why) => options.onUnauthenticated?.(id, why),
    });
    this.#headers = headers;
    const endpoints = rpcs.map((rpc) => {
      const learned = options.limitsOf?.(rpc.origin);
      if (learned !== undefined) rpc.recall(learned);
      const node = new ChainNode(rpc, watch, headers, learned);
      const cap = learned?.blocksMax ?? undefined;
      const ranges = new Ranges(node, clock, random, limits, options.contentOf, cap);
      return { rpc, node, ranges, oldState: new OldState(learned?.stateLackedTo) };
    });
    const expected = options.expected ?? ((): Expected => ({ chainId: programme.chainId }));
    this.#endpoints = new Endpoints(endpoints, clock, expected, options);
  }

  async identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }> {
    const endpoint = await this.#endpoints.choose(signal);
    return this.#endpoints.on(endpoint, async () => {
      const seen = await endpoint.node.identity(signal);
      this.#endpoints.isOurs(endpoint, seen); // Where nobody is ours, the caller names the chain that all of them serve.
      return seen;
    });
  }

  /** Begins a unit of work: chooses the endpoint that all calls until the next sight go to. */
  async pollHead(numbers: readonly number[], signal: AbortSignal): Promise<HeadSnapshot> {
    const endpoint = await this.#endpoints.choose(signal);
    const sight = await this.#endpoints.on(endpoint, async () => {
      // One that only stands in may be of another chain, whatever it was before.
      if (!this.#endpoints.isSure(endpoint) && !this.#endpoints.isOurs(endpoint, await endpoint.node.identity(signal)))
        throw new LpLedgerError("transient", "WRONG_CHAIN", "no node is left that serves our chain");
      return await endpoint.node.pollHead(numbers, signal);
    });
    this.#endpoints.saw(endpoint, sight.head);
    return sight;
  }

  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]> {
    const { current } = this.#endpoints;
    return this.#endpoints.on(current, () => current.node.blocksAt(numbers, signal));
  }

  blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock> {
    const { current } = this.#endpoints;
    return this.#endpoints.on(current, () => current.node.blockLogs(hash, number, signal));
  }

  async *ranges(
    from: number,
    to: number,
    bounds: RangeBounds,
    signal: AbortSignal,
    how?: FetchOptions,
  ): AsyncGenerator<Range> {
    const { current } = this.#endpoints;
    try {
      yield* current.ranges.read(from, to, bounds, signal, how);
    } catch (error) {
      if (!signal.aborted) this.#endpoints.failed(current, error);
      throw error;
    }
  }

  async *refetch(
    from: number,
    to: number,
    finalTo: number,
    signal: AbortSignal,
    firstBy?: string,
    checked: readonly number[] = [],
  ): AsyncGenerator<Range> {
    const other = await this.#endpoints.other(signal, firstBy);
    this.#second = other;
    try {
      const [head] = await other.node.blocksAt([to], signal);
      if (head == null)
        throw new LpLedgerError("transient", "NODE_BEHIND", `the node ${other.rpc.id} lacks block ${to}`);
      // What is final costs one request a range, and one header for each block with logs.
      for await (const range of other.ranges.read(from, to, { head, finalTo }, signal, { checked, form: "other" })) {
        const isByFirst = range.isProven !== true && other.rpc.origin === firstBy && this.#endpoints.areSeveral;
        yield isByFirst ? saying(range, { isByFirst }) : range;
      }
    } catch (error) {
      if (!signal.aborted) this.#endpoints.failed(other, error);
      throw error;
    }
  }

  async confirm(
    hash: Hash,
    number: number,
    signal: AbortSignal,
  ): Promise<{ readonly block: LogBlock; readonly byReceipts: boolean }> {
    const answers: LogBlock[] = [];
    let byReceipts = false;
    for (const { node } of new Set([await this.#endpoints.other(signal), this.#endpoints.current])) {
      answers.push(await node.blockLogs(hash, number, signal, "each-topic"));
      // Not every node has receipts; the answer of one that has them counts.
      const receipts = await node.blockByReceipts(number, signal).catch(() => undefined);
      signal.throwIfAborted();
      if (receipts?.hash !== hash) continue;
      answers.push(receipts);
      byReceipts = true;
    }
    const block = fullest(answers);
    if (answers.every(({ timestampSec }) => timestampSec === block.timestampSec)) return { block, byReceipts };
    const timestampSec = await this.blockTime(hash, number, signal);
    if (timestampSec !== null) return { block: { ...block, timestampSec }, byReceipts };
    const times = [...new Set(answers.map((each) => each.timestampSec))].join(" and ");
    throw new LpLedgerError("transient", "TIME_DISPUTED", `block ${number} is said to be of the times ${times}`);
  }

  /**
   * The time of a block: that of its header, where it hashes to this; else the one that two endpoints agree on, or that
   * the only one there is says twice. Null without agreement.
   */
  async blockTime(hash: Hash, number: number, signal: AbortSignal): Promise<number | null> {
    const said: { readonly endpoint: Endpoint; readonly timestampSec: number }[] = [];
    const askTime = async (endpoint: Endpoint): Promise<number | null> => {
      const header = await this.#endpoints
        .on(endpoint, () => endpoint.node.blockByHash(hash, signal))
        .catch(() => null);
      signal.throwIfAborted();
      if (header?.hash !== hash || header.number !== number) return null;
      const { timestampSec, isAuthentic } = header;
      if (isAuthentic || said.some((each) => each.timestampSec === timestampSec)) return timestampSec;
      said.push({ endpoint, timestampSec });
      return null;
    };
    for (const endpoint of await this.#endpoints.serving(signal)) {
      const agreed = await askTime(endpoint);
      if (agreed !== null) return agreed;
    }
    const [only] = said;
    return only !== undefined && !this.#endpoints.areSeveral ? await askTime(only.endpoint) : null;
  }

  reportInconsistent(error: LpLedgerError): void {
    if (this.#second !== undefined) this.#endpoints.failed(this.#second, error);
  }

  /**
   * What contracts answer at a block; see `ContractReader`. Where the endpoint in use no longer has that state, another
   * one may.
   */
  async call(
    questions: readonly ContractCall[],
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]> {
    const { current } = this.#endpoints;
    const askOf = ({ rpc, oldState }: Endpoint) =>
      oldState.call(blockNumber, () => new ContractReader(rpc).call(questions, blockNumber, signal));
    const askCurrent = () => this.#endpoints.on(current, () => askOf(current));
    // Whoever is known to lack that state is asked after all others.
    const first = current.oldState.lacks(blockNumber) ? undefined : await askCurrent();
    if (first !== undefined && !(first instanceof LpLedgerError)) return first;
    const others = (await this.#endpoints.serving(signal)).filter(({ rpc }) => rpc !== current.rpc);
    const lacks = ({ oldState }: Endpoint): number => Number(oldState.lacks(blockNumber));
    for (const other of others.sort((a, b) => lacks(a) - lacks(b))) {
      const answers = await askOf(other).catch(() => undefined);
      if (answers !== undefined && !(answers instanceof LpLedgerError)) return answers;
    }
    const last = first ?? (await askCurrent());
    if (last instanceof LpLedgerError) throw last;
    return last;
  }

  /** What stands behind some addresses; see `ContractFacts`. */
  behind(addresses: readonly Address[], signal: AbortSignal): Promise<readonly AddressFacts[]> {
    const { current } = this.#endpoints;
    const facts = new ContractFacts(new ContractReader(current.rpc));
    return this.#endpoints.on(current, () => facts.behind(addresses, signal));
  }

  rotate(reason: string): void {
    this.#endpoints.rotate(reason);
  }

  health(): readonly EndpointHealth[] {
    return this.#endpoints.health().map((each) => ({ ...each, headers: this.#headers.stateOf(each.id) }));
  }
}

/** The answer that contains every other: nodes leave logs out, they do not make them up. */
function fullest(answers: readonly LogBlock[]): LogBlock {
  const [most] = [...answers].sort((a, b) => b.logs.length - a.logs.length);
  const keysOf = ({ logs }: LogBlock): readonly string[] => logs.map((log) => JSON.stringify(log));
  const all = new Set(most === undefined ? [] : keysOf(most));
  if (most !== undefined && answers.every((each) => keysOf(each).every((key) => all.has(key)))) return most;
  throw new LpLedgerError(
    "transient",
    "READINGS_DIFFER",
    `block ${most?.number} has logs in one answer that another one contradicts`,
  );
}
