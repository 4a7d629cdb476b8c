import type { Clock } from "../core/chain.ts";
import { LpLedgerError, shown } from "../core/errors.ts";
import { type HttpAnswer, readBody } from "./body.ts";
import { classify, classifyText } from "./failures.ts";
import { Pacer } from "./pacer.ts";
import { decoded, redact, secretsOf } from "./redact.ts";
import { markOf, type Scanned, scanLogs } from "./scan.ts";
import { Spare } from "./spare.ts";

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** One request as the transport makes it. */
export interface HttpRequest {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export type Fetch = (url: string, init: HttpRequest) => Promise<HttpAnswer>;

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

interface Answer {
  readonly parsed: unknown;
  /** See `scanLogs`. */
  readonly lists: Scanned["lists"];
  readonly response: HttpAnswer;
}

/**
 * JSON-RPC over HTTP. Believes nothing: every answer must be a JSON-RPC 2.0 object with our id and a result of its
 * own. Does not retry; every failure is a transient error that names the endpoint by id.
 */
export class Rpc {
  readonly #endpoint: Endpoint;
  readonly #secrets: readonly string[];
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #pacer: Pacer;
  readonly #spare = new Spare();
  #nextId = 1;
  #requests = 0;
  #failures = 0;
  #waitedMs = 0;
  #batches = true;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#pacer = new Pacer(endpoint.clock);
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

  /** From now on one call a request: some endpoints refuse batches. */
  stopBatching(): void {
    this.#batches = false;
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

  /** Sends calls as one request; results in the order of the calls. Throws if any of them failed. */
  async batch(calls: readonly RpcCall[], signal: AbortSignal): Promise<readonly unknown[]> {
    const outcomes = await this.outcomes(calls, signal);
    return outcomes.map((outcome) => {
      if (outcome instanceof LpLedgerError) throw outcome;
      return outcome.result;
    });
  }

  /** The same, with the failure of a single call in its place. */
  async outcomes(
    calls: readonly RpcCall[],
    signal: AbortSignal,
  ): Promise<readonly (LpLedgerError | { result: unknown })[]> {
    if (!this.#batches && calls.length > 1) {
      const outcomes: (LpLedgerError | { result: unknown })[] = [];
      for (const call of calls) outcomes.push(...(await this.outcomes([call], signal)));
      return outcomes;
    }
    const first = this.#nextId;
    this.#nextId += calls.length;
    const messages = calls.map((call, i) => ({ jsonrpc: "2.0", id: first + i, ...call }));
    await this.#pacer.turn(signal);
    const request = JSON.stringify(messages.length === 1 ? messages[0] : messages);
    const logLists = calls.filter(({ method }) => method === LOGS).length;
    const { parsed: answer, lists, response } = await this.#post(request, logLists, signal);
    const unclaimed = new Set(lists.keys());
    const answers = Array.isArray(answer) ? answer : [answer];
    const byId = new Map<unknown, { result?: unknown; error?: unknown }>();
    for (const each of answers) {
      const { id } = this.#checked(each, first, calls, response);
      if (byId.has(id)) throw this.#failure("RPC_SHAPE", `answered the id ${shown(id)} twice`, calls);
      byId.set(id, each as { result?: unknown; error?: unknown });
    }
    const outcomes = calls.map((call, i) => {
      const found = byId.get(first + i);
      if (found === undefined) throw this.#failure("RPC_SHAPE", "did not answer every call of a batch", [call]);
      if (found.error !== undefined && found.error !== null) return this.#rpcError(found.error, call, response);
      if (!Object.hasOwn(found, "result")) throw this.#failure("RPC_SHAPE", "answered without a result", [call]);
      const list = call.method === LOGS ? markOf(found.result) : undefined;
      return { result: list !== undefined && unclaimed.delete(list) ? lists[list] : found.result };
    });
    if (!outcomes.some((each) => each instanceof LpLedgerError && classify(each).kind === "rate"))
      this.#pacer.answered();
    if (unclaimed.size > 0) throw this.#failure("RPC_SHAPE", "answered with logs where none were asked for", calls);
    return outcomes;
  }

  #checked(each: unknown, first: number, calls: readonly RpcCall[], response: HttpAnswer): { id: unknown } {
    const shaped = typeof each === "object" && each !== null && (each as { jsonrpc?: unknown }).jsonrpc === "2.0";
    if (!shaped) throw this.#failure("RPC_SHAPE", "answered with something that is not JSON-RPC 2.0", calls);
    const { id, error } = each as { id?: unknown; error?: unknown };
    if (typeof id === "number" && id >= first && id < first + calls.length) return { id };
    // A batch refused as a whole comes as one error without an id.
    if (id === null && error !== undefined)
      throw this.#rpcError(error, calls[0] ?? { method: "batch", params: [] }, response);
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
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      if (response.status === 429) throw this.#rateRefusal(response);
      const what = text === "" ? "an empty body" : "a body that is not JSON or was cut off";
      throw this.#failure("RPC_BODY", `answered with ${what} (HTTP ${response.status})`, [], {
        status: response.status,
      });
    }
    const hasError = !Array.isArray(parsed) && typeof parsed === "object" && parsed !== null && "error" in parsed;
    if (response.status === 429 && !hasError) throw this.#rateRefusal(response);
    return parsed;
  }

  #rateRefusal(response: HttpAnswer): LpLedgerError {
    this.#pacer.refused(retryAfterMs(response, this.#endpoint.clock));
    return this.#failure("RPC_RATE", "asks to slow down (HTTP 429)");
  }

  #rpcError(error: unknown, call: RpcCall, response: HttpAnswer): LpLedgerError {
    const { code, message } = (typeof error === "object" && error !== null ? error : {}) as {
      code?: unknown;
      message?: unknown;
    };
    const text = redact(typeof message === "string" ? message : "no message", this.#secrets).slice(0, 300);
    const { status } = response;
    if (classifyText(text, code, status).kind === "rate")
      this.#pacer.refused(retryAfterMs(response, this.#endpoint.clock));
    return this.#failure("RPC_ERROR", `refused ${call.method} with code ${shown(code)}: ${text}`, [call], {
      code,
      text,
      status,
    });
  }

  #failure(
    code: string,
    what: string,
    calls: readonly RpcCall[] = [],
    facts: Readonly<Record<string, unknown>> = {},
  ): LpLedgerError {
    const { id } = this.#endpoint;
    return new LpLedgerError("transient", code, `the node ${id} ${what}`, {
      facts: { endpoint: id, methods: calls.map((call) => call.method), ...facts },
    });
  }
}

/** `fetch` refuses URLs with a user and password: they go into the header they stand for. */
function requestOf(text: string): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(text);
  const user = `${decoded(url.username)}:${decoded(url.password)}`;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (user !== ":") headers["authorization"] = `Basic ${Buffer.from(user).toString("base64")}`;
  url.username = "";
  url.password = "";
  return { url: url.href, headers };
}

/** How long an answer asks us to wait: whole seconds or an HTTP date. */
function retryAfterMs(response: HttpAnswer, clock: Clock): number | undefined {
  const text = response.headers.get("retry-after");
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.nowMs();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

function causeOf(error: unknown): string {
  const { cause, code, name } = error as { cause?: { code?: unknown }; code?: unknown; name?: unknown };
  return String(cause?.code ?? code ?? name ?? "unknown cause");
}
