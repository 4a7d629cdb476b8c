import { describe, expect, it } from "vitest";
import { readLogs } from "../../src/chain/logs/read-logs.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { classifyText, reactionTo } from "../../src/chain/rpc/classify-errors.ts";
import { pageText } from "../../src/chain/rpc/envelope.ts";
import { redact, secretsOf } from "../../src/chain/rpc/redact.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { RPC_ERRORS } from "../../src/chain/rpc/rpc-errors.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { toAddress } from "../../src/core/hex.ts";
import { createLogger, readableLine } from "../../src/log.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { chainPort, stillClock } from "../support/port.ts";
import { PAIR } from "../support/world.ts";

const URL_WITH_KEY = "https://user:pass%20word@node-3f9a1b.example.org/v3/0123456789abcdef?apikey=s3cr3t-k3y";
const BASIC = Buffer.from("user:pass word").toString("base64");
const PARTS = ["user", "pass%20word", "pass word", BASIC, "node-3f9a1b", "0123456789abcdef", "s3cr3t-k3y"];
const signal = new AbortController().signal;

function rpcWith(fetch: Fetch, timeoutMs = 1000): Rpc {
  return new Rpc({ id: "rpc-1", url: URL_WITH_KEY, fetch, clock: stillClock, timeoutMs, bodyBytesMax: 100_000 });
}

function answering(make: (ids: readonly number[]) => unknown, init?: ResponseInit): Fetch {
  return async (_url, request) => {
    const body = JSON.parse(String(request.body)) as { id: number } | { id: number }[];
    const made = make((Array.isArray(body) ? body : [body]).map((call) => call.id));
    return new Response(typeof made === "string" ? made : JSON.stringify(made), init);
  };
}

async function failureOf(run: Promise<unknown>): Promise<LpLedgerError> {
  const error = await run.then(
    () => undefined,
    (each: unknown) => each,
  );
  if (!(error instanceof LpLedgerError)) throw new Error(`expected an LpLedgerError, found ${String(error)}`);
  return error;
}

