import { statSync } from "node:fs";
import Database from "better-sqlite3";
import { FollowedChain } from "../src/chain/followed-chain.ts";
import { RANGE_LIMITS } from "../src/chain/ranges.ts";
import { Rpc } from "../src/chain/rpc/rpc.ts";
import { readProgramme } from "../src/config.ts";
import { converge } from "../src/daemon/converge.ts";
import { Bookkeeper } from "../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../src/ledger/compare-programme.ts";
import { postOverHttp } from "../src/runtime/http-post.ts";
import { blockLogsDigest, sha256, systemClock } from "../src/runtime/platform.ts";
import { openForWriting } from "../src/store/lifecycle/open.ts";
import { Store } from "../src/store/store.ts";
import { measureDaemon } from "./backfill.ts";
import { type ChainOptions, type Mix, type Phase, USUAL, usualPhase } from "./chain.ts";
import { Served } from "./served.ts";

const OPENING: Mix = { new: 1, mint: 0, burn: 0, collect: 0, swap: 0 };
const SWAPPING: Mix = { new: 0, mint: 0, burn: 0, collect: 0, swap: 1 };
/** Daily rows of one cell of the table, at most. */
const CELLS_MAX = 10_000_000;

function chainOf(phases: readonly Phase[], pools: number, owners: number): ChainOptions {
  return { phases, protocol: "uniswap-v3", pools, owners, timestamps: true };
}

/**
 * What a backfill costs with more pools, with more open accounts, and over more days: seconds beside what they are
 * linear in.
 */
export async function measureGrowth(accountsMost: number) {
  const figures: object[] = [];
  const measure = async (what: string, options: ChainOptions): Promise<void> => {
    const served = await Served.begin(options);
    try {
      const { events, blocks } = await served.ask("bench_ask");
      const { seconds, peakRssMb } = await measureDaemon(served, false);
      const db = new Database(served.database, { readonly: true });
      const count = (table: string): number => Number(db.prepare(`select count(*) from ${table}`).pluck().get());
      const [days, rows, open] = [count("days"), count("daily_balances"), count("positions")];
      db.close();
      const usPerUnit = Math.round((seconds * 1e6) / (events + rows));
      figures.push({
        what,
        events,
        blocks,
        open,
        days,
        rows,
        seconds: Number(seconds.toFixed(1)),
        usPerUnit,
        peakRssMb,
      });
      process.stderr.write(`${JSON.stringify(figures.at(-1))}\n`);
    } finally {
      served.end();
    }
  };
  for (const pools of [1, 10, 100]) await measure(`${pools} pools`, chainOf([usualPhase(100_000)], pools, 2_000));
  for (const accounts of [1_000, 10_000, 100_000, 1_000_000].filter((each) => each <= accountsMost)) {
    const days = Math.min(400, Math.floor(CELLS_MAX / accounts / 10));
    const filled = { events: accounts, logsPerBlock: 100, secondsPerBlock: 1, mix: OPENING };
    const lasting = { events: days * 4, logsPerBlock: 1, secondsPerBlock: 21_600, mix: SWAPPING };
    await measure(`${accounts} open accounts`, chainOf([filled, lasting], 1, accounts));
  }
  for (const days of [1, 20, 400]) {
    const filled = { events: 2_000, logsPerBlock: 100, secondsPerBlock: 1, mix: OPENING };
    const lasting = { events: days * 24, logsPerBlock: 1, secondsPerBlock: 3_600, mix: USUAL };
    await measure(`${days} days`, chainOf([filled, lasting], 1, 2_000));
  }
  return figures;
}

/** Bytes in the file per stored LP event, per block that only swaps, and per open account and day; indexes included. */
export async function measureBytes() {
  const served = await Served.begin(chainOf([usualPhase(200_000, 2)], 1, 2_000));
  try {
    await measureDaemon(served, true);
    const db = new Database(served.database, { readonly: true });
    const figures = BYTES.map(({ per, tables, rows }) => {
      const count = Number(db.prepare(rows).pluck().get());
      const parts = tables.map((table) => {
        const own = `select sum(pgsize - unused) from dbstat where name in (select name from sqlite_schema where tbl_name = '${table}')`;
        return `${table} ${Math.round(Number(db.prepare(own).pluck().get()) / count)}`;
      });
      const bytes = parts.reduce((sum, part) => sum + Number(part.split(" ")[1]), 0);
      return { per, count, bytes, of: parts.join(", ") };
    });
    db.close();
    return figures;
  } finally {
    served.end();
  }
}

