import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PackedLog, plainLog } from "../../src/chain/logs/packed-log.ts";
import { mergeLogs, readLogs } from "../../src/chain/logs/read-logs.ts";
import { scanLogs } from "../../src/chain/logs/scan.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { addressOf, logsOf } from "../support/logs.ts";
import { stillClock } from "../support/port.ts";

const ADDRESSES = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`];
const TOPICS = [`0x${"c3".repeat(32)}`, `0x${"d4".repeat(32)}`];
const FILTER = { addresses: ADDRESSES, topics: TOPICS } as unknown as Parameters<typeof readLogs>[1];

const hexOf = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((each) => `0x${Buffer.from(each).toString("hex")}`);

/** A log as a node prints it; mostly plain, sometimes odd in one of the ways that occur. */
const rawLog = fc
  .record({
    address: fc.constantFrom(...ADDRESSES),
    topics: fc
      .tuple(fc.constantFrom(...TOPICS), fc.array(hexOf(32), { maxLength: 3 }))
      .map(([first, more]) => [first, ...more]),
    data: fc.oneof(hexOf(0), hexOf(32), hexOf(160), hexOf(7)),
    blockNumber: fc.integer({ min: 1, max: 4 }),
    transactionHash: fc.constantFrom(`0x${"e5".repeat(32)}`, `0x${"f6".repeat(32)}`),
    logIndex: fc.integer({ min: 0, max: 40 }),
  })
  .map(({ blockNumber, logIndex, address, topics, data, transactionHash }) => ({
    address,
    topics,
    data,
    blockNumber: `0x${blockNumber.toString(16)}`,
    transactionHash,
    transactionIndex: "0x0",
    blockHash: `0x${blockNumber.toString(16).padStart(64, "0")}`,
    blockTimestamp: `0x${(blockNumber * 12).toString(16)}`,
    logIndex: `0x${logIndex.toString(16)}`,
    removed: false,
  }));

type Raw = Record<string, unknown>;
const ODD: readonly ((log: Raw) => Raw)[] = [
  (log) => ({ ...log, address: String(log["address"]).toUpperCase().replace("X", "x") }),
  (log) => ({ ...log, data: String(log["data"]).toUpperCase().replace("X", "x") }),
  (log) => ({ ...log, removed: true }),
  (log) => ({ ...log, blockHash: null }),
  (log) => ({ ...log, blockTimestamp: null }),
  (log) => ({ ...log, l1BatchNumber: null, logType: 7 }),
  (log) => ({ ...log, note: { nested: ["]}"] } }),
  (log) => ({ ...log, note: 'a "quoted" \\ text' }),
  (log) => ({ ...log, topics: [] }),
  (log) => ({ ...log, data: "0x012" }),
  (log) => ({ ...log, data: "0x0\u0131" }),
  (log) => ({ ...log, data: String(log["data"]).replace(/.(?=.{5}$)/, "g") }),
  (log) => ({ ...log, data: String(log["data"]).replace(/.(?=.{40}$)/, '\\"') }),
  (log) => ({ ...log, data: `${String(log["data"])}${"0f".repeat(13)}` }),
  (log) => ({ ...log, logIndex: "0x80000000" }),
  (log) => ({ ...log, logIndex: "0x" }),
  (log) => ({ ...log, logIndex: "0x0000000000007" }),
  (log) => ({ ...log, logIndex: "0x00000000000007" }),
  (log) => ({ ...log, logIndex: "0x0G" }),
  (log) => ({ ...log, logIndex: "7" }),
  (log) => ({ ...log, transactionIndex: "\\" }),
  (log) => Object.fromEntries(Object.entries(log).reverse()),
  ({ blockTimestamp: _, ...log }) => log,
  ({ logIndex: _, ...log }) => log,
];

const answers = fc.tuple(
  fc.array(rawLog, { minLength: 1, maxLength: 6 }),
  fc.option(fc.tuple(fc.nat(), fc.constantFrom(...ODD), fc.boolean())),
  fc.boolean(),
);

/** What comes of an answer, whichever way it was read. */
function outcomeOf(read: () => unknown): unknown {
  let dropped = 0;
  try {
    const placed = readLogs(read(), FILTER, 1, 4, () => {
      dropped += 1;
    });
    const plain = placed.map(({ number, hash, timestampSec, logs }) => ({
      number,
      hash,
      timestampSec,
      logs: logs.map(plainLog),
    }));
    return { dropped, placed: plain };
  } catch (error) {
    return (error as Error).message.replace(/position \d+.*/s, "");
  }
}

/** The result of the one call for logs that the body answers, as the transport gives it. */
async function transported(body: string): Promise<() => unknown> {
  const rpc = new Rpc({
    id: "rpc-1",
    url: "http://127.0.0.1:1/",
    fetch: async () => new Response(body),
    clock: stillClock,
    timeoutMs: 1000,
    bodyBytesMax: 2 ** 24,
  });
  try {
    const [result] = await rpc.batch([{ method: "eth_getLogs", params: [] }], new AbortController().signal);
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

describe("logs taken out of an answer before it is parsed", () => {
  it("are what the parser would have brought, or are left to it", async () => {
    await fc.assert(
      fc.asyncProperty(answers, async ([logs, odd, spaced]) => {
        const [at, change, all] = odd ?? [0, (log: Raw) => log, false];
        const result = logs.map((log, i) => (all || i === at % logs.length ? change(log) : log));
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, result }, null, spaced ? 1 : 0);
        expect(outcomeOf(await transported(body))).toEqual(outcomeOf(() => JSON.parse(body).result));
      }),
      { numRuns: 1500 },
    );
  });

  it("are never another node's mistake made good: any one byte changed gives what the parser says", async () => {
    const byte = fc.constantFrom(...'0fgxX"\\,:[]{} n1\n\u0001');
    await fc.assert(
      fc.asyncProperty(fc.array(rawLog, { minLength: 2, maxLength: 3 }), fc.nat(), byte, async (logs, at, to) => {
        const text = JSON.stringify({ jsonrpc: "2.0", id: 1, result: logs });
        const first = text.indexOf("[");
        const place = first + (at % (text.length - first));
        const body = `${text.slice(0, place)}${to}${text.slice(place + 1)}`;
        const plainly = (): unknown => {
          const parsed = JSON.parse(body);
          // What the transport says of a result that is missing is its own.
          if (!Object.hasOwn(parsed, "result")) throw new Error("no result");
          return parsed.result;
        };
        const [ours, theirs] = [outcomeOf(await transported(body)), outcomeOf(plainly)];
        if (typeof theirs === "string") expect(typeof ours).toBe("string");
        else expect(ours).toEqual(theirs);
      }),
      { numRuns: 3000 },
    );
  });

  it("are taken at all, as bytes", () => {
    const [log] = fc.sample(rawLog, 1);
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, result: [log, log, log] }));
    const { text, lists } = scanLogs(body, 1);
    expect(text).toBe('{"jsonrpc":"2.0","id":1,"result":[0]}');
    expect(lists[0]?.length).toBe(3);
    expect([...(lists[0] ?? [])].every((each) => each.log instanceof PackedLog)).toBe(true);
  });

  it("find room wherever the transaction's hash stands, and where it is missing", async () => {
    const data = `0x${"11".repeat(300_000)}`;
    for (const end of ['"}]}', '"', '","transactionHash":"0x'])
      for (const begin of ['{"topics":[],"data":"', '{"data":"']) {
        const body = `{"jsonrpc":"2.0","id":1,"result":[${begin}${data}${end}`;
        const outcome = outcomeOf(await transported(body));
        expect(outcome).toMatch(end === '"}]}' ? /logIndex|topics/ : /not JSON or was cut off/);
      }
  });

  it("cannot be named by a node: a mark that stands for no list is no list of logs", async () => {
    const list = JSON.stringify(fc.sample(rawLog, 2));
    const marks = ["[0]", "[1]", "[-1]", "[0.5]"].map((mark) => `{"jsonrpc":"2.0","id":1,"result":${mark}}`);
    for (const body of marks) expect(outcomeOf(await transported(body))).toMatch(/no topics or data/);
    const twice = `[{"jsonrpc":"2.0","id":1,"result":[0]},{"jsonrpc":"2.0","id":2,"result":${list}}]`;
    expect(outcomeOf(await transported(twice))).toMatch(/not ours/);
    const inError = `{"jsonrpc":"2.0","id":1,"result":null,"more":{"result":${list}}}`;
    expect(outcomeOf(await transported(inError))).toMatch(/where none were asked for/);
  });
});

describe("two answers about one block", () => {
  const [a, b, c, other] = logsOf(
    [1, 2, 3, 4].map((n) => ({ address: addressOf(n), topics: [], data: "0x" })) as never,
  );

  it("are put together in order, with what both bring once", () => {
    expect(mergeLogs(7, [a, c] as never, [b, c] as never)).toEqual([a, b, c]);
    expect(mergeLogs(7, [], [b, a] as never)).toEqual([a, b]);
  });

  it("are refused where two logs claim one place", () => {
    const claims = { ...other, logIndex: c?.logIndex };
    expect(() => mergeLogs(7, [a, c] as never, [claims] as never)).toThrow(/two logs of the index 2/);
  });
});
