import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Phase, USUAL } from "./chain.ts";
import { measureRewards } from "./rewards.ts";
import { ended, Served, usageOf } from "./served.ts";
import { measureState } from "./state.ts";

const USAGE = `npm run bench [-- --events 200000] [-- --rounds 3] [-- --json]
npm run bench -- memory [--sizes 50000,200000,500000] [--json]
npm run bench -- state [--accounts 100000] [--days 30] [--json]
npm run bench -- rewards [--accounts 10000] [--json]

Serves a V3 pool's life from memory over HTTP in its own process, and follows it from an empty file to the head: by the
floor (the smallest program that leaves the same event and pool-state rows behind, see bench/floor.ts) and by the real
daemon, in turn. With "memory": once for each size; is memory flat, whatever the length of history? With "state": how long
the usual questions and chores take on a large ledger. With "rewards": 30 weeks of a programme, calculated and exported.
Linux only (it reads /proc).
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
    events: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    sizes: { type: "string", default: "50000,200000,500000" },
    accounts: { type: "string" },
    days: { type: "string", default: "30" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help || positionals.some((each) => !["memory", "state", "rewards"].includes(each)))
  process.stdout.write(USAGE);
else if (positionals[0] === "memory") {
  const measured: Measured[] = [];
  for (const events of values.sizes.split(",").map(Number)) measured.push(await measure(events));
  if (values.json) process.stdout.write(`${JSON.stringify(measured)}\n`);
  else console.table(measured);
} else if (positionals[0] !== undefined) {
  const figures =
    positionals[0] === "state"
      ? await measureState(Number(values.accounts ?? 100_000), Number(values.days))
      : measureRewards(Number(values.accounts ?? 10_000));
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else console.table(figures);
} else {
  const events = Number(values.events);
  const rounds: { readonly floor: number; readonly daemon: Measured }[] = [];
  for (let i = 0; i < Number(values.rounds); i++) {
    rounds.push({ floor: await measureFloor(events), daemon: await measure(events) });
    const { floor, daemon } = rounds.at(-1) as (typeof rounds)[number];
    process.stderr.write(`round ${i + 1}: floor ${floor}/s, daemon ${daemon.eventsPerSecond}/s\n`);
  }
  const of = (pick: (round: (typeof rounds)[number]) => number): number => medianOf(rounds.map(pick));
  const summary = {
    eventsPerSecond: of(({ daemon }) => daemon.eventsPerSecond),
    floorEventsPerSecond: of(({ floor }) => floor),
    ratio: Number(of(({ floor, daemon }) => daemon.eventsPerSecond / floor).toFixed(3)),
    requests: of(({ daemon }) => daemon.requests),
    peakRssMb: of(({ daemon }) => daemon.peakRssMb),
    databaseBytes: of(({ daemon }) => daemon.databaseBytes),
    cpuSeconds: of(({ daemon }) => daemon.cpuSeconds),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else console.table([summary]);
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function phaseOf(events: number): Phase {
  return { events, logsPerBlock: 10, secondsPerBlock: 12, mix: USUAL };
}

/** Events a second of the floor. */
async function measureFloor(events: number): Promise<number> {
  const served = await Served.begin([phaseOf(events)], 2_000);
  try {
    const startedMs = performance.now();
    const seconds = await ended(served.floor(Math.ceil(events / 10)), startedMs);
    return Math.round(events / seconds);
  } finally {
    served.end();
  }
}

async function measure(events: number): Promise<Measured> {
  const served = await Served.begin([phaseOf(events)], 2_000);
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
