import { describe, expect, it } from "vitest";
import { LogRequests } from "../../src/chain/filter-limits.ts";
import { FollowedChain } from "../../src/chain/followed-chain.ts";
import { LogReader } from "../../src/chain/log-reader.ts";
import { RANGE_LIMITS } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { blockLogsDigest } from "../../src/runtime/platform.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";
import { worldProgramme } from "../support/world.ts";

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly [{ readonly address?: readonly string[]; readonly topics: readonly [readonly string[]] }];
}

/** What a node answers instead of serving a request; undefined where it serves it. */
type Refuse = (calls: readonly Call[], isBatch: boolean) => Response | undefined;

const grown = (): FakeChain => {
  const chain = new FakeChain({ secondsPerBlock: 4000 });
  chain.grow(60, 5);
  return chain;
};

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
const whole = (code: number, message: string, status = 200): Response =>
  json({ jsonrpc: "2.0", id: null, error: { code, message } }, status);
const each = (calls: readonly Call[], code: number, message: string): Response =>
  json(calls.map(({ id }) => ({ jsonrpc: "2.0", id, error: { code, message } })));

/** A node that refuses some requests. @returns with how many it refused, so far */
function fussy(chain: FakeChain, refuse: Refuse): { readonly fetch: Fetch; refused: number } {
  const node = {
    refused: 0,
    fetch: (async (url, init) => {
      const body = JSON.parse(String(init.body)) as Call | readonly Call[];
      const answer = refuse([body].flat(), Array.isArray(body));
      if (answer === undefined) return await chain.fetch(url, init);
      node.refused += 1;
      return answer;
    }) as Fetch,
  };
  return node;
}

/** A ledger that has settled all it can. */
async function settled(fetch: Fetch): Promise<TestLedger> {
  const ledger = new TestLedger(fetch);
  for (let i = 0; i < 12; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 50 } });
  return ledger;
}

function limitsOf(ledger: TestLedger): Readonly<Record<string, unknown>> {
  const [health] = (ledger.chain as FollowedChain).health();
  const { batchMax, alone, addressesMax, topicsMax, needsAddress } = health ?? {};
  return { batchMax, alone, addressesMax, topicsMax, needsAddress };
}

const NONE = { batchMax: null, alone: [], addressesMax: null, topicsMax: null, needsAddress: false };

const isLog = ({ method }: Call): boolean => method === "eth_getLogs";
const addressesOf = (calls: readonly Call[]): number =>
  Math.max(0, ...calls.filter(isLog).map(({ params }) => params[0].address?.length ?? 0));
const topicsOf = (calls: readonly Call[]): number =>
  Math.max(0, ...calls.filter(isLog).map(({ params }) => params[0].topics[0].length));

