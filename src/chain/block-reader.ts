import type { LpLedgerError } from "../core/errors.ts";
import { requireNoGap, requireNoGaps } from "./gaps.ts";
import type { HeaderCheck } from "./header-check.ts";
import { behind, blockCall, type Header } from "./headers.ts";
import type { Rpc } from "./rpc/rpc.ts";

const HEADERS_PER_REQUEST = 100;

/** Reads one node's headers by number. */
export class BlockReader {
  readonly #rpc: Rpc;
  readonly #check: HeaderCheck;

  constructor(rpc: Rpc, check: HeaderCheck) {
    this.#rpc = rpc;
    this.#check = check;
  }

  /** See `HeaderCheck`. */
  isPlausible(timestampSec: number): boolean {
    return this.#check.isPlausible(timestampSec);
  }

  /**
   * The header that was answered, which must be of this number where it was asked for by one; null where there is none.
   */
  header(raw: unknown, number?: number): Header | null {
    return this.#check.read(raw, this.#rpc.id, number);
  }

  /** The header of a block that must be there. @throws NODE_BEHIND, or CHAIN_UNSUPPORTED where nothing can be */
  async present(raw: unknown, number: number, signal: AbortSignal): Promise<Header> {
    try {
      const header = this.header(raw, number);
      if (header !== null) return header;
      throw behind(number, number);
    } catch (error) {
      await requireNoGap(this.#rpc, number, signal);
      throw error;
    }
  }

  /** Headers by number, null where the node has none. */
  async at(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Header | null)[]> {
    const blocks: (Header | null)[] = [];
    for (let i = 0; i < numbers.length; i += HEADERS_PER_REQUEST) {
      const some = numbers.slice(i, i + HEADERS_PER_REQUEST);
      const results = await this.#rpc.batch(some.map(blockCall), signal);
      blocks.push(...some.map((number, at) => this.header(results[at], number)));
    }
    return blocks;
  }

  /** Headers of blocks that the chain is past. @throws NODE_BEHIND, or CHAIN_UNSUPPORTED where nothing can be */
  async there(numbers: readonly number[], signal: AbortSignal): Promise<readonly Header[]> {
    const blocks = await this.at(numbers, signal).catch(async (error: LpLedgerError) => {
      await requireNoGaps(this.#rpc, numbers, error, signal);
      throw error;
    });
    const headers: Header[] = [];
    for (const [i, number] of numbers.entries()) {
      const header = blocks[i] ?? null;
      if (header === null) {
        await requireNoGap(this.#rpc, number, signal);
        throw behind(number, number);
      }
      headers.push(header);
    }
    return headers;
  }
}
