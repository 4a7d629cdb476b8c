import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Phase, USUAL } from "./chain.ts";
import { measureRewards } from "./rewards.ts";
import { ended, Served, usageOf } from "./served.ts";
import { measureState } from "./state.ts";

const USAGE = `npm run bench [-- --events 50000,200000,500000] [-- --json]
npm run bench -- state [--accounts 100000] [--days 30] [--json]
npm run bench -- rewards [--accounts 10000] [--json]

Serves a V3 pool's life from memory over HTTP in its own process, and follows it with the real daemon from an empty file
to the head, once for each size: is memory flat, whatever the length of history? With "state": how long the usual
questions and chores take on a large ledger. With "rewards": 30 weeks of a programme, calculated and exported. Linux only (it reads /proc).
`;

interface Measured {
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly peakRssMb: number;
  readonly cpuSeconds: number;
  readonly databaseBytes: number;
  readonly requests: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: "string", default: "50000,200000,500000" },
    accounts: { type: "string" },
    days: { type: "string", default: "30" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help || positionals.some((each) => !["state", "rewards"].includes(each))) process.stdout.write(USAGE);
else if (positionals[0] !== undefined) {
  const figures =
    positionals[0] === "state"
      ? await measureState(Number(values.accounts ?? 100_000), Number(values.days))
      : measureRewards(Number(values.accounts ?? 10_000));
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else console.table(figures);
} else {
  const measured: Measured[] = [];
  for (const events of values.events.split(",").map(Number)) measured.push(await measure(events));
  if (values.json) process.stdout.write(`${JSON.stringify(measured)}\n`);
  else console.table(measured);
}

async function measure(events: number): Promise<Measured> {
  const phase: Phase = { events, logsPerBlock: 10, secondsPerBlock: 12, mix: USUAL };
  const served = await Served.begin([phase], 2_000);
  try {
    const startedMs = performance.now();
    const daemon = served.daemon(["start", "--once"]);
    let usage = { peakRssMb: 0, cpuSeconds: 0 };
    const sampling = setInterval(() => {
      usage = usageOf(daemon.pid) ?? usage;
    }, 50);
    const seconds = await ended(daemon, startedMs);
    clearInterval(sampling);
    const requests = Number(await served.ask("bench_requests")) - 1;
    const eventsPerSecond = Math.round(events / seconds);
    return { events, eventsPerSecond, ...usage, databaseBytes: statSync(served.database).size, requests };
  } finally {
    served.end();
  }
}