describe("an endpoint that refuses batches", () => {
  const forbidden = (isRefused: boolean): Response | undefined =>
    isRefused ? json({ message: "Forbidden" }, 403) : undefined;
  const cases: readonly { it: string; refuse: Refuse; learned: object }[] = [
    {
      it: "of more than three calls",
      refuse: (calls) =>
        calls.length > 3 ? whole(31, "Batch of more than 3 requests are not allowed on free tier") : undefined,
      learned: { ...NONE, batchMax: 3 },
    },
    {
      it: "of any size",
      refuse: (_, isBatch) =>
        isBatch ? whole(-32600, "Batched requests are not supported by this server") : undefined,
      learned: { ...NONE, batchMax: 1 },
    },
    {
      it: "with a method, call by call",
      refuse: (calls, isBatch) =>
        isBatch && calls.some(isLog)
          ? each(calls, -32007, "Method eth_getLogs is not permitted as part of batch requests")
          : undefined,
      // It says so of every call in such a batch.
      learned: { ...NONE, alone: ["eth_getBlockByNumber", "eth_getLogs"] },
    },
    { it: "with a page of HTTP 403", refuse: (_, isBatch) => forbidden(isBatch), learned: { ...NONE, batchMax: 1 } },
    {
      it: "with an empty answer of HTTP 413",
      refuse: (calls) => (calls.length > 2 ? new Response("", { status: 413 }) : undefined),
      learned: { ...NONE, batchMax: 2 },
    },
    {
      it: "by one error that has the first call's id",
      refuse: (calls) =>
        calls.length > 3
          ? json({
              jsonrpc: "2.0",
              id: calls[0]?.id,
              error: { code: 31, message: "Batch of more than 3 requests are not allowed" },
            })
          : undefined,
      learned: { ...NONE, batchMax: 3 },
    },
    {
      it: "by answering nothing to longer ones",
      refuse: (calls) => (calls.length > 2 ? json([]) : undefined),
      learned: { ...NONE, batchMax: 2 },
    },
    {
      it: "by a text of HTTP 200",
      refuse: (_, isBatch) => (isBatch ? new Response("Batch requests are not supported.") : undefined),
      learned: { ...NONE, batchMax: 1 },
    },
    {
      it: "by a text that nobody knows",
      refuse: (calls) => (calls.length > 2 ? whole(-32099, "the dog ate it") : undefined),
      learned: { ...NONE, batchMax: 2 },
    },
  ];

  it.each(cases)("$it is asked for less, and soon knows it", async ({ refuse, learned }) => {
    const chain = grown();
    const node = fussy(chain, refuse);
    const ledger = await settled(node.fetch);
    expect(ledger.dump()).toBe((await settled(chain.fetch)).dump());
    expect(limitsOf(ledger)).toEqual(learned);
    const before = node.refused;
    expect(before).toBeLessThan(8);
    for (let i = 0; i < 5; i++) await ledger.step();
    expect(node.refused).toBe(before);
  });

  it("is not thought to where it refuses whatever is asked", async () => {
    const chain = grown();
    let isShut = false;
    const node = fussy(chain, () => (isShut ? json({ message: "Forbidden" }, 403) : undefined));
    const ledger = await settled(node.fetch);
    isShut = true;
    const error = await ledger.step().catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("refuses the key, or us (HTTP 403): Forbidden");
    isShut = false;
    await ledger.step();
    expect(limitsOf(ledger)).toEqual(NONE);
  });

  it("is not thought to where one call of it is too much, and the others are answered", async () => {
    const chain = grown();
    const blocksOf = ({ params: [filter] }: Call): number => {
      const { fromBlock, toBlock } = filter as unknown as { fromBlock?: string; toBlock?: string };
      return Number(toBlock ?? 0) - Number(fromBlock ?? 0) + 1;
    };
    const node = fussy(chain, (calls) =>
      calls.some((call) => isLog(call) && blocksOf(call) > 7) ? json({ message: "internal error" }, 500) : undefined,
    );
    const ledger = await settled(node.fetch);
    expect(node.refused).toBeGreaterThan(0);
    expect(limitsOf(ledger)).toEqual(NONE);
  });

  it("shows the chain bit by bit, and a header of another chain in between is noticed", async () => {
    const chain = grown();
    const silent = chain.blocks.findLast(({ number, logs }) => number > 40 && number < 59 && logs.length === 0);
    const node = fussy(chain, (_, isBatch) => (isBatch ? whole(-32600, "batches are not supported") : undefined));
    const ledger = new TestLedger(node.fetch);
    let isTorn = true;
    chain.fault = (method, [number], result) =>
      isTorn && method === "eth_getBlockByNumber" && Number(number) === silent?.number
        ? { ...(result as object), hash: `0x${"7".repeat(64)}` }
        : result;
    const error = await ledger.settle().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "LOGS_INCONSISTENT" });
    isTorn = false;
    await ledger.settle();
    expect(ledger.store.blocks.at(silent?.number ?? -1)?.hash).toBe(silent?.hash);
  });

  it("by a guess is tried with more again after a while", async () => {
    const chain = grown();
    let isWeather = true;
    const node = fussy(chain, (calls) => (isWeather && calls.length > 1 ? whole(-32099, "the dog ate it") : undefined));
    const ledger = await settled(node.fetch);
    expect(limitsOf(ledger)).toEqual({ ...NONE, batchMax: 1 });
    isWeather = false;
    for (let i = 0; i < 120; i++) await ledger.step();
    expect(Number(limitsOf(ledger)["batchMax"])).toBeGreaterThan(1);
  });
});

