import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { FollowedChain } from "../../src/chain/followed-chain.ts";
import { RANGE_LIMITS } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { findingOf, LpLedgerError } from "../../src/core/errors.ts";
import { blockLogsDigest, sha256 } from "../../src/runtime/platform.ts";
import type { Repair } from "../../src/store/contents.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

const SETTLE = { blocksMin: 1, rangesMax: 5 };

function grown(blocks = 60, seed = 5, isProvable = false): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 4000, isProvable });
  chain.grow(blocks, seed);
  return chain;
}

/** Steps until the head is reached and everything final is settled. */
async function settleAll(ledger: TestLedger, repairs: Repair[] = []): Promise<void> {
  const settle = { ...SETTLE, onRepair: (made: readonly Repair[]) => void repairs.push(...made) };
  for (let i = 0; i < 60; i++) {
    const step = await ledger.step({ settle });
    if (step.verdict === "known" && step.settling === "done" && !step.finalPending) return;
  }
  throw new Error("it does not settle");
}

async function straightDump(chain: FakeChain): Promise<string> {
  const fault = chain.fault;
  chain.fault = undefined;
  const straight = new TestLedger(chain.fetch);
  await straight.settle();
  chain.fault = fault;
  return straight.dump();
}

type Logs = { blockNumber: string; logIndex: string; data: string; topics: string[] }[];

/** Changes what the first readings of a block's range bring, up to so many times. */
function lieAbout(chain: FakeChain, block: number, times: number, change: (logs: Logs) => Logs): void {
  let left = times;
  chain.fault = (method, [filter], result) => {
    const { fromBlock, toBlock } = (filter ?? {}) as { fromBlock?: string; toBlock?: string };
    if (method !== "eth_getLogs" || fromBlock === undefined || left === 0) return result;
    if (Number(fromBlock) > block || Number(toBlock) < block) return result;
    left -= 1;
    return change(result as Logs);
  };
}

/** A block whose last log is a swap of the V3 pool: no later log of the same block would show that it is missing. */
function swapBlock(chain: FakeChain): number {
  const swap = chain.blocks.findLast(
    ({ number, logs }) => number < 30 && logs.length === 1 && logs[0]?.topics[0]?.startsWith("0xc42079f9"),
  );
  if (swap === undefined) throw new Error("there is no block with one swap");
  return swap.number;
}

