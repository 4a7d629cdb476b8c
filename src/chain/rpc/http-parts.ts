import type { Clock } from "../../core/chain.ts";
import type { HttpAnswer } from "./body.ts";
import { decoded } from "./redact.ts";

/** `fetch` refuses URLs with a user and password: they go into the header they stand for. */
export function requestOf(text: string): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(text);
  const user = `${decoded(url.username)}:${decoded(url.password)}`;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (user !== ":") headers["authorization"] = `Basic ${Buffer.from(user).toString("base64")}`;
  url.username = "";
  url.password = "";
  return { url: url.href, headers };
}

/** How long an answer asks us to wait: whole seconds or an HTTP date. */
export function retryAfterMs(response: HttpAnswer, clock: Clock): number | undefined {
  const text = response.headers.get("retry-after");
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.wallMs();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

export function causeOf(error: unknown): string {
  const { cause, code, name } = error as { cause?: { code?: unknown }; code?: unknown; name?: unknown };
  return String(cause?.code ?? code ?? name ?? "unknown cause");
}
