import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { plainLog } from "../../src/chain/logs/packed-log.ts";
import { RemoteChain } from "../../src/chain/thread/remote-chain.ts";
import type { Range } from "../../src/core/chain.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { blockLogsDigest } from "../../src/runtime/platform.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { chainPort } from "../support/port.ts";
import { remote } from "../support/remote.ts";

const signal = new AbortController().signal;

/** The chain with its blocks' logs, without what only speeds things up. */
function plainRange({ release: _, ...range }: Range): object {
  return {
    ...range,
    blocks: range.blocks.map(({ number, hash, parentHash, timestampSec, logs }) => ({
      number,
      hash,
      parentHash,
      timestampSec,
      logs: logs.map(plainLog),
    })),
  };
}

describe("a chain in another thread", () => {
  it("brings the same ranges, and what each block's logs amount to", async () => {
    const fake = new FakeChain();
    fake.grow(60, 3);
    const near = chainPort(fake.fetch, testProgramme(), { blocksStart: 7, blocksMax: 7 });
    const { chain, close } = remote(() => chainPort(fake.fetch, testProgramme(), { blocksStart: 7, blocksMax: 7 }));
    try {
      const { head } = await chain.pollHead([], signal);
      expect(head.number).toBe(60);
      const [expected, found]: [object[], object[]] = [[], []];
      for await (const range of near.ranges(1, 60, { head, finalTo: 0 }, signal)) expected.push(plainRange(range));
      for await (const range of chain.ranges(1, 60, { head, finalTo: 0 }, signal)) {
        for (const block of range.blocks) expect(block.content).toBe(blockLogsDigest(block));
        found.push(plainRange(range));
        range.release?.();
        if (range.blocks.length > 0) expect(() => range.blocks.at(-2)?.logs).toThrow();
      }
      expect(expected.length).toBeGreaterThan(5);
      expect(found).toEqual(expected);
    } finally {
      close();
    }
  });

  it("ends a stream although its end is told while the last range but one is worked on", async () => {
    const fake = new FakeChain();
    fake.grow(20, 3);
    const { chain, close } = remote(() => chainPort(fake.fetch, testProgramme(), { blocksStart: 7, blocksMax: 7 }));
    try {
      const { head } = await chain.pollHead([], signal);
      const ends: number[] = [];
      for await (const range of chain.ranges(1, 20, { head, finalTo: 0 }, signal)) {
        ends.push(range.end.number);
        for (let i = 0; i < 100; i++) await new Promise(setImmediate);
      }
      expect(ends).toEqual([7, 14, 20]);
    } finally {
      close();
    }
  });

  it("makes the same ledger, through reorgs too", async () => {
    const fake = new FakeChain();
    fake.grow(30, 3);
    const { chain, close } = remote(() => chainPort(fake.fetch, testProgramme()));
    try {
      const near = new TestLedger(fake.fetch);
      const far = new TestLedger(fake.fetch, { chain });
      for (const step of [() => {}, () => fake.reorg(24, 9, 8), () => fake.grow(5, 1)]) {
        step();
        await near.settle();
        await far.settle();
        expect(far.dump()).toBe(near.dump());
      }
      expect(far.store.blocks.tip()?.stateDigest).toBe(near.store.blocks.tip()?.stateDigest);
    } finally {
      close();
    }
  });

  it("raises the same errors, code, kind and facts", async () => {
    const fake = new FakeChain();
    fake.grow(3, 3);
    fake.fault = (method, _params, honest) => {
      if (method === "eth_getBlockByNumber") throw new Error("header not found");
      return honest;
    };
    const { chain, close } = remote(() => chainPort(fake.fetch, testProgramme()));
    try {
      const [near, far] = await Promise.all(
        [chainPort(fake.fetch, testProgramme()), chain].map((each) =>
          each.blocksAt([1], signal).catch((error: unknown) => error),
        ),
      );
      if (!(near instanceof LpLedgerError) || !(far instanceof LpLedgerError)) throw new Error("no error");
      const { kind, code, message, facts, exitCode } = near;
      expect(far).toMatchObject({ kind, code, message, facts, exitCode });
      expect(chain.health()[0]).toMatchObject({ id: "rpc-1", lastError: message });
    } finally {
      close();
    }
  });

  it("stops at once when it is told to, and leaves nothing running when a loop is left", async () => {
    const fake = new FakeChain();
    fake.grow(200, 3);
    const { chain, close } = remote(() => chainPort(fake.fetch, testProgramme(), { blocksStart: 2, blocksMax: 2 }));
    try {
      const { head } = await chain.pollHead([], signal);
      const listening = getEventListeners(signal, "abort").length;
      for await (const _ of chain.ranges(1, 200, { head, finalTo: 0 }, signal)) break;
      expect(getEventListeners(signal, "abort").length).toBe(listening);
      await chain.blocksAt([1], signal);
      const asked = fake.requests;
      await chain.blocksAt([2], signal);
      expect(fake.requests).toBe(asked + 1);

      const stop = new AbortController();
      const reading = (async () => {
        for await (const range of chain.ranges(1, 200, { head, finalTo: 0 }, stop.signal))
          if (range.from > 20) stop.abort(new Error("told to stop"));
      })();
      await expect(reading).rejects.toThrow("told to stop");
      await expect(chain.pollHead([], stop.signal)).rejects.toThrow("told to stop");
      expect((await chain.pollHead([], signal)).head.number).toBe(200);
    } finally {
      close();
    }
  });

  it("has twelve ranges at hand while one is worked on, and no more", async () => {
    const fake = new FakeChain();
    fake.grow(200, 3);
    const { chain, heard, close } = remote(() =>
      chainPort(fake.fetch, testProgramme(), { blocksStart: 2, blocksMax: 2 }),
    );
    try {
      const { head } = await chain.pollHead([], signal);
      const told = () => heard.filter((kind) => kind === "range").length;
      let taken = 0;
      for await (const range of chain.ranges(1, 200, { head, finalTo: 0 }, signal)) {
        taken += 1;
        for (let i = 0; i < 200 && told() < taken + 12; i++) await new Promise(setImmediate);
        for (let i = 0; i < 20; i++) await new Promise(setImmediate);
        expect(told()).toBe(taken + 12);
        range.release?.();
        if (taken === 10) break;
      }
    } finally {
      close();
    }
  });

  it("holds nothing of a stream that was left, and gives back the memory of what was not used", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const fake = new FakeChain();
    fake.grow(200, 3);
    const made: WeakRef<Range>[] = [];
    const { chain, heard, told, close } = remote(() => {
      const near = chainPort(fake.fetch, testProgramme(), { blocksStart: 2, blocksMax: 2 });
      const ranges = near.ranges.bind(near);
      near.ranges = async function* (...asked) {
        for await (const range of ranges(...asked)) {
          made.push(new WeakRef(range));
          yield range;
        }
      };
      return near;
    });
    try {
      const { head } = await chain.pollHead([], signal);
      for (let from = 1; from < 100; from += 30) {
        for await (const range of chain.ranges(from, 200, { head, finalTo: 0 }, signal)) {
          for (let i = 0; i < 50; i++) await new Promise(setImmediate);
          range.release?.();
          if (range.from > from) break;
        }
      }
      await chain.pollHead([], signal);
      for (let i = 0; i < 50; i++) await new Promise(setImmediate);
      collect();
      expect(made.length).toBeGreaterThan(20);
      expect(made.filter((each) => each.deref() !== undefined)).toEqual([]);
      const count = (kinds: readonly string[], kind: string) => kinds.filter((each) => each === kind).length;
      expect(count(told, "back")).toBe(count(heard, "range"));
    } finally {
      close();
    }
  });

  it("is told that it was stopped, not that this was all, where all that is ahead was answered", async () => {
    const fake = new FakeChain();
    fake.grow(200, 3);
    const near = chainPort(fake.fetch, testProgramme(), { blocksStart: 2, blocksMax: 2 });
    const { chain, close } = remote(() => chainPort(fake.fetch, testProgramme(), { blocksStart: 2, blocksMax: 2 }));
    try {
      for (const each of [near, chain]) {
        const { head } = await each.pollHead([], signal);
        const stop = new AbortController();
        const reading = (async () => {
          for await (const range of each.ranges(1, 200, { head, finalTo: 0 }, stop.signal)) {
            if (range.from < 20) continue;
            await new Promise((resolve) => setTimeout(resolve, 50));
            stop.abort(new Error("told to stop"));
          }
        })();
        await expect(reading).rejects.toThrow("told to stop");
      }
    } finally {
      close();
    }
  });

  it("fails every question, the waiting one too, once its thread is gone", async () => {
    const silent = { postMessage: () => {}, listen: () => () => {} };
    const plan = { programme: testProgramme(), limits: new Map(), blocksMax: 1_000, clockDriftSec: 900 };
    const chain = new RemoteChain(silent, plan, () => ({ chainId: 31337 }));
    const waiting = chain.pollHead([], signal);
    chain.broke(new LpLedgerError("transient", "CHAIN_THREAD", "it ended"));
    await expect(waiting).rejects.toMatchObject({ code: "CHAIN_THREAD" });
    await expect(chain.identity(signal)).rejects.toMatchObject({ code: "CHAIN_THREAD" });
  });
});
