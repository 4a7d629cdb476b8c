import { describe, expect, it } from "vitest";
import type { EndpointLimits } from "../../src/chain/endpoint-health.ts";
import { FollowedChain } from "../../src/chain/followed-chain.ts";
import { RANGE_LIMITS } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import type { Clock, Range } from "../../src/core/chain.ts";
import { type Address, toHash } from "../../src/core/hex.ts";
import { blockLogsDigest } from "../../src/runtime/platform.ts";
import { codeOf } from "../support/code-of.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";

const { signal } = new AbortController();

/** A clock that moves only when somebody sleeps, or when it is told to. */
function movingClock(): Clock & { ms: number } {
  return {
    ms: 1_800_000_000_000,
    nowMs() {
      return this.ms;
    },
    wallMs() {
      return this.ms;
    },
    async sleep(ms, stop) {
      stop.throwIfAborted();
      this.ms += ms;
    },
    deadline: () => ({ signal: new AbortController().signal, clear: () => {} }),
  };
}

interface Node {
  fetch: Fetch;
  asked: number;
}

function node(serve: Fetch): Node {
  const one: Node = {
    asked: 0,
    fetch: (url, init) => {
      one.asked += 1;
      return serve(url, init);
    },
  };
  return one;
}

const refuse = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });

/** Answers every call with one JSON-RPC error. */
function failing(message: string, status = 200): Fetch {
  return async (_url, init) => {
    const body = JSON.parse(String(init.body)) as { id: number } | { id: number }[];
    const error = ({ id }: { id: number }) => ({ jsonrpc: "2.0", id, error: { code: -32000, message } });
    return refuse(status, Array.isArray(body) ? body.map(error) : error(body));
  };
}

const UNLIMITED: EndpointLimits = {
  blocksMax: null,
  batchMax: null,
  alone: [],
  addressesMax: null,
  topicsMax: null,
  needsAddress: false,
  stateLackedTo: null,
};

interface More {
  readonly pin?: { readonly number: number; readonly hash: string };
  limitsOf?(): EndpointLimits;
}

function follow(nodes: readonly Node[], clock: Clock, more: More = {}) {
  const programme = testProgramme();
  const switches: string[] = [];
  const refused: string[] = [];
  const rpcs = nodes.map(
    ({ fetch }, i) =>
      new Rpc({
        id: `n${i + 1}`,
        url: `http://127.0.0.1:${i + 1}/`,
        fetch,
        clock,
        timeoutMs: 1000,
        bodyBytesMax: 2 ** 24,
      }),
  );
  const chain = new FollowedChain(rpcs, programme, {
    clock,
    random: () => 0.5,
    contentOf: blockLogsDigest,
    limits: RANGE_LIMITS,
    ...(more.limitsOf === undefined ? {} : { limitsOf: more.limitsOf }),
    onSwitch: (from, to) => void switches.push(`${from} -> ${to}`),
    onRefused: (id) => void refused.push(id),
    ...(more.pin === undefined
      ? {}
      : { expected: () => ({ chainId: 31337, pin: { number: more.pin?.number ?? 0, hash: toHash(more.pin?.hash) } }) }),
  });
  return { chain, programme, switches, refused };
}

function grown(): FakeChain {
  const chain = new FakeChain();
  chain.grow(40, 5);
  return chain;
}

