import { describe, expect, it } from "vitest";
import { runCommand } from "../../demo/daemon.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { TestLedger } from "../support/ledger.ts";
import { type Lie, lyingProxy, type ProxiedCall, type Refusal } from "../support/proxy.ts";

const live = liveChain(41, async (life) => {
  await life.prelude();
  for (let i = 0; i < 25; i++) await life.randomBlock(3_600);
});

const honest: Lie = (_method, _params, result) => result;
const whole = (code: number, message: string, status = 200) => ({
  status,
  body: JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } }),
});
const ofEach = (calls: readonly ProxiedCall[], isBatch: boolean, code: number, message: string) => {
  const answers = calls.map(({ id }) => ({ jsonrpc: "2.0", id, error: { code, message } }));
  return { status: 200, body: JSON.stringify(isBatch ? answers : answers[0]) };
};
const addressesOf = (calls: readonly ProxiedCall[]): number =>
  Math.max(
    0,
    ...calls
      .filter(({ method }) => method === "eth_getLogs")
      .map(({ params }) => [(params[0] as { address?: unknown }).address ?? []].flat().length),
  );

interface Case {
  readonly it: string;
  readonly refuse?: Refusal;
  readonly lie?: Lie;
  /** What `status` then says of the endpoint. */
  readonly bears?: string;
}

const CASES: readonly Case[] = [
  {
    it: "bears three calls a batch",
    refuse: (calls) => (calls.length > 3 ? whole(31, "Batch of more than 3 requests are not allowed") : undefined),
    bears: "3 calls a request",
  },
  {
    it: "knows no batches",
    refuse: (_, isBatch) => (isBatch ? whole(-32600, "Batched requests are not supported") : undefined),
    bears: "no batches",
  },
  {
    it: "refuses batches with HTTP 403",
    refuse: (_, isBatch) => (isBatch ? { status: 403, body: '{"message":"Forbidden"}' } : undefined),
    bears: "no batches",
  },
  {
    it: "bears one address a filter",
    refuse: (calls, isBatch) =>
      addressesOf(calls) > 1
        ? ofEach(calls, isBatch, -32602, "query exceeds the maximum of 1 addresses or topics per search position")
        : undefined,
    bears: "1 addresses a filter",
  },
  {
    it: "answers filters of more than two addresses with nothing",
    lie: (method, [filter], result) =>
      method === "eth_getLogs" && [(filter as { address?: unknown }).address ?? []].flat().length > 2 ? [] : result,
  },
  {
    it: "leaves a receipt out of a block's, and a log out of its first answers for ranges",
    lie: (() => {
      let left = 3;
      return (method: string, [filter]: readonly unknown[], result: unknown): unknown => {
        if (method === "eth_getBlockReceipts") return (result as unknown[] | null)?.slice(1) ?? null;
        const isRange = (filter as { fromBlock?: unknown } | undefined)?.fromBlock !== undefined;
        if (method !== "eth_getLogs" || !isRange || left === 0 || (result as unknown[]).length === 0) return result;
        left -= 1;
        return (result as unknown[]).slice(1);
      };
    })(),
  },
  {
    it: "has no old state",
    refuse: (calls, isBatch) =>
      calls.some(({ method, params }) => /eth_call|eth_getCode/.test(method) && params[1] !== "latest")
        ? ofEach(calls, isBatch, -32000, "missing trie node 5fb1b9c07d6a (path ) state 0xabc is not available")
        : undefined,
  },
];

describe("the real daemon at a node that", () => {
  it.each(CASES)("$it ends with the very ledger of an honest one", async ({ refuse, lie = honest, bears }) => {
    const rpcUrl = await lyingProxy(live().anvil.url, lie, refuse);
    const place = { ...placeFor(live(), { more: { RANGE_BLOCKS_MAX: "20" } }), rpcUrl };
    const { code, err } = await runCommand(place, ["start", "--once"]);
    expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
    const straight = new TestLedger(live().fetch, { programme: live().programme });
    await straight.settle();
    const now = JSON.parse((await runCommand(place, ["status", "--json"])).out);
    expect(now.stateDigest).toBe(straight.store.blocks.tip()?.stateDigest);
    const line = (await runCommand(place, ["status"])).out.split("\n").find((each) => each.startsWith("endpoint"));
    if (bears !== undefined) expect(line).toContain(bears);
  });
});
