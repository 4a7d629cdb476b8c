import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";

const MAIN = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));

/** Where one ledger lives and which node it follows. */
export interface Place {
  readonly rpcUrl: string;
  readonly database: string;
  readonly programme: string;
  readonly logFile: string;
  readonly more?: Readonly<Record<string, string>>;
}

function environmentOf(place: Place): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    RPC_URL: place.rpcUrl,
    DATABASE: place.database,
    PROGRAMME: place.programme,
    POLL_INTERVAL_MS: "50",
    ...place.more,
  };
}

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one command of the built program to its end. */
export function runCommand(place: Place, args: readonly string[]): Promise<Finished> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: environmentOf(place),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

/** The real daemon as a child process. */
export class Daemon {
  readonly #place: Place;
  #child: ChildProcess | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  start(args: readonly string[] = []): void {
    const log = openSync(this.#place.logFile, "a");
    this.#child = spawn(process.execPath, [MAIN, "start", ...args], {
      env: environmentOf(this.#place),
      stdio: ["ignore", "ignore", log],
    });
    closeSync(log);
  }

  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends a signal and waits until the process is gone. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (this.running) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  }

  /** Waits for the process to end by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child !== undefined && this.running) await new Promise((resolve) => child.once("exit", resolve));
    return child?.exitCode ?? null;
  }

  /** The last block the ledger holds, as another process sees it. */
  tip(): { readonly number: number; readonly hash: string } | undefined {
    if (!existsSync(this.#place.database)) return undefined;
    const db = new Database(this.#place.database, { readonly: true });
    try {
      const row = db
        .prepare<[], { block_number: number; block_hash: string }>(
          "select block_number, block_hash from processed_blocks order by block_number desc limit 1",
        )
        .get();
      return row && { number: row.block_number, hash: row.block_hash };
    } catch (error) {
      // Killed before its first migration was done.
      if (String((error as Error).message).includes("no such table")) return undefined;
      throw error;
    } finally {
      db.close();
    }
  }

  /** Waits until the ledger's tip is this block. */
  async reaches(block: { readonly number: number; readonly hash: string }, withinMs: number): Promise<void> {
    const end = Date.now() + withinMs;
    while (this.tip()?.hash !== block.hash) {
      if (!this.running) throw new Error(`the daemon ended with code ${this.exitCode}`);
      if (Date.now() > end) throw new Error(`the ledger did not reach block ${block.number} within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
