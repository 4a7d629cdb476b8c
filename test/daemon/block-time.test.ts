import { describe, expect, it } from "vitest";
import { FollowedChain } from "../../src/chain/followed-chain.ts";
import { HeaderCheck } from "../../src/chain/header-check.ts";
import { RANGE_LIMITS } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import type { Clock, Range } from "../../src/core/chain.ts";
import { toHash } from "../../src/core/hex.ts";
import { keccakOfText } from "../../src/core/keccak.ts";
import { converge } from "../../src/daemon/converge.ts";
import type { Settling } from "../../src/daemon/cross-check.ts";
import { run } from "../../src/daemon/run.ts";
import { cutByDays } from "../../src/ledger/cut-by-days.ts";
import { endpointsOf } from "../../src/runtime/build-chain.ts";
import { blockLogsDigest } from "../../src/runtime/platform.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";
import { remote } from "../support/remote.ts";
import { away, grown, HOURS, ledgerOf, programme, SETTLE, shifted, straight } from "../support/timed-ledger.ts";

const SWAP = keccakOfText("Swap(address,address,int256,int256,uint160,uint128,int24)");

describe("a node that is wrong about the time", () => {
  it("is refused where block hashes recompute, with what the header hashes to", async () => {
    const chain = grown(true);
    const expected = await straight(chain);
    const { ledger, steps, refused, settled } = ledgerOf(chain);
    shifted(chain, "both", () => 11 * HOURS);
    await steps(4);
    expect(refused[0]).toMatch(/^LOGS_INCONSISTENT the header of block \d+ hashes to 0x[0-9a-f]{64}, not to 0x/);
    expect(ledger.store.blocks.tip()).toBeUndefined();
    chain.fault = undefined;
    await steps(6);
    expect([ledger.dump(), settled()]).toEqual([expected, 60]);
  });

  it("is left for an honest one", async () => {
    const [liar, honest] = [grown(true), grown(true)];
    shifted(liar, "both", () => 11 * HOURS);
    const { ledger, steps, settled, health } = ledgerOf(liar, honest);
    await steps(8);
    expect([ledger.dump(), settled()]).toEqual([await straight(honest), 60]);
    expect(health().map(({ used, headers }) => [used, headers])).toEqual([
      [false, null],
      [true, "authentic"],
    ]);
  });

  it.each([
    ["constantly", () => 600],
    ["by a growing amount", (number: number) => 60 * number],
    ["in milliseconds", (number: number) => (1_767_225_600 + number * HOURS) * 999],
  ] as const)("in its logs alone, %s, is found out by the headers when it is settled", async (_how, shift) => {
    const chain = grown(true);
    const expected = await straight(chain);
    const { ledger, steps, settled } = ledgerOf(chain);
    // The first and last blocks of a range are compared with their headers at once.
    shifted(chain, "logs", (number) => (number % 20 > 1 && number % 20 < 12 ? shift(number) : 0));
    await steps(14);
    expect([ledger.dump(), settled()]).toEqual([expected, 60]);
  });

  it("once, of blocks that nothing proves, is corrected by the second reading", async () => {
    const chain = grown(false);
    const expected = await straight(chain);
    const { ledger, steps, settled } = ledgerOf(chain);
    chain.finalized = 60;
    shifted(chain, "both", (number) => (number >= 30 && number <= 40 ? 11 * HOURS : 0));
    // Times that run back between two blocks are refused at once: only a whole range can be told so.
    await ledger.step({ until: 29 });
    shifted(chain, "both", (number) => (number >= 30 ? 11 * HOURS : 0));
    await ledger.step({ until: 40 });
    chain.fault = undefined;
    await steps(14);
    expect([ledger.dump(), settled()]).toEqual([expected, 60]);
  });

  it("for ever, beside an honest one, is not settled where nothing proves who is right, and nothing is undone", async () => {
    const [liar, honest] = [grown(false), grown(false)];
    shifted(liar, "both", () => 11 * HOURS);
    const { ledger, steps, settled, refused } = ledgerOf(liar, honest);
    await steps(20);
    const { db, blocks } = ledger.store;
    expect([settled(), blocks.tip()?.number]).toEqual([0, 70]);
    expect(db.prepare("select (select count(*) from repairs) + (select count(*) from reorgs)").pluck().get()).toBe(0);
    expect(refused.some((each) => each.startsWith("TIME_DISPUTED"))).toBe(true);
  });

  it("of the tip is told from its own later word, and what the wrong time closed is open again", async () => {
    for (const isProvable of [false, true]) {
      const chain = grown(isProvable);
      const expected = await straight(chain);
      const { ledger, steps, settled } = ledgerOf(chain);
      await ledger.step({ until: 69 });
      // Three days ahead: three days are closed by a block that closes none.
      if (!isProvable) shifted(chain, "both", (number) => (number === 70 ? 72 * HOURS : 0));
      await steps(2);
      chain.fault = undefined;
      await steps(8);
      expect([isProvable, ledger.dump(), settled()]).toEqual([isProvable, expected, 60]);
      expect(ledger.store.contents.repairs().count).toBe(isProvable ? 0 : 1);
    }
  });

  it("of blocks that a fork shares with ours is told from its own later word, though nothing follows them by it", async () => {
    const chain = grown(false);
    const { ledger, steps, settled } = ledgerOf(chain);
    await ledger.step({ until: 66 });
    // All that came last is half a day late, and goes together.
    shifted(chain, "both", (number) => (number > 66 ? 11 * HOURS : 0));
    await steps(2);
    expect(ledger.store.blocks.tip()?.number).toBe(70);
    chain.fault = undefined;
    chain.reorg(68, 3, 77);
    const expected = await straight(chain);
    await steps(10);
    expect([ledger.dump(), settled()]).toEqual([expected, 61]);
    const reorgs = ledger.store.db.prepare("select common_block, depth, old_tip_hash from reorgs").all();
    expect(reorgs).toMatchObject([{ common_block: 68, depth: 2 }]);
  });

  it("in the header of a block without logs, which is kept, is refused where the next one is earlier", async () => {
    const chain = new FakeChain({ isProvable: false });
    chain.grow(60, 11);
    chain.growEmpty(3);
    chain.grow(7, 12);
    const expected = await straight(chain);
    const { ledger, steps, refused, settled } = ledgerOf(chain);
    shifted(chain, "headers", (number) => (number === 62 ? 11 * HOURS : 0));
    await steps(4);
    expect(refused.at(-1)).toMatch(
      /^LOGS_INCONSISTENT block 63 is said to be of the time \d+, before that of block 62/,
    );
    expect(ledger.store.blocks.at(62)).toBeUndefined();
    chain.fault = undefined;
    await steps(8);
    expect([ledger.dump(), settled()]).toEqual([expected, 60]);
  });

  it("that closes a day too early by a block without logs is found out when it is settled", async () => {
    const chain = new FakeChain({ isProvable: false });
    chain.grow(20, 11);
    chain.growEmpty(1);
    chain.grow(50, 12);
    const expected = await straight(chain);
    const { ledger, steps, settled } = ledgerOf(chain);
    await ledger.step({ until: 20 });
    const before = ledger.store.days.last()?.date;
    // Up to the next block's time nothing runs back.
    shifted(chain, "headers", (number) => (number === 21 ? 30 * HOURS : 0));
    await ledger.step({ until: 21 });
    expect(ledger.store.days.last()?.date).not.toBe(before);
    chain.fault = undefined;
    await steps(14);
    expect([ledger.dump(), settled()]).toEqual([expected, 61]);
  });

  it("that closes a day too early at a range's end, and runs back before no later block, is found out when it is settled", async () => {
    const chain = new FakeChain({ isProvable: false });
    chain.grow(19, 11);
    chain.growEmpty(1);
    chain.pauseSec = 72 * HOURS;
    chain.grow(1, 12);
    chain.pauseSec = 0;
    chain.grow(50, 13);
    const closings = ({ store }: TestLedger) => store.db.prepare("select date, closed_block from days").raw().all();
    const honest = ledgerOf(chain);
    await honest.steps(14);
    const { ledger, steps, settled } = ledgerOf(chain);
    // Ranges are of 20 blocks: the header of the last one ends the first.
    shifted(chain, "headers", (number) => (number === 20 ? 30 * HOURS : 0));
    await ledger.step();
    expect(closings(ledger)).not.toEqual(closings(honest.ledger));
    chain.fault = undefined;
    await steps(14);
    expect([closings(ledger), settled()]).toEqual([closings(honest.ledger), honest.settled()]);
    expect(ledger.dump()).toBe(honest.ledger.dump());
  });
});

