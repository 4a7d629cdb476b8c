import { createServer } from "node:http";
import { type BenchBlock, benchBlocks, type Phase } from "./chain.ts";

// Serves the bench's chain from memory on a free loopback port, printed as the first line, until it is killed. Its head
// is the last block, or the one that `bench_setHead` names.
const [, , phases = "[]", owners = "0"] = process.argv;
const blocks: BenchBlock[] = [...benchBlocks(JSON.parse(phases) as Phase[], Number(owners))];
let requests = 0;
let head = blocks.length - 1;

function header({ number, hash, parentHash, timestampSec }: BenchBlock): string {
  const hex = (value: number): string => `0x${value.toString(16)}`;
  return JSON.stringify({ number: hex(number), hash, parentHash, timestamp: hex(timestampSec) });
}

function resultOf({ method, params }: { method: string; params: unknown[] }): string {
  if (method === "eth_chainId") return '"0x7a69"';
  if (method === "bench_requests") return `${requests}`;
  if (method === "bench_setHead") {
    head = Number(params[0]);
    return "true";
  }
  if (method === "eth_getBlockByNumber") {
    const number = params[0] === "latest" ? head : Number(params[0]);
    const block = number <= head ? blocks[number] : undefined;
    return block === undefined ? "null" : header(block);
  }
  if (method !== "eth_getLogs") return "null";
  const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
  const some = blocks.slice(Number(fromBlock), Math.min(Number(toBlock), head) + 1).map((block) => block.logs);
  return `[${some.filter((logs) => logs !== "").join(",")}]`;
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    requests += 1;
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string; params: unknown[] }[];
    const answers = (Array.isArray(body) ? body : [body]).map(
      (call) => `{"jsonrpc":"2.0","id":${call.id},"result":${resultOf(call)}}`,
    );
    response.setHeader("content-type", "application/json");
    response.end(Array.isArray(body) ? `[${answers.join(",")}]` : answers[0]);
  });
});
// A connection that was closed while its client was busy would look like a failure of the client's.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : ""}\n`);
});
