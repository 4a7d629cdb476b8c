import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { seeded } from "../demo/life.ts";
import { FollowedChain } from "../src/chain/followed-chain.ts";
import { RANGE_LIMITS } from "../src/chain/ranges.ts";
import { Rpc } from "../src/chain/rpc/rpc.ts";
import { readProgramme } from "../src/config.ts";
import { converge } from "../src/daemon/converge.ts";
import { Bookkeeper } from "../src/ledger/bookkeeper.ts";
import { snapshotAt } from "../src/ledger/history.ts";
import { blockLogsDigest, sha256, systemClock } from "../src/runtime/platform.ts";
import { inspectElsewhere } from "../src/runtime/verify-in-subprocess.ts";
import { backupFromWriter } from "../src/store/lifecycle/backup.ts";
import { openForReading, openForWriting } from "../src/store/lifecycle/open.ts";
import { providerStatus } from "../src/store/queries/query.ts";
import { Store } from "../src/store/store.ts";
import { addressOf } from "../test/support/logs.ts";
import { type Phase, USUAL } from "./chain.ts";
import { ended, MAIN, Served } from "./served.ts";

const HOURS = 24;
const BUSY_SPANS = 21_600;

/** One figure: what was measured, how often, and its median (or what `note` says). */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

/** Fills a ledger with so many open accounts and closed days, and measures the usual questions and chores on it. */
export async function measureState(accounts: number, days: number): Promise<readonly Figure[]> {
  const churn = { new: 0, mint: 1, burn: 0, collect: 0, swap: 0 };
  const phases: readonly Phase[] = [
    { events: accounts + 1, logsPerBlock: 50, secondsPerBlock: 1, mix: { ...churn, new: 1, mint: 0 } },
    { events: Math.max(0, 500_000 - accounts), logsPerBlock: 50, secondsPerBlock: 1, mix: churn },
    { events: days * HOURS, logsPerBlock: 1, secondsPerBlock: 86_400 / HOURS, mix: { ...churn, mint: 0, swap: 1 } },
    // Whole days with a state every four seconds.
    {
      events: 3 * BUSY_SPANS,
      logsPerBlock: 1,
      secondsPerBlock: 86_400 / BUSY_SPANS,
      mix: { ...churn, mint: 0, swap: 1 },
    },
    { events: 600_000, logsPerBlock: 50, secondsPerBlock: 1, mix: USUAL },
  ];
  const chain = { phases, protocol: "uniswap-v3", pools: 1, owners: accounts, timestamps: true } as const;
  const served = await Served.begin(chain);
  served.fresh();
  const [, filledBlock = 0, daysBlock = 0, busyBlock = 0, lastBlock = 0] = (await served.ask("bench_ask")).phaseEnds;
  const figures: Figure[] = [];
  const tell: Tell = (what, value, unit, note) => {
    figures.push({ what, value: Math.round(value * 100) / 100, unit, note });
    process.stderr.write(`${what}: ${value.toFixed(2)} ${unit} (${note})\n`);
  };
  try {
    await served.ask("bench_setHead", [filledBlock]);
    const startedMs = performance.now();
    const seconds = await ended(served.daemon(["start", "--once"]), startedMs);
    tell("fill: LP events per second", 500_000 / seconds, "events/s", `${accounts} accounts, two postings an event`);

    await served.ask("bench_setHead", [daysBlock]);
    const closes = await closeDays(served, HOURS);
    const worst = `${accounts} open accounts, worst of ${closes.length}: ${max(closes)} ms`;
    tell("close a day", median(closes), "ms", worst);
    await served.ask("bench_setHead", [busyBlock]);
    const busy = await closeDays(served, BUSY_SPANS / 40);
    // Forty commits a day, one of which closes it.
    tell(
      "close a day of many swaps",
      max(busy),
      "ms",
      `${accounts} open accounts, ${BUSY_SPANS} swaps; with ${BUSY_SPANS / 40} of them`,
    );

    measureReads(served, filledBlock, tell);

    await served.ask("bench_setHead", [lastBlock]);
    const [quiet, backed] = await backupStall(served, busyBlock, lastBlock);
    tell("longest wait between commits, no backup", max(quiet.gaps), "ms", `${quiet.gaps.length} commits`);
    tell(
      "longest wait between commits, with a backup",
      max(backed.gaps),
      "ms",
      `${(statSync(served.database).size / 2 ** 20).toFixed(0)} MB copied in ${(backed.ms / 1000).toFixed(1)} s, ${backed.gaps.length} commits meanwhile`,
    );
    const restarts = await restartTimes(served, 3);
    tell("SIGKILL to the first new commit", median(restarts), "ms", `of ${restarts.length}`);
    const reads = await statusWhileWriting(served, accounts, days);
    tell(
      "provider status p99 while a backfill writes",
      percentile(reads, 0.99),
      "ms",
      `median ${median(reads).toFixed(2)} of ${reads.length}, ${accounts} providers`,
    );
    return figures;
  } finally {
    served.end();
  }
}

