import { type Block, type LogBlock, type RangeBounds, runningBack } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { TableBlock } from "./logs/log-table.ts";
import { inconsistent, isList, type PlacedBlock } from "./logs/read-logs.ts";
import type { RpcCall } from "./rpc/rpc-call.ts";
import { hex } from "./rpc/rpc-call.ts";

/** Several answers as one; what is no list stays to be refused as such. */
export function joined(answers: readonly unknown[]): unknown {
  if (!answers.every(isList)) return answers.find((each) => !isList(each));
  return answers.flatMap((each): readonly unknown[] => [...each]);
}

/**
 * Of a chain whose blocks are not numbered one by one: nothing here could tell a block that is not there from one that
 * was left out.
 */
export function unsupported(what: string): LpLedgerError {
  return new LpLedgerError("usage", "CHAIN_UNSUPPORTED", `this chain has heights without a block (${what})`, {
    hint: "such chains, Filecoin among them, are not supported: nothing was written",
  });
}

export function behind(from: number, to: number): LpLedgerError {
  return new LpLedgerError("transient", "NODE_BEHIND", `the node does not have the blocks ${from} to ${to}`);
}

/** Time never runs back from block to block; days would be closed by a time that does. */
export function requireRisingTime(blocks: readonly Pick<Block, "number" | "timestampSec">[]): void {
  const found = runningBack(blocks);
  if (found === undefined) return;
  const [before, block] = found;
  throw inconsistent(
    `block ${block.number} is said to be of the time ${block.timestampSec}, before that of block ${before.number}, ${before.timestampSec}${unitHint(before.timestampSec, block.timestampSec)}`,
  );
}

/**
 * Of neighbours that were read at different moments, each names the one below as its parent; else the chain changed in
 * between.
 */
export function requireLinked(headers: ReadonlyMap<number, Block>): void {
  for (const { number, parentHash } of headers.values()) {
    const below = headers.get(number - 1);
    if (below !== undefined && parentHash !== below.hash)
      throw inconsistent(`block ${number} does not follow the block ${number - 1} that was read beside it`);
  }
}

/** A block with what its header tells, where there is one. */
export function logBlock(block: PlacedBlock, header: Block | undefined): LogBlock {
  const { number, hash } = block;
  const timestampSec = header?.timestampSec ?? block.timestampSec;
  if (timestampSec === null) throw inconsistent(`the node has logs of block ${number} but not its header`);
  if (header !== undefined && header.hash !== hash)
    throw inconsistent(`the logs of block ${number} are of another block than its header`);
  const parentHash = header?.parentHash ?? null;
  if (block instanceof TableBlock) return block.of(parentHash, timestampSec);
  return { number, hash, parentHash, timestampSec, logs: block.logs };
}

/** A header with its bloom, which proves nothing unless the header is authentic. */
export interface Header extends Block {
  readonly bloom: unknown;
  /** Its hash was recomputed from its fields. */
  readonly isAuthentic: boolean;
}

/** Where a time is a thousand times too large or more, what it was probably counted in. */
export function unitHint(timestampSec: number, expectedSec: number): string {
  const factor = timestampSec / Math.max(1, expectedSec);
  if (factor < 500) return "";
  const unit = factor < 500_000 ? "milliseconds" : factor < 500_000_000 ? "microseconds" : "nanoseconds";
  return `: it looks like ${unit}, where seconds are expected`;
}

export function blockCall(number: number): RpcCall {
  return { method: "eth_getBlockByNumber", params: [hex(number), false] };
}

export function tagCall(tag: string): RpcCall {
  return { method: "eth_getBlockByNumber", params: [tag, false] };
}

export function hashCall(hash: string): RpcCall {
  return { method: "eth_getBlockByHash", params: [hash, false] };
}

/** A range of no more blocks brings all its headers above the final block: with the others they fit one request. */
const KEPT_HEADERS_MAX = 64;

/**
 * From the final block on every header is kept where blocks are few: a fork is known to the block, and tied to what is
 * final.
 */
export function unfinalOf(from: number, to: number, { finalTo }: RangeBounds): readonly number[] {
  const first = Math.max(from, finalTo);
  return to - from >= KEPT_HEADERS_MAX ? [] : Array.from({ length: Math.max(0, to - first + 1) }, (_, i) => first + i);
}
