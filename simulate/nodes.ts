import type { FakeBlock } from "../test/support/fake-chain.ts";
import { answerOf } from "../test/support/node-view.ts";
import { changedBlocks, ENVELOPES, errorRow, type Fault, LIES, type RawLog, spoilLogs, TIME_LIES } from "./faults.ts";
import type { VirtualTime } from "./time.ts";

export const SECRET = "5ecr3tk3y5ecr3tk3y";

/** What all nodes of a run share. */
export interface NodesWorld {
  readonly time: VirtualTime;
  random(): number;
  /** The canonical chain now, and a branch that was left, if any. */
  canonical(): readonly FakeBlock[];
  left(): readonly FakeBlock[] | undefined;
  /** Newest final block of the canonical chain, or null while finality is not known by tag. */
  finalized(): number | null;
  /** A block is lied about once in a run, whoever lies: a lie told by everybody always cannot be found out. */
  readonly liedAbout: Set<number>;
  /** A pool of whose logs all nodes leave some out, whoever asks how, for a while. */
  poolLie: { readonly contracts: ReadonlySet<string>; readonly isHidden: (log: RawLog) => boolean } | undefined;
  /** Until then no node answers anything. */
  silentUntilMs: number;
  /** Draws which of `ENVELOPES` a request is answered with, and whether. */
  strange(): number;
  readonly injected: Map<string, number>;
  readonly violations: string[];
}

/** How nodes refuse a filter with too many topics: only the first is in our table of errors. */
const SAYINGS = ["exceed max topics", "the filter is too complex", "bad request"];

/** What a node bears of a request, and how it says so. */
export interface NodeLimits {
  /** Most calls of a batch. */
  readonly calls: number;
  readonly says: "a text" | "forbidden" | "of each call";
  /** Most addresses of a filter; where it is silent, a longer one is answered with nothing. */
  readonly addresses: number;
  /** Most topics of a filter. */
  readonly topics: number;
  readonly isSilent: boolean;
  /** Receipts of a block come without one of them. */
  readonly losesReceipts: boolean;
}

export const NO_LIMITS: NodeLimits = {
  calls: Number.POSITIVE_INFINITY,
  says: "a text",
  addresses: Number.POSITIVE_INFINITY,
  topics: Number.POSITIVE_INFINITY,
  isSilent: false,
  losesReceipts: false,
};

export interface NodeTraits {
  limits: NodeLimits;
  /** Blocks it is behind. */
  lag: number;
  /** It still shows the branch that was left. */
  onOldBranch: boolean;
  down: boolean;
  readonly chainId: number;
  /** Most blocks in a range, by this node's own wording. */
  readonly rangeMax: number;
  readonly withBlockTimestamp: boolean;
  /** Whether its headers prove their times, so that it may lie about them for as long as it likes. */
  readonly isProvable: boolean;
  /** Which way all its times are wrong, of `TIME_LIES`; null where they are not. */
  clock: number | null;
  readonly receipts: "none" | "single" | "whole";
  /** Share of requests that each fault hits. */
  faults: ReadonlyMap<Fault, number>;
  /** Share of requests that are answered in a strange form. */
  strange: number;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** One simulated node behind one URL. */
export class SimNode {
  readonly traits: NodeTraits;
  readonly #world: NodesWorld;
  /** It asked for quiet then, until then. */
  #quietFromMs = 0;
  #quietUntilMs = 0;
  /** It has no headers by number to show to the present request. */
  #blind = false;
  /** How it lies about times in the present request, and where; and which blocks it lied about in it. */
  #timeLie: { readonly in: "logs" | "headers" | "both"; readonly way: number } | undefined;
  readonly #lyingAbout = new Set<number>();
  /** What it answered last to a method, and to which id. */
  readonly #before = new Map<string, object>();

  constructor(world: NodesWorld, traits: NodeTraits) {
    this.#world = world;
    this.traits = traits;
  }

