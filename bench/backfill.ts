import { statSync } from "node:fs";
import Database from "better-sqlite3";
import type { ChainOptions } from "./chain.ts";
import { fingerprintOf } from "./compare.ts";
import { ended, type Served, usageOf } from "./served.ts";

/** One run of the daemon from an empty file to the head. */
export interface Measured {
  /** From its first request to its end: its start is counted as little as the floor's. */
  readonly seconds: number;
  readonly peakRssMb: number;
  readonly cpuSeconds: number;
  readonly databaseBytes: number;
  readonly requests: number;
  readonly refused: number;
  readonly calls: Readonly<Record<string, number>>;
}

/** Follows the served chain from an empty file; without settling unless it is asked for. */
export async function measureDaemon(
  served: Served,
  settling: boolean,
  env: Readonly<Record<string, string>> = {},
  node: readonly string[] = [],
): Promise<Measured> {
  served.fresh();
  await served.ask("bench_count");
  const startedMs = performance.now();
  const daemon = served.daemon(["start", "--once"], { SETTLING: settling ? "1" : "0", ...env }, node);
  let usage = { peakRssMb: 0, cpuSeconds: 0 };
  const sampling = setInterval(() => {
    usage = usageOf(daemon.pid) ?? usage;
  }, 50);
  await ended(daemon, startedMs).finally(() => clearInterval(sampling));
  const endedMs = Date.now();
  const { requests, refused, firstMs, calls } = await served.ask("bench_ask");
  const seconds = (endedMs - firstMs) / 1000;
  return { seconds, ...usage, databaseBytes: statSync(served.database).size, requests, refused, calls };
}

/** Seconds of the floor. */
export async function measureFloor(
  served: Served,
  { protocol }: ChainOptions,
  blocks: number,
  blocksPerRange: number,
): Promise<number> {
  served.fresh();
  const floor = served.floor(protocol, blocks, blocksPerRange);
  let said = "";
  floor.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await ended(floor, 0);
  return Number(said);
}

/** One floor and one daemon, in turn, with the same rows left behind. @throws where they are not the same. */
export async function measureRound(served: Served, options: ChainOptions, blocks: number, blocksPerRange: number) {
  const floorSeconds = await measureFloor(served, options, blocks, blocksPerRange);
  const expected = fingerprintOf(served.database);
  const daemon = await measureDaemon(served, false);
  const rows = countRows(served.database);
  const found = fingerprintOf(served.database);
  if (found !== expected) throw new Error(`the floor left ${expected}; the daemon ${found}`);
  return { floorSeconds, daemon, rows };
}

/** Rows by table. */
export function countRows(path: string): Readonly<Record<string, number>> {
  const db = new Database(path, { readonly: true });
  try {
    const tables = db
      .prepare<[], string>("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
      .pluck();
    return Object.fromEntries(
      tables.all().map((name) => [name, Number(db.prepare(`select count(*) from "${name}"`).pluck().get())]),
    );
  } finally {
    db.close();
  }
}
