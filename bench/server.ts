import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchBlock, benchBlocks, type ChainOptions, headerOf } from "./chain.ts";

/** How the endpoint behaves beside being right. */
export interface Manners {
  readonly latencyMs: number;
  /** Most blocks a range may have; 0: any. */
  readonly rangeMax: number;
  /** Requests a second; what is more is refused with 429. 0: any. */
  readonly perSecond: number;
}

// Serves the bench's chain from memory on a free loopback port, which is printed as the first line, until it is killed.
// Its head is the last block, or the one that `bench_setHead` names; 32 blocks below it are final.
const [, , chain = "{}", manners = "{}"] = process.argv;
const { latencyMs, rangeMax, perSecond } = JSON.parse(manners) as Manners;
const FINAL_DEPTH = 32;
const SLAB_BYTES = 2 ** 26;

/** Logs lie one after another in slabs outside the heap, so that a range of blocks is a slice or two. */
const slabs: Buffer[] = [];
let slabEnd = SLAB_BYTES;
const headers: (Omit<BenchBlock, "logs"> & { readonly slab: number; readonly from: number; readonly to: number })[] =
  [];
const byHash = new Map<string, number>();
const phaseEnds: number[] = [];

for (const { logs, ...block } of benchBlocks(JSON.parse(chain) as ChainOptions)) {
  const text = logs === "" ? "" : `${logs},`;
  if (slabEnd + text.length > SLAB_BYTES) {
    slabs.push(Buffer.allocUnsafe(SLAB_BYTES));
    slabEnd = 0;
  }
  slabs.at(-1)?.write(text, slabEnd, "latin1");
  headers.push({ ...block, slab: slabs.length - 1, from: slabEnd, to: slabEnd + text.length });
  byHash.set(block.hash, block.number);
  slabEnd += text.length;
  if (block.phase >= 0) phaseEnds[block.phase] = block.number;
}

let head = headers.length - 1;
const NONE = { requests: 0, refused: 0, firstMs: 0, firstPollMs: 0 };
let asked = { ...NONE, calls: {} as Record<string, number>, perPoll: [] as number[] };

/** The logs of some blocks as the parts of a JSON list. */
function logsOf(from: number, to: number): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let number = from; number <= to; ) {
    const first = headers[number];
    if (first === undefined) break;
    let end = first.to;
    for (number += 1; number <= to && headers[number]?.slab === first.slab; number += 1)
      end = headers[number]?.to ?? end;
    const slab = slabs[first.slab];
    if (slab !== undefined && end > first.from) parts.push(slab.subarray(first.from, end));
  }
  const last = parts.at(-1);
  if (last !== undefined) parts[parts.length - 1] = last.subarray(0, -1); // Without the comma after the last log.
  return [Buffer.from("["), ...parts, Buffer.from("]")];
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

function headerAt(number: number): string {
  const block = number <= head ? headers[number] : undefined;
  return block === undefined
    ? "null"
    : JSON.stringify({ ...headerOf(block), hash: block.hash, transactions: [], uncles: [] });
}

function numberOf(tag: unknown): number {
  if (tag === "latest") return head;
  if (tag === "finalized" || tag === "safe") return Math.max(0, head - FINAL_DEPTH);
  return Number(tag);
}

/** The result of a call as JSON, in parts; an error as an object. */
function answerTo({ method, params }: Call): readonly Buffer[] | { readonly code: number; readonly message: string } {
  const text = (json: string): readonly Buffer[] => [Buffer.from(json)];
  if (method === "eth_chainId") return text('"0x7a69"');
  if (method === "eth_getBlockByNumber") return text(headerAt(numberOf(params[0])));
  if (method === "eth_getBlockByHash") return text(headerAt(byHash.get(String(params[0])) ?? Number.NaN));
  if (method !== "eth_getLogs") return { code: -32601, message: `the method ${method} does not exist` };
  const { fromBlock, toBlock, blockHash } = params[0] as { fromBlock: string; toBlock: string; blockHash?: string };
  const named = blockHash === undefined ? undefined : byHash.get(blockHash);
  const [from, to] = named === undefined ? [Number(fromBlock), Math.min(Number(toBlock), head)] : [named, named];
  if (rangeMax > 0 && to - from + 1 > rangeMax)
    return { code: -32005, message: `query exceeds max block range ${rangeMax}` };
  return logsOf(from, to);
}

/** What the bench asks of the server itself: it counts as no request. */
function benchAnswer({ method, params }: Call): unknown {
  if (method === "bench_setHead") head = Number(params[0]);
  if (method === "bench_count") asked = { ...NONE, calls: {}, perPoll: [] };
  const events = headers.reduce((sum, { logCount }) => sum + logCount, 0);
  const withLogs = headers.filter(({ logCount }) => logCount > 0).length;
  return { ...asked, head, phaseEnds, events, withLogs, blocks: headers.length - 1 };
}

/** Tokens come in evenly; a tenth of a second's worth may be saved up. */
let tokens = perSecond / 10;
let filledMs = performance.now();

function isAllowed(): boolean {
  if (perSecond === 0) return true;
  const now = performance.now();
  tokens = Math.min(Math.max(1, perSecond / 10), tokens + ((now - filledMs) * perSecond) / 1000);
  filledMs = now;
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => void answer(Buffer.concat(chunks).toString()).catch(() => response.destroy()));

  async function answer(text: string): Promise<void> {
    const body = JSON.parse(text) as Call | readonly Call[];
    const calls = Array.isArray(body) ? (body as readonly Call[]) : [body as Call];
    response.setHeader("content-type", "application/json");
    const [first] = calls;
    if (first?.method.startsWith("bench_")) {
      response.end(JSON.stringify({ jsonrpc: "2.0", id: first.id, result: benchAnswer(first) }));
      return;
    }
    if (asked.requests === 0) asked.firstMs = Date.now();
    asked.requests += 1;
    if (calls.some(({ params }) => params[0] === "latest")) {
      if (asked.perPoll.length === 0) asked.firstPollMs = Date.now();
      asked.perPoll.push(0);
    }
    if (asked.perPoll.length > 0) asked.perPoll.push((asked.perPoll.pop() ?? 0) + 1);
    const allowed = isAllowed();
    if (latencyMs > 0) await sleep(latencyMs);
    if (!allowed) {
      asked.refused += 1;
      response.statusCode = 429;
      response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"too many requests, slow down"}}');
      return;
    }
    const parts: Buffer[] = [];
    for (const [i, call] of calls.entries()) {
      asked.calls[call.method] = (asked.calls[call.method] ?? 0) + 1;
      const result = answerTo(call);
      const opening = `${i > 0 ? "," : Array.isArray(body) ? "[" : ""}{"jsonrpc":"2.0","id":${call.id},`;
      if ("code" in result) parts.push(Buffer.from(`${opening}"error":${JSON.stringify(result)}}`));
      else parts.push(Buffer.from(`${opening}"result":`), ...result, Buffer.from("}"));
    }
    if (Array.isArray(body)) parts.push(Buffer.from("]"));
    response.setHeader(
      "content-length",
      parts.reduce((sum, part) => sum + part.length, 0),
    );
    response.cork();
    for (const part of parts) response.write(part);
    response.end();
  }
});
// A connection that was closed while its client was busy would look like a failure of the client's.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : ""}\n`);
});