describe("an endpoint that limits filters", () => {
  const cases: readonly { it: string; refuse: Refuse; learned: object }[] = [
    {
      it: "names most addresses",
      refuse: (calls) =>
        addressesOf(calls) > 2
          ? each(calls, -32602, "query exceeds the maximum of 2 addresses or topics per search position")
          : undefined,
      learned: { ...NONE, addressesMax: 2 },
    },
    {
      it: "names no number",
      refuse: (calls) =>
        addressesOf(calls) > 1 ? each(calls, -32602, "exceed max addresses or topics per search position") : undefined,
      learned: { ...NONE, addressesMax: 1 },
    },
    {
      it: "says what nobody knows",
      refuse: (calls) => (addressesOf(calls) > 1 ? each(calls, -32000, "Invalid address") : undefined),
      learned: { ...NONE, addressesMax: 1 },
    },
    {
      it: "bears few topics",
      refuse: (calls) =>
        topicsOf(calls) > 4 ? each(calls, -32602, "exceed max addresses or topics per search position") : undefined,
      learned: { ...NONE, topicsMax: expect.any(Number) },
    },
    {
      it: "bears no filter without addresses",
      refuse: (calls) =>
        calls.some((call) => isLog(call) && call.params[0].address === undefined)
          ? each(calls, -32701, "Please specify an address in your request")
          : undefined,
      learned: { ...NONE },
    },
  ];

  it.each(cases)("and $it is asked in parts", async ({ refuse, learned }) => {
    const chain = grown();
    const node = fussy(chain, refuse);
    const ledger = await settled(node.fetch);
    expect(ledger.dump()).toBe((await settled(chain.fetch)).dump());
    expect(limitsOf(ledger)).toMatchObject(learned);
    const before = node.refused;
    for (let i = 0; i < 5; i++) await ledger.step();
    expect(node.refused).toBe(before);
  });

  it("and names an address as what is missing is not thought to limit topics", () => {
    const requests = new LogRequests();
    const filter = { addresses: ["0x01"], topics: ["0x01", "0x02"] } as unknown as Parameters<LogRequests["calls"]>[0];
    const text = "Please specify an address in your request";
    const error = new LpLedgerError("transient", "RPC_ERROR", text, { facts: { text } });
    expect(requests.refused(requests.calls(filter, {}, "any-address"), error)).toBe(true);
    expect(requests.limits).toEqual({ addressesMax: null, topicsMax: null, needsAddress: true });
  });

  it("taught that for the next start, too", async () => {
    const chain = grown();
    const node = fussy(chain, (calls) =>
      calls.length > 2
        ? whole(-32600, "batch size limit of 2 exceeded")
        : addressesOf(calls) > 1
          ? each(calls, -32602, "exceed max addresses or topics")
          : undefined,
    );
    const first = await settled(node.fetch);
    const [learned] = (first.chain as FollowedChain).health();
    const asked = node.refused;
    const rpc = new Rpc({
      id: "rpc-1",
      url: "http://127.0.0.1:1/",
      fetch: node.fetch,
      clock: stillClock,
      timeoutMs: 1000,
      bodyBytesMax: 2 ** 26,
    });
    const next = new FollowedChain([rpc], testProgramme(), {
      clock: stillClock,
      random: () => 0.5,
      contentOf: blockLogsDigest,
      limits: RANGE_LIMITS,
      limitsOf: () => learned,
    });
    const { signal } = new AbortController();
    const { head } = await next.pollHead([], signal);
    const read = [];
    for await (const range of next.ranges(1, 60, { head, finalTo: 60 }, signal)) read.push(range);
    expect(read.length).toBeGreaterThan(0);
    expect(node.refused).toBe(asked);
  });

  const { pools } = worldProgramme() as { pools: readonly object[] };
  it.each([
    { of: "more than two addresses", pools, mostAddresses: 2, mostTopics: Number.POSITIVE_INFINITY },
    { of: "several topics, of one pool", pools: pools.slice(0, 1), mostAddresses: 2, mostTopics: 1 },
  ])("and answers those of $of with nothing is found out by the second reading, which asks otherwise", async (lie) => {
    const chain = grown();
    chain.fault = (method, [filter], result) => {
      const { address = [], topics } = filter as {
        address?: readonly string[];
        topics: readonly (readonly string[])[];
      };
      const isLong = address.length > lie.mostAddresses || (topics?.[0]?.length ?? 0) > lie.mostTopics;
      return method === "eth_getLogs" && isLong ? [] : result;
    };
    const prices = lie.pools === pools ? {} : { prices: {} };
    const straight = new TestLedger(grown().fetch, { programme: testProgramme({ pools: lie.pools, ...prices }) });
    await straight.settle();
    const upTo = ({ store }: TestLedger, block: number): unknown =>
      store.db.prepare("select * from lp_events where block_number <= ? order by 1, 2, 3").raw().all(block);
    // The header that is read with such a range gives nothing away.
    const until = chain.blocks.findLast(({ number, logs }) => number <= 30 && logs.length === 0)?.number ?? 0;
    const programme = testProgramme({ pools: lie.pools, ...prices, finality: { fallbackDepth: 2, minDepth: 0 } });
    const ledger = new TestLedger(chain.fetch, { programme });
    await ledger.step({ until });
    expect([until > 10, (upTo(ledger, until) as readonly unknown[]).length < 10]).toEqual([true, true]);
    for (let i = 0; i < 5; i++) await ledger.step({ until, settle: { blocksMin: 1, rangesMax: 50 } });
    expect(ledger.store.contents.repairs().count).toBeGreaterThan(2);
    const settledTo = ledger.store.config.get("settled_block") ?? 0;
    expect(settledTo).toBeGreaterThan(10);
    expect(upTo(ledger, settledTo)).toEqual(upTo(straight, settledTo));
    if (lie.mostTopics === 1) return; // Of what is not final, it says nothing in any form that is asked first.
    // And what was found with the next blocks, which their headers' blooms give away, is not held against a pool.
    const hasty = new TestLedger(chain.fetch, { programme: testProgramme({ pools: lie.pools, ...prices }) });
    await hasty.settle();
    expect(hasty.dump()).toBe(straight.dump());
  });
});