describe("the transport", () => {
  const CALLS = [
    { method: "eth_chainId", params: [] },
    { method: "eth_blockNumber", params: [] },
  ];
  const good = (id: number | undefined) => ({ jsonrpc: "2.0", id, result: "0x1" });

  it("returns results in the order of the calls, however they are answered", async () => {
    const fetch = answering((ids) => ids.map((id, i) => ({ jsonrpc: "2.0", id, result: i })).reverse());
    expect(await rpcWith(fetch).batch(CALLS, signal)).toEqual([0, 1]);
  });

  const cases: { it: string; fetch: Fetch; code: string }[] = [
    { it: "an empty body", fetch: answering(() => ""), code: "RPC_BODY" },
    {
      it: "a body cut off in the middle",
      fetch: answering((ids) => JSON.stringify([good(ids[0])]).slice(0, 20)),
      code: "RPC_BODY",
    },
    { it: "an HTML page", fetch: answering(() => "<html>busy</html>", { status: 502 }), code: "RPC_BODY" },
    { it: "an empty object", fetch: answering(() => ({})), code: "RPC_SHAPE" },
    { it: "a missing result", fetch: answering((ids) => ids.map((id) => ({ jsonrpc: "2.0", id }))), code: "RPC_SHAPE" },
    { it: "a foreign id", fetch: answering((ids) => [good(ids[0]), good(999_999)]), code: "RPC_SHAPE" },
    { it: "an id answered twice", fetch: answering((ids) => [good(ids[0]), good(ids[0])]), code: "RPC_SHAPE" },
    { it: "calls that are not answered, however few", fetch: answering(() => []), code: "RPC_SHAPE" },
    {
      it: "another protocol version",
      fetch: answering((ids) => ids.map((id) => ({ jsonrpc: "1.0", id, result: 1 }))),
      code: "RPC_SHAPE",
    },
    { it: "too many requests", fetch: answering(() => "slow down", { status: 429 }), code: "RPC_RATE" },
    { it: "a body beyond the limit", fetch: answering(() => "x".repeat(200_000)), code: "RPC_TOO_LARGE" },
    {
      it: "a batch refused as a whole",
      fetch: answering(() => ({
        jsonrpc: "2.0",
        id: null,
        error: { code: -32005, message: "in batch triggered rate limit" },
      })),
      code: "RPC_ERROR",
    },
    {
      it: "an unreachable node",
      fetch: () => Promise.reject(new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } })),
      code: "RPC_UNREACHABLE",
    },
  ];
  for (const { it: name, fetch, code } of cases) {
    it(`refuses ${name}, as a transient failure that shows nothing of the URL`, async () => {
      const error = await failureOf(rpcWith(fetch).batch(CALLS, signal));
      expect([error.code, error.kind]).toEqual([code, "transient"]);
      const shown = `${error.message} ${error.stack} ${JSON.stringify(error.facts)} ${error.hint}`;
      for (const part of PARTS) expect(shown).not.toContain(part);
      expect(error.message).toContain("rpc-1");
    });
  }

  it("keeps an error of the node, without what it repeats of the URL", async () => {
    const message = `query at ${URL_WITH_KEY} with Authorization: Basic ${BASIC} returned more than 10000 results`;
    const error = await failureOf(
      rpcWith(answering((ids) => ids.map((id) => ({ jsonrpc: "2.0", id, error: { code: -32005, message } })))).batch(
        CALLS,
        signal,
      ),
    );
    expect(error.message).toContain("returned more than 10000 results");
    for (const part of PARTS) expect(error.message).not.toContain(part);
  });

  const said = (body: unknown, status: number, headers: Readonly<Record<string, string>> = {}): Fetch =>
    answering(() => body, { status, headers });
  const REFUSALS: { it: string; fetch: Fetch; code: string; says: string }[] = [
    {
      it: "429 without an id",
      fetch: said({ error: { code: 429, message: "Too Many Requests" } }, 429),
      code: "RPC_ERROR",
      says: "Too Many Requests",
    },
    {
      it: "429 with error as text",
      fetch: said({ error: "slow down, please" }, 429),
      code: "RPC_ERROR",
      says: "slow down, please",
    },
    { it: "429 with nothing in it", fetch: said({}, 429), code: "RPC_RATE", says: "asks to slow down (HTTP 429)" },
    {
      it: "429 as a page",
      fetch: said("<html><title>Rate limited</title>", 429),
      code: "RPC_RATE",
      says: "Rate limited",
    },
    {
      it: "401 as JSON",
      fetch: said({ message: "Invalid key" }, 401),
      code: "RPC_ERROR",
      says: "refuses the key, or us (HTTP 401): Invalid key",
    },
    {
      it: "401 as text",
      fetch: said("Unauthorized", 401),
      code: "RPC_ERROR",
      says: "refuses the key, or us (HTTP 401): Unauthorized",
    },
    {
      it: "403 as a page",
      fetch: said("<html><head><title>403 Forbidden</title></head><body>x</body></html>", 403),
      code: "RPC_ERROR",
      says: "(HTTP 403): 403 Forbidden",
    },
    {
      it: "402 as JSON",
      fetch: said({ error: { message: "payment required" } }, 402),
      code: "RPC_ERROR",
      says: "HTTP 402: payment required",
    },
    {
      it: "the id 1 for whatever is asked",
      fetch: said({ jsonrpc: "2.0", id: 1_000_001, error: { code: -32005, message: "too many requests" } }, 200),
      code: "RPC_ERROR",
      says: "too many requests",
    },
    {
      it: "a redirect",
      fetch: said("", 308, { location: "https://other.example.org/v3" }),
      code: "RPC_BODY",
      says: "redirects to https://other.example.org/v3 (HTTP 308)",
    },
    {
      it: "a proxy's page",
      fetch: said("<html><body><h1>502 Bad Gateway</h1><script>x()</script></body></html>", 502),
      code: "RPC_BODY",
      says: "not JSON or was cut off (HTTP 502): 502 Bad Gateway",
    },
    {
      it: "control characters and line breaks",
      fetch: said({ error: { code: -1, message: "a\u001b[2J\r\nb\u202e" } }, 200),
      code: "RPC_ERROR",
      says: "code -1: a [2J b",
    },
  ];
  it.each(REFUSALS)("says what it is told by $it", async ({ fetch, code, says }) => {
    for (const calls of [CALLS.slice(0, 1), CALLS]) {
      const error = await failureOf(rpcWith(fetch).batch(calls, signal));
      expect([error.code, error.message.includes(says), error.kind]).toEqual([code, true, "transient"]);
    }
  });

  it("learns a rate of a refusal in any shape", async () => {
    for (const { fetch } of REFUSALS.slice(0, 4)) {
      const rpc = rpcWith(fetch);
      await failureOf(rpc.batch(CALLS, signal));
      expect(Number.isFinite(rpc.perSecond)).toBe(true);
    }
  });

  it("takes a refusal with somebody else's id for no answer of its own", async () => {
    const error = { code: -32000, message: "whatever" };
    const failure = await failureOf(rpcWith(said({ jsonrpc: "2.0", id: 77_777, error }, 200)).batch(CALLS, signal));
    expect(failure.code).toBe("RPC_SHAPE");
  });

  it("sends user and password in the header they stand for, and a URL that fetch accepts", async () => {
    const seen: { url: string; authorization: string | null }[] = [];
    const real: Fetch = async (url, init) => {
      const request = new Request(url, init); // Throws where fetch itself would.
      seen.push({ url: request.url, authorization: request.headers.get("authorization") });
      return answering((ids) => ids.map(good))(url, init);
    };
    await rpcWith(real).batch(CALLS, signal);
    const basic = `Basic ${Buffer.from("user:pass word").toString("base64")}`;
    expect(seen).toEqual([{ url: URL_WITH_KEY.replace("user:pass%20word@", ""), authorization: basic }]);
  });

  it("asks for less at a time where more is not answered in time, and rarely tries more again", async () => {
    const sizes: number[] = [];
    const slow: Fetch = (url, init) => {
      const size = [JSON.parse(String(init.body))].flat().length;
      sizes.push(size);
      if (size <= 4) return answering((ids) => (ids.length === 1 ? good(ids[0]) : ids.map(good)))(url, init);
      return new Promise((_resolve, reject) =>
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason)),
      );
    };
    const clock = { ...stillClock, deadline: () => ({ signal: AbortSignal.timeout(5), clear: () => {} }) };
    const rpc = new Rpc({ id: "rpc-1", url: URL_WITH_KEY, fetch: slow, clock, timeoutMs: 5, bodyBytesMax: 100_000 });
    const calls = Array.from({ length: 32 }, () => ({ method: "eth_chainId", params: [] }));
    let failed = 0;
    for (let i = 0; i < 60; i++)
      failed += await rpc.batch(calls, signal).then(
        () => 0,
        () => 1,
      );
    // Each failure is told; the fourth time it is asked, it answers.
    expect(sizes.slice(0, 4)).toEqual([32, 16, 8, 4]);
    expect(failed).toBe(sizes.filter((size) => size > 4).length);
    expect(failed).toBeLessThan(10);
  });

  it("gives up a call at its deadline, and at once when it is told to stop", async () => {
    const hanging: Fetch = (_url, init) =>
      new Promise((_resolve, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    const now = { ...stillClock, deadline: () => ({ signal: AbortSignal.timeout(5), clear: () => {} }) };
    const rpc = new Rpc({
      id: "rpc-1",
      url: URL_WITH_KEY,
      fetch: hanging,
      clock: now,
      timeoutMs: 5,
      bodyBytesMax: 1000,
    });
    expect((await failureOf(rpc.batch(CALLS, signal))).code).toBe("RPC_TIMEOUT");
    const stop = new AbortController();
    const waiting = rpcWith(hanging).batch(CALLS, stop.signal);
    stop.abort(new Error("told to stop"));
    await expect(waiting).rejects.toThrow("told to stop");
  });
});