describe("settling", () => {
  it("reads final blocks again, and goes up to the final block and no further", async () => {
    const chain = grown();
    const ledger = new TestLedger(chain.fetch);
    await settleAll(ledger);
    const { config, contents } = ledger.store;
    expect(config.get("settled_block")).toBe(30); // The programme's fallback depth is 30.
    expect(config.get("settled_from")).toBe(0);
    expect(contents.between(0, 30)).toEqual([]);
    expect(contents.between(31, 60).length).toBeGreaterThan(10);
    expect(ledger.dump()).toBe(await straightDump(chain));
  });

  it("repairs what the first reading left out, in one transaction, and records it", async () => {
    const chain = grown(60, 11);
    const expected = await straightDump(chain);
    const block = swapBlock(chain);
    lieAbout(chain, block, 1, (logs) => logs.filter((log) => Number(log.blockNumber) !== block));
    const ledger = new TestLedger(chain.fetch, { limits: { blocksStart: 60, blocksMax: 60 } });
    await ledger.step();
    expect(ledger.dump()).not.toBe(expected);
    const repairs: Repair[] = [];
    await settleAll(ledger, repairs);
    expect(ledger.dump()).toBe(expected);
    expect(repairs).toMatchObject([{ blockNumber: block, storedLogs: 0, foundLogs: 1 }]);
    expect(ledger.store.contents.repairs()).toMatchObject({ count: 1, lastBlock: block });
    expect(ledger.store.config.get("settled_block")).toBe(30);
    expect(problemsOf(ledger.store.db, sha256)).toEqual([]);
  });

  it("repairs at once what a first reading changed, where a day that is closed ahead does not add up by it", async () => {
    const chain = new FakeChain();
    chain.grow(16, 1);
    chain.pauseSec = 100 * 86_400;
    chain.grow(5, 12);
    const expected = await straightDump(chain);
    const [broken, ended]: [string[], string[]] = [[], []];
    for (const { number, logs } of chain.blocks) {
      // What came in of token0 is not the first reading's word.
      const swap = logs.find(({ topics, data }) => topics[0]?.startsWith("0xc42079f9") && data.startsWith("0x00"));
      if (swap === undefined) continue;
      lieAbout(chain, number, 1, (all) =>
        all.map((log) =>
          log.data === swap.data ? { ...log, data: log.data.replace(/^0x.{64}/, `0x${"0".repeat(63)}1`) } : log,
        ),
      );
      const ledger = new TestLedger(chain.fetch, { limits: { blocksStart: 60, blocksMax: 60 } });
      const { keeper } = ledger;
      const ahead = keeper.closeDaysAhead.bind(keeper);
      keeper.closeDaysAhead = (range, daysMax) => {
        try {
          return ahead(range, daysMax);
        } catch (error) {
          broken.push(findingOf(error)?.identity ?? "another");
          throw error;
        }
      };
      const left = broken.length;
      await ledger.step().catch((error: unknown) => {
        if (!(error instanceof LpLedgerError)) throw error;
        ended.push(error.code);
      });
      if (broken.length === left) continue;
      await settleAll(ledger);
      expect(ledger.dump()).toBe(expected);
    }
    expect([...new Set(broken), ...new Set(ended)]).toEqual(["D-1", "REPAIRED_BELOW"]);
  });

  it.each([
    ["changed", (logs: Logs) => logs.map((log) => ({ ...log, data: log.data.replace(/.$/, "7") }))],
    ["doubled in the next index", (logs: Logs) => logs.flatMap((log) => [log, { ...log, logIndex: "0x63" }])],
  ])("repairs a log that was %s", async (_name, change) => {
    const chain = grown(60, 11);
    const expected = await straightDump(chain);
    const block = swapBlock(chain);
    chain.receipts = "whole"; // Only they can tell that there was less.
    lieAbout(chain, block, 1, (logs) => [
      ...logs.filter((log) => Number(log.blockNumber) !== block),
      ...change(logs.filter((log) => Number(log.blockNumber) === block)),
    ]);
    const ledger = new TestLedger(chain.fetch, { limits: { blocksStart: 60, blocksMax: 60 } });
    // A log made up fails an identity sooner or later, or is found by the second reading.
    await settleAll(ledger).catch(() => settleAll(ledger));
    expect(ledger.dump()).toBe(expected);
  });

  it("is not fooled by a second reading that falls short", async () => {
    const chain = grown(60, 11);
    const expected = await straightDump(chain);
    const ledger = new TestLedger(chain.fetch);
    await ledger.step();
    const block = swapBlock(chain);
    lieAbout(chain, block, 1, (logs) => logs.filter((log) => Number(log.blockNumber) !== block));
    const repairs: Repair[] = [];
    await settleAll(ledger, repairs);
    expect([repairs, ledger.dump()]).toEqual([[], expected]);
  });

  it("asks another endpoint where there is one, and finds what the first never tells", async () => {
    const chain = grown(60, 11);
    const expected = await straightDump(chain);
    const block = swapBlock(chain);
    const lying = grown(60, 11);
    // This one leaves the block's logs out always, by number and by hash.
    lying.fault = (method, _params, result) =>
      method === "eth_getLogs" ? (result as Logs).filter((log) => Number(log.blockNumber) !== block) : result;
    const rpc = (id: string, fetch: Fetch) =>
      new Rpc({ id, url: "http://127.0.0.1:1/", fetch, clock: stillClock, timeoutMs: 1000, bodyBytesMax: 2 ** 24 });
    const both = new FollowedChain([rpc("liar", lying.fetch), rpc("honest", chain.fetch)], testProgramme(), {
      clock: stillClock,
      random: () => 0.5,
      contentOf: blockLogsDigest,
      limits: RANGE_LIMITS,
    });
    const ledger = new TestLedger(chain.fetch, { chain: both });
    const repairs: Repair[] = [];
    await settleAll(ledger, repairs);
    expect(repairs.map((repair) => repair.blockNumber)).toEqual([block]);
    expect(ledger.dump()).toBe(expected);
  });

  it.each([
    [4, 0],
    [18, 2],
    [19, 4],
  ])(
    "asks it, too, for what the first never tells of block %i where ranges are committed together",
    async (block, at) => {
      const chain = grown(60, 11);
      const expected = await straightDump(chain);
      const lying = grown(60, 11);
      const left = lying.blocks.find(({ number }) => number === block)?.logs[at];
      expect(left).toBeDefined();
      lying.fault = (method, _params, result) =>
        method === "eth_getLogs"
          ? (result as Logs).filter(
              (log) => Number(log.blockNumber) !== block || Number(log.logIndex) !== left?.logIndex,
            )
          : result;
      const rpc = (id: string, fetch: Fetch) =>
        new Rpc({ id, url: "http://127.0.0.1:1/", fetch, clock: stillClock, timeoutMs: 1000, bodyBytesMax: 2 ** 24 });
      const both = new FollowedChain([rpc("liar", lying.fetch), rpc("honest", chain.fetch)], testProgramme(), {
        clock: stillClock,
        random: () => 0.5,
        contentOf: blockLogsDigest,
        limits: { ...RANGE_LIMITS, blocksStart: 4, blocksMax: 4 },
      });
      const ledger = new TestLedger(chain.fetch, { chain: both });
      const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
      const retried: string[] = [];
      const commits: number[] = [];
      for (let i = 0; i < 60; i++) {
        const onCommit = ({ blocks }: { readonly blocks: number }): void => void commits.push(blocks);
        await ledger.step({ settle: SETTLE, soon, onCommit }).catch((error: unknown) => {
          if (!(error instanceof LpLedgerError) || error.kind !== "transient") throw error;
          retried.push(error.code);
        });
      }
      expect(retried).toContain("REPAIRED_BELOW");
      expect(Math.max(...commits)).toBeGreaterThan(4);
      expect(ledger.dump()).toBe(expected);
    },
  );

  it("asks another endpoint than the one that read first, also where the first one is not in use any more", async () => {
    const chain = grown(60, 11, true);
    const asked: string[] = [];
    const rpc = (id: string) => {
      const fetch: Fetch = (url, init) => {
        if (id === "first" && gone) throw new TypeError("fetch failed");
        if (String(init.body).includes("eth_getLogs")) asked.push(id);
        return chain.fetch(url, init);
      };
      return new Rpc({
        id,
        url: "http://127.0.0.1:1/",
        fetch,
        clock: stillClock,
        timeoutMs: 1000,
        bodyBytesMax: 2 ** 24,
      });
    };
    let gone = false;
    const both = new FollowedChain([rpc("first"), rpc("second")], testProgramme(), {
      clock: stillClock,
      random: () => 0.5,
      contentOf: blockLogsDigest,
      limits: { ...RANGE_LIMITS, blocksStart: 60 },
    });
    const ledger = new TestLedger(chain.fetch, { chain: both });
    await ledger.step();
    expect(asked).toEqual(["first"]);
    expect(ledger.store.config.get("read_by")).toEqual([{ from: 1, by: "first" }]);
    gone = true;
    await ledger.step().catch(() => {});
    await settleAll(ledger);
    expect(new Set(asked.slice(1))).toEqual(new Set(["second"]));
    chain.growEmpty(40);
    await settleAll(ledger);
    expect(ledger.store.config.get("read_by")).toEqual([{ from: 61, by: "second" }]);
  });

  it.each(Array.from({ length: 20 }, (_, i) => [i + 1]))(
    "ends right, whatever a node leaves out of first readings (seed %i)",
    async (seed) => {
      const chain = grown(50, seed);
      const expected = await straightDump(chain);
      const random = seeded(seed);
      const told = new Set<string>();
      chain.fault = (method, [filter], result) => {
        const { fromBlock } = (filter ?? {}) as { fromBlock?: string };
        if (method !== "eth_getLogs" || fromBlock === undefined) return result;
        return (result as Logs).filter(({ blockNumber, logIndex }) => {
          const key = `${blockNumber} ${logIndex}`;
          if (told.has(key)) return true;
          told.add(key);
          return random() > 0.03;
        });
      };
      const ledger = new TestLedger(chain.fetch);
      await settleAll(ledger);
      // Above the final block what is missing may still be missing: it is not settled.
      chain.fault = undefined;
      chain.growEmpty(31);
      await settleAll(ledger);
      expect(ledger.dump()).toBe(await straightDump(chain));
      expect(expected).not.toBe("");
    },
  );

  it("costs a request for a range and one for the headers of its blocks, and none while few blocks became final", async () => {
    const chain = grown(100, 3);
    const ledger = new TestLedger(chain.fetch);
    const settle = { blocksMin: 20, rangesMax: 5 };
    for (let i = 0; i < 6; i++) await ledger.step({ settle });
    expect(ledger.store.config.get("settled_block")).toBe(70);
    chain.grow(10, 4);
    for (let i = 0; i < 4; i++) await ledger.step({ settle });
    expect(ledger.store.config.get("settled_block")).toBe(70);
    chain.requests = 0;
    await ledger.step({ settle });
    expect(chain.requests).toBe(1);
    chain.grow(15, 4);
    for (let i = 0; i < 2; i++) await ledger.step({ settle });
    chain.requests = 0;
    await ledger.step({ settle });
    expect(ledger.store.config.get("settled_block")).toBe(95);
    expect(chain.requests).toBe(4); // The look, the last header, the range, and the headers of its blocks with logs.
  });

  it("takes a ledger that is older than settling as it is, and says from where on it settles", async () => {
    const chain = grown(40, 3);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    ledger.store.db.exec("delete from program_config where key in ('settled_block', 'settled_from', 'contents_from')");
    chain.grow(60, 4);
    await settleAll(ledger);
    const { config } = ledger.store;
    expect([config.get("settled_from"), config.get("settled_block")]).toEqual([10, 70]);
    chain.grow(50, 6);
    await settleAll(ledger);
    expect([config.get("settled_from"), config.get("settled_block")]).toEqual([10, 120]);
    expect(ledger.dump()).toBe(await straightDump(chain));
  });

  it("reads once more what a release told otherwise that came before, and takes none of it for a repair", async () => {
    const chain = grown(40, 3);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const { config, contents, db } = ledger.store;
    expect(contents.between(0, 40).length).toBeGreaterThan(10);
    db.exec("drop table range_contents; create table block_contents (block_number integer)");
    db.exec(readFileSync(new URL("../../migrations/0013_contents_by_range.sql", import.meta.url), "utf8"));
    chain.grow(60, 4);
    const repairs: Repair[] = [];
    await settleAll(ledger, repairs);
    expect(repairs).toEqual([]);
    expect([config.get("contents_from"), config.get("settled_block")]).toEqual([0, 70]);
    expect(ledger.dump()).toBe(await straightDump(chain));
  });

  it("goes along with a long backfill, so that there is never much to redo", async () => {
    const chain = grown(260, 3);
    const ledger = new TestLedger(chain.fetch, { limits: { blocksStart: 1, blocksMax: 1 } });
    const settle = { blocksMin: 1, rangesMax: 300 };
    const gaps: number[] = [];
    for (let i = 0; i < 20; i++) {
      const step = await ledger.step({ settle });
      const tip = ledger.store.blocks.tip()?.number ?? 0;
      gaps.push(tip - (ledger.store.config.get("settled_block") ?? 0));
      expect(step.more).toBe(tip % 100 === 0);
      if (step.verdict === "known" && step.settling === "done" && !step.finalPending) break;
    }
    expect(Math.max(...gaps)).toBeLessThanOrEqual(230);
    expect(ledger.dump()).toBe(await straightDump(chain));
  });
});
