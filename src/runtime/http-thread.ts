import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { DaemonCounters } from "../http/metrics.ts";
import type { Settings } from "../settings.ts";
import type { HttpWorkerData } from "./http-worker.ts";
import { systemClock } from "./platform.ts";
import { versionOf } from "./version.ts";

/** How long one answer may take; then the thread is ended and begun again. The indexer does not notice. */
const ANSWER_MS_MAX = 5_000;
const WATCH_MS = 250;
const HEALTHY_MS = 60_000;
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 30_000;

export interface HttpListener {
  onListening(url: string): void;
  /** An answer took too long, or the thread failed: it was begun again. */
  onRestart(reason: string, waitMs: number): void;
  /** A question could not be answered. */
  onProblem(text: string): void;
}

/** The HTTP side on a thread of its own, watched from outside. */
export class HttpThread {
  readonly #data: HttpWorkerData;
  readonly #told: HttpListener;
  readonly #script: URL;
  readonly #timer: NodeJS.Timeout;
  #worker: Worker | undefined;
  #counters: DaemonCounters | undefined;
  #restart: NodeJS.Timeout | undefined;
  #begunMs = 0;
  #failures = 0;
  #listened = false;
  #closed = false;
  #port: number;

  private constructor(data: HttpWorkerData, told: HttpListener, script: URL) {
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
    told: HttpListener,
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
    clearTimeout(this.#restart);
    await this.#worker?.terminate();
  }

  #begin(): Promise<void> {
    Atomics.store(this.#data.busySince, 0, 0n);
    this.#begunMs = systemClock.nowMs();
    const worker = new Worker(this.#script, { workerData: { ...this.#data, port: this.#port } });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      const failed = (reason: string): void => {
        reject(listenError(this.#data, reason));
        // A first start that fails is the caller's; later ones are tried again.
        if (this.#worker === worker && this.#listened) this.#again(reason);
      };
      worker.on("message", (message: FromWorker) => {
        if (message.problem !== undefined) this.#told.onProblem(message.problem);
        if (message.failure !== undefined) failed(message.failure);
        if (message.port === undefined) return;
        this.#port = message.port;
        this.#listened = true;
        if (this.#counters !== undefined) worker.postMessage(this.#counters);
        const { host } = this.#data;
        this.#told.onListening(`http://${host.includes(":") ? `[${host}]` : host}:${message.port}/`);
        resolve();
      });
      worker.once("error", (error) => failed((error as Error).message));
    });
  }

  #watch(): void {
    const since = Number(Atomics.load(this.#data.busySince, 0));
    if (since === 0 || systemClock.nowMs() - since < ANSWER_MS_MAX) return;
    this.#again(`an answer took more than ${ANSWER_MS_MAX} ms`);
  }

  /** Ends the thread and begins another: at once, and later and later where that does not last. */
  #again(reason: string): void {
    const old = this.#worker;
    if (this.#closed || old === undefined) return;
    this.#worker = undefined;
    Atomics.store(this.#data.busySince, 0, 0n);
    this.#failures = systemClock.nowMs() - this.#begunMs > HEALTHY_MS ? 0 : this.#failures + 1;
    const waitMs = this.#failures === 0 ? 0 : Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.#failures);
    this.#told.onRestart(reason, waitMs);
    void old.terminate();
    this.#restart = setTimeout(() => {
      if (!this.#closed) this.#begin().catch(() => {}); // It says so by onRestart, and comes again.
    }, waitMs);
    this.#restart.unref();
  }
}

/** What the thread says: where it listens, why it cannot, or what it could not answer. */
interface FromWorker {
  readonly port?: number;
  readonly failure?: string;
  readonly problem?: string;
}

function listenError({ host, port }: HttpWorkerData, reason: string): LpLedgerError {
  return new LpLedgerError("usage", "HTTP_LISTEN", `HTTP cannot listen on ${host}:${port}: ${reason}`, {
    hint: "another process may have that port: choose another HTTP_PORT, or leave it out to run without HTTP",
  });
}

/**
 * What the thread is started with, or undefined where HTTP is off. @throws HTTP_PUBLIC where it would be open to
 * everybody
 */
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
    hosts: ["127.0.0.1", "localhost", "::1", http.host, ...http.allowedHosts].map(hostName),
    token: http.token,
    corsOrigins: http.corsOrigins,
    limits: http.ready,
    dashboard: fileURLToPath(new URL("../../dashboard/", import.meta.url)),
    busySince: new BigInt64Array(new SharedArrayBuffer(8)),
  };
}

/** A host as URLs write it: in lower case, IPv6 in brackets. */
function hostName(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host.toLowerCase()}]` : host.toLowerCase();
}