const BYTES = [
  {
    per: "LP event",
    tables: ["lp_events", "postings", "accounts", "pool_digests", "processed_blocks"],
    rows: "select count(*) from lp_events",
  },
  { per: "block of a pool with another state", tables: ["pool_states"], rows: "select count(*) from pool_states" },
  { per: "provider and day", tables: ["daily_balances"], rows: "select count(*) from daily_balances" },
] as const;

/** What an undo costs: blocks dense with LP events, undone and rolled back again. */
export async function measureUndo() {
  const blocks = 200;
  const dense = {
    events: blocks * 157,
    logsPerBlock: 157,
    secondsPerBlock: 12,
    mix: { ...OPENING, new: 0.55, burn: 0.45 },
  };
  const served = await Served.begin(chainOf([usualPhase(100_000), dense], 1, 2_000));
  try {
    served.fresh();
    const programme = readProgramme(served.programme);
    const opened = openForWriting(served.database);
    const store = new Store(opened.db, systemClock);
    store.write(() => adoptProgramme(store, programme, sha256));
    const keeper = new Bookkeeper(store, programme, sha256);
    const rpc = new Rpc({
      id: "rpc-1",
      url: served.url,
      fetch: postOverHttp,
      clock: systemClock,
      timeoutMs: 30_000,
      bodyBytesMax: 2 ** 26,
    });
    const options = { clock: systemClock, random: Math.random, limits: RANGE_LIMITS, contentOf: blockLogsDigest };
    const chain = new FollowedChain([rpc], programme, options);
    for (let i = 0; i < 100; i++) {
      const step = await converge(keeper, chain, new AbortController().signal);
      if (step.head === store.blocks.tip()?.number) break;
    }
    const tip = store.blocks.tip()?.number ?? 0;
    const figures: object[] = [];
    for (const depth of [16, 32, 64, 128]) {
      const events = Number(
        opened.db
          .prepare("select count(*) from lp_events where block_number > ?")
          .pluck()
          .get(tip - depth),
      );
      const times: number[] = [];
      for (let i = 0; i < 5; i++) {
        opened.db.exec("begin immediate");
        const startedMs = performance.now();
        store.undoAbove(tip - depth);
        times.push(performance.now() - startedMs);
        opened.db.exec("rollback");
      }
      times.sort((a, b) => a - b);
      const ms = times[2] ?? 0;
      figures.push({ blocks: depth, events, ms: Math.round(ms), usPerEvent: Math.round((1000 * ms) / events) });
    }
    opened.close();
    return figures;
  } finally {
    served.end();
  }
}

/** From the start of the process to its first question for the head, on a ledger of so many bytes. */
export async function measureStart(bytes: number) {
  const filled = { events: 20_000, logsPerBlock: 100, secondsPerBlock: 1, mix: OPENING };
  const lasting = { events: 48, logsPerBlock: 1, secondsPerBlock: 3_600, mix: SWAPPING };
  const served = await Served.begin(chainOf([filled, lasting], 1, 20_000));
  try {
    await measureDaemon(served, false);
    fill(served.database, bytes);
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      await served.ask("bench_count");
      const startedMs = Date.now();
      const daemon = served.daemon(["start", "--once"]);
      await new Promise((resolve) => daemon.once("exit", resolve));
      times.push((await served.ask("bench_ask")).firstPollMs - startedMs);
    }
    times.sort((a, b) => a - b);
    return {
      gigabytes: Number((statSync(served.database).size / 2 ** 30).toFixed(2)),
      firstPollMs: times[2],
      mostMs: times[4],
    };
  } finally {
    served.end();
  }
}

/** Makes a ledger large: the rows of its first day again, for one earlier day after another. */
function fill(path: string, bytes: number): void {
  const db = new Database(path);
  const first = String(db.prepare("select min(date) from days").pluck().get());
  const columns = db.prepare<[], string>("select name from pragma_table_info('daily_balances')").pluck().all();
  const others = columns.map((name) => (name === "date" ? "date(?, ?)" : name)).join(", ");
  const day = db.prepare("insert into days (date, closed_block) select date(?, ?), 0");
  const rows = db.prepare(
    `insert into daily_balances (${columns.join(", ")}) select ${others} from daily_balances where date = ?`,
  );
  db.pragma("foreign_keys = off");
  for (let i = 1; i < 20_000 && statSync(path).size < bytes; i++) {
    db.transaction(() => {
      day.run(first, `-${i} days`);
      rows.run(first, `-${i} days`, first);
    })();
    if (i % 20 === 0) db.pragma("wal_checkpoint(truncate)");
  }
  db.pragma("wal_checkpoint(truncate)");
  db.close();
}
