import { parseArgs } from "node:util";
import { measureAttack } from "./attack.ts";
import { measureDaemon, measureRound } from "./backfill.ts";
import { type ChainOptions, usualPhase } from "./chain.ts";
import { measureBytes, measureGrowth, measureStart, measureUndo } from "./growth.ts";
import { measureMachine } from "./machine.ts";
import { measureLatency, measurePaced, measurePolls } from "./node.ts";
import { profileDaemon } from "./profile.ts";
import { measureRewards } from "./rewards.ts";
import { Served } from "./served.ts";
import type { Manners } from "./server.ts";
import { measureState } from "./state.ts";

const USAGE = `npm run bench [-- <what>] [flags]

Serves a deterministic, consistent chain from memory over HTTP in a process of its own, and follows it with the real
daemon from an empty file to the head. Linux only (it reads /proc).

  npm run bench                 the floor (bench/floor.ts: the smallest program that leaves the same event and pool-state
                                rows behind) and the daemon, in turn; then once with settling, and what it costs
  npm run bench -- profile      where the daemon's time goes, by function
  npm run bench -- memory       one run for each size: is memory flat, whatever the length of history?
  npm run bench -- paced        against an endpoint with 50 ms latency, 2,000-block caps, 25 requests/s, and sparse blocks
  npm run bench -- polls        requests of a poll at the head
  npm run bench -- latency      from a block mined on anvil to its row, by polling and with newHeads
  npm run bench -- growth       with more pools, open accounts, days
  npm run bench -- bytes        of the file, per LP event, state and day
  npm run bench -- undo         64 blocks with 10,000 events, and others
  npm run bench -- start        to the first poll, on a file of --gigabytes 5
  npm run bench -- state        how long the usual questions and chores take on a large ledger
  npm run bench -- attack       240 blocks followed while HTTP is left alone, and while it is attacked
  npm run bench -- machine      runs under signals, too little of everything, and files that go away (as root: it mounts)
  npm run bench -- rewards      30 weeks of a programme, calculated and exported

flags
  --json                        one JSON object (or list) as the last line
  --events 200000               logs in the chain
  --rounds 3                    how often floor and daemon run in turn
  --sizes 200000,5000000        with memory: logs of each run
  --protocol uniswap-v3         or uniswap-v2
  --pools 1 --owners 2000       pools, and addresses that provide to each
  --logs-per-block 10           below 1: blocks without logs
  --seconds-per-block 12
  --latency-ms 0                before each answer
  --range-max 0                 most blocks in one eth_getLogs
  --per-second 0                requests a second; more are refused with 429
  --no-timestamps               logs without blockTimestamp: headers must be asked for
  --accounts, --days            with state, rewards and growth
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    sizes: { type: "string", default: "200000,5000000" },
    protocol: { type: "string", default: "uniswap-v3" },
    pools: { type: "string", default: "1" },
    owners: { type: "string", default: "2000" },
    "logs-per-block": { type: "string", default: "10" },
    "seconds-per-block": { type: "string", default: "12" },
    "latency-ms": { type: "string", default: "0" },
    "range-max": { type: "string", default: "0" },
    "per-second": { type: "string", default: "0" },
    "no-timestamps": { type: "boolean", default: false },
    accounts: { type: "string" },
    days: { type: "string", default: "30" },
    gigabytes: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function chainOptions(events = Number(values.events)): ChainOptions {
  if (values.protocol !== "uniswap-v3" && values.protocol !== "uniswap-v2")
    throw new Error(`--protocol: expected uniswap-v3 or uniswap-v2, found ${values.protocol}`);
  return {
    phases: [usualPhase(events, Number(values["logs-per-block"]), Number(values["seconds-per-block"]))],
    protocol: values.protocol,
    pools: Number(values.pools),
    owners: Number(values.owners),
    timestamps: !values["no-timestamps"],
  };
}

const manners: Manners = {
  latencyMs: Number(values["latency-ms"]),
  rangeMax: Number(values["range-max"]),
  perSecond: Number(values["per-second"]),
};

const WHAT: Readonly<Record<string, () => Promise<unknown>>> = {
  backfill: measureBackfill,
  profile: () => profileDaemon(chainOptions(), manners),
  memory: measureMemory,
  paced: measureSlow,
  polls: measurePolls,
  latency: measureLatency,
  attack: measureAttack,
  machine: measureMachine,
  growth: () => measureGrowth(Number(values.accounts ?? 1_000_000)),
  bytes: measureBytes,
  undo: measureUndo,
  start: () => measureStart(Number(values.gigabytes) * 2 ** 30),
  state: () => measureState(Number(values.accounts ?? 100_000), Number(values.days)),
  rewards: async () => measureRewards(Number(values.accounts ?? 10_000)),
};

const what = WHAT[positionals[0] ?? "backfill"];
if (values.help || what === undefined || positionals.length > 1) process.stdout.write(USAGE);
else {
  const figures = await what();
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else console.table(Array.isArray(figures) ? figures : [figures]);
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function measureBackfill() {
  const options = chainOptions();
  const served = await Served.begin(options, manners);
  try {
    const { events, blocks } = await served.ask("bench_ask");
    const blocksPerRange = manners.rangeMax > 0 ? manners.rangeMax : 1_000;
    const rounds: Awaited<ReturnType<typeof measureRound>>[] = [];
    for (let i = 0; i < Number(values.rounds); i++) {
      const round = await measureRound(served, options, blocks, blocksPerRange);
      rounds.push(round);
      const [floor, daemon] = [round.floorSeconds, round.daemon.seconds].map((each) => Math.round(events / each));
      say(`round ${i + 1}: floor ${floor}/s, daemon ${daemon}/s, ${round.daemon.cpuSeconds} CPU s`);
    }
    const settled = await measureDaemon(served, true);
    const of = (pick: (round: (typeof rounds)[number]) => number): number => medianOf(rounds.map(pick));
    const [first] = rounds;
    return {
      eventsPerSecond: Math.round(of(({ daemon }) => events / daemon.seconds)),
      floorEventsPerSecond: Math.round(of(({ floorSeconds }) => events / floorSeconds)),
      ratio: Number(of(({ floorSeconds, daemon }) => floorSeconds / daemon.seconds).toFixed(3)),
      requests: of(({ daemon }) => daemon.requests),
      peakRssMb: of(({ daemon }) => daemon.peakRssMb),
      databaseBytes: of(({ daemon }) => daemon.databaseBytes),
      cpuSeconds: of(({ daemon }) => daemon.cpuSeconds),
      calls: first?.daemon.calls,
      events,
      blocks,
      ratioWithSettling: Number((of(({ floorSeconds }) => floorSeconds) / settled.seconds).toFixed(3)),
      settlingSeconds: Number((settled.seconds - of(({ daemon }) => daemon.seconds)).toFixed(2)),
      settlingRequests: settled.requests - of(({ daemon }) => daemon.requests),
      settlingPeakRssMb: settled.peakRssMb,
    };
  } finally {
    served.end();
  }
}

/** The usual caps where none are given, and a chain in which the cap on blocks decides. */
function measureSlow() {
  const usual = { latencyMs: 50, rangeMax: 2_000, perSecond: 25 };
  const given = Object.fromEntries(Object.entries(manners).filter(([, value]) => value > 0));
  const options = chainOptions(Number(values.events) / 2);
  const [phase] = options.phases;
  const phases = phase === undefined ? [] : [{ ...phase, logsPerBlock: 0.2 }];
  return measurePaced({ ...options, phases }, { ...usual, ...given });
}

async function measureMemory() {
  const figures: object[] = [];
  for (const size of values.sizes.split(",").map(Number)) {
    const served = await Served.begin(chainOptions(size), manners);
    try {
      const { events } = await served.ask("bench_ask");
      const { seconds, ...measured } = await measureDaemon(served, true);
      figures.push({ events, eventsPerSecond: Math.round(events / seconds), ...measured });
      say(JSON.stringify(figures.at(-1)));
    } finally {
      served.end();
    }
  }
  return figures;
}