  async serve(init: RequestInit): Promise<Response> {
    const { time } = this.#world;
    const signal = init.signal ?? new AbortController().signal;
    if (time.nowMs() < this.#quietUntilMs && time.nowMs() > this.#quietFromMs)
      this.#world.violations.push("a request came before Retry-After was over");
    const calls = [JSON.parse(String(init.body))].flat() as Call[];
    const batch = String(init.body).startsWith("[");
    await time.sleep(5 + this.#pick(200), signal);
    if (time.nowMs() < this.#world.silentUntilMs) await untilGivenUp(signal);
    if (this.traits.down || this.#strikes("reset"))
      throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET" } });
    if (this.#strikes("hang")) await untilGivenUp(signal);
    if (this.#strikes("http-429")) {
      const seconds = this.#pick(3);
      this.#quietFromMs = time.nowMs();
      this.#quietUntilMs = time.nowMs() + seconds * 1000;
      return response(429, "slow down", seconds === 0 ? {} : { "retry-after": `${seconds}` });
    }
    if (this.#strikes("empty-body")) return response(200, "");
    if (this.#strikes("html")) return response(502, "<html>bad gateway</html>");
    if (this.#strikes("error-row")) {
      const { status, error } = errorRow((n) => this.#pick(n));
      const answers = calls.map(({ id }) => ({ jsonrpc: "2.0", id, error }));
      return response(status, JSON.stringify(batch ? answers : answers[0]));
    }
    const refusal = batch ? this.#refusalOf(calls) : undefined;
    if (refusal !== undefined) return refusal;
    const strange = this.#strange(calls);
    if (strange !== undefined) return strange;
    const answers: unknown[] = [];
    const torn = this.#strikes("torn-batch");
    // Nodes answer the parts of a batch in any order, and the chain may move in between.
    this.#blind = this.#strikes("no-headers");
    this.#beginTimeLie();
    for (const call of torn && this.#pick(2) === 0 ? [...calls].reverse() : calls) {
      answers.push(this.#answer(call));
      if (torn) await time.sleep(this.#pick(1_500), signal);
    }
    if (this.#strikes("answered-twice")) answers.push(answers[0]);
    if (answers.length > 1 && this.#strikes("out-of-order")) answers.reverse();
    const text = JSON.stringify(batch ? answers : answers[0]);
    return response(200, this.#strikes("truncated") ? text.slice(0, this.#pick(text.length)) : text);
  }

  #refusalOf(calls: readonly Call[]): Response | undefined {
    const { calls: most, says } = this.traits.limits;
    if (calls.length <= most) return undefined;
    this.#injected("batch-refused");
    if (says === "forbidden") return response(403, JSON.stringify({ message: "Forbidden" }));
    const error = { code: -32600, message: `the batch limit of ${most} calls is exceeded` };
    return response(
      200,
      JSON.stringify(says === "a text" ? { jsonrpc: "2.0", id: null, error } : refused(calls, error)),
    );
  }

  /** A refusal or a page in a form that no JSON-RPC has, as proxies and gateways answer. */
  #strange(calls: readonly Call[]): Response | undefined {
    const { strange } = this.#world;
    if (strange() >= this.traits.strange) return undefined;
    const [name, answer] = ENVELOPES[Math.floor(strange() * ENVELOPES.length)] as (typeof ENVELOPES)[number];
    this.#injected(name);
    const { status, text, headers } = answer(calls.map(({ id }) => id));
    return response(status, text, headers);
  }

  #injected(what: string): void {
    this.#world.injected.set(what, (this.#world.injected.get(what) ?? 0) + 1);
  }

  #beginTimeLie(): void {
    this.#lyingAbout.clear();
    const { clock } = this.traits;
    this.#timeLie = clock === null ? undefined : { in: "both", way: clock };
    for (const where of ["logs", "headers", "both"] as const)
      if (this.#strikes(`time-in-${where}`)) this.#timeLie = { in: where, way: this.#pick(TIME_LIES.length) };
  }

  /** A block's time as this node says it in the present request. What nothing proves is lied about once in a run. */
  #timeOf(where: "logs" | "headers", timestamp: string, blockNumber: number): string {
    const lie = this.#timeLie;
    if (lie === undefined || (lie.in !== where && lie.in !== "both")) return timestamp;
    const { liedAbout } = this.#world;
    if (!this.traits.isProvable && this.traits.clock === null) {
      if (liedAbout.has(blockNumber) && !this.#lyingAbout.has(blockNumber)) return timestamp;
      liedAbout.add(blockNumber);
      this.#lyingAbout.add(blockNumber);
    }
    return `0x${Math.max(1, TIME_LIES[lie.way]?.(Number(timestamp), blockNumber) ?? 0).toString(16)}`;
  }

  #answer({ id, method, params }: Call): unknown {
    // An answer that was meant for somebody else comes with that one's id.
    const before = this.#before.get(method);
    if (before !== undefined && this.#strikes("wrong-id")) return before;
    try {
      const result = this.#result(method, params);
      if (this.#strikes("no-result")) return { jsonrpc: "2.0", id };
      this.#before.set(method, { jsonrpc: "2.0", id, result });
      return { jsonrpc: "2.0", id, result: this.#strikes("null-result") ? null : result };
    } catch (error) {
      return { jsonrpc: "2.0", id, error: { code: -32000, message: (error as Error).message } };
    }
  }

  #result(method: string, params: readonly unknown[]): unknown {
    const { withBlockTimestamp, receipts, rangeMax } = this.traits;
    const blocks = this.#blocks(method, params);
    const finalized = this.#finalized(blocks);
    const chainId = this.#strikes("wrong-chain") ? 5 : this.traits.chainId;
    if (method === "eth_getLogs") {
      const { fromBlock, toBlock, address, topics } = params[0] as {
        fromBlock?: string;
        toBlock?: string;
        address?: readonly string[];
        topics: readonly [readonly string[]];
      };
      const { addresses, topics: topicsMax, isSilent } = this.traits.limits;
      if (topics[0].length > topicsMax) {
        this.#injected("topics-refused");
        throw new Error(SAYINGS[topicsMax % SAYINGS.length]);
      }
      if ((address?.length ?? 0) > addresses) {
        this.#injected(isSilent ? "long-filter-answered-with-nothing" : "filter-refused");
        if (isSilent) return [];
        throw new Error("exceed max addresses or topics per search position");
      }
      if (fromBlock !== undefined && Number(toBlock) - Number(fromBlock) >= rangeMax)
        throw new Error(`query exceeds max block range ${rangeMax}`);
    }
    const honest = this.#withoutHidden(
      method,
      answerOf({ blocks, finalized, chainId, withBlockTimestamp, receipts }, method, params),
    );
    if (method === "eth_getLogs") return this.#spoiled(honest as readonly RawLog[], params);
    if (method === "eth_getBlockByNumber" && this.#blind && String(params[0]).startsWith("0x")) return null;
    if (method === "eth_getBlockReceipts" && this.traits.limits.losesReceipts && Array.isArray(honest)) {
      this.#injected("receipt-lost");
      return honest.slice(1);
    }
    if (method.endsWith("Receipts") || method.endsWith("Receipt")) return this.#shortened(honest);
    return method.startsWith("eth_getBlockBy") ? this.#header(honest) : honest;
  }

  /** What all nodes leave out of what they say of one pool. */
  #withoutHidden(method: string, told: unknown): unknown {
    const { poolLie } = this.#world;
    if (poolLie === undefined || told === null) return told;
    const left = (logs: readonly RawLog[]): readonly RawLog[] =>
      logs.filter((log) => !poolLie.contracts.has(log.address) || !poolLie.isHidden(log));
    if (method === "eth_getLogs") return left(told as readonly RawLog[]);
    if (!method.endsWith("Receipts") && !method.endsWith("Receipt")) return told;
    const receipts = [told].flat() as unknown as readonly ({ readonly logs: readonly RawLog[] } | null)[];
    const shown = receipts.map((each) => (each === null ? each : { ...each, logs: left(each.logs) }));
    return Array.isArray(told) ? shown : shown[0];
  }

  /** The chain as this node shows it to this call. */
  #blocks(method: string, params: readonly unknown[]): readonly FakeBlock[] {
    const { canonical, left } = this.#world;
    const chain = (this.traits.onOldBranch ? left() : undefined) ?? canonical();
    const older =
      method === "eth_getBlockByNumber" && params[0] === "latest" && this.#strikes("older-head")
        ? 1 + this.#pick(4)
        : 0;
    const other = method === "eth_getLogs" && this.#strikes("other-fork") ? left() : undefined;
    return (other ?? chain).slice(0, Math.max(1, (other ?? chain).length - this.traits.lag - older));
  }

  #finalized(blocks: readonly FakeBlock[]): number | null {
    const finalized = this.#world.finalized();
    if (finalized === null || this.#strikes("no-finality")) return null;
    const back = this.#strikes("finality-backwards") ? this.#pick(20) : 0;
    return Math.max(0, Math.min(finalized - back, blocks.length - 1));
  }

  #spoiled(honest: readonly RawLog[], params: readonly unknown[]): readonly RawLog[] {
    let logs = honest;
    for (const fault of this.traits.faults.keys()) {
      const spoilt = spoilLogs(fault, logs, (n) => this.#pick(n));
      if (spoilt === logs) continue;
      const touched = changedBlocks(logs, spoilt);
      // What is asked by hash is asked for certainty: a node that lies there too cannot be found out alone.
      const certain = (params[0] as { blockHash?: string }).blockHash !== undefined;
      if (LIES.has(fault) && (certain || touched.some((block) => this.#world.liedAbout.has(block)))) continue;
      if (!this.#strikes(fault)) continue;
      if (LIES.has(fault)) for (const block of touched) this.#world.liedAbout.add(block);
      logs = spoilt;
    }
    if (this.#timeLie === undefined) return logs;
    return logs.map((log) =>
      typeof log["blockTimestamp"] === "string" && log.blockNumber !== null
        ? { ...log, blockTimestamp: this.#timeOf("logs", log["blockTimestamp"], Number(log.blockNumber)) }
        : log,
    );
  }

  /** Receipts without the first of a block's logs. */
  #shortened(honest: unknown): unknown {
    const receipts = [honest].flat() as readonly ({ readonly logs: readonly RawLog[] } | null)[];
    const at = receipts.findIndex((receipt) => (receipt?.logs.length ?? 0) > 0);
    const block = Number(receipts[at]?.logs[0]?.blockNumber);
    // Whoever asks for receipts asks for the logs by hash as well, which are honest.
    if (at < 0 || !this.#strikes("receipts-short")) return honest;
    this.#world.liedAbout.add(block);
    const short = receipts.map((receipt, i) =>
      i === at && receipt !== null ? { ...receipt, logs: receipt.logs.slice(1) } : receipt,
    );
    return Array.isArray(honest) ? short : short[0];
  }

  #header(honest: unknown): unknown {
    if (honest === null) return honest;
    const { number, timestamp } = honest as { readonly number: string; readonly timestamp: string };
    const told = this.#timeOf("headers", timestamp, Number(number));
    const block = told === timestamp ? honest : { ...honest, timestamp: told };
    if (this.#strikes("bloom-zero")) return { ...(block as object), logsBloom: `0x${"00".repeat(256)}` };
    return this.#strikes("bloom-ones") ? { ...(block as object), logsBloom: `0x${"ff".repeat(256)}` } : block;
  }

  #strikes(fault: Fault): boolean {
    const rate = this.traits.faults.get(fault);
    if (rate === undefined || this.#world.random() >= rate) return false;
    this.#injected(fault);
    return true;
  }

  #pick(below: number): number {
    return Math.floor(this.#world.random() * below);
  }
}

async function untilGivenUp(signal: AbortSignal): Promise<void> {
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

function refused(calls: readonly Call[], error: object): readonly object[] {
  return calls.map(({ id }) => ({ jsonrpc: "2.0", id, error }));
}

/** The few parts of a Response that the transport reads, without streams. */
function response(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body = (async function* () {
    yield new TextEncoder().encode(text);
  })();
  return { status, body, headers: new Headers(headers) } as unknown as Response;
}
