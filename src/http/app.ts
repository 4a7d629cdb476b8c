import { setImmediate as turn } from "node:timers/promises";
import { Hono } from "hono";
import type { Clock } from "../core/chain.ts";
import type { Programme } from "../core/programme/programme.ts";
import { factsOf } from "../store/queries/status-query.ts";
import type { Store } from "../store/store.ts";
import { asOf, HttpProblem, problem, type RequestSnapshot, tagOf } from "./answer.ts";
import { Counted } from "./cached-counts.ts";
import { type GuardOptions, guard } from "./guard.ts";
import { live } from "./live.ts";
import { type DaemonCounters, metricsOf } from "./metrics.ts";
import { API_STYLE, openApi, openApiPage } from "./openapi.ts";
import { type ReadyLimits, readinessOf } from "./ready.ts";
import { ROUTES, type Route } from "./routes.ts";

export interface AppOptions extends GuardOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly limits: ReadyLimits;
  readonly inFlightMax: number;
  readonly streamsMax: number;
  /** The dashboard's files by path. */
  readonly files: ReadonlyMap<
    string,
    { readonly type: string; readonly body: Uint8Array; readonly immutable: boolean }
  >;
  proofOf: RequestSnapshot["proofOf"];
  counters(): DaemonCounters | undefined;
  /** What could not be answered, for the daemon's log. */
  onError(error: Error): void;
  /** Around the synchronous part of every answer: somebody outside watches how long it takes. */
  busy<T>(run: () => T): T;
}

/** The read-only HTTP side over one ledger file. */
export function createApp(store: Store, programmeOf: () => Programme, options: AppOptions): Hono {
  const app = new Hono();
  const counted = new Counted(store, options.clock);
  const counts = { requests: 0, refused: 0, inFlight: 0, streams: 0 };

  app.use(guard(options, () => (counts.requests += 1)));
  app.onError((error) => {
    if (error instanceof HttpProblem) return problem(error.status, error.title, error.message);
    options.onError(error);
    return problem(500, "Internal error", "the question could not be answered; the daemon's log says why");
  });
  app.notFound((c) => problem(404, "Not found", `there is nothing at ${c.req.path}`));

  /** Lets so many questions wait at once, and answers each from one snapshot. */
  const answered = async (run: () => Promise<Response> | Response): Promise<Response> => {
    if (counts.inFlight >= options.inFlightMax) {
      counts.refused += 1;
      return problem(503, "Too many requests", `${options.inFlightMax} questions are being answered`, {
        "retry-after": "1",
      });
    }
    counts.inFlight += 1;
    try {
      await turn(); // Others that came meanwhile are counted before this one begins.
      return await run();
    } finally {
      counts.inFlight -= 1;
    }
  };
  const snapshot = <T>(run: () => T): T => options.busy(() => store.db.transaction(run)());

  for (const route of ROUTES)
    app.get(route.path.replaceAll(/\{(\w+)\}/g, ":$1"), (c) =>
      answered(() => {
        const asked = askedOf(route, c.req.param(), c.req.queries());
        const body = snapshot(() => {
          const programme = programmeOf();
          const { data, next } = route.answer(
            { store, programme, counts: () => counted.now(), proofOf: options.proofOf },
            asked,
          );
          return JSON.stringify(
            { block: asOf(store), quote: programme.quote, data, ...(next === undefined ? {} : { next }) },
            textual,
          );
        });
        return tagged(c.req.raw, `${body}\n`, "application/json");
      }),
    );

  app.get("/v1/live", live({ store, clock: options.clock, streamsMax: options.streamsMax, snapshot, counts }));
  app.get("/health", () => json({ alive: true, version: options.version }));
  app.get("/ready", () =>
    answered(() => {
      const readiness = snapshot(() =>
        readinessOf(factsOf(store, counted.now()), store.db.name, options.limits, options.clock.wallMs()),
      );
      return json(readiness, readiness.ready ? 200 : 503);
    }),
  );
  app.get("/metrics", () =>
    answered(async () => {
      const { limits, clock } = options;
      const source = { store, limits, nowMs: clock.wallMs(), counters: options.counters(), http: counts };
      const text = await snapshot(() => metricsOf({ ...source, counts: counted.now() })).metrics();
      return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
    }),
  );
  addPages(app, options);
  return app;
}

/** The API's description, and the dashboard's files. */
function addPages(app: Hono, options: AppOptions): void {
  app.get("/openapi.json", (c) =>
    tagged(c.req.raw, `${JSON.stringify(openApi(options.version, options.token !== undefined))}\n`, "application/json"),
  );
  app.get("/api", () => new Response(openApiPage(), { headers: { "content-type": "text/html; charset=utf-8" } }));
  app.get("/api.css", () => new Response(API_STYLE, { headers: { "content-type": "text/css" } }));
  for (const [path, { type, body, immutable }] of options.files)
    app.get(
      path,
      () =>
        new Response(body as Uint8Array<ArrayBuffer>, {
          headers: {
            "content-type": type,
            "cache-control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
          },
        }),
    );
}

/** Checks what was asked; every mistake at once. */
function askedOf(
  route: Route,
  params: Readonly<Record<string, string>>,
  queries: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, unknown>> {
  const twice = Object.entries(queries).find(([, values]) => values.length > 1);
  if (twice !== undefined)
    throw new HttpProblem(400, "Bad request", `${twice[0]}: expected once, found ${twice[1].length} times`);
  const query = Object.fromEntries(Object.entries(queries).map(([name, [value = ""]]) => [name, value]));
  const parsed = [route.params.safeParse(params), route.query.safeParse(query)];
  const issues = parsed.flatMap(({ error }) => error?.issues ?? []);
  if (issues.length > 0) {
    const lines = issues.map((issue) => {
      const names = issue.code === "unrecognized_keys" ? issue.keys.join(", ") : issue.path.join(".");
      return `${names}: ${issue.code === "unrecognized_keys" ? "no such parameter" : issue.message}`;
    });
    throw new HttpProblem(400, "Bad request", lines.join("; "));
  }
  return Object.assign({}, ...parsed.map(({ data }) => data)) as Readonly<Record<string, unknown>>;
}

function textual(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function json(body: object, status = 200): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

function tagged(request: Request, body: string, type: string): Response {
  const etag = tagOf(body);
  const headers = { etag, "cache-control": "no-cache" };
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((each) => each.trim().replace(/^W\//, ""));
  if (known.includes(etag)) return new Response(null, { status: 304, headers });
  return new Response(body, { headers: { ...headers, "content-type": type } });
}
