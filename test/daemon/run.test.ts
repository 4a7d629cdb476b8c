import { describe, expect, it } from "vitest";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import type { Block, Clock } from "../../src/core/chain.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import type { ChainPort } from "../../src/daemon/chain-port.ts";
import { type RunOptions, run } from "../../src/daemon/run.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger } from "../support/ledger.ts";
import { OwnClock, stillClock } from "../support/port.ts";

const OPTIONS: RunOptions = { pollIntervalMs: () => 2000, giveUpMs: () => 600_000, once: true };
const signal = new AbortController().signal;

/** A chain whose node fails the requests that `fails` names, counted from 1. */
function flaky(chain: FakeChain, fails: (request: number) => boolean, onRequest: () => void = () => {}): Fetch {
  let requests = 0;
  return async (url, init) => {
    requests += 1;
    onRequest();
    if (fails(requests)) throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    return chain.fetch(url, init);
  };
}

describe("the run", () => {
  it("goes on through failures, from the last commit", async () => {
    const chain = new FakeChain();
    chain.grow(120, 9);
    const retried: string[] = [];
    // Every seventh request fails, and once six in a row.
    const fetch = flaky(chain, (request) => request % 7 === 0 || (request > 30 && request < 37));
    const ledger = new TestLedger(fetch, { limits: { blocksStart: 5, blocksMax: 5, attemptsMax: 1, inFlightMax: 1 } });
    await run(ledger.keeper, ledger.chain, new OwnClock(), signal, {
      ...OPTIONS,
      onRetry: (error) => retried.push(error.code),
    });
    expect(openPositions(ledger.store)).toEqual(chain.head.world.openPositions());
    expect(retried.length).toBeGreaterThan(5);
  });

  it("writes down after half a minute that no node answers, until one does", async () => {
    const chain = new FakeChain();
    chain.grow(30, 9);
    let isDown = false;
    const fetch = flaky(chain, () => isDown);
    const ledger = new TestLedger(fetch);
    const [clock, stop] = [new OwnClock(), new AbortController()];
    const said: unknown[] = [];
    let looks = 0;
    const running = run(ledger.keeper, ledger.chain, clock, stop.signal, {
      ...OPTIONS,
      once: false,
      onLook: () => {
        looks += 1;
        isDown = looks > 3 && looks < 20;
        said.push(ledger.store.config.get("silent") ?? null);
        if (looks === 25) stop.abort();
      },
    });
    expect(await running).toBe("stopped");
    expect(said.slice(0, 4)).toEqual([null, null, null, null]);
    expect(said[18]).toMatchObject({ why: expect.stringContaining("could not be reached (ECONNRESET)") });
    expect(Date.parse((said[18] as { since: string }).since)).toBeLessThan(clock.wallMs());
    expect(said.at(-1)).toBe(null);
  });

  it("counts intervals by a clock that nobody can set back", async () => {
    const chain = new FakeChain();
    chain.grow(30, 9);
    const [clock, stop] = [new OwnClock(), new AbortController()];
    // A day back at each look.
    let looks = 0;
    clock.wallMs = () => 1_800_000_000_000 - looks * 86_400_000;
    const ledger = new TestLedger(chain.fetch);
    await run(ledger.keeper, ledger.chain, clock, stop.signal, {
      ...OPTIONS,
      once: false,
      onLook: () => {
        looks += 1;
        if (looks === 5) chain.grow(5, 10);
        if (looks === 12) stop.abort();
      },
    });
    expect(ledger.store.blocks.tip()?.number).toBe(35);
    expect(clock.ms - 1_800_000_000_000).toBeLessThan(60_000);
  });

  it("ends where its ledger cannot go on, whatever the node says", async () => {
    const chain = new FakeChain();
    chain.grow(30, 9);
    const ledger = new TestLedger(chain.fetch);
    const gone = new LpLedgerError("invariant", "FILE_GONE", "the ledger's file is gone", { exitCode: 72 });
    const running = run(ledger.keeper, ledger.chain, new OwnClock(), signal, {
      ...OPTIONS,
      requireLedger: () => {
        if (ledger.store.blocks.tip() !== undefined) throw gone;
      },
    });
    await expect(running).rejects.toBe(gone);
  });

  it("goes on through answers that are none, asking again", async () => {
    const chain = new FakeChain();
    chain.grow(120, 9);
    const retried: string[] = [];
    let requests = 0;
    const fetch: Fetch = async (url, init) => {
      requests += 1;
      return requests % 7 === 0 ? new Response("{}") : chain.fetch(url, init);
    };
    const ledger = new TestLedger(fetch, { limits: { blocksStart: 5, blocksMax: 5, attemptsMax: 1, inFlightMax: 1 } });
    await run(ledger.keeper, ledger.chain, new OwnClock(), signal, {
      ...OPTIONS,
      onRetry: (error) => retried.push(error.code),
    });
    expect(openPositions(ledger.store)).toEqual(chain.head.world.openPositions());
    expect(new Set(retried)).toEqual(new Set(["RPC_SHAPE"]));
  });

  it.each([2, 3, 4, 5, 6])(
    "ends with `once` when all is final and settled, also where look %i is a block behind",
    async (behind) => {
      const chain = new FakeChain();
      chain.grow(120, 9);
      const ledger = new TestLedger(chain.fetch);
      let looks = 0;
      const lagging: ChainPort = new Proxy(ledger.chain, {
        get: (port, name) => {
          const own = port[name as keyof ChainPort];
          if (name !== "pollHead") return typeof own === "function" ? own.bind(port) : own;
          return async (...args: Parameters<ChainPort["pollHead"]>) => {
            const sight = await port.pollHead(...args);
            looks += 1;
            if (looks !== behind) return sight;
            const [head] = await port.blocksAt([sight.head.number - 1], signal);
            const isThere = (block: Block | null): boolean => block !== null && block.number < sight.head.number;
            return { ...sight, head, blocks: sight.blocks.map((block) => (isThere(block) ? block : null)) };
          };
        },
      });
      await run(ledger.keeper, lagging, new OwnClock(), signal, { ...OPTIONS, settle: { blocksMin: 1, rangesMax: 1 } });
      const { config } = ledger.store;
      expect([config.get("final_block"), config.get("settled_block")]).toEqual([90, 90]);
    },
  );

  it.each([
    [0, 2_000],
    [300, 1_700],
    [1_500, 1_000],
    [-86_400_000, 2_000], // The clock was set back.
  ])(
    "looks again an interval after a look began, and rests for half of it at least: after %i ms, %i",
    async (took, rest) => {
      const chain = new FakeChain();
      chain.grow(20, 9);
      const clock = new OwnClock();
      const ledger = new TestLedger(chain.fetch);
      const stop = new AbortController();
      const rests: number[] = [];
      const slow: ChainPort = new Proxy(ledger.chain, {
        get: (port, name) => {
          const own = port[name as keyof ChainPort];
          if (name === "pollHead" && rests.length > 0) clock.ms += took;
          return typeof own === "function" ? own.bind(port) : own;
        },
      });
      await run(ledger.keeper, slow, clock, stop.signal, {
        ...OPTIONS,
        once: false,
        rest: async (ms) => {
          rests.push(ms);
          if (rests.length === 2) stop.abort();
        },
      });
      expect(rests[1]).toBe(rest);
    },
  );

  it("does not take a backfill that outlasts the give-up time for silence", async () => {
    const chain = new FakeChain();
    chain.grow(100, 10);
    const clock = new OwnClock();
    const fetch = flaky(
      chain,
      (request) => request % 9 === 0,
      () => {
        clock.ms += 200_000;
      },
    );
    const ledger = new TestLedger(fetch, { limits: { blocksStart: 2, blocksMax: 2, attemptsMax: 1, inFlightMax: 1 } });
    await run(ledger.keeper, ledger.chain, clock, signal, OPTIONS);
    expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
  });

  it("gives up with code 75 when nothing can be read for long enough", async () => {
    const clock = new OwnClock();
    const ledger = new TestLedger(flaky(new FakeChain(), () => true));
    const error = await run(ledger.keeper, ledger.chain, clock, signal, OPTIONS).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: "GAVE_UP", exitCode: 75 });
    expect(clock.ms - 1_800_000_000_000).toBeGreaterThanOrEqual(OPTIONS.giveUpMs());
  });

  it("ends at once with code 75 when the thread that asks the nodes is gone: only another process has one", async () => {
    const clock = new OwnClock();
    const gone = new LpLedgerError("transient", "CHAIN_THREAD", "the thread that asks the nodes failed");
    const ledger = new TestLedger(new FakeChain().fetch);
    const chain = { ...ledger.chain, identity: () => Promise.reject(gone) };
    const error = await run(ledger.keeper, chain, clock, signal, OPTIONS).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: "CHAIN_THREAD", exitCode: 75 });
    expect(clock.ms).toBe(1_800_000_000_000);
  });

  it("asks again who the chain is after the connection was lost", async () => {
    const chain = new FakeChain();
    chain.grow(10, 11);
    let away = false;
    const ledger = new TestLedger(flaky(chain, () => away));
    await run(ledger.keeper, ledger.chain, new OwnClock(), signal, OPTIONS);
    const stop = new AbortController();
    let steps = 0;
    const error = await run(ledger.keeper, ledger.chain, new OwnClock(), stop.signal, {
      ...OPTIONS,
      once: false,
      onStep: () => {
        steps += 1;
        away = steps === 3;
        if (steps > 50) stop.abort();
      },
      onRetry: () => {
        away = false;
        chain.chainId = 5; // Another chain came up behind the URL.
      },
    }).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(LpLedgerError);
    expect(error).toMatchObject({ code: "WRONG_CHAIN", exitCode: 78 });
    expect(steps).toBe(3);
  });

  it("ends at once when it is told to, even while it waits", async () => {
    const chain = new FakeChain();
    chain.grow(5, 12);
    const ledger = new TestLedger(chain.fetch);
    const stop = new AbortController();
    const clock: Clock = {
      ...stillClock,
      sleep: (_ms, abort) =>
        new Promise((_resolve, reject) => abort.addEventListener("abort", () => reject(abort.reason))),
    };
    const running = run(ledger.keeper, ledger.chain, clock, stop.signal, {
      ...OPTIONS,
      once: false,
      onStep: () => setImmediate(() => stop.abort()),
    });
    await expect(running).resolves.toBe("stopped");
    expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
  });

  it("leaves an endpoint from which nothing comes while the head moves, and then gives up with code 75", async () => {
    const chain = new FakeChain();
    chain.grow(40, 9);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const clock = new OwnClock();
    const rotated: string[] = [];
    // A node that shows ever newer heads, but never has our tip: it lags and lies about it.
    chain.fault = (method, [tag], result) => (method === "eth_getBlockByNumber" && Number(tag) === 40 ? null : result);
    const stuck = Object.assign(Object.create(ledger.chain) as typeof ledger.chain, {
      pollHead: (...args: Parameters<typeof ledger.chain.pollHead>) => {
        chain.growEmpty(1);
        return ledger.chain.pollHead(...args);
      },
      rotate: (reason: string) => void rotated.push(reason),
      ranges: ledger.chain.ranges.bind(ledger.chain),
      identity: ledger.chain.identity.bind(ledger.chain),
      blocksAt: ledger.chain.blocksAt.bind(ledger.chain),
    });
    const running = run(ledger.keeper, stuck, clock, signal, { ...OPTIONS, once: false, stallMs: () => 60_000 });
    await expect(running).rejects.toMatchObject({ code: "STALLED", exitCode: 75 });
    expect(rotated).toEqual([expect.stringMatching(/nothing could be committed for \d+ s while the head moved/)]);
    expect(clock.ms - 1_800_000_000_000).toBeGreaterThanOrEqual(120_000);
    expect(clock.ms - 1_800_000_000_000).toBeLessThan(140_000);
  });
});
