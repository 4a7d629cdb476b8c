import { bitsOf } from "../../src/chain/bloom.ts";
import type { FakeBlock, FakeLog } from "./fake-chain.ts";

/** What one node shows of a block tree: a chain of blocks by number, and how it answers. */
export interface NodeView {
  readonly blocks: readonly FakeBlock[];
  readonly finalized: number | null;
  readonly chainId: number;
  readonly withBlockTimestamp: boolean;
  /** Which calls for receipts the node knows. */
  readonly receipts: "none" | "single" | "whole";
}

/** What an honest node with this view answers. @throws with the message of the error it would answer. */
export function answerOf(view: NodeView, method: string, params: readonly unknown[]): unknown {
  switch (method) {
    case "eth_chainId":
      return hex(view.chainId);
    case "eth_getBlockByNumber":
      return header(byTag(view, String(params[0])));
    case "eth_getBlockByHash":
      return header(view.blocks.find((block) => block.hash === params[0]));
    case "eth_getBlockReceipts":
      if (view.receipts !== "whole") throw new Error("the method eth_getBlockReceipts does not exist");
      return receiptsOf(view, byTag(view, String(params[0])));
    case "eth_getTransactionReceipt":
      if (view.receipts === "none") throw new Error("the method eth_getTransactionReceipt does not exist");
      return (
        view.blocks
          .filter((block) => block.logs.some((log) => log.transactionHash === params[0]))
          .flatMap((block) => receiptsOf(view, block))
          .find((receipt) => receipt.transactionHash === params[0]) ?? null
      );
    case "eth_getLogs":
      return logs(view, params[0] as Readonly<Record<string, unknown>>);
    default:
      throw new Error(`the method ${method} does not exist`);
  }
}

function byTag({ blocks, finalized }: NodeView, tag: string): FakeBlock | undefined {
  if (tag === "latest") return blocks.at(-1);
  if (tag === "finalized") return finalized === null ? undefined : blocks[finalized];
  return blocks[Number(tag)];
}

function logs(view: NodeView, filter: Readonly<Record<string, unknown>>): unknown {
  const byHash = filter["blockHash"];
  const from = Number(filter["fromBlock"]);
  const to = Number(filter["toBlock"]);
  if (byHash === undefined && from > (view.blocks.at(-1)?.number ?? 0))
    throw new Error("block range extends beyond current head block");
  const blocks =
    byHash === undefined ? view.blocks.slice(from, to + 1) : view.blocks.filter((block) => block.hash === byHash);
  if (byHash !== undefined && blocks.length === 0) throw new Error("unknown block");
  const addresses = filter["address"] as readonly string[] | undefined;
  const [topics] = filter["topics"] as readonly (readonly string[])[];
  return blocks.flatMap((block) =>
    block.logs
      .filter((log) => (addresses?.includes(log.address) ?? true) && topics?.includes(log.topics[0] ?? ""))
      .map((log) => logOf(view, block, log)),
  );
}

function logOf({ withBlockTimestamp }: NodeView, block: FakeBlock, log: FakeLog) {
  return {
    ...log,
    transactionIndex: hex(log.transactionIndex),
    logIndex: hex(log.logIndex),
    blockNumber: hex(block.number),
    blockHash: block.hash,
    removed: false,
    ...(withBlockTimestamp ? { blockTimestamp: hex(block.timestampSec) } : {}),
  };
}

/** The receipts of a block's transactions that left logs. */
function receiptsOf(view: NodeView, block: FakeBlock | undefined) {
  if (block === undefined) return [];
  const hashes = [...new Set(block.logs.map((log) => log.transactionHash))];
  return hashes.map((transactionHash) => ({
    transactionHash,
    logs: block.logs.filter((log) => log.transactionHash === transactionHash).map((log) => logOf(view, block, log)),
  }));
}

function header(block: FakeBlock | undefined): unknown {
  if (block === undefined) return null;
  const { number, hash, parentHash, timestampSec, header: fields } = block;
  const transactions = [...new Set(block.logs.map((log) => log.transactionHash))];
  if (fields !== undefined) return { ...fields, hash, transactions };
  return {
    number: hex(number),
    hash,
    parentHash,
    timestamp: hex(timestampSec),
    transactions,
    logsBloom: bloomOf(block),
    fieldOfAnotherForm: "0x1", // So that nothing can be proven by the hash.
  };
}

const bits = new Map<string, readonly number[]>();
const blooms = new WeakMap<FakeBlock, string>();

export function bloomOf(block: FakeBlock): string {
  const known = blooms.get(block);
  if (known !== undefined) return known;
  const bytes = Buffer.alloc(256);
  for (const value of block.logs.flatMap((log) => [log.address, ...log.topics])) {
    const found = bits.get(value) ?? bitsOf(value);
    bits.set(value, found);
    for (const bit of found) bytes[255 - (bit >> 3)] = (bytes[255 - (bit >> 3)] ?? 0) | (1 << (bit & 7));
  }
  const bloom = `0x${bytes.toString("hex")}`;
  blooms.set(block, bloom);
  return bloom;
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
