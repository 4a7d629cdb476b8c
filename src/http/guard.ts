import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { problem } from "./answer.ts";

export interface GuardOptions {
  /** Host names that may be asked for; anything else is somebody's page that points here. */
  readonly hosts: ReadonlySet<string>;
  readonly token: string | undefined;
  readonly corsOrigins: readonly string[];
  /** The dashboard's files by path. */
  readonly files: ReadonlyMap<string, unknown>;
}

const PREFLIGHT = {
  "access-control-allow-methods": "GET, HEAD",
  "access-control-allow-headers": "authorization, if-none-match",
  "access-control-max-age": "600",
};
const URL_CHARS_MAX = 8_192;
const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** Refuses what is not to be looked at, and says with every answer what a browser may do with it. */
export function guard(options: GuardOptions, onRequest: () => void): MiddlewareHandler {
  return async (c, next) => {
    const origin = c.req.header("origin");
    const listed = origin !== undefined && options.corsOrigins.includes(origin);
    if (c.req.method === "OPTIONS" && listed) c.res = new Response(null, { status: 204, headers: PREFLIGHT });
    else {
      const refusal = refusalOf(c.req.raw, options);
      if (refusal === undefined) {
        onRequest();
        await next();
      } else c.res = refusal;
    }
    for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
    if (options.corsOrigins.length > 0) c.res.headers.append("vary", "Origin");
    if (listed) {
      c.res.headers.set("access-control-allow-origin", origin);
      c.res.headers.set("access-control-expose-headers", "etag");
      c.res.headers.set("cross-origin-resource-policy", "cross-origin");
    }
  };
}

/** Why a request is not even looked at; undefined where it is. */
function refusalOf(request: Request, { hosts, token, files }: GuardOptions): Response | undefined {
  const { method, url, headers } = request;
  if (method !== "GET" && method !== "HEAD")
    return problem(405, "Method not allowed", "this API is read-only", { allow: "GET, HEAD" });
  if (url.length > URL_CHARS_MAX) return problem(414, "URI too long", `at most ${URL_CHARS_MAX} characters are read`);
  const { hostname, pathname } = new URL(url);
  if (!hosts.has(hostname)) return problem(421, "Misdirected request", `this server does not answer for ${hostname}`);
  // Everything but what is named here, letter by letter, asks for the token where there is one.
  if (token === undefined || ["/health", "/api", "/api.css"].includes(pathname) || files.has(pathname))
    return undefined;
  const given = /^Bearer (.+)$/.exec(headers.get("authorization") ?? "")?.[1] ?? "";
  return sameText(given, token)
    ? undefined
    : problem(401, "Unauthorized", "a bearer token is needed", { "www-authenticate": "Bearer" });
}

/** Compares without telling by time how much of it was right. */
function sameText(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
