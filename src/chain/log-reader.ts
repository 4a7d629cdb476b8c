import { LpLedgerError } from "../core/errors.ts";
import { type FilterLimits, type Form, LogRequests } from "./filter-limits.ts";
import { joined } from "./headers.ts";
import { isList, type LogFilter, type PlacedBlock, readLogs, type Watch } from "./logs/read-logs.ts";
import { classify } from "./rpc/classify-errors.ts";
import type { Rpc } from "./rpc/rpc.ts";
import type { RpcCall } from "./rpc/rpc-call.ts";

/** Of which blocks logs are asked for, and how the filter is put. */
interface How {
  readonly where: Readonly<Record<string, string>>;
  readonly form: Form;
}

/** Calls of the same request, before and after those for logs. */
type Around = readonly [before: readonly RpcCall[], after: RpcCall];

interface LogAnswer {
  /** Of the first and the last call. */
  readonly first: unknown;
  readonly last: unknown;
  readonly logs: readonly unknown[];
  /** The calls for logs. */
  readonly calls: readonly RpcCall[];
}

/** Asks one node for logs, in the parts that it bears, and checks what it answers. */
export class LogReader {
  readonly #rpc: Rpc;
  readonly #watch: Watch;
  readonly #requests: LogRequests;
  /** Single blocks' logs that were refused for no known reason, since any were answered. */
  #unexplained = 0;
  #narrowings = 0;
  #dropped = 0;

  constructor(rpc: Rpc, watch: Watch, limits?: FilterLimits) {
    this.#rpc = rpc;
    this.#watch = watch;
    this.#requests = new LogRequests(limits);
  }

  get limits(): FilterLimits {
    return this.#requests.limits;
  }

  /** How often the filter was found to be what a node refused without saying so. */
  get narrowings(): number {
    return this.#narrowings;
  }

  /** Asks for a filter's logs between other calls, in the parts that the node bears. */
  async ask(filter: LogFilter, how: How, around: Around, signal: AbortSignal): Promise<LogAnswer> {
    const asked = await this.#ask(filter, how, around, signal);
    const isNewQuestion = how.form !== "other" || !this.#requests.isSameInOtherForm(filter);
    if (isNewQuestion || !asked.logs.every(isEmpty)) return asked;
    // No logs at all may be a node's answer to a question that is too long for it, so that one is asked otherwise.
    return await this.#ask(filter, { where: how.where, form: "listed-each-topic" }, around, signal);
  }

  async #ask(
    filter: LogFilter,
    { where, form }: How,
    [before, after]: Around,
    signal: AbortSignal,
  ): Promise<LogAnswer> {
    let isNarrowed = false;
    for (;;) {
      const calls = this.#requests.calls(filter, where, form);
      try {
        const answers = await this.#rpc.batch([...before, ...calls, after], signal);
        if (isSingleBlock(where)) this.#unexplained = 0;
        if (isNarrowed) this.#narrowings += 1;
        return { first: answers[0], last: answers.at(-1), logs: answers.slice(before.length, -1), calls };
      } catch (error) {
        if (!(error instanceof LpLedgerError)) throw error;
        if (this.#requests.refused(calls, error)) continue;
        if (!this.#mayBeFilter(where, error)) throw error;
        if (!isNarrowed && !(await this.#answersLeast(filter, where, signal))) throw error;
        if (!this.#requests.refused(calls, error, true)) throw error;
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

  /** See `LogRequests`. */
  answered(...answered: Parameters<LogRequests["answered"]>): void {
    this.#requests.answered(...answered);
  }
}

function isEmpty(logs: unknown): boolean {
  return isList(logs) && logs.length === 0;
}

function isSingleBlock({ blockHash, fromBlock, toBlock }: Readonly<Record<string, string>>): boolean {
  return blockHash !== undefined || fromBlock === toBlock;
}