describe("a header", () => {
  it("with a field that no known form has is not proven, and not refused; that is told once", async () => {
    const chain = grown(false);
    const full = grown(true).blocks[0]?.header ?? {};
    chain.fault = (method, _params, result) =>
      method.startsWith("eth_getBlockBy") && result !== null
        ? { ...full, ...(result as object), nextForkRoot: `0x${"ab".repeat(32)}` }
        : result;
    const { ledger, steps, warned, settled, health } = ledgerOf(chain);
    await steps(6);
    expect([settled(), ledger.store.blocks.tip()?.number]).toEqual([60, 70]);
    expect(warned).toEqual([expect.stringMatching(/^n1: the header of block \d+ cannot be .*nextForkRoot$/)]);
    expect(health()[0]?.headers).toBe("unauthenticated");
  });

  it("of known fields alone that hash to something else is refused", async () => {
    const chain = grown(false);
    const full = grown(true).blocks[0]?.header ?? {};
    chain.fault = (method, _params, result) =>
      method.startsWith("eth_getBlockBy") && result !== null
        ? { ...full, ...(result as object), fieldOfAnotherForm: null }
        : result;
    const { ledger, steps, refused } = ledgerOf(chain);
    await steps(2);
    expect(ledger.store.blocks.tip()).toBeUndefined();
    expect(refused[0]).toMatch(/hashes to/);
  });

  it.each([
    ["left out", undefined],
    ["of no use", "zz"],
  ] as const)("does not escape its judgement by a known field that is %s", async (_how, miner) => {
    const chain = grown(true);
    const { ledger, steps, refused } = ledgerOf(chain);
    await ledger.step({ until: 20 });
    shifted(chain, "both", () => 11 * HOURS);
    const lie = chain.fault;
    chain.fault = (method, params, result) => {
      const said = lie?.(method, params, result) ?? result;
      return method.startsWith("eth_getBlockBy") && said !== null ? { ...(said as object), miner } : said;
    };
    await steps(4);
    expect(ledger.store.blocks.tip()?.number).toBe(20);
    expect(refused[0]).toMatch(/cannot be hashed: it/);
    // Nor from the beginning, but on a chain for development, whose stand-ins answer little.
    const { hash, parentHash, timestampSec } = chain.blocks[30] ?? { hash: "", parentHash: "", timestampSec: 0 };
    const little = { number: "0x1e", hash, parentHash, timestamp: `0x${timestampSec.toString(16)}` };
    const reads = (chainId: number, hasRecomputed = false) =>
      new HeaderCheck({
        chainId,
        nowMs: () => stillClock.nowMs(),
        clockDriftSec: 900,
        hasRecomputed: () => hasRecomputed,
      }).read({ ...little, miner }, "n1")?.isAuthentic;
    expect(() => reads(1)).toThrow(/cannot be hashed: it/);
    expect(() => reads(31_337, true)).toThrow(/cannot be hashed: it/);
    expect([reads(31_337), reads(4_242)]).toEqual([false, false]);
  });

  it("of another block than the one that was asked for proves nothing", async () => {
    const chain = grown(true);
    const expected = await straight(chain);
    const within = (number: number): boolean => number % 20 > 1 && number % 20 < 12 && number <= 60;
    const timeOf = (number: number): string => `0x${(chain.blocks[number]?.timestampSec ?? 0).toString(16)}`;
    chain.fault = (method, params, result) => {
      if (method === "eth_getBlockByNumber" && within(Number(params[0]))) {
        const { header, hash } = chain.blocks[Number(params[0]) - (Number(params[0]) % 20) + 1] ?? {};
        return { ...header, hash, transactions: [] };
      }
      if (method !== "eth_getLogs") return result;
      return (result as { blockNumber: string }[]).map((log) => {
        const number = Number(log.blockNumber);
        return within(number) ? { ...log, blockTimestamp: timeOf(number - (number % 20) + 12) } : log;
      });
    };
    const { ledger, steps, settled, refused } = ledgerOf(chain);
    await steps(10);
    expect(refused.at(-1)).toMatch(/block \d+ was asked for, and block \d+ was answered/);
    expect(settled()).toBe(0);
    chain.fault = undefined;
    await steps(14);
    expect([ledger.dump(), settled()]).toEqual([expected, 60]);
  });

  it("that proves no time is not compared with its own endpoint's word while another one is away", async () => {
    for (const isProvable of [false, true]) {
      const [liar, honest] = [grown(isProvable), grown(isProvable)];
      shifted(liar, "both", () => 11 * HOURS);
      const lie = liar.fault;
      liar.fault = (method, params, result) => {
        const said = lie?.(method, params, result) ?? result;
        return method.startsWith("eth_getBlockBy") && said !== null
          ? { ...(said as object), nextForkRoot: "0x1" }
          : said;
      };
      const { ledger, steps, settled, settling } = ledgerOf(liar, honest);
      honest.fault = away;
      await steps(12);
      expect([isProvable, settled(), ledger.store.blocks.tip()?.number]).toEqual([isProvable, 0, 70]);
      expect(settling.at(-1)).toBe("waits");
      // The head is followed all the while.
      for (const chain of [liar, honest]) chain.grow(5, 3);
      await steps(2);
      expect([settling.at(-1), settled(), ledger.store.blocks.tip()?.number]).toEqual(["waits", 0, 75]);
    }
  });

  it("that proves no time is not compared with its own endpoint's word where that is called otherwise since", async () => {
    const [dead, liar, third] = [grown(false), grown(false), grown(false)];
    [dead.fault, third.fault] = [away, away];
    shifted(liar, "both", (number) => (number >= 30 ? 11 * HOURS : 0));
    const byUrl = new Map([dead, liar, third].map((chain, i) => [`http://127.0.0.1:${i + 1}/`, chain]));
    const fetch: Fetch = (url, init) => (byUrl.get(url) as FakeChain).fetch(url, init);
    const ledger = new TestLedger(dead.fetch, { programme });
    /** The endpoints are called by their places. */
    const settlingWith = async (urls: readonly string[]): Promise<Settling | undefined> => {
      const endpoints = urls.map((url, i) => ({ id: `rpc-${i + 1}`, url }));
      const rpcs = endpointsOf({ endpoints, rpcTimeoutMs: 1000, rpcBodyBytesMax: 2 ** 24 }, fetch);
      const limits = { ...RANGE_LIMITS, blocksStart: 20 };
      const options = { clock: stillClock, random: () => 0.5, contentOf: blockLogsDigest, limits };
      const port = new FollowedChain(rpcs, programme, options);
      let settling: Settling | undefined;
      for (let i = 0; i < 12; i++) {
        const step = converge(ledger.keeper, port, new AbortController().signal, { settle: SETTLE });
        settling = (await step.catch(() => undefined))?.settling ?? settling;
      }
      return settling;
    };
    const [first, second, last] = [...byUrl.keys()] as [string, string, string];
    expect([await settlingWith([first, second, last]), ledger.store.config.get("settled_block")]).toEqual(["waits", 0]);
    expect([await settlingWith([second, last]), ledger.store.config.get("settled_block")]).toEqual(["waits", 0]);
    expect(JSON.stringify(ledger.store.config.get("read_by"))).not.toContain("127.0.0.1");
  });

  it("that proves no time says that it waits behind a thread, too", async () => {
    const [one, other] = [grown(false), grown(false)];
    other.fault = away;
    const { ledger, port } = ledgerOf(one, other);
    const { chain, close } = remote(() => port);
    try {
      const step = () => converge(ledger.keeper, chain, new AbortController().signal, { settle: SETTLE });
      for (let i = 0; i < 6; i++) await step();
      expect([(await step()).settling, ledger.store.blocks.tip()?.number]).toEqual(["waits", 70]);
    } finally {
      close();
    }
  });

  it.each([
    [-600, 30, 45],
    [-600, 30, 70],
    [3600, 30, 99],
    [-1800, 40, 40],
  ])(
    "that says now this and now that of its times (%i s, blocks %i to %i) has no block undone twice, and waits",
    async (shift, from, to) => {
      for (const several of [false, true]) {
        const [one, other] = [grown(false), grown(false)];
        other.fault = away;
        let requests = 0;
        const isWrong = () => Math.floor(requests / 9) % 2 === 1;
        shifted(one, "both", (number) => (isWrong() && number >= from && number <= to ? shift : 0));
        const fault = one.fault;
        one.fault = (...args) => {
          requests += 1;
          return fault?.(...args);
        };
        const { ledger, steps } = several ? ledgerOf(one, other) : ledgerOf(one);
        await steps(60);
        const repeated = ledger.store.db.prepare("select 1 from repairs group by block_hash having count(*) > 1").all();
        expect([several, repeated]).toEqual([several, []]);
      }
    },
  );

  it("that proves no time has what it left out repaired by its own second word while another one is away", async () => {
    const [one, other] = [grown(false), grown(false)];
    const expected = await straight(one);
    const { ledger, steps, settled, settling, clock } = ledgerOf(one, other);
    other.fault = away;
    let lied = 0;
    one.fault = (method, _params, result) => {
      const logs = method === "eth_getLogs" && lied === 0 ? (result as { topics: string[] }[]) : [];
      const at = logs.findIndex(({ topics }) => topics[0] === SWAP);
      if (at < 0) return result;
      lied += 1;
      return logs.filter((_, i) => i !== at);
    };
    await steps(12);
    expect([lied, ledger.store.contents.repairs().count, settled(), settling.at(-1)]).toEqual([1, 1, 0, "waits"]);
    expect(ledger.dump()).toBe(expected);
    // It settles once somebody else says the same.
    other.fault = undefined;
    clock.ms += 600_000;
    await steps(6);
    expect([ledger.dump(), settled(), settling.at(-1)]).toEqual([expected, 60, "done"]);
  });

  it.each([0, 1])(
    "that proves no time ends a run to the end with code 75 while another one is away, on a chain that grows by %i blocks a look",
    async (grows) => {
      const [one, other] = [grown(false), grown(false)];
      other.fault = away;
      const { ledger, port, clock: still } = ledgerOf(one, other);
      const clock: Clock = {
        ...still,
        sleep: async (ms, signal) => {
          if (ms > 1_000) one.grow(grows, 3);
          await still.sleep(ms, signal);
        },
      };
      const options = { pollIntervalMs: () => 2_000, giveUpMs: () => 60_000, once: true, settle: SETTLE };
      await expect(run(ledger.keeper, port, clock, new AbortController().signal, options)).rejects.toMatchObject({
        exitCode: 75,
        message: expect.stringMatching(/nothing settles: .*take out of RPC_URLS what is gone for good/),
      });
      expect(ledger.store.blocks.tip()?.number).toBeGreaterThanOrEqual(70);
      const { requests } = one;
      // What waits is not asked for at every look.
      expect(requests).toBeLessThan(grows === 0 ? 60 : 150);
    },
  );

  it("is asked for again where the only endpoint failed once in the middle of a dispute about the tip", async () => {
    const chain = grown(false);
    const { ledger, steps } = ledgerOf(chain);
    await ledger.step({ until: 69 });
    shifted(chain, "both", (number) => (number === 70 ? HOURS / 4 : 0));
    await steps(2);
    let failures = 1;
    chain.fault = (method, _params, result) => {
      if (method === "eth_getBlockByHash" && failures-- > 0) throw new Error("busy");
      return result;
    };
    await steps(2);
    chain.fault = undefined;
    for (let i = 0; i < 20; i++) await steps(1);
    expect(ledger.dump()).toBe(await straight(chain));
  });
});