describe("secrets", () => {
  it("leave numbers and short words alone, so that a log line stays JSON", () => {
    const url = "https://node.example.org/v3/mainnet-key-1?chainId=42161&a=b";
    const lines: string[] = [];
    const log = createLogger({ level: "info", secrets: secretsOf(url), write: (line) => lines.push(line) });
    log.info({ chainId: 42161, url }, "started");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ chainId: 42161, msg: "started", url: "[redacted]" });
    expect(readableLine(lines[0] ?? "")).toMatch(/started {2}chainId=42161 {2}url=\[redacted\]/);
    expect(readableLine("no JSON at all\n")).toBe("no JSON at all\n");
  });

  it("are replaced in every log line, wherever they stand", () => {
    const lines: string[] = [];
    const log = createLogger({ level: "info", secrets: secretsOf(URL_WITH_KEY), write: (line) => lines.push(line) });
    log.info(
      { url: URL_WITH_KEY, deep: { error: new Error(`no answer from ${URL_WITH_KEY}`) } },
      `asked ${URL_WITH_KEY}`,
    );
    expect(lines.length).toBe(1);
    for (const part of PARTS) expect(lines[0]).not.toContain(part);
  });

  it("include the parts of a URL, longest first, but not a loopback host", () => {
    expect(redact(`x ${URL_WITH_KEY} y`, secretsOf(URL_WITH_KEY))).toBe("x [redacted] y");
    expect(secretsOf("http://127.0.0.1:8545")).not.toContain("127.0.0.1");
  });

  it("are shown in no field of a refusal, and not by half", async () => {
    const [key = ""] = secretsOf(URL_WITH_KEY).filter((each) => !each.includes("/") && each.length > 8);
    const texts = [
      { code: 1, message: `${"x".repeat(290)}${key}` },
      { code: key, message: "no" },
      { code: { key }, message: { key } },
    ];
    for (const error of texts) {
      const fetch = answering((ids) => ids.map((id) => ({ jsonrpc: "2.0", id, error })));
      const failure = await failureOf(rpcWith(fetch).batch([{ method: "eth_chainId", params: [] }], signal));
      expect(JSON.stringify([failure.message, failure.facts])).not.toContain(key.slice(0, 6));
    }
    const page = answering(() => `<html>${"x".repeat(290)} ${key}</html>`, { status: 502 });
    expect(
      (await failureOf(rpcWith(page).batch([{ method: "eth_chainId", params: [] }], signal))).message,
    ).not.toContain(key.slice(0, 6));
    const foreign = answering(() => ({ jsonrpc: "2.0", id: key, result: 1 }));
    const failure = await failureOf(rpcWith(foreign).batch([{ method: "eth_chainId", params: [] }], signal));
    expect(failure.message).not.toContain(key);
  });

  it("a page that opens the same mark over and over is read at once", () => {
    expect(pageText("<title".repeat(2_000_000))).toBe("");
    expect(pageText("<script".repeat(2_000_000))).toBe("");
    expect(pageText("<title>Bad gateway</title>")).toBe("Bad gateway");
    expect(pageText("<p>a</p><script>evil()</script><p>b</p>")).toBe("a b");
  });
});