describe("the second reading", () => {
  it.each([2, 15, 400, 1500])(
    "of %i pools asks for no more addresses at a time than a silent node answers",
    (count) => {
      const addresses = Array.from({ length: count }, (_, i) => `0x${i.toString(16).padStart(40, "0")}`);
      const filter = { addresses, topics: ["0x01"] } as unknown as Parameters<LogRequests["calls"]>[0];
      const asked = new LogRequests().calls(filter, {}, "other") as unknown as readonly Call[];
      const lists = asked.map(({ params }) => params[0].address ?? []);
      expect(lists.flat()).toEqual(addresses);
      expect(Math.max(...lists.map(({ length }) => length))).toBeLessThanOrEqual(10);
    },
  );
});

describe("a question that must be another one", () => {
  const addressOf = (i: number): string => `0x${i.toString(16).padStart(40, "0")}`;
  const cases = [1, 2, 10, 11, 40].flatMap((count) =>
    [null, 1, 8, 10].flatMap((addressesMax) =>
      [true, false].map((needsAddress) => ({ count, addressesMax, needsAddress })),
    ),
  );
  it.each(cases)("is one: %o", ({ count, addressesMax, needsAddress }) => {
    const topics = ["0x01", "0x02", "0x03"];
    const addresses = Array.from({ length: count }, (_, i) => addressOf(i));
    const filter = { addresses, topics } as unknown as Parameters<LogRequests["calls"]>[0];
    const requests = new LogRequests({ addressesMax, topicsMax: null, needsAddress });
    const [first, other] = (["first", requests.isSameInOtherForm(filter) ? "listed-each-topic" : "other"] as const).map(
      (form) => requests.calls(filter, {}, form),
    );
    expect(other).not.toEqual(first);
    const asked = (other as unknown as readonly Call[]).flatMap(({ params: [{ address, topics: some }] }) =>
      (address ?? addresses).flatMap((each) => some[0].map((topic) => `${each} ${topic}`)),
    );
    expect([...asked].sort()).toEqual(addresses.flatMap((each) => topics.map((topic) => `${each} ${topic}`)).sort());
  });
});

