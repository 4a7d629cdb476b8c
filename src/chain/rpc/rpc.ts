import type { Clock } from "../../core/chain.ts";
import { LpLedgerError, shown } from "../../core/errors.ts";
import { plainText } from "../../core/plain-text.ts";
import { BufferPool } from "../logs/buffer-pool.ts";
import { markOf, type Scanned, scanLogs } from "../logs/scan.ts";
import { type BatchLimits, BatchSizes } from "./batch-limits.ts";
import { type Fetch, type HttpAnswer, readBody } from "./body.ts";
import { classify, classifyText } from "./classify-errors.ts";
import { isTooDeep, pageText, type Refusal, refusalIn, refusalOf } from "./envelope.ts";
import { causeOf, requestOf, retryAfterMs } from "./http-parts.ts";
import { type Failure, nodeFailure } from "./node-error.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { redact, secretsOf } from "./redact.ts";
import type { RpcCall } from "./rpc-call.ts";

export interface Endpoint {
  /** What logs, errors and metrics call it; never its URL. */
  readonly id: string;
  /** By which a later run knows the same endpoint, whatever it is called then; never its URL. Its id unless given. */
  readonly origin?: string;
  readonly url: string;
  /** Passed in, so that tests can own it. */
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

const LOGS = "eth_getLogs";
const TEXT_MAX = 300;
const AUTH_HINT =
  "look at the key in RPC_URL: whether it is right, still valid, and allowed this chain and these methods";

/** What a call came to. */
type Outcome = LpLedgerError | { readonly result: unknown };

interface Answer {
  readonly parsed: unknown;
  /** See `scanLogs`. */
  readonly lists: Scanned["lists"];
  readonly response: HttpAnswer;
}

/**
 * JSON-RPC over HTTP. Believes nothing: every answer must be a JSON-RPC 2.0 object with our id and a result of its own;
 * a refusal counts in whatever shape it comes. Does not retry, but for smaller batches where an endpoint refuses one;
 * every failure is a transient error that names the endpoint by id.
 */
export class Rpc {
  readonly #endpoint: Endpoint;
  readonly #secrets: readonly string[];
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #pacer: RateLimiter;
  readonly #spare = new BufferPool();
  readonly #batches = new BatchSizes();
  #nextId = 1;
  #requests = 0;
  #failures = 0;
  #waitedMs = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#pacer = new RateLimiter(endpoint.clock);
    this.#secrets = secretsOf(endpoint.url);
    const { url, headers } = requestOf(endpoint.url);
    this.#url = url;
    this.#headers = headers;
  }

  get id(): string {
    return this.#endpoint.id;
  }

  get origin(): string {
    return this.#endpoint.origin ?? this.#endpoint.id;
  }

  /** Requests a second that the endpoint bears; infinite while it never refused one for its rate. */
  get perSecond(): number {
    return this.#pacer.perSecond;
  }

