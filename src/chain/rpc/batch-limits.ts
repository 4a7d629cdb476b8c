import type { LpLedgerError } from "../../core/errors.ts";
import { classify, classifyText } from "./classify-errors.ts";
import type { RpcCall } from "./rpc-call.ts";

/** What an endpoint taught of its batches; both kept for the next start. */
export interface BatchLimits {
  /** Most calls in a request; null while it never refused one. */
  readonly batchMax: number | null;
  /** Methods that it answers only outside of batches. */
  readonly alone: readonly string[];
}

/**
 * A size that was refused without a word about batches is tried again after so many requests of the size that was not.
 */
const PATIENCE = 200;
/** At most 256 requests are answered before a larger one is tried. */
const TIMEOUTS_MAX = 8;
/** So an HTTP answer refuses a whole request, whatever it says. */
const REFUSING = new Set([400, 401, 403, 405, 413, 414, 415, 422, 500, 501]);

/** How many calls one request to an endpoint may hold, learned from what it refuses. */
export class BatchSizes {
  #max = Number.MAX_SAFE_INTEGER;
  /**
   * What was borne before a refusal that may be of something else, until all that was refused is answered in smaller
   * requests.
   */
  #doubted: { readonly max: number; readonly refused: Set<RpcCall> } | undefined;
  /** The limit is a guess: nothing named it. */
  #isGuess = false;
  #answered = 0;
  /** Most calls that are tried while larger requests were not answered in time, which passes by itself. */
  #inTime = Number.POSITIVE_INFINITY;
  /** How often that happened, and how many requests of that size were answered since. */
  #timeouts = 0;
  #answeredInTime = 0;
  readonly #alone = new Set<string>();
  /** Requests answered since a method was last learned to stand alone. */
  #sinceLone = 0;

  /** Takes over what an earlier process learned. */
  recall({ batchMax, alone }: BatchLimits): void {
    this.#max = Math.min(this.#max, Math.max(1, batchMax ?? Number.MAX_SAFE_INTEGER));
    this.#isGuess = batchMax !== null; // It may bear more by now.
    for (const method of alone) this.#alone.add(method);
  }

  get limits(): BatchLimits {
    return { batchMax: this.#max === Number.MAX_SAFE_INTEGER ? null : this.#max, alone: [...this.#alone].sort() };
  }

  /** How many of these calls, from the first on, the next request takes. */
  next(calls: readonly RpcCall[]): number {
    const lone = calls.findIndex(({ method }) => this.#alone.has(method));
    return Math.min(calls.length, this.#max, this.#inTime, lone < 0 ? calls.length : Math.max(1, lone));
  }

  /** A request was answered, whatever each answer was. */
  answered(calls: readonly RpcCall[]): void {
    const { refused } = this.#doubted ?? {};
    if (refused !== undefined) {
      for (const call of calls) refused.delete(call);
      if (refused.size === 0) this.#doubted = undefined;
    }
    this.#grow(calls.length);
    this.#sinceLone += 1;
    if (this.#sinceLone >= PATIENCE) {
      this.#sinceLone = 0;
      this.#alone.clear(); // It may have been the node's weather.
    }
    if (!this.#isGuess || calls.length < this.#max) return;
    this.#answered += 1;
    if (this.#answered < PATIENCE) return;
    this.#answered = 0;
    this.#max *= 2;
  }

  /** The more often large requests were not answered in time, the longer until the next one is tried. */
  #grow(size: number): void {
    if (size < this.#inTime) return;
    this.#answeredInTime += 1;
    if (this.#answeredInTime < 2 ** this.#timeouts) return;
    this.#answeredInTime = 0;
    this.#inTime *= 2;
  }

  /** A request was not answered in time: the next one is smaller. Of logs, fewer blocks are asked for. */
  timedOut(calls: readonly RpcCall[]): void {
    if (calls.length === 1 || calls.some(({ method }) => method === "eth_getLogs")) return;
    this.#inTime = Math.ceil(Math.min(calls.length, this.#inTime) / 2);
    this.#timeouts = Math.min(this.#timeouts + 1, TIMEOUTS_MAX);
    this.#answeredInTime = 0;
  }

  /** A request was refused whole. @returns whether smaller ones may be answered */
  isTooLarge(calls: readonly RpcCall[], error: LpLedgerError): boolean {
    const { kind, callsMax } = classify(error);
    const status = Number(error.facts["status"]);
    const hasLogs = calls.some(({ method }) => method === "eth_getLogs");
    const mayBe =
      kind === "no-batch" ||
      (error.code === "RPC_ERROR" && (kind === "unknown" || kind === "auth" || kind === "bisect")) ||
      (error.code === "RPC_BODY" && REFUSING.has(status)) ||
      (error.code === "RPC_SHAPE" && error.facts["missing"] === true) ||
      // Of logs, fewer blocks are asked for.
      (error.code === "RPC_TOO_LARGE" && !hasLogs);
    if (mayBe && calls.length > 1) {
      const named = kind === "no-batch" && callsMax === undefined ? methodIn(error) : undefined;
      const isOfOne = calls.some(({ method }) => method === named) && !this.#alone.has(named ?? "");
      if (!isOfOne || named === undefined) return this.#learn(calls, callsMax);
      this.#lone(named);
      return true;
    }
    if (mayBe) this.#restore();
    return false;
  }

  /** One call alone is refused as well: it was not the batch. */
  #restore(): void {
    if (this.#doubted === undefined) return;
    this.#max = this.#doubted.max;
    this.#doubted = undefined;
  }

  #lone(method: string): void {
    this.#alone.add(method);
    this.#sinceLone = 0;
  }

  /** One call of a batch was refused. @returns whether it may be answered in a smaller one, or alone */
  isRefused({ method }: RpcCall, batch: readonly RpcCall[], error: LpLedgerError): boolean {
    const { kind, callsMax } = classifyText(String(error.facts["text"] ?? ""), error.facts["code"]);
    if (batch.length === 1) {
      if (kind === "bisect" || kind === "no-batch") this.#restore();
      return false;
    }
    if (kind === "bisect" && method !== "eth_getLogs") return this.#learn(batch, undefined);
    if (kind !== "no-batch") return false;
    if (callsMax !== undefined) return this.#learn(batch, callsMax);
    this.#lone(method);
    return true;
  }

  /** Only a number that is named is certain. */
  #learn(calls: readonly RpcCall[], named: number | undefined): true {
    const { length: size } = calls;
    const before = this.#max;
    const isCertain = named !== undefined && named >= 1 && named < size;
    this.#max = Math.min(this.#max, isCertain ? named : Math.ceil(size / 2));
    if (isCertain) this.#doubted = undefined;
    else this.#doubted ??= { max: before, refused: new Set(calls) };
    this.#isGuess = !isCertain;
    this.#answered = 0;
    return true;
  }
}

/** The method that a refusal speaks of. */
function methodIn({ facts }: LpLedgerError): string | undefined {
  return /\b(?:eth|net|web3)_\w+/.exec(String(facts["text"] ?? ""))?.[0];
}