describe("a single block's logs that are refused in unknown words", () => {
  const many = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, i) => `0x${`${i}`.padStart(40, "0")}`);
  const reader = (answer: (calls: readonly Call[]) => unknown) => {
    const sent: number[] = [];
    const fetch: Fetch = async (_url, init) => {
      const calls = [JSON.parse(String(init.body))].flat() as Call[];
      sent.push(calls.length);
      return json(answer(calls));
    };
    const rpc = new Rpc({
      id: "n1",
      url: "http://127.0.0.1:1/",
      fetch,
      clock: stillClock,
      timeoutMs: 1000,
      bodyBytesMax: 2 ** 24,
    });
    return {
      sent,
      reader: new LogReader(rpc, undefined as never, { addressesMax: null, topicsMax: null, needsAddress: true }),
    };
  };
  const filter = { addresses: many(300), topics: many(15) } as unknown as Parameters<LogRequests["calls"]>[0];
  const ask = (logs: LogReader): Promise<unknown> =>
    logs.ask(
      filter,
      { where: { fromBlock: "0x9", toBlock: "0x9" }, form: "first" },
      [[], { method: "eth_getBlockByNumber", params: ["0x9", false] }],
      new AbortController().signal,
    );

  it("are not asked for in ever more parts where nothing at all is answered", async () => {
    const { sent, reader: logs } = reader((calls) => each2(calls, "Internal error"));
    for (let i = 0; i < 6; i++) await expect(ask(logs)).rejects.toMatchObject({ code: "RPC_ERROR" });
    expect(sent.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(6 * 3);
  });

  it("are asked for in parts where a smaller filter is answered", async () => {
    const { sent, reader: logs } = reader((calls) =>
      calls.some(({ params: [{ address }] }) => (address?.length ?? 0) > 16)
        ? each2(calls, "the dog ate it")
        : calls.map(({ id }) => ({ jsonrpc: "2.0", id, result: [] })),
    );
    await expect(ask(logs)).rejects.toMatchObject({ code: "RPC_ERROR" });
    await ask(logs);
    expect(logs.limits.addressesMax).toBe(9);
    expect(sent.reduce((sum, n) => sum + n, 0)).toBeLessThan(120);
  });

  const each2 = (calls: readonly Call[], message: string): unknown => {
    const answers = calls.map(({ id }) => ({ jsonrpc: "2.0", id, error: { code: -32603, message } }));
    return answers.length === 1 ? answers[0] : answers;
  };
});

describe("what an endpoint taught", () => {
  it("is tried again after a while where nothing named it, also after a restart", () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `0x${i.toString(16).padStart(40, "0")}`);
    const filter = { addresses, topics: ["0x01"] } as unknown as Parameters<LogRequests["calls"]>[0];
    const questions = new LogRequests({ addressesMax: 5, topicsMax: 1, needsAddress: true });
    for (let i = 0; i < 2_000; i++) questions.answered(filter, questions.calls(filter, {}, "first"), [], []);
    expect(questions.limits).toEqual({ addressesMax: null, topicsMax: null, needsAddress: false });
  });
});

