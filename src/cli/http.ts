import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme.ts";
import type { DaemonCounters } from "../http/metrics.ts";
import type { Settings } from "../settings.ts";
import type { HttpWorkerData } from "./http-worker.ts";

/** How long one answer may take; then the thread is ended and begun again. The indexer does not notice. */
const ANSWER_MS_MAX = 5_000;
const WATCH_MS = 250;
const RESTARTS_MAX = 1_000;

export interface HttpTold {
  onListening(url: string): void;
  /** An answer took too long, or the thread failed: it was begun again. */
  onRestart(reason: string): void;
}

/** The HTTP side on a thread of its own, watched from outside. */
export class HttpThread {
  readonly #data: HttpWorkerData;
  readonly #told: HttpTold;
  readonly #script: URL;
  readonly #timer: NodeJS.Timeout;
  #worker: Worker | undefined;
  #counters: DaemonCounters | undefined;
  #restarts = 0;
  #closed = false;
  #port: number;

  private constructor(data: HttpWorkerData, told: HttpTold, script: URL) {
    this.#data = data;
    this.#told = told;
    this.#script = script;
    this.#port = data.port;
    this.#timer = setInterval(() => this.#watch(), WATCH_MS);
    this.#timer.unref();
  }

  /** @throws HTTP_LISTEN when the address cannot be listened on */
  static async start(
    data: HttpWorkerData,
    told: HttpTold,
    script = new URL("./http-worker.js", import.meta.url),
  ): Promise<HttpThread> {
    const thread = new HttpThread(data, told, script);
    try {
      await thread.#begin();
    } catch (error) {
      await thread.close();
      throw error;
    }
    return thread;
  }

  get port(): number {
    return this.#port;
  }

  /** What only this thread knows, for /metrics. */
  tell(counters: DaemonCounters): void {
    this.#counters = counters;
    this.#worker?.postMessage(counters);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#worker?.terminate();
  }

  #begin(): Promise<void> {
    Atomics.store(this.#data.busySince, 0, 0n);
    const worker = new Worker(this.#script, { workerData: { ...this.#data, port: this.#port } });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      const failed = (reason: string): void => {
        reject(listenError(this.#data, reason));
        if (this.#worker === worker && this.#port !== 0) this.#again(reason);
      };
      worker.once("message", (message: { readonly port?: number; readonly failure?: string }) => {
        if (message.port === undefined) {
          reject(listenError(this.#data, message.failure ?? "it did not say why"));
          return;
        }
        this.#port = message.port;
        if (this.#counters !== undefined) worker.postMessage(this.#counters);
        this.#told.onListening(
          `http://${this.#data.host.includes(":") ? `[${this.#data.host}]` : this.#data.host}:${message.port}/`,
        );
        resolve();
      });
      worker.once("error", (error) => failed((error as Error).message));
    });
  }

  #watch(): void {
    const since = Number(Atomics.load(this.#data.busySince, 0));
    if (since === 0 || Date.now() - since < ANSWER_MS_MAX) return;
    this.#again(`an answer took more than ${ANSWER_MS_MAX} ms`);
  }

  #again(reason: string): void {
    const old = this.#worker;
    this.#worker = undefined;
    if (this.#closed || old === undefined || this.#restarts >= RESTARTS_MAX) return;
    this.#restarts += 1;
    Atomics.store(this.#data.busySince, 0, 0n);
    this.#told.onRestart(reason);
    void old.terminate().then(() => (this.#closed ? undefined : this.#begin().catch(() => {})));
  }
}

function listenError({ host, port }: HttpWorkerData, reason: string): LpLedgerError {
  return new LpLedgerError("usage", "HTTP_LISTEN", `HTTP cannot listen on ${host}:${port}: ${reason}`, {
    hint: "another process may have that port: choose another HTTP_PORT, or leave it out to run without HTTP",
  });
}

/** What the thread is started with, or undefined where HTTP is off. @throws HTTP_PUBLIC where it would be open to everybody */
export function httpDataOf({ http, databasePath }: Settings, programme: Programme): HttpWorkerData | undefined {
  if (http.port === undefined) return undefined;
  const loopback = ["127.0.0.1", "::1", "localhost"].includes(http.host);
  if (!loopback && http.token === undefined && !http.insecurePublic)
    throw new LpLedgerError(
      "usage",
      "HTTP_PUBLIC",
      `HTTP would listen on ${http.host}, open to everybody who reaches it`,
      {
        hint: "name a file with a token in HTTP_TOKEN_FILE, or set HTTP_INSECURE_PUBLIC=1 where something else keeps strangers out",
      },
    );
  return {
    databasePath,
    programme,
    version: versionOf(),
    host: http.host,
    port: http.port,
    hosts: ["127.0.0.1", "localhost", "[::1]", "::1", http.host, ...http.allowedHosts],
    token: http.token,
    corsOrigins: http.corsOrigins,
    limits: http.ready,
    dashboard: fileURLToPath(new URL("../../dashboard/", import.meta.url)),
    busySince: new BigInt64Array(new SharedArrayBuffer(8)),
  };
}

function versionOf(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
