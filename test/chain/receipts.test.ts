import { describe, expect, it } from "vitest";
import { logsOfReceipts } from "../../src/chain/receipts.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { stillClock } from "../support/port.ts";

const HASHES = ["0xa1", "0xa2", "0xa3"];
const receipt = (at: number, ...indexes: readonly number[]) => ({
  transactionHash: HASHES[at],
  logs: indexes.map((index) => ({ logIndex: `0x${index.toString(16)}` })),
});
const WHOLE = [receipt(0, 0, 1), receipt(1), receipt(2, 2)];

/** What comes of a block of three transactions whose receipts are answered so; one by one they are `singles`. */
async function logsOf(all: readonly unknown[], singles: readonly unknown[] | undefined = undefined): Promise<unknown> {
  const fetch: Fetch = async (_url, init) => {
    const body = JSON.parse(String(init.body)) as { id: number; method: string; params: string[] };
    const answer = ({ id, method, params }: typeof body) => {
      if (method === "eth_getBlockReceipts") return { jsonrpc: "2.0", id, result: all };
      const at = HASHES.indexOf(params[0] ?? "");
      return singles === undefined
        ? { jsonrpc: "2.0", id, error: { code: -32601, message: "the method does not exist" } }
        : { jsonrpc: "2.0", id, result: singles[at] ?? null };
    };
    return new Response(JSON.stringify(Array.isArray(body) ? body.map(answer) : answer(body)));
  };
  const url = "http://127.0.0.1:1/";
  const rpc = new Rpc({ id: "n1", url, fetch, clock: stillClock, timeoutMs: 1000, bodyBytesMax: 100_000 });
  return await logsOfReceipts(rpc, 7, { transactions: HASHES }, new AbortController().signal).catch(
    (error: Error) => error.message,
  );
}

describe("the receipts of a block", () => {
  it("are its logs, in order", async () => {
    expect(await logsOf(WHOLE)).toEqual([{ logIndex: "0x0" }, { logIndex: "0x1" }, { logIndex: "0x2" }]);
  });

  it.each([
    ["the last one is missing", WHOLE.slice(0, 2)],
    ["one without logs is missing", [WHOLE[0], WHOLE[2]]],
    ["a log is missing in the middle", [receipt(0, 0), receipt(1), receipt(2, 2)]],
    ["logs are numbered anew in each", [receipt(0, 0, 1), receipt(1), receipt(2, 0)]],
    ["they are another block's", [receipt(0, 0, 1), receipt(1), { ...receipt(2, 2), transactionHash: "0xb3" }]],
    ["one is null", [WHOLE[0], WHOLE[1], null]],
    ["one has no logs", [WHOLE[0], WHOLE[1], { transactionHash: "0xa3" }]],
  ])("are not believed where %s, and asked for one by one", async (_, all) => {
    expect(await logsOf(all, WHOLE)).toEqual(await logsOf(WHOLE));
    expect(String(await logsOf(all, all))).toMatch(/block 7|receipts/);
    expect(typeof (await logsOf(all))).toBe("string");
  });
});