type Tell = (what: string, value: number, unit: string, note: string) => void;

/** Questions about the past, and the usual queries, on the file as it is. */
function measureReads(served: Served, filledBlock: number, tell: Tell): void {
  const reader = openForReading(served.database);
  const store = new Store(reader.db, systemClock);
  const programme = readProgramme(served.programme);
  const count = (table: string): number => Number(reader.db.prepare(`select count(*) from ${table}`).pluck().get());
  const { postings, rows } = { postings: count("postings"), rows: count("daily_balances") };
  for (const [name, share] of [
    ["a tenth", 0.1],
    ["half", 0.5],
    ["all but the last block", 1],
  ] as const) {
    const block = Math.floor((filledBlock - 1) * share);
    const times = timed(5, () => snapshotAt(store, programme, { block }));
    tell(`at --block after ${name} of history`, median(times), "ms", `${postings} postings, with values`);
  }
  tell(
    "daily_balances",
    bytesOf(served.database, "daily_balances") / rows,
    "bytes a row",
    `${rows} rows, index included`,
  );
  for (const [name, query] of Object.entries(USUAL_QUERIES)) {
    const statement = reader.db.prepare(query);
    tell(name, median(timed(5, () => statement.all())), "ms", `on ${rows} daily rows`);
  }
  reader.close();
}

const USUAL_QUERIES = {
  "sum of one day": "select sum(liquidity_amount) from daily_balances where date = (select max(date) from days)",
  "30 days of one provider": `
    select date, sum(liquidity_amount) from daily_balances
    where provider_address = (select max(provider_address) from provider_balances) group by date`,
  "total by day": "select date, sum(liquidity_amount) from daily_balances group by date order by date",
} as const;

/** In this process, so that each commit can be timed: one commit for so many blocks. */
async function closeDays(served: Served, blocks: number): Promise<readonly number[]> {
  const { keeper, chain, close } = writer(served, blocks);
  const times: number[] = [];
  let last = performance.now();
  await converge(keeper, chain, new AbortController().signal, {
    onCommit: () => {
      times.push(performance.now() - last);
      last = performance.now();
    },
  });
  close();
  return times.slice(1);
}

