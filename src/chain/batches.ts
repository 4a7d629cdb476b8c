import type { LpLedgerError } from "../core/errors.ts";
import { classify, classifyText } from "./failures.ts";
import type { RpcCall } from "./rpc-call.ts";

/** What an endpoint taught of its batches; both kept for the next start. */
export interface BatchLimits {
  /** Most calls in a request; null while it never refused one. */
  readonly batchMax: number | null;
  /** Methods that it answers only outside of batches. */
  readonly alone: readonly string[];
}

/** A size that was refused without a word about batches is tried again after so many requests of the size that was not. */
const PATIENCE = 200;
/** So an HTTP answer refuses a whole request, whatever it says. */
const REFUSING = new Set([400, 401, 403, 405, 413, 414, 415, 422, 500, 501]);

/** How many calls one request to an endpoint may hold, learned from what it refuses. */
export class Batches {
  #max = Number.MAX_SAFE_INTEGER;
  /** What was borne before a refusal that may be of something else, until a smaller request is answered. */
  #doubted: number | undefined;
  /** The limit is a guess: nothing named it. */
  #isGuess = false;
  #answered = 0;
  readonly #alone = new Set<string>();

  /** Takes over what an earlier process learned. */
  recall({ batchMax, alone }: BatchLimits): void {
    this.#max = Math.min(this.#max, batchMax ?? Number.MAX_SAFE_INTEGER);
    this.#isGuess = batchMax !== null; // It may bear more by now.
    for (const method of alone) this.#alone.add(method);
  }

  get limits(): BatchLimits {
    return { batchMax: this.#max === Number.MAX_SAFE_INTEGER ? null : this.#max, alone: [...this.#alone].sort() };
  }

  /** How many of these calls, from the first on, the next request takes. */
  next(calls: readonly RpcCall[]): number {
    const lone = calls.findIndex(({ method }) => this.#alone.has(method));
    return Math.min(calls.length, this.#max, lone < 0 ? calls.length : Math.max(1, lone));
  }

  /** A request of so many calls was answered, whatever each answer was. */
  answered(size: number): void {
    this.#doubted = undefined;
    if (!this.#isGuess || size < this.#max) return;
    this.#answered += 1;
    if (this.#answered < PATIENCE) return;
    this.#answered = 0;
    this.#max *= 2;
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
      // Of logs, fewer blocks are asked for.
      (error.code === "RPC_TOO_LARGE" && !hasLogs);
    if (mayBe && calls.length > 1) {
      const named = kind === "no-batch" && callsMax === undefined ? methodIn(error) : undefined;
      const isOfOne = calls.some(({ method }) => method === named) && !this.#alone.has(named ?? "");
      if (!isOfOne || named === undefined) return this.#learn(calls.length, callsMax, kind === "no-batch");
      this.#alone.add(named);
      return true;
    }
    // One call alone is refused as well: it was not the batch.
    if (mayBe && this.#doubted !== undefined) {
      this.#max = this.#doubted;
      this.#doubted = undefined;
    }
    return false;
  }

  /** One call of a batch was refused. @returns whether it may be answered in a smaller one, or alone */
  isRefused({ method }: RpcCall, size: number, error: LpLedgerError): boolean {
    const { kind, callsMax } = classifyText(String(error.facts["text"] ?? ""), error.facts["code"]);
    if (size === 1) return false;
    if (kind === "bisect" && method !== "eth_getLogs") return this.#learn(size, undefined, false);
    if (kind !== "no-batch") return false;
    if (callsMax !== undefined) return this.#learn(size, callsMax, true);
    this.#alone.add(method);
    return true;
  }

  #learn(size: number, named: number | undefined, isCertain: boolean): true {
    const before = this.#max;
    const smaller = named !== undefined && named >= 1 && named < size ? named : Math.ceil(size / 2);
    this.#max = Math.min(this.#max, smaller);
    if (isCertain) this.#doubted = undefined;
    else this.#doubted ??= before;
    this.#isGuess = !isCertain;
    this.#answered = 0;
    return true;
  }
}

/** The method that a refusal speaks of. */
function methodIn({ facts }: LpLedgerError): string | undefined {
  return /\b(?:eth|net|web3)_\w+/.exec(String(facts["text"] ?? ""))?.[0];
}
