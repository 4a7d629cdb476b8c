import type { Hono } from "hono";
import { type AppOptions, createApp } from "../../src/http/app.ts";
import { withDiscovered } from "../../src/ledger/followed-pools.ts";
import { Proofs } from "../../src/runtime/proofs.ts";
import { openForReading } from "../../src/store/lifecycle/open.ts";
import { Store } from "../../src/store/store.ts";
import { atEnd } from "./ledger.ts";
import { stillClock } from "./port.ts";
import type { programmeLedger } from "./programme-ledger.ts";

/** What every answer is. */
export interface Envelope<T> {
  readonly block: { readonly number: number; readonly hash: string; readonly stateDigest: string };
  readonly quote: { readonly symbol: string; readonly decimals: number };
  readonly data: T;
  readonly next?: string | null;
}

/** The HTTP side over a test ledger's file, through a read-only connection of its own. */
export function appOf(
  of: Awaited<ReturnType<typeof programmeLedger>>,
  more: Partial<AppOptions> = {},
): { readonly app: Hono; get(path: string, headers?: Record<string, string>): Promise<Answer> } {
  const opened = openForReading(of.place.database);
  atEnd(opened.close);
  const store = new Store(opened.db, stillClock);
  const proofs = new Proofs(store);
  const app = createApp(store, () => withDiscovered(store, of.programme), {
    version: "0.0.0",
    clock: stillClock,
    limits: { lagBlocksMax: 5, lagSecondsMax: 1e9, withQuarantines: true, stallSecondsMax: 1e9, diskBytesMin: 0 },
    inFlightMax: 8,
    streamsMax: 4,
    hosts: new Set(["localhost"]),
    token: undefined,
    corsOrigins: [],
    files: new Map(),
    proofOf: (...asked) => proofs.of(...asked),
    counters: () => undefined,
    busy: (run) => run(),
    onError: (error) => {
      throw error;
    },
    ...more,
  });
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await app.request(`http://localhost${path}`, { headers });
    const text = await response.text();
    const json =
      response.headers.get("content-type")?.includes("json") === true
        ? (JSON.parse(text) as never)
        : (undefined as never);
    return { status: response.status, headers: response.headers, text, json };
  };
  return { app, get };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: never;
}
