import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchProgramme, type ChainOptions } from "./chain.ts";
import type { Manners } from "./server.ts";

/** The built program. */
export const MAIN = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const FLOOR = fileURLToPath(new URL("floor.ts", import.meta.url));
const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));

export const PLAIN: Manners = { latencyMs: 0, rangeMax: 0, perSecond: 0 };

/** What the server says of itself and of what it was asked since the last count. */
export interface Asked {
  readonly requests: number;
  readonly refused: number;
  /** When the first of them came, in milliseconds since 1970. */
  readonly firstMs: number;
  /** When the head was asked for first. */
  readonly firstPollMs: number;
  /** Requests from one question for the head to the next. */
  readonly perPoll: readonly number[];
  readonly withLogs: number;
  readonly calls: Readonly<Record<string, number>>;
  readonly phaseEnds: readonly number[];
  readonly events: number;
  readonly blocks: number;
}

/** A chain served in its own process, and a folder for ledgers of it. */
export class Served {
  readonly url: string;
  readonly folder: string;
  readonly #server: ChildProcess;
  #runs = 0;

  private constructor(server: ChildProcess, url: string, options: ChainOptions) {
    this.#server = server;
    this.url = url;
    this.folder = mkdtempSync(join(tmpdir(), "lp-ledger-bench-"));
    writeFileSync(join(this.folder, "programme.json"), JSON.stringify(benchProgramme(options)));
  }

  static async begin(options: ChainOptions, manners: Manners = PLAIN): Promise<Served> {
    const texts = [JSON.stringify(options), JSON.stringify(manners)];
    const argv = ["--max-old-space-size=8192", "--import", "tsx", SERVER, ...texts];
    const server = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(server.stdout, "data")) as [Buffer];
    return new Served(server, `http://127.0.0.1:${port.toString().trim()}`, options);
  }

  get programme(): string {
    return join(this.folder, "programme.json");
  }

  /** The ledger of the run at hand. */
  get database(): string {
    return join(this.folder, `${this.#runs}`, "ledger.sqlite");
  }

  /** From here on another ledger, empty as yet; the one before is removed. */
  fresh(): void {
    rmSync(join(this.folder, `${this.#runs}`), { recursive: true, force: true });
    this.#runs += 1;
    mkdirSync(join(this.folder, `${this.#runs}`));
  }

  /** The real daemon; ends by itself with `--once`. */
  daemon(argv: readonly string[], env: Readonly<Record<string, string>> = {}, node: readonly string[] = []) {
    return spawn(process.execPath, [...node, MAIN, ...argv], {
      env: {
        PATH: process.env["PATH"],
        RPC_URL: this.url,
        DATABASE: this.database,
        PROGRAMME: this.programme,
        LOG_LEVEL: "warn",
        ...env,
      },
      stdio: ["ignore", "ignore", "inherit"],
      cwd: this.folder,
    });
  }

  /** The floor, from the first block to the last. */
  floor(protocol: string, lastBlock: number, blocksPerRange: number): ChildProcess {
    const argv = ["--import", "tsx", FLOOR, this.url, this.database, protocol, `${lastBlock}`, `${blocksPerRange}`];
    return spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  }

  /** Asks the server itself something. */
  async ask(method: string, params: readonly unknown[] = []): Promise<Asked> {
    const answer = await fetch(this.url, { method: "POST", body: JSON.stringify({ id: 1, method, params }) });
    return ((await answer.json()) as { result: Asked }).result;
  }

  end(): void {
    this.#server.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Peak resident memory and processor time of a running process; undefined once it is gone. */
export function usageOf(pid: number | undefined): { peakRssMb: number; cpuSeconds: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const ticks = Number(fields[11]) + Number(fields[12]);
    const peakKb = /VmHWM:\s+(\d+)/.exec(status)?.[1];
    if (peakKb === undefined) return undefined; // It is ending: its memory is already given back.
    return { peakRssMb: Math.round(Number(peakKb) / 1024), cpuSeconds: ticks / 100 };
  } catch {
    return undefined;
  }
}

/** Waits for a process to end well. @returns seconds since `startedMs`. */
export async function ended(child: ChildProcess, startedMs: number): Promise<number> {
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the daemon ended with code ${code}`);
  return (performance.now() - startedMs) / 1000;
}