describe("logs of a range", () => {
  const topic = `0x${"1".repeat(64)}`;
  const filter = { addresses: [toAddress(PAIR)], topics: [topic] };
  const raw = (block: number, logIndex: number, more: object = {}) => ({
    address: PAIR,
    topics: [topic],
    data: "0x",
    blockNumber: `0x${block.toString(16)}`,
    blockHash: `0x${String(block).repeat(64).slice(0, 64)}`,
    transactionHash: topic,
    logIndex: `0x${logIndex.toString(16)}`,
    ...more,
  });

  it("are sorted, filtered again, and rid of removed and pending ones", () => {
    const answer = [
      raw(3, 2),
      raw(2, 5),
      raw(3, 0),
      raw(2, 1, { removed: true }),
      raw(2, 2, { blockHash: null }),
      raw(2, 7, { address: `0x${"9".repeat(40)}` }),
    ];
    expect(
      readLogs(answer, filter, 1, 5).flatMap(({ number, logs }) => logs.map(({ logIndex }) => [number, logIndex])),
    ).toEqual([
      [2, 5],
      [3, 0],
      [3, 2],
    ]);
  });

  const bad: [string, unknown][] = [
    ["are null", null],
    ["lie outside the range", [raw(9, 0)]],
    ["repeat a log index with another log", [raw(2, 1), raw(2, 1, { data: "0x77" })]],
    ["give one block two hashes", [raw(2, 1), raw(2, 2, { blockHash: topic })]],
    ["have numbers that are none", [raw(2, 1, { logIndex: "one" })]],
    ["have an index beyond any block's", [raw(2, 1, { logIndex: "0x80000000" })]],
    ["have data that is no hex", [raw(2, 1, { data: "0x0\u0131" })]],
    ["have half a byte of data", [raw(2, 1, { data: "0x012" })]],
    ["have a topic that is no word", [raw(2, 1, { topics: [topic.slice(0, -2)] })]],
  ];
  it.each(bad)("that %s are refused", (_name, answer) => {
    expect(() => readLogs(answer, filter, 1, 5)).toThrow(LpLedgerError);
  });
});