describe("a chain on which nothing happened for more than a year", () => {
  const quiet = (): FakeChain => {
    const chain = new FakeChain();
    chain.grow(12, 3);
    // stillClock stands in January 2027: the gap ends before it.
    chain.pauseSec = 360 * 24 * HOURS;
    chain.grow(12, 4);
    return chain;
  };

  it("has its days closed by the month, with a look at the signals between, and the same ledger", async () => {
    const chain = quiet();
    const ledger = new TestLedger(chain.fetch);
    let turns = 0;
    const turn = async (): Promise<void> => {
      turns += 1;
      expect(ledger.store.db.inTransaction).toBe(false);
    };
    for (let i = 0; i < 4; i++) await ledger.step({ turn });
    expect(turns).toBeGreaterThanOrEqual(11);
    // Before, all of them in one transaction: as a commit that knows no bound still makes it.
    const whole = new TestLedger(chain.fetch);
    whole.keeper.closeDaysAhead = () => false;
    await whole.settle();
    expect(ledger.store.days.last()?.date).toBe(whole.store.days.last()?.date);
    expect(ledger.dump()).toBe(whole.dump());
  });

  it("may be left at any time, and reopens days whose closing block did not come", async () => {
    const chain = quiet();
    const ledger = new TestLedger(chain.fetch);
    const stop = new Error("stopped");
    let turns = 0;
    const turn = async (): Promise<void> => {
      if (++turns === 5) throw stop;
    };
    await expect(ledger.step({ turn })).rejects.toBe(stop);
    const { days, blocks } = ledger.store;
    expect(days.last()?.closedBlock).toBeGreaterThan(blocks.tip()?.number ?? Number.POSITIVE_INFINITY);
    // Another chain than the one they were closed for: the next block comes an hour later, not a year.
    const other = new FakeChain();
    other.grow(12, 3);
    other.grow(30, 9);
    const next = new TestLedger(other.fetch, { path: `${ledger.store.db.name}-copy` });
    ledger.store.db.prepare("vacuum into ?").run(`${ledger.store.db.name}-other`);
    await next.settle();
    const left = new TestLedger(other.fetch, { path: `${ledger.store.db.name}-other` });
    await left.settle();
    expect(left.dump()).toBe(next.dump());
  });

  it("is cut so that no piece holds more days, wherever its blocks with logs lie", () => {
    const day = (n: number) => 1_767_225_600 + n * 86_400;
    const hash = (n: number) => toHash(`0x${`${n}`.padStart(64, "0")}`);
    const block = (number: number, at: number) => ({
      number,
      hash: hash(number),
      parentHash: null,
      timestampSec: day(at),
      logs: [],
    });
    const blocks = [block(11, 1), block(12, 20), block(13, 60), block(15, 61)];
    const range: Range = { from: 11, parentHash: hash(10), end: { ...block(20, 300), parentHash: hash(19) }, blocks };
    const pieces = cutByDays([range], day(0), 31);
    expect(pieces.map(({ from, end, blocks: held }) => [from, end.number, held.length])).toEqual([
      [11, 12, 2],
      [13, 15, 2],
      [16, 20, 0],
    ]);
    for (const [i, { parentHash }] of pieces.entries())
      expect(parentHash).toBe(i === 0 ? hash(10) : pieces[i - 1]?.end.hash);
    expect(cutByDays([range], day(290), 31)).toEqual([range]);
  });
});