  /** A text without what its URL must not tell. */
  redacted(text: string): string {
    return redact(text, this.#secrets);
  }

  /** What its refusals taught of its batches. */
  get batches(): BatchLimits {
    return this.#batches.limits;
  }

  /** What an earlier process was taught. */
  recall(limits: BatchLimits): void {
    this.#batches.recall(limits);
  }

  /** HTTP requests sent so far. */
  get requests(): number {
    return this.#requests;
  }

  /** HTTP requests that failed, and how long all of them took. */
  get failures(): number {
    return this.#failures;
  }

  get waitedMs(): number {
    return this.#waitedMs;
  }

  /**
   * Sends calls as one request, or as few as the endpoint bears; results in the order of the calls. Throws if any of
   * them failed.
   */
  async batch(calls: readonly RpcCall[], signal: AbortSignal): Promise<readonly unknown[]> {
    const outcomes = await this.outcomes(calls, signal);
    return outcomes.map((outcome) => {
      if (outcome instanceof LpLedgerError) throw outcome;
      return outcome.result;
    });
  }

  /** The same, with the failure of a single call in its place. */
  async outcomes(calls: readonly RpcCall[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const outcomes = new Array<Outcome>(calls.length);
    let open = [...calls.entries()];
    while (open.length > 0) {
      const some = open.slice(0, this.#batches.next(open.map(([, call]) => call)));
      const asked = some.map(([, call]) => call);
      let answered: readonly Outcome[];
      try {
        answered = await this.#send(asked, signal);
      } catch (error) {
        if (error instanceof LpLedgerError && this.#batches.isTooLarge(asked, error)) continue;
        if (error instanceof LpLedgerError && error.code === "RPC_TIMEOUT") this.#batches.timedOut(asked);
        throw error;
      }
      const again = some.filter(([at, call], i) => {
        const outcome = answered[i] as Outcome;
        if (outcome instanceof LpLedgerError && this.#batches.isRefused(call, asked, outcome)) return true;
        outcomes[at] = outcome;
        return false;
      });
      if (again.length === 0) this.#batches.answered(asked);
      open = [...again, ...open.slice(some.length)];
    }
    return outcomes;
  }

  /** Sends calls as one request. */
  async #send(calls: readonly RpcCall[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const first = this.#nextId;
    this.#nextId += calls.length;
    const messages = calls.map((call, i) => ({ jsonrpc: "2.0", id: first + i, ...call }));
    await this.#pacer.turn(signal);
    const request = JSON.stringify(messages.length === 1 ? messages[0] : messages);
    const logLists = calls.filter(({ method }) => method === LOGS).length;
    const { parsed: answer, lists, response } = await this.#post(request, logLists, signal);
    const unclaimed = new Set(lists.keys());
    const answers = Array.isArray(answer) ? answer : [answer];
    // One refusal where a list is due is of all, whichever id it has.
    const ofAll = Array.isArray(answer) || calls.length === 1 ? undefined : refusalIn(answer);
    if (ofAll !== undefined) throw this.#refused(ofAll, calls, response);
    const byId = new Map<unknown, { result?: unknown; error?: unknown }>();
    for (const each of answers) {
      const { id } = this.#checked(each, first, calls, response);
      if (byId.has(id)) throw this.#failure("RPC_SHAPE", `answered the id ${shown(id)} twice`, calls);
      byId.set(id, each as { result?: unknown; error?: unknown });
    }
    const outcomes = calls.map((call, i) => {
      const found = byId.get(first + i);
      if (found === undefined)
        throw this.#failure("RPC_SHAPE", "did not answer every call of a batch", [call], { missing: true });
      if (found.error !== undefined && found.error !== null)
        return this.#refused(refusalOf(found.error), [call], response);
      if (!Object.hasOwn(found, "result")) throw this.#failure("RPC_SHAPE", "answered without a result", [call]);
      const list = call.method === LOGS ? markOf(found.result) : undefined;
      return { result: list !== undefined && unclaimed.delete(list) ? lists[list] : found.result };
    });
    if (!outcomes.some((each) => each instanceof LpLedgerError && classify(each).kind === "rate"))
      this.#pacer.answered();
    if (unclaimed.size > 0) throw this.#failure("RPC_SHAPE", "answered with logs where none were asked for", calls);
    return outcomes;
  }

  /** An answer of the calls from `first` on. @throws what refuses all of them, or is no answer */
  #checked(each: unknown, first: number, calls: readonly RpcCall[], response: HttpAnswer): { id: unknown } {
    const { jsonrpc, id } = (typeof each === "object" && each !== null ? each : {}) as Record<string, unknown>;
    const isOurs = typeof id === "number" && id >= first && id < first + calls.length;
    if (jsonrpc === "2.0" && isOurs) return { id };
    // A refusal of all comes as one error, mostly without an id; one with another id may be somebody else's.
    const refusal = refusalIn(each);
    const isKnown =
      refusal !== undefined && classifyText(refusal.text, refusal.code, response.status).kind !== "unknown";
    const isWhole = id === undefined || id === null || response.status >= 400 || isKnown;
    if (refusal !== undefined && isWhole) throw this.#refused(refusal, calls, response);
    if (jsonrpc !== "2.0") throw this.#failure("RPC_SHAPE", "answered with something that is not JSON-RPC 2.0", calls);
    throw this.#failure("RPC_SHAPE", `answered with the id ${shown(id)}, which is not ours`, calls);
  }

  async #post(body: string, logLists: number, signal: AbortSignal): Promise<Answer> {
    const { fetch, clock, timeoutMs } = this.#endpoint;
    const deadline = clock.deadline(timeoutMs);
    // Not AbortSignal.any: on Node 20 every such signal stays registered with a long-lived one for ever.
    const either = new AbortController();
    const abort = (): void => either.abort();
    signal.addEventListener("abort", abort);
    deadline.signal.addEventListener("abort", abort);
    this.#requests += 1;
    const startedMs = clock.nowMs();
    try {
      signal.throwIfAborted();
      const response = await fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body,
        signal: either.signal,
      });
      const { bodyBytesMax } = this.#endpoint;
      const whole = await readBody(response, this.#spare, bodyBytesMax);
      if (whole === undefined) throw this.#failure("RPC_TOO_LARGE", `answered more than ${bodyBytesMax} bytes`);
      const { text, lists } = scanLogs(whole, logLists);
      this.#spare.give(Buffer.from(whole.buffer));
      return { parsed: this.#parse(text, response), lists, response };
    } catch (error) {
      signal.throwIfAborted();
      this.#failures += 1;
      if (error instanceof LpLedgerError) throw error;
      if (deadline.signal.aborted) throw this.#failure("RPC_TIMEOUT", `did not answer within ${timeoutMs} ms`);
      throw this.#failure("RPC_UNREACHABLE", `could not be reached (${causeOf(error)})`);
    } finally {
      this.#waitedMs += clock.nowMs() - startedMs;
      signal.removeEventListener("abort", abort);
      deadline.clear();
    }
  }

  #parse(text: string, response: HttpAnswer): unknown {
    const { status } = response;
    if (isTooDeep(text)) throw this.#failure("RPC_SHAPE", "answered with JSON that nests deeper than any answer does");
    try {
      const parsed: unknown = JSON.parse(text);
      if (status !== 429 || refusalIn(parsed) !== undefined || Array.isArray(parsed)) return parsed;
    } catch {
      if (status >= 300 && status < 400) throw this.#redirected(response);
      const page = pageText(text);
      if (classifyText(page, undefined, status).kind !== "unknown")
        throw this.#refused({ code: undefined, text: page }, [], response);
      const said = page === "" || status < 400 ? "" : `: ${this.redacted(page).slice(0, TEXT_MAX)}`;
      const what = text === "" ? "an empty body" : "a body that is not JSON or was cut off";
      throw this.#failure("RPC_BODY", `answered with ${what} (HTTP ${status})${said}`, [], { status });
    }
    throw this.#refused({ code: undefined, text: "" }, [], response);
  }

  #redirected({ status, headers }: HttpAnswer): LpLedgerError {
    const to = plainText(headers.get("location") ?? "nowhere");
    return this.#failure("RPC_BODY", `redirects to ${to} (HTTP ${status}): name where it ends in RPC_URL`, [], {
      status,
    });
  }

  /** A refusal as an error; a rate is learned of it. */
  #refused(refusal: Refusal, calls: readonly RpcCall[], response: HttpAnswer): LpLedgerError {
    const { code } = refusal;
    // Before it is cut: of half a secret nobody would know that it is one.
    const text = this.redacted(refusal.text).slice(0, TEXT_MAX);
    const { status } = response;
    const { kind } = classifyText(text, code, status);
    if (kind === "rate") this.#pacer.refused(retryAfterMs(response, this.#endpoint.clock));
    const facts = { code, text, status };
    const said = text === "" ? "" : `: ${text}`;
    if (kind === "rate" && calls.length === 0)
      return this.#failure("RPC_RATE", `asks to slow down (HTTP ${status})${said}`, [], facts);
    if (kind === "auth")
      return this.#failure("RPC_ERROR", `refuses the key, or us (HTTP ${status})${said}`, calls, facts, AUTH_HINT);
    const methods = [...new Set(calls.map(({ method }) => method))].join(", ");
    const told = code === undefined ? `HTTP ${status}` : `code ${shown(code)}`;
    return this.#failure(
      "RPC_ERROR",
      `refused ${methods === "" ? "a request" : methods} with ${told}${said}`,
      calls,
      facts,
    );
  }

  #failure(...failure: Failure): LpLedgerError {
    return nodeFailure(this, ...failure);
  }
}
