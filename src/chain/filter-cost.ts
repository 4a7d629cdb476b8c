import { logsCalls } from "./headers.ts";
import { logCount } from "./log-table.ts";
import { isList, type LogFilter, type PlacedBlock } from "./logs.ts";
import type { RpcCall } from "./rpc.ts";

/** So many logs that are not ours cost about as much as one more call with its list of a thousand addresses (decision 12). */
const FOREIGN_PER_CALL = 100;
/** Ranges until it is tried again whether leaving the addresses out costs less. */
const FILTERED_RANGES = 100;

/** Whether a long list of addresses is asked for in parts, or left out with what is ours taken from the answer. */
export class FilterCost {
  /** Ranges that are still asked for in parts. */
  #filteredLeft = 0;

  /** The calls for a range's logs, whichever cost less lately. */
  cheapest(filter: LogFilter, where: Readonly<Record<string, string>>): readonly RpcCall[] {
    const calls = logsCalls(filter, where);
    if (calls.length === 1 || this.#filteredLeft > 0) return calls;
    return [{ method: "eth_getLogs", params: [{ ...where, topics: [filter.topics] }] }];
  }

  /** A range was refused. */
  refused(): void {
    this.#filteredLeft = FILTERED_RANGES;
  }

  /** Learns from an answer how many of its logs were not ours. */
  record(filter: LogFilter, asked: readonly RpcCall[], answer: unknown, ours: readonly PlacedBlock[]): void {
    const saved = logsCalls(filter, {}).length - asked.length;
    if (saved <= 0) {
      this.#filteredLeft = Math.max(0, this.#filteredLeft - 1);
      return;
    }
    const foreign = ours.reduce((rest, block) => rest - logCount(block), isList(answer) ? answer.length : 0);
    if (foreign > FOREIGN_PER_CALL * saved) this.#filteredLeft = FILTERED_RANGES;
  }
}
