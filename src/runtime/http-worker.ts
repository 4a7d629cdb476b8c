import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { Programme } from "../core/programme/programme.ts";
import { createApp } from "../http/app.ts";
import { listen } from "../http/listen.ts";
import type { DaemonCounters } from "../http/metrics.ts";
import type { ReadyLimits } from "../http/ready.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { openForReading } from "../store/lifecycle/open.ts";
import { Store } from "../store/store.ts";
import { systemClock } from "./platform.ts";
import { Proofs } from "./proofs.ts";

/** What the HTTP thread is started with. */
export interface HttpWorkerData {
  readonly databasePath: string;
  readonly programme: Programme;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly token: string | undefined;
  readonly corsOrigins: readonly string[];
  readonly limits: ReadyLimits;
  readonly dashboard: string;
  /** By the steady clock, when the answer in work was begun; 0 while none is. */
  readonly busySince: BigInt64Array;
}

const IN_FLIGHT_MAX = 8;
const STREAMS_MAX = 64;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const data = workerData as HttpWorkerData;
const opened = openForReading(data.databasePath);
const store = new Store(opened.db, systemClock);
let counters: DaemonCounters | undefined;
parentPort?.on("message", (message: DaemonCounters) => {
  counters = message;
});
const proofs = new Proofs(store);
const app = createApp(store, () => withDiscovered(store, data.programme), {
  version: data.version,
  clock: systemClock,
  limits: data.limits,
  inFlightMax: IN_FLIGHT_MAX,
  streamsMax: STREAMS_MAX,
  hosts: new Set(data.hosts),
  token: data.token,
  corsOrigins: data.corsOrigins,
  files: filesOf(data.dashboard),
  proofOf: (epoch, provider, cumulative) => proofs.of(epoch, provider, cumulative),
  counters: () => counters,
  onError: (error) => parentPort?.postMessage({ problem: error.stack ?? error.message }),
  busy: (run) => {
    Atomics.store(data.busySince, 0, BigInt(systemClock.nowMs()));
    try {
      return run();
    } finally {
      Atomics.store(data.busySince, 0, 0n);
    }
  },
});
try {
  const { port } = await listen(app, data);
  parentPort?.postMessage({ port });
} catch (error) {
  parentPort?.postMessage({ failure: (error as Error).message });
}

/** The built page and its parts; a ledger without them still answers its API. */
function filesOf(folder: string): Map<string, { type: string; body: Uint8Array; immutable: boolean }> {
  const files = new Map<string, { type: string; body: Uint8Array; immutable: boolean }>();
  let names: readonly string[] = [];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return files;
  }
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const file = { type, body: readFileSync(join(folder, name)), immutable: name.includes("assets") };
    files.set(`/${name.replaceAll("\\", "/")}`, file);
    if (name === "index.html") files.set("/", file);
  }
  return files;
}
