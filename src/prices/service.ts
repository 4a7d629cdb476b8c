import type { Clock } from "../core/chain.ts";
import { LpLedgerError, shown } from "../core/errors.ts";
import { parseExact } from "./numbers.ts";

/** A price service on the web. */
export interface Service {
  readonly name: "coingecko" | "defillama";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Every answer, byte for byte, before anything is made of it. */
  onResponse(response: ServiceResponse): void;
}

/** What was asked (path and query; keys travel in headers) and answered. */
export interface ServiceResponse {
  readonly service: string;
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

/** A price with the time of the sample it was. */
export interface Sample {
  readonly atSec: number;
  readonly priceE18: bigint;
}

const ATTEMPTS_MAX = 4;
const WAIT_MS_MAX = 60_000;
const BODY_CHARS_MAX = 32_000_000;

/**
 * Asks a service, and again after what it says where it is asked too often or fails. Numbers come as text.
 * @throws PRICE_SERVICE (try again later) or PRICE_REFUSED (the service will not answer this)
 */
export async function ask(service: Service, request: string, signal: AbortSignal): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    const { status, body, retryAfter } = await once(service, request, signal);
    const busy = status === 429 || status >= 500;
    if (busy && attempt < ATTEMPTS_MAX) {
      const waitMs = Math.min(WAIT_MS_MAX, retryAfter ?? 1_000 * 2 ** attempt);
      await service.clock.sleep(waitMs, signal);
      continue;
    }
    if (status === 200) {
      try {
        return parseExact(body);
      } catch {
        throw failed(service, `answered something else than JSON: ${shown(body)}`);
      }
    }
    if (busy) throw failed(service, `answered with status ${status} to ${ATTEMPTS_MAX} attempts: ${shown(body)}`);
    throw new LpLedgerError(
      "usage",
      "PRICE_REFUSED",
      `${service.name} refuses ${request}: status ${status}, ${shown(body)}`,
      {
        hint: "is the coin's id right, is the key one for this service, and does its plan reach back so far?",
      },
    );
  }
}

async function once(
  { name, url, headers, fetch, timeoutMs, onResponse }: Service,
  request: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string; readonly retryAfter: number | undefined }> {
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let response: Response;
  let body: string;
  try {
    response = await fetch(`${url.replace(/\/+$/, "")}${request}`, {
      headers: { accept: "application/json", ...headers },
      redirect: "error", // A key must not travel on.
      signal: timeout,
    });
    body = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    throw failed(
      { name },
      `could not be reached (${timeout.aborted ? `no answer in ${timeoutMs} ms` : (code ?? "it failed")})`,
    );
  }
  if (body.length > BODY_CHARS_MAX)
    throw failed({ name }, `answered ${body.length} characters, more than a price list can have`);
  onResponse({ service: name, request, status: response.status, body });
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return { status: response.status, body, retryAfter: seconds >= 0 ? seconds * 1_000 : undefined };
}

/** An answer of a shape that the service does not document. */
export function misshapen(service: Pick<Service, "name">, what: string, found: unknown): LpLedgerError {
  return failed(service, `answered in another shape: expected ${what}, found ${shown(found)}`);
}

function failed({ name }: Pick<Service, "name">, what: string): LpLedgerError {
  return new LpLedgerError("transient", "PRICE_SERVICE", `${name} ${what}`, {
    hint: "try again later; what came so far is kept",
  });
}