describe("a failed range", () => {
  const rpcError = (code: number, text: string) =>
    new LpLedgerError("transient", "RPC_ERROR", text, { facts: { code, text } });
  const react = (text: string, from = 101, to = 200, attempt = 1) =>
    reactionTo(rpcError(-32005, text), from, to, attempt);

  it("is known by every wording of the table, each by its own row's kind, whatever code it came with", () => {
    for (const { provider, kind, example, code, blocks } of RPC_ERRORS) {
      const found = classifyText(example, code);
      expect([provider, example, found.kind]).toEqual([provider, example, kind]);
      expect(classifyText(example, -32000).kind).toBe(kind);
      if (kind.startsWith("range-")) expect(found.hint ?? found.blocksMax).toBeDefined();
      if (blocks !== undefined) expect(found.blocksMax).toBe(blocks);
    }
    expect(RPC_ERRORS.length).toBe(79);
  });

  it.each([
    ["Your app has exceeded its compute units per second capacity.", { do: "at-its-turn" }],
    ["block range extends beyond current head block", { do: "wait" }],
    ["query returned more than 10000 results", { do: "smaller", blocks: 50 }],
    ["something nobody has seen before", { do: "smaller", blocks: 50 }],
    ["eth_getLogs is limited to 0 - 50 blocks range", { do: "smaller", blocks: 50, cap: 50 }],
    ["eth_getLogs is limited to a 10,000 range", { do: "smaller", blocks: 50 }], // More than was asked: it cannot be that.
    ["Max range: 0", { do: "smaller", blocks: 50 }],
    ["eth_getLogs range is too large, max is 1k blocks", { do: "smaller", blocks: 50 }],
    ["retry with the range 101-160", { do: "smaller", blocks: 60 }],
    ["retry with the range 101-200", { do: "smaller", blocks: 50 }], // The very range that was refused.
    ["retry with the range 150-120", { do: "smaller", blocks: 50 }],
    ["this block range should work: [0x65, 0x6e]", { do: "smaller", blocks: 10 }],
    ["Archive requests require a personal token", { do: "elsewhere" }],
    ["Must be authenticated!", { do: "elsewhere" }],
    ["Monthly capacity limit exceeded.", { do: "elsewhere" }],
  ])("with %j makes us %j", (text, reaction) => {
    expect(react(text)).toEqual(reaction);
  });

  it("that came too fast is asked for again at the pace that was learned, and waited out when it is refused again and again", () => {
    const text = "Your app has exceeded its compute units per second capacity.";
    const after = [1, 2, 3, 4, 5].map((attempt) => react(text, 101, 200, attempt).do);
    expect(after).toEqual(["at-its-turn", "at-its-turn", "at-its-turn", "again", "again"]);
  });

  it("at one block goes to the receipts where logs are too many, and is never asked for less than one", () => {
    expect(react("query returned more than 10000 results", 7, 7)).toEqual({ do: "receipts" });
    expect(react("eth_getLogs is limited to 0 - 50 blocks range", 7, 7)).toEqual({ do: "receipts" });
    expect(react("something nobody has seen before", 7, 7)).toEqual({ do: "again" });
  });

  it("that may be the node's weather is tried again before the range is made smaller", () => {
    const cut = new LpLedgerError("transient", "RPC_BODY", "a body that was cut off");
    const after = [1, 2, 3].map((attempt) => reactionTo(cut, 101, 200, attempt).do);
    expect(after).toEqual(["again", "again", "smaller"]);
    expect(react("limit exceeded", 101, 200, 1).do).toBe("again");
    expect(react("limit exceeded", 101, 200, 3).do).toBe("smaller");
    expect(reactionTo(cut, 7, 7, 3).do).toBe("again");
  });

  it("is cut until it fits a node's limit, and everything arrives", async () => {
    const chain = new FakeChain();
    chain.grow(200, 5);
    let widest = 0;
    chain.fault = (method, [filter], result) => {
      if (method !== "eth_getLogs") return result;
      const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string };
      const blocks = Number(toBlock) - Number(fromBlock) + 1;
      if (blocks > 7) throw new Error("query exceeds max block range 7");
      widest = Math.max(widest, blocks);
      return result;
    };
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    chain.fault = undefined;
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    expect(ledger.dump()).toBe(straight.dump());
    expect(widest).toBeLessThanOrEqual(7);
  });

  it("teaches a ceiling: a node that refuses is not asked for as much again and again", async () => {
    const chain = new FakeChain();
    chain.grow(400, 5);
    let refused = 0;
    let answered = 0;
    chain.fault = (method, [filter], result) => {
      if (method !== "eth_getLogs") return result;
      const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string };
      if (Number(toBlock) - Number(fromBlock) < 10) answered += 1;
      else refused += 1;
      if (Number(toBlock) - Number(fromBlock) >= 10) throw new Error("query exceeds max block range 10");
      return result;
    };
    const ledger = new TestLedger(chain.fetch, { limits: { inFlightMax: 1 } });
    await ledger.settle();
    expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
    expect(refused).toBeLessThan(15);
    expect(answered).toBeLessThan(90);
  });

  it("begins with a small range, whose weight tells the size of those that follow", async () => {
    for (const logsWanted of [5_000, 30]) {
      const chain = new FakeChain();
      chain.grow(400, 3);
      const sizes: number[] = [];
      let logs = 0;
      chain.fault = (method, [filter], result) => {
        const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string };
        if (method !== "eth_getLogs") return result;
        sizes.push(Number(toBlock) - Number(fromBlock) + 1);
        if (sizes.length === 1) logs = (result as unknown[]).length;
        return result;
      };
      const limits = { blocksFirst: 40, blocksStart: 160, logsWanted, inFlightMax: 1 };
      const { head } = await chainPort(chain.fetch, testProgramme()).pollHead([], signal);
      const read = chainPort(chain.fetch, testProgramme(), limits).ranges(1, 400, { head, finalTo: 400 }, signal);
      for await (const range of read) range.release?.();
      expect(logs).toBeGreaterThan(40);
      const fitting = Math.floor((40 * logsWanted) / logs);
      expect(sizes.slice(0, 2)).toEqual([40, Math.min(160, fitting)]);
    }
  });

  it("reads times from headers where logs carry none, and only for blocks with logs", async () => {
    const chain = new FakeChain();
    chain.grow(60, 6);
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    chain.withBlockTimestamp = false;
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    expect(ledger.dump()).toBe(straight.dump());
  });

  it("costs at most three requests a poll at the head, however many blocks passed", async () => {
    const chain = new FakeChain();
    chain.grow(20, 7);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    for (const blocks of [0, 1, 30]) {
      chain.grow(blocks, 8);
      chain.requests = 0;
      await ledger.step();
      expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
      expect(chain.requests).toBeLessThanOrEqual(3);
    }
  });
});
