import { z } from "zod";
import { ROUTES } from "./routes.ts";

const BLOCK = {
  type: ["object", "null"],
  description: "the block that the answer rests on; null before the first",
  properties: {
    number: { type: "integer" },
    hash: { type: "string" },
    time: { type: "string", description: "of the block, ISO-8601 UTC" },
    stateDigest: { type: "string", description: "equal for two ledgers that hold the same at this block" },
    final: { type: ["integer", "null"], description: "newest block that can no longer be reorganised" },
    settled: { type: ["integer", "null"], description: "up to here every block was read twice" },
  },
};
const PROBLEM = {
  type: "object",
  description: "RFC 9457",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
  },
};
const ANSWER = {
  type: "object",
  required: ["block", "quote", "data"],
  properties: {
    block: { $ref: "#/components/schemas/Block" },
    quote: { type: "object", properties: { symbol: { type: "string" }, decimals: { type: "integer" } } },
    data: {},
    next: { type: ["string", "null"], description: "send it as `after` for the next page" },
  },
};

/** The API as OpenAPI 3.1; what requests may hold comes from the schemas that check them. */
export function openApi(version: string, hasToken: boolean): object {
  const problem = (description: string) => ({
    description,
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  });
  const paths = ROUTES.map(({ path, summary, params, query }) => [
    path,
    {
      get: {
        summary,
        parameters: [...parametersOf(params, "path"), ...parametersOf(query, "query")],
        ...(hasToken ? { security: [{ token: [] }] } : {}),
        responses: {
          200: {
            description: "from one snapshot; amounts are decimal text, values are units / 10^decimals",
            headers: { ETag: { schema: { type: "string" }, description: "send it back as If-None-Match" } },
            content: { "application/json": { schema: { $ref: "#/components/schemas/Answer" } } },
          },
          304: { description: "not changed since that ETag" },
          400: problem("the request is not one"),
          404: problem("there is no such thing"),
          503: problem("too many requests at once: see Retry-After"),
        },
      },
    },
  ]);
  const live = {
    get: {
      summary: "server-sent events: `commit`, `reorg` and `day`, each with the block it rests on",
      responses: { 200: { description: "a stream", content: { "text/event-stream": { schema: { type: "string" } } } } },
    },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "lp-ledger",
      version,
      description: "Read-only. Every answer names the block it rests on and comes from one snapshot of the ledger.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths: { ...Object.fromEntries(paths), "/v1/live": live },
    components: {
      schemas: { Block: BLOCK, Problem: PROBLEM, Answer: ANSWER },
      ...(hasToken ? { securitySchemes: { token: { type: "http", scheme: "bearer" } } } : {}),
    },
  };
}

function parametersOf(schema: z.ZodObject, place: "path" | "query"): readonly object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input" });
  return Object.entries(properties).map(([name, of]) => {
    const { description, ...rest } = of as { readonly description?: string };
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

/** The document as a page, without a script. */
export function openApiPage(): string {
  const text = (raw: string): string => raw.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const rows = ROUTES.map(({ path, summary, params, query }) => {
    const fields = [...Object.entries(params.shape), ...Object.entries(query.shape)].map(([name, schema]) => {
      const { description } = schema as z.ZodType;
      return `<li><code>${text(name)}</code>${description === undefined ? "" : ` ${text(description)}`}</li>`;
    });
    return `<section><h2><code>GET ${text(path)}</code></h2><p>${text(summary)}</p>${fields.length === 0 ? "" : `<ul>${fields.join("")}</ul>`}</section>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>lp-ledger API</title>
<link rel="stylesheet" href="/api.css"><main><h1>lp-ledger API</h1><p>Read-only; every answer names the block it rests on. As a document: <a href="/openapi.json">/openapi.json</a>. The <a href="/">dashboard</a>.</p>
${rows.join("\n")}<section><h2><code>GET /v1/live</code></h2><p>server-sent events: commits, reorgs, closed days</p></section>
<section><h2><code>GET /health</code>, <code>/ready</code>, <code>/metrics</code></h2><p>for supervisors and Prometheus</p></section></main></html>\n`;
}

export const API_STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:0 auto;padding:1rem}h2{font-size:1rem;margin:1.5rem 0 0}section p{margin:.2rem 0}code{font-size:.95em}`;
