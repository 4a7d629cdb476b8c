import { LpLedgerError } from "../core/errors.ts";
import { type FilterLimits, type Form, LogRequests } from "./filter-limits.ts";
import { joined } from "./headers.ts";
import { isList, type LogFilter, type PlacedBlock, readLogs, type Watch } from "./logs/read-logs.ts";
import { classify } from "./rpc/classify-errors.ts";
import type { Rpc } from "./rpc/rpc.ts";
import type { RpcCall } from "./rpc/rpc-call.ts";

/** Asks one node for logs, in the parts that it bears, and checks what it answers. */
export class LogReader {
  readonly #rpc: Rpc;
  readonly #watch: Watch;
  readonly #questions: LogRequests;
  /** Single blocks' logs that were refused for no known reason, since any were answered. */
  #unexplained = 0;
  #narrowings = 0;
  #dropped = 0;

  constructor(rpc: Rpc, watch: Watch, limits?: FilterLimits) {
    this.#rpc = rpc;
    this.#watch = watch;
    this.#questions = new LogRequests(limits);
  }

  get limits(): FilterLimits {
    return this.#questions.limits;
  }

  /** How often the filter was found to be what a node refused without saying so. */
  get narrowings(): number {
    return this.#narrowings;
  }

  /** Asks for a filter's logs between other calls, in the parts that the node bears. */
  async ask(
    filter: LogFilter,
    { where, form }: { readonly where: Readonly<Record<string, string>>; readonly form: Form },
    [before, after]: readonly [before: readonly RpcCall[], after: RpcCall],
    signal: AbortSignal,
  ): Promise<{
    readonly first: unknown;
    readonly last: unknown;
    readonly logs: readonly unknown[];
    readonly calls: readonly RpcCall[];
  }> {
    let isNarrowed = false;
    for (;;) {
      const calls = this.#questions.calls(filter, where, form);
      try {
        const answers = await this.#rpc.batch([...before, ...calls, after], signal);
        if (isSingleBlock(where)) this.#unexplained = 0;
        if (isNarrowed) this.#narrowings += 1;
        const logs = answers.slice(before.length, -1);
        // No logs at all may be a node's answer to a question that is too long for it, so that one is asked otherwise.
        if (form === "other" && this.#questions.isSameInOtherForm(filter) && logs.every(isEmpty))
          return await this.ask(filter, { where, form: "listed-each-topic" }, [before, after], signal);
        return { first: answers[0], last: answers.at(-1), logs, calls };
      } catch (error) {
        if (!(error instanceof LpLedgerError)) throw error;
        if (this.#questions.refused(calls, error)) continue;
        if (!this.#mayBeFilter(where, error)) throw error;
        if (!isNarrowed && !(await this.#answersLeast(filter, where, signal))) throw error;
        if (!this.#questions.refused(calls, error, true)) throw error;
        isNarrowed = true;
      }
    }
  }

  /** A single block's logs that are refused twice for a reason that nobody knows: it may be the filter. */
  #mayBeFilter(where: Readonly<Record<string, string>>, error: LpLedgerError): boolean {
    const isUnknown = error.code === "RPC_ERROR" && classify(error).kind === "unknown";
    if (!isUnknown || !isSingleBlock(where)) return false;
    this.#unexplained += 1;
    return this.#unexplained > 1;
  }

  /** Whether the smallest filter of all is answered, so that the size of a larger one is what was refused. */
  async #answersLeast(
    { addresses: [address], topics: [topic] }: LogFilter,
    where: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const call = { method: "eth_getLogs", params: [{ ...where, address: [address], topics: [[topic]] }] };
    const [outcome] = await this.#rpc.outcomes([call], signal);
    return outcome !== undefined && !(outcome instanceof LpLedgerError);
  }

  /** Removed and pending logs that answers held so far: they belong to no chain. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Reads answers to a filter that was asked in parts; what they tell of new pools is watched from now on. */
  read(answers: readonly unknown[], filter: LogFilter, from: number, to: number): readonly PlacedBlock[] {
    const whole = answers.length === 1 ? answers[0] : joined(answers);
    const placed = readLogs(whole, filter, from, to, () => {
      this.#dropped += 1;
    });
    this.#watch.learn(placed);
    return placed;
  }

  /** See `LogQuestions`. */
  answered(...answered: Parameters<LogRequests["answered"]>): void {
    this.#questions.answered(...answered);
  }
}

function isEmpty(logs: unknown): boolean {
  return isList(logs) && logs.length === 0;
}

function isSingleBlock({ blockHash, fromBlock, toBlock }: Readonly<Record<string, string>>): boolean {
  return blockHash !== undefined || fromBlock === toBlock;
}