/** Waits between commits of a backfill: up to a block without a backup, and from there while one is made. */
async function backupStall(served: Served, from: number, to: number) {
  const { keeper, chain, close } = writer(served, 500);
  const follow = async (until: number, signal: AbortSignal): Promise<readonly number[]> => {
    const gaps: number[] = [];
    let last = performance.now();
    const onCommit = (): void => {
      gaps.push(performance.now() - last);
      last = performance.now();
    };
    await converge(keeper, chain, signal, { until, onCommit }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    return gaps;
  };
  const quiet = { gaps: await follow(Math.floor(from + (to - from) * 0.2), new AbortController().signal) };
  const done = new AbortController();
  const startedMs = performance.now();
  const where = {
    folder: join(served.folder, "backups"),
    sha256,
    nowIso: () => "2026-01-01T00:00:00Z",
    inspect: (path: string, signal: AbortSignal) => inspectElsewhere(path, signal, MAIN),
  };
  const making = backupFromWriter(keeper.store.db, where, done.signal).then(() => {
    const ms = performance.now() - startedMs;
    done.abort();
    return ms;
  });
  const [gaps, ms] = await Promise.all([follow(Math.floor(from + (to - from) * 0.6), done.signal), making]);
  const backed = { gaps, ms };
  close();
  return [quiet, backed] as const;
}

function writer(served: Served, blocksMax: number) {
  const programme = readProgramme(served.programme);
  const opened = openForWriting(served.database);
  const keeper = new Bookkeeper(new Store(opened.db, systemClock), programme, sha256);
  const rpc = new Rpc({
    id: "rpc-1",
    url: served.url,
    fetch,
    clock: systemClock,
    timeoutMs: 30_000,
    bodyBytesMax: 2 ** 26,
  });
  const limits = { ...RANGE_LIMITS, blocksStart: blocksMax, blocksMax };
  const chain = new FollowedChain([rpc], programme, {
    clock: systemClock,
    random: Math.random,
    limits,
    contentOf: blockLogsDigest,
  });
  return { keeper, chain, close: () => opened.close() };
}

/** Kills a daemon in the middle of a backfill, and waits for the next one's first commit. */
async function restartTimes(served: Served, times: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    const first = served.daemon(["start"], { RANGE_BLOCKS_MAX: "10" });
    const before = tipOf(served.database);
    await until(() => tipOf(served.database) > before);
    const gone = new Promise((resolve) => first.once("exit", resolve));
    first.kill("SIGKILL");
    await gone;
    const killed = tipOf(served.database);
    const startedMs = performance.now();
    const second = served.daemon(["start"], { RANGE_BLOCKS_MAX: "10" });
    await until(() => tipOf(served.database) > killed);
    found.push(performance.now() - startedMs);
    const ending = new Promise((resolve) => second.once("exit", resolve));
    second.kill("SIGKILL");
    await ending;
  }
  return found;
}

/** Reads providers at random, on a connection of its own, as long as a daemon goes on committing. */
async function statusWhileWriting(served: Served, accounts: number, days: number): Promise<readonly number[]> {
  const daemon = served.daemon(["start", "--once"]);
  const before = tipOf(served.database);
  await until(() => tipOf(served.database) > before);
  const reader = openForReading(served.database);
  const random = seeded(3);
  const times: number[] = [];
  let running = true;
  daemon.once("exit", () => {
    running = false;
  });
  while (running && times.length < 20_000) {
    const provider = addressOf(0x10_0000 + Math.floor(random() * accounts));
    times.push(...timed(1, () => providerStatus(reader.db, provider, days)));
    if (times.length % 20 === 0) await sleep(1);
  }
  reader.close();
  daemon.kill("SIGKILL");
  return times;
}

function tipOf(path: string): number {
  const db = new Database(path, { readonly: true });
  const tip = Number(db.prepare("select max(block_number) from processed_blocks").pluck().get());
  db.close();
  return tip;
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 60_000; i++) {
    if (done()) return;
    await sleep(2);
  }
  throw new Error("it did not happen within two minutes");
}

function bytesOf(path: string, table: string): number {
  const db = new Database(path, { readonly: true });
  try {
    return Number(
      db
        .prepare("select sum(pgsize) from dbstat where name in (select name from sqlite_schema where tbl_name = ?)")
        .pluck()
        .get(table),
    );
  } finally {
    db.close();
  }
}

function timed(times: number, run: () => unknown): readonly number[] {
  return Array.from({ length: times }, () => {
    const startedMs = performance.now();
    run();
    return performance.now() - startedMs;
  });
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const median = (values: readonly number[]): number => percentile(values, 0.5);
const max = (values: readonly number[]): number => Math.round(Math.max(...values));