describe("a node that bears few addresses and few topics", () => {
  const wordings = [
    "exceed max addresses or topics per search position",
    "exceed maxAddrTopicLimit",
    "query exceeds max addresses limit", // Said of both.
    "exceed max topics",
    "bad request",
  ];
  const cases = [1, 3, 16, 50].flatMap((mostAddresses) =>
    [1, 2, 5, 12].flatMap((mostTopics) => wordings.map((text) => ({ mostAddresses, mostTopics, text }))),
  );
  it.each(cases)("%o: both are learned", ({ mostAddresses, mostTopics, text }) => {
    const addresses = Array.from({ length: 38 }, (_, i) => `0x${i.toString(16).padStart(40, "0")}`);
    const topics = Array.from({ length: 12 }, (_, i) => `0x${i}`);
    const filter = { addresses, topics } as unknown as Parameters<LogRequests["calls"]>[0];
    const questions = new LogRequests({ addressesMax: null, topicsMax: null, needsAddress: true });
    let [refused, answered] = [0, 0];
    while (answered < 150) {
      const calls = questions.calls(filter, {}, "first");
      const isRefused = (calls as unknown as readonly Call[]).some(
        ({ params: [{ address, topics: some }] }) =>
          (address?.length ?? 0) > mostAddresses || some[0].length > mostTopics,
      );
      if (isRefused) {
        refused += 1;
        const error = new LpLedgerError("transient", "RPC_ERROR", text, { facts: { text } });
        expect(questions.refused(calls, error, true), text).toBe(true);
      } else {
        answered += 1;
        questions.answered(filter, calls, [], []);
      }
    }
    const { addressesMax, topicsMax } = questions.limits;
    // Halved until they fit, and no further.
    expect(refused).toBeLessThanOrEqual(20);
    expect(addressesMax ?? 38).toBeGreaterThanOrEqual(Math.min(mostAddresses, 38) / 2);
    // Where its words blame the topics alone, they are made few first, and tried again later.
    if (text !== "exceed max topics") expect(topicsMax ?? 12).toBeGreaterThanOrEqual(mostTopics / 4);
  });
});

describe("a chain with heights without a block", () => {
  const isAt = (block: number, params: readonly unknown[]): boolean => Number(params[0]) === block;

  it.each([
    ["null", () => null],
    ["the block before", (_: unknown, before: unknown) => before],
    [
      "an error",
      () => {
        throw new Error("requested epoch was a null round (17)");
      },
    ],
  ])("which are answered with %s is named as not supported", async (_, answer) => {
    const chain = grown();
    // Block 17 is cut out: the one above names the one below as its parent.
    const [below, above] = [chain.blocks[16], chain.blocks[18]];
    const header = (block: unknown) => block as Record<string, unknown>;
    const headers = new Map<number, Record<string, unknown>>();
    chain.fault = (method, params, result) => {
      if (method !== "eth_getBlockByNumber") return result;
      if (isAt(16, params)) headers.set(16, header(result));
      if (isAt(17, params)) return answer(result, headers.get(16) ?? { ...header(result), number: "0x10" });
      return isAt(18, params) ? { ...header(result), parentHash: below?.hash } : result;
    };
    expect(above?.number).toBe(18);
    const ledger = new TestLedger(chain.fetch, { limits: { blocksFirst: 17, blocksStart: 17 } });
    const error = await ledger.settle().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "CHAIN_UNSUPPORTED", kind: "usage", exitCode: 78 });
  });

  it("is named where the height lies within a range, too", async () => {
    const chain = grown();
    const header = (block: unknown) => block as Record<string, unknown>;
    chain.fault = (method, params, result) => {
      if (method !== "eth_getBlockByNumber") return result;
      if (isAt(57, params)) return null;
      return isAt(58, params) ? { ...header(result), parentHash: chain.blocks[56]?.hash } : result;
    };
    const ledger = new TestLedger(chain.fetch);
    const error = await ledger.settle().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "CHAIN_UNSUPPORTED" });
  });

  it("is none where the node only lacks a block", async () => {
    const chain = grown();
    let lacks = true;
    chain.fault = (method, params, result) =>
      lacks && method === "eth_getBlockByNumber" && isAt(17, params) ? null : result;
    const ledger = new TestLedger(chain.fetch, { limits: { blocksFirst: 17, blocksStart: 17 } });
    expect(await ledger.step().catch((thrown: unknown) => thrown)).toMatchObject({ code: "NODE_BEHIND" });
    lacks = false;
    await ledger.settle();
    expect(ledger.store.blocks.tip()?.number).toBe(60);
  });
});
