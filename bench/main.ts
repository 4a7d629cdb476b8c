import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benchProgramme } from "./chain.ts";

const MAIN = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));

const USAGE = `npm run bench [-- --events 50000,200000,500000] [-- --json]

Serves a V3 pool's life from memory over HTTP in its own process, and follows it with the real daemon from an empty file
to the head, once for each size: is memory flat, whatever the length of history? Linux only (it reads /proc).
`;

interface Measured {
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly peakRssMb: number;
  readonly cpuSeconds: number;
  readonly databaseBytes: number;
  readonly requests: number;
}

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "50000,200000,500000" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else {
  const measured: Measured[] = [];
  for (const events of values.events.split(",").map(Number)) measured.push(await measure(events));
  if (values.json) process.stdout.write(`${JSON.stringify(measured)}\n`);
  else console.table(measured);
}

async function measure(events: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "lp-ledger-bench-"));
  const server = spawn(process.execPath, ["--import", "tsx", SERVER, `${events}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = (await once(server.stdout, "data")) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}`;
    const database = join(folder, "ledger.sqlite");
    writeFileSync(join(folder, "programme.json"), JSON.stringify(benchProgramme()));
    const env = {
      PATH: process.env["PATH"],
      RPC_URL: url,
      DATABASE: database,
      PROGRAMME: join(folder, "programme.json"),
      LOG_LEVEL: "warn",
    };
    const startedMs = performance.now();
    const daemon = spawn(process.execPath, [MAIN, "start", "--once"], { env, stdio: ["ignore", "inherit", "inherit"] });
    let usage = { peakRssMb: 0, cpuSeconds: 0 };
    const sampling = setInterval(() => {
      usage = usageOf(daemon.pid) ?? usage;
    }, 50);
    const [code] = (await once(daemon, "exit")) as [number | null];
    clearInterval(sampling);
    if (code !== 0) throw new Error(`the daemon ended with code ${code}`);
    const seconds = (performance.now() - startedMs) / 1000;
    const answer = await fetch(url, {
      method: "POST",
      body: JSON.stringify({ id: 1, method: "bench_requests", params: [] }),
    });
    const { result: requests } = (await answer.json()) as { result: number };
    return {
      events,
      eventsPerSecond: Math.round(events / seconds),
      ...usage,
      databaseBytes: statSync(database).size,
      requests: requests - 1,
    };
  } finally {
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Peak resident memory and processor time of a running process; undefined once it is gone. */
function usageOf(pid: number | undefined): { peakRssMb: number; cpuSeconds: number } | undefined {
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