describe("several endpoints", () => {
  it("are asked in turn for a state that the one in use no longer has, and none of them is left for that", async () => {
    const [served, clock] = [grown(), movingClock()];
    const gone = failing("missing trie node 1234 (path ) state 0x12 is not available");
    let [has, hasAll] = [true, false];
    const archive: Fetch = async (url, init) => {
      if (!has) return await gone(url, init);
      const { id } = JSON.parse(String(init.body)) as { id: number };
      return refuse(200, { jsonrpc: "2.0", id, result: `0x${"7".padStart(64, "0")}` });
    };
    const calling =
      (answer: Fetch): Fetch =>
      (url, init) =>
        String(init.body).includes("eth_call") ? answer(url, init) : served.fetch(url, init);
    const full: Fetch = (url, init) => (hasAll ? archive(url, init) : gone(url, init));
    const first = node(calling(full));
    const { chain, switches } = follow([first, node(calling(archive))], clock);
    await chain.pollHead([], signal);
    const question = { kind: "share-supply" as const, token: addressOf(0xb1) as Address };
    expect(await chain.call([question], 3, signal)).toEqual(["7"]);
    // What it lacks is known: nothing that old is asked of it while another one answers.
    expect(chain.health().map(({ stateLackedTo }) => stateLackedTo)).toEqual([3, null]);
    const before = first.asked;
    expect(await chain.call([question], 2, signal)).toEqual(["7"]);
    expect(first.asked).toBe(before);
    expect(await chain.call([question], 4, signal)).toEqual(["7"]);
    expect(first.asked).toBe(before + 1);
    // Where nobody has it, that is no answer, and never an answer of nothing.
    has = false;
    await expect(chain.call([question], 3, signal)).rejects.toMatchObject({ kind: "transient" });
    expect(switches).toEqual([]);
    [has, hasAll] = [true, true];
    const next = follow([node(calling(full))], clock, { limitsOf: () => ({ ...UNLIMITED, stateLackedTo: 9 }) });
    await next.chain.pollHead([], signal);
    expect(next.chain.health()[0]?.stateLackedTo).toBe(9); // From an earlier start.
    expect(await next.chain.call([question], 3, signal)).toEqual(["7"]);
    expect(next.chain.health()[0]?.stateLackedTo).toBe(null); // It has it after all.
  });

  it("are not believed where what one calls final is not below its head", async () => {
    const [served, behind, clock] = [grown(), new FakeChain(), movingClock()];
    behind.grow(20, 6);
    served.finalized = 30;
    // Another node behind the same URL, of another chain, says what the head is.
    const balanced = node(async (url, init) => {
      const body = JSON.parse(String(init.body)) as { params: readonly unknown[] }[];
      const [mine, theirs] = await Promise.all([served.fetch(url, init), behind.fetch(url, init)]);
      const [ours, others] = [await (mine as Response).json(), await (theirs as Response).json()] as [
        unknown[],
        unknown[],
      ];
      return Response.json(body.map(({ params }, i) => (params[0] === "latest" ? others[i] : ours[i])));
    });
    const { chain } = follow([balanced], clock);
    await expect(chain.pollHead([], signal)).rejects.toMatchObject({ code: "LOGS_INCONSISTENT" });
  });

  it("never take the parent of one chain with the hash of another for a range of one block", async () => {
    const [served, other, clock] = [grown(), new FakeChain(), movingClock()];
    other.grow(30, 5);
    other.grow(10, 6);
    let read = 0;
    served.fault = (method, [number], result) => {
      if (method !== "eth_getBlockByNumber" || Number(number) !== 40) return result;
      read += 1;
      const { hash = "", parentHash = "" } = other.blocks[40] ?? {};
      return read === 1 ? { ...(result as object), hash, parentHash } : result;
    };
    const { chain } = follow([node(served.fetch)], clock);
    const { head } = await chain.pollHead([], signal);
    const first = chain.ranges(40, 40, { head: { ...head, number: 41 }, finalTo: 40 }, signal).next();
    const range = await first.then(({ value }) => value as Range);
    // Asked again, since it had two hashes at first.
    expect([range.parentHash, range.end.hash]).toEqual([served.blocks[39]?.hash, served.blocks[40]?.hash]);
    expect(read).toBeGreaterThan(2);
  });

  it("are left when they fail, and the preferred one is taken up again once it does well", async () => {
    const [served, clock] = [grown(), movingClock()];
    let down = false;
    const first = node((url, init) => (down ? Promise.reject(new Error("down")) : served.fetch(url, init)));
    const second = node(served.fetch);
    const { chain, switches } = follow([first, second], clock);
    await chain.pollHead([], signal);
    expect(switches).toEqual([]);
    down = true;
    await expect(chain.pollHead([], signal)).rejects.toMatchObject({ code: "RPC_UNREACHABLE" });
    expect((await chain.pollHead([], signal)).head.hash).toBe(served.head.hash);
    expect(switches).toEqual(["n1 -> n2"]);
    const before = first.asked;
    await chain.pollHead([], signal);
    expect(first.asked).toBe(before); // Left alone for a while, not hammered.
    down = false;
    clock.ms += 60_000;
    await chain.pollHead([], signal);
    expect(switches).toEqual(["n1 -> n2", "n2 -> n1"]);
  });

  it("are left when they lag in blocks and in seconds, but not for a block or two", async () => {
    const [served, clock] = [grown(), movingClock()];
    const behind = new FakeChain();
    behind.grow(38, 5);
    const { chain, switches } = follow([node(behind.fetch), node(served.fetch)], clock);
    await chain.pollHead([], signal);
    expect(switches).toEqual([]); // Two blocks: no more than a slower link.
    served.grow(8, 5);
    clock.ms += 20_000;
    expect((await chain.pollHead([], signal)).head.number).toBe(48);
    expect(switches).toEqual(["n1 -> n2"]);
    behind.grow(10, 5);
    clock.ms += 20_000;
    expect((await chain.pollHead([], signal)).head.number).toBe(48);
    expect(switches).toEqual(["n1 -> n2", "n2 -> n1"]);
  });

  it("of another chain, another genesis or another final block are never used", async () => {
    const [served, clock] = [grown(), movingClock()];
    const wrong = grown();
    wrong.chainId = 5;
    const reset = new FakeChain({ genesis: "other" });
    reset.grow(40, 5);
    const forked = grown();
    forked.reorg(10, 30, 9);
    const nodes = [wrong, reset, forked, served].map((each) => node(each.fetch));
    const pin = { number: 20, hash: served.blocks[20]?.hash ?? "" };
    const { chain, refused } = follow(nodes, clock, { pin });
    expect((await chain.pollHead([], signal)).head.hash).toBe(served.head.hash);
    expect(chain.health().map(({ id, used, healthy }) => [id, used, healthy])).toEqual([
      ["n1", false, false],
      ["n2", false, false],
      ["n3", false, false],
      ["n4", true, true],
    ]);
    expect(refused).toEqual(["n1", "n2", "n3"]);
  });

  it("of another chain that could not be asked do not stand in for ours, and are no reason to stop", async () => {
    const [served, clock] = [grown(), movingClock()];
    const stranger = new FakeChain({ genesis: "other" });
    stranger.grow(60, 5);
    stranger.chainId = 5;
    let [down, mute] = [false, true];
    const first = node((url, init) => (down ? Promise.reject(new Error("down")) : served.fetch(url, init)));
    const second = node((url, init) => {
      // Whoever asks which chain it serves gets no answer; all else it tells.
      const asksWho = String(init.body).includes("eth_chainId");
      return mute && asksWho ? Promise.reject(new Error("reset")) : stranger.fetch(url, init);
    });
    const { chain } = follow([first, second], clock);
    expect((await chain.identity(signal)).chainId).toBe(31337);
    down = true;
    for (let i = 0; i < 5; i++) {
      await expect(chain.pollHead([], signal)).rejects.toMatchObject({ kind: "transient" });
      clock.ms += 700;
    }
    mute = false;
    clock.ms += 600_000;
    await expect(chain.identity(signal)).rejects.toMatchObject({ kind: "transient" });
    down = false;
    clock.ms += 600_000;
    expect((await chain.pollHead([], signal)).head.hash).toBe(served.head.hash);
    // Where there is nobody else, its name is told to whoever asks.
    const alone = follow([second], clock);
    expect((await alone.chain.identity(signal)).chainId).toBe(5);
  });

  it("of another chain do not stand in, either, while ours says that it serves another one", async () => {
    const [served, clock] = [grown(), movingClock()];
    const stranger = new FakeChain({ genesis: "other" });
    stranger.grow(60, 5);
    stranger.chainId = 5;
    let asked = 0;
    const second = node((url, init) => {
      // Whoever asks for the first time which chain it serves gets no answer.
      const asksWho = String(init.body).includes("eth_chainId");
      return asksWho && asked++ === 0 ? Promise.reject(new Error("reset")) : stranger.fetch(url, init);
    });
    const { chain } = follow([node(served.fetch), second], clock);
    expect((await chain.identity(signal)).chainId).toBe(31337);
    clock.ms += 600_000;
    served.chainId = 5;
    await expect(chain.pollHead([], signal)).rejects.toMatchObject({ kind: "transient", code: "WRONG_CHAIN" });
    await expect(chain.pollHead([], signal)).rejects.toMatchObject({ kind: "transient", code: "WRONG_CHAIN" });
    expect((await chain.identity(signal)).chainId).toBe(5);
    served.chainId = 31337;
    clock.ms += 600_000;
    expect((await chain.pollHead([], signal)).head.hash).toBe(served.head.hash);
  });

  it.each([
    ["Must be authenticated!", 401],
    ["Monthly capacity limit exceeded.", 403],
    ["Archive requests require a personal token. Get one", 200],
  ])("that answer %j are left alone for minutes, and said so", async (message, status) => {
    const [served, clock] = [grown(), movingClock()];
    const first = node(failing(message, status));
    const { chain, refused } = follow([first, node(served.fetch)], clock);
    expect((await chain.pollHead([], signal)).head.hash).toBe(served.head.hash);
    expect(refused).toEqual(["n1"]);
    const before = first.asked;
    clock.ms += 60_000;
    await chain.pollHead([], signal);
    expect(first.asked).toBe(before);
  });

  it("give the same ledger, whichever of them answers", async () => {
    const served = grown();
    const straight = new TestLedger(served.fetch);
    await straight.settle();
    let calls = 0;
    const flaky: Fetch = (url, init) =>
      calls++ % 3 === 2 ? Promise.reject(new Error("reset")) : served.fetch(url, init);
    const { chain } = follow([node(flaky), node(flaky), node(served.fetch)], movingClock());
    const ledger = new TestLedger(served.fetch, { chain });
    for (let i = 0; i < 40 && ledger.store.blocks.tip()?.number !== served.head.number; i++)
      await ledger.step().catch(() => {});
    expect(ledger.dump()).toBe(straight.dump());
  });
});

