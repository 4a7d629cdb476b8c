import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { Anvil } from "../demo/anvil.ts";
import { Life } from "../demo/life.ts";
import { programmeOf, setStage } from "../demo/stage.ts";
import { measureDaemon } from "./backfill.ts";
import { type ChainOptions, usualPhase } from "./chain.ts";
import { PLAIN, Served } from "./served.ts";
import type { Manners } from "./server.ts";

const HEADERS_PER_REQUEST = 100;

/**
 * A backfill against an endpoint that is slow, caps ranges and refuses what comes too fast, beside the best schedule's
 * lower bound: requests needed by the rate allowed. Sparse blocks, as on a real chain, so that the cap on blocks
 * decides.
 */
export async function measurePaced(options: ChainOptions, manners: Manners) {
  const served = await Served.begin(options, manners);
  try {
    const { blocks, withLogs } = await served.ask("bench_ask");
    const ranges = Math.ceil(blocks / manners.rangeMax);
    const headers = options.timestamps ? 0 : Math.ceil(withLogs / HEADERS_PER_REQUEST);
    const needed = ranges + headers;
    const alone = await measureDaemon(served, false);
    const settled = await measureDaemon(served, true);
    const boundSeconds = needed / manners.perSecond;
    return {
      blocks,
      requestsNeeded: needed,
      requests: alone.requests,
      refused: alone.refused,
      requestsOverBound: Number((alone.requests / needed - 1).toFixed(3)),
      boundSeconds: Number(boundSeconds.toFixed(2)),
      seconds: Number(alone.seconds.toFixed(2)),
      secondsOverBound: Number((alone.seconds / boundSeconds - 1).toFixed(3)),
      settlingRequests: settled.requests - alone.requests,
      calls: alone.calls,
    };
  } finally {
    served.end();
  }
}

/** Requests of a poll at the head: of one that finds nothing new, and of one that finds a gap of some blocks. */
export async function measurePolls() {
  const options = { ...optionsOf(20_000), phases: [usualPhase(20_000, 2)] };
  const served = await Served.begin(options, PLAIN);
  const figures: object[] = [];
  try {
    const { blocks } = await served.ask("bench_ask");
    for (const gap of [0, 1, 10, 100]) {
      served.fresh();
      let head = Math.floor(blocks / 2);
      await served.ask("bench_setHead", [head]);
      const daemon = served.daemon(["start"], { POLL_INTERVAL_MS: "100", SETTLING: "0" });
      await until(() => tipOf(served.database) === head);
      await sleep(500);
      await served.ask("bench_count");
      for (let i = 0; i < 20; i++) {
        head += gap;
        await served.ask("bench_setHead", [head]);
        await until(() => tipOf(served.database) === head);
        await sleep(120);
      }
      const { perPoll } = await served.ask("bench_ask");
      const gone = new Promise((resolve) => daemon.once("exit", resolve));
      daemon.kill("SIGTERM");
      await gone;
      figures.push({ blocksNew: gap, polls: perPoll.length, requestsMost: Math.max(...perPoll) });
    }
    return figures;
  } finally {
    served.end();
  }
}

function optionsOf(events: number): ChainOptions {
  return { phases: [usualPhase(events)], protocol: "uniswap-v3", pools: 1, owners: 500, timestamps: true };
}

const SAMPLES = 100;
/** Its multiples, whole parts left off, lie evenly: a hundred random moments would know the median to 10 ms only. */
const GOLDEN = 0.618_033_988_75;
const INTERVAL_MS = 200;

/**
 * From a block mined on anvil, with an event of ours in it, to its row visible to another reader: by polling, and with
 * a hint over a WebSocket.
 */
export async function measureLatency() {
  const figures: object[] = [];
  for (const hinted of [false, true]) {
    const anvil = await Anvil.start(1_767_225_600);
    const served = await Served.begin(optionsOf(100), PLAIN); // For its folder.
    try {
      const stage = await setStage(anvil, 1_767_225_610);
      const life = new Life(stage, 11, 1_767_229_200);
      await life.prelude();
      writeFileSync(served.programme, JSON.stringify(programmeOf(stage)));
      served.fresh();
      const daemon = served.daemon(["start"], {
        RPC_URL: anvil.url,
        POLL_INTERVAL_MS: `${INTERVAL_MS}`,
        ...(hinted ? { RPC_WS_URL: anvil.url.replace("http", "ws") } : {}),
      });
      const headOf = async (): Promise<number> => Number(await anvil.rpc("eth_blockNumber", []));
      const start = await headOf();
      await until(() => tipOf(served.database) >= start);
      await sleep(1_000);
      const reader = new Database(served.database, { readonly: true });
      const seen = reader.prepare("select 1 from processed_blocks where block_number >= ?").pluck();
      const waits: number[] = [];
      for (let i = 0; i < SAMPLES; i++) {
        await sleep(INTERVAL_MS + ((i * GOLDEN) % 1) * INTERVAL_MS);
        const head = (await headOf()) + 1;
        const [from] = anvil.accounts;
        if (from !== undefined) await life.block(12, [life.addShares(from, 1_000_000n + BigInt(i))]);
        while (seen.get(head) === undefined) await sleep(1);
        waits.push(performance.now() - anvil.minedMs);
      }
      reader.close();
      const gone = new Promise((resolve) => daemon.once("exit", resolve));
      daemon.kill("SIGTERM");
      await gone;
      waits.sort((a, b) => a - b);
      const at = (share: number): number => Math.round(waits[Math.floor((waits.length - 1) * share)] ?? 0);
      const told = hinted ? "newHeads over a WebSocket" : `every ${INTERVAL_MS} ms`;
      figures.push({ told, samples: waits.length, medianMs: at(0.5), p95Ms: at(0.95), mostMs: at(1) });
    } finally {
      served.end();
      await anvil.stop();
    }
  }
  return figures;
}

function tipOf(path: string): number {
  try {
    const db = new Database(path, { readonly: true });
    const tip = Number(db.prepare("select max(block_number) from processed_blocks").pluck().get());
    db.close();
    return tip;
  } catch {
    return -1; // Not there yet.
  }
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 60_000; i++) {
    if (done()) return;
    await sleep(2);
  }
  throw new Error("it did not happen within two minutes");
}
