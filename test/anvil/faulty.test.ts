import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Daemon, runCommand } from "../../demo/daemon.ts";
import type { Fault } from "../../simulate/faults.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { atEnd, TestLedger } from "../support/ledger.ts";
import { FaultyProxy, type Rates } from "../support/proxy.ts";

const RATES: Rates = {
  "drop-log": 0.15,
  "drop-block": 0.1,
  "duplicate-log": 0.1,
  "removed-log": 0.1,
  "pending-log": 0.05,
  shuffle: 0.2,
  "foreign-log": 0.1,
  truncated: 0.04,
  "empty-body": 0.03,
  "wrong-id": 0.03,
  "http-429": 0.02,
  reset: 0.04,
  hang: 0.01,
  "older-head": 0.05,
  "no-finality": 0.1,
};

const live = liveChain(27, async (life) => {
  await life.prelude();
});

describe("the real daemon behind two proxies that fail as nodes do", () => {
  it("ends with the very ledger of an honest node: settled, repaired, every position the contracts'", async () => {
    const { anvil, life } = live();
    const liedAbout = new Set<number>();
    const first = await FaultyProxy.before(anvil.url, RATES, 1, liedAbout);
    const second = await FaultyProxy.before(anvil.url, RATES, 2, liedAbout);
    const place = {
      ...placeFor(live(), {
        more: { RPC_URLS: second.url, RPC_TIMEOUT_MS: "500", RANGE_BLOCKS_MAX: "7", BACKUP_INTERVAL_SECONDS: "0" },
      }),
      rpcUrl: first.url,
    };
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    const struck = (...faults: Fault[]): number =>
      [first, second].reduce(
        (sum, proxy) => sum + faults.reduce((of, fault) => of + (proxy.struck.get(fault) ?? 0), 0),
        0,
      );
    // Until enough went wrong, but not for ever.
    for (let i = 0; i < 300 && (i < 60 || struck("drop-log", "drop-block") < 4); i++) {
      await life.randomBlock(600);
      if (i === 30) {
        await anvil.rpc("anvil_reorg", [4, []]);
        anvil.forgetNonces();
      }
      await new Promise((resolve) => setTimeout(resolve, 60));
      // A finding, a give-up and a stall are honest ends: a supervisor starts it again.
      if (!daemon.running) daemon.start();
    }
    expect(struck("drop-log", "drop-block")).toBeGreaterThanOrEqual(4);
    expect(struck("shuffle", "duplicate-log", "truncated", "reset", "wrong-id", "older-head")).toBeGreaterThan(8);
    first.rates = {};
    second.rates = {};
    // The node calls final what is 64 blocks below its head, and so many are settled at once.
    const faulty = await anvil.blockNumber();
    for (let i = 0; i < 140; i++) await anvil.mine(life.nowSec + 600 + i);
    life.rewind(life.nowSec + 800);
    const head = await anvil.head();
    const end = Date.now() + 60_000;
    const status = async () => JSON.parse((await runCommand(place, ["status", "--json"])).out);
    let now = await status();
    while (now.tip?.hash !== head.hash || now.settled < faulty) {
      if (Date.now() > end)
        throw new Error(`not settled: ${JSON.stringify(now)}\n${readFileSync(place.logFile, "utf8").slice(-6000)}`);
      if (!daemon.running) daemon.start();
      await new Promise((resolve) => setTimeout(resolve, 300));
      now = await status();
    }
    expect(await daemon.end("SIGTERM")).toBe(0);
    const straight = new TestLedger(live().fetch, { programme: live().programme });
    await straight.settle();
    expect(now.stateDigest).toBe(straight.store.blocks.tip()?.stateDigest);
    const verdict = JSON.parse((await runCommand({ ...place, rpcUrl: anvil.url }, ["verify", "--json"])).out);
    expect([verdict.positionsWrong, verdict.differences]).toEqual([0, []]);
    expect(verdict.positionsChecked).toBeGreaterThan(20);
  });

  it("hears of a new head over a WebSocket long before its next poll", async () => {
    const { anvil, life } = live();
    const ws = anvil.url.replace("http:", "ws:");
    const place = placeFor(live(), {
      more: { RPC_WS_URL: ws, POLL_INTERVAL_MS: "120000", BACKUP_INTERVAL_SECONDS: "0" },
    });
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    await daemon.reaches(await anvil.head(), 20_000);
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await life.randomBlock(600);
      await daemon.reaches(await anvil.head(), 10_000);
    }
    expect(await daemon.end("SIGTERM")).toBe(0);
  });
});