describe("an endpoint's limits", () => {
  it("of requests a second are learned from refusals, with its Retry-After, and ranges stay as large", async () => {
    const [served, clock] = [grown(), movingClock()];
    const sent: number[] = [];
    const widths = new Set<number>();
    const limited: Fetch = async (url, init) => {
      const now = clock.nowMs();
      if (sent.filter((at) => at > now - 1000).length >= 5) return refuse(429, "", { "retry-after": "2" });
      sent.push(now);
      for (const call of [JSON.parse(String(init.body))].flat())
        if (call.method === "eth_getLogs")
          widths.add(Number(call.params[0].toBlock) - Number(call.params[0].fromBlock));
      return served.fetch(url, init);
    };
    const one = node(limited);
    const { chain } = follow([one], clock);
    let refusals = 0;
    for (let i = 0; i < 100; i++) {
      await chain.pollHead([], signal).catch(() => {
        refusals += 1;
      });
    }
    expect(refusals).toBeLessThan(4);
    expect(chain.health()[0]?.perSecond).toBeLessThanOrEqual(5);
    const { head } = await chain.pollHead([], signal);
    for await (const _ of chain.ranges(1, 40, { head, finalTo: 40 }, signal)) {
      // Only how it is asked matters here.
    }
    expect([...widths]).toEqual([39]);
    expect(clock.nowMs() - 1_800_000_000_000).toBeLessThan(60_000);
  });

  it("of blocks in a range are learned for good, and known to the next process", async () => {
    const [served, clock] = [grown(), movingClock()];
    const asked: number[] = [];
    served.fault = (method, [filter], result) => {
      if (method !== "eth_getLogs") return result;
      const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string };
      asked.push(Number(toBlock) - Number(fromBlock) + 1);
      if (Number(toBlock) - Number(fromBlock) >= 7) throw new Error("query exceeds max block range 7");
      return result;
    };
    const { chain, programme } = follow([node(served.fetch)], clock);
    const { head } = await chain.pollHead([], signal);
    for await (const _ of chain.ranges(1, 40, { head, finalTo: 40 }, signal)) {
      // Only how it is asked matters here.
    }
    expect(asked.filter((blocks) => blocks > 7).length).toBe(1);
    expect(chain.health()[0]?.blocksMax).toBe(7);
    const url = "http://127.0.0.1:1/";
    const rpc = new Rpc({ id: "n1", url, fetch: served.fetch, clock, timeoutMs: 1000, bodyBytesMax: 2 ** 24 });
    const next = new FollowedChain([rpc], programme, {
      clock,
      random: () => 0.5,
      contentOf: blockLogsDigest,
      limits: RANGE_LIMITS,
      limitsOf: () => ({ ...UNLIMITED, blocksMax: 7 }),
    });
    asked.length = 0;
    for await (const _ of next.ranges(1, 40, { head, finalTo: 40 }, signal)) {
      // Only how it is asked matters here.
    }
    expect(Math.max(...asked)).toBe(7);
  });

  it.each([true, false])("on one block's logs are met by its receipts, whole (%s) or one by one", async (whole) => {
    const served = grown();
    const straight = new TestLedger(served.fetch);
    await straight.settle();
    served.receipts = whole ? "whole" : "single";
    served.fault = (method, [filter], result) => {
      const { fromBlock, toBlock } = filter as { fromBlock?: string; toBlock?: string };
      if (method === "eth_getLogs" && (fromBlock !== toBlock || Number(fromBlock) % 3 === 0))
        throw new Error("query returned more than 10000 results");
      return result;
    };
    const ledger = new TestLedger(served.fetch);
    await ledger.settle();
    expect(ledger.dump()).toBe(straight.dump());
    expect(served.calls.includes("eth_getTransactionReceipt")).toBe(!whole);
  });

  it("on batches are met by single calls", async () => {
    const served = grown();
    const straight = new TestLedger(served.fetch);
    await straight.settle();
    const fussy: Fetch = async (url, init) => {
      const body = JSON.parse(String(init.body)) as { method: string }[] | { method: string };
      if (!Array.isArray(body) || body.every(({ method }) => method !== "eth_getLogs")) return served.fetch(url, init);
      const message = "method eth_getLogs in batch triggered rate limit";
      return refuse(200, { jsonrpc: "2.0", id: null, error: { code: -32005, message } });
    };
    const ledger = new TestLedger(fussy);
    await ledger.settle();
    expect(ledger.dump()).toBe(straight.dump());
  });
});

describe("an answer", () => {
  it("nested a million deep is refused, and overflows nothing", async () => {
    const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
    for (const result of [deep, `{"number":${deep}}`, `[{"address":${deep}}]`]) {
      const fetch: Fetch = async (_url, init) => {
        const body = JSON.parse(String(init.body)) as { id: number } | { id: number }[];
        const answer = ({ id }: { id: number }) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
        return new Response(Array.isArray(body) ? `[${body.map(answer).join(",")}]` : answer(body));
      };
      const { chain } = follow([node(fetch)], movingClock());
      const error = await chain.pollHead([], signal).catch((caught: unknown) => caught);
      expect(
        codeOf(() => {
          throw error;
        }),
      ).toMatch(/^(LOGS_INCONSISTENT|NOT_A_HASH|RPC_SHAPE)$/);
    }
  });
});
