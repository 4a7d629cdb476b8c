import { describe, expect, it } from "vitest";
import type { ContractReader, ViewCall } from "../../src/chain/contracts/contract-reader.ts";
import { parseProgramme } from "../../src/config.ts";
import { preflight } from "../../src/runtime/preflight.ts";
import { addressOf } from "../support/logs.ts";

const [POOL, MANAGER, ROUTER, FACTORY, T0, T1, LP, GAUGE, GAUGE_V1, PANCAKE] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(
  (i) => addressOf(0xe00 + i),
) as [string, string, string, string, string, string, string, string, string, string];

/** What contracts answer; anything else is not answered. */
const ANSWERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [POOL]: { slot0: "1", liquidity: "1", factory: FACTORY, token0: T0, token1: T1 },
  [MANAGER]: { factory: FACTORY, supportsInterface: "true" },
  // So do quoters and stakers: they name the factory, and hold nobody's positions.
  [ROUTER]: { factory: FACTORY },
  [FACTORY]: { feeAmountTickSpacing: "10" },
  [PANCAKE]: { feeAmountTickSpacing: "10", poolDeployer: "1" },
  [T0]: { decimals: "18" },
  [T1]: { decimals: "18" },
  [LP]: { totalSupply: "1", decimals: "18" },
  [GAUGE]: { lp_token: LP, decimals: "18" },
  [GAUGE_V1]: { lp_token: LP },
};

async function problemsOf(file: object): Promise<readonly string[]> {
  const reader = {
    hasCode: async (_: string, block: number) => block >= 10,
    poolTokens: async (pool: { readonly tokens: readonly { readonly address: string }[] }) =>
      pool.tokens.map(({ address }) => address),
    views: async (calls: readonly ViewCall[]) =>
      calls.map(({ to, functionName }) => ANSWERS[to]?.[functionName] ?? null),
  } as unknown as ContractReader;
  const programme = parseProgramme({ chainId: 1, quote: { symbol: "USD" }, ...file }, "the test's programme");
  const { problems } = await preflight(reader, programme, 100, new AbortController().signal);
  return problems.map(({ field, expected, found }) => `${field}: ${expected}; ${found}`);
}

const token = (address: string) => ({ address, symbol: "T", decimals: 18 });
const poolWith = (manager: string) => {
  const tokens = [token(T0), token(T1)];
  return { pools: [{ protocol: "uniswap-v3", address: POOL, tokens, startBlock: 10, managers: [manager] }] };
};
const gauge = (kind: string, address: string) => ({
  pools: [{ protocol: "erc20", address: LP, tokens: [token(LP)], startBlock: 10 }],
  wrappers: [{ kind, address, pool: LP }],
});
const factory = (protocol: string, address: string) => {
  const tokens = [token(T0), token(T1)];
  return { pools: [], factories: [{ protocol, address, startBlock: 10, tokens, managers: [] }] };
};

describe("check", () => {
  it("passes a manager whose tokens are NFTs, and nothing else that names the factory", async () => {
    expect(await problemsOf(poolWith(MANAGER))).toEqual([]);
    expect(await problemsOf(poolWith(ROUTER))).toEqual([
      expect.stringMatching(/managers: a position manager, or .* no answer of supportsInterface/),
    ]);
    expect(await problemsOf(poolWith(POOL))).toEqual([
      expect.stringMatching(/managers: a position manager, or .* no answer of supportsInterface/),
    ]);
  });

  it("tells Curve's first gauges from those that are tokens themselves", async () => {
    expect(await problemsOf(gauge("curve-gauge", GAUGE))).toEqual([]);
    expect(await problemsOf(gauge("curve-gauge-v1", GAUGE_V1))).toEqual([]);
    expect(await problemsOf(gauge("curve-gauge-v1", GAUGE))).toEqual([
      expect.stringMatching(/another kind: its contract answers decimals/),
    ]);
    expect(await problemsOf(gauge("curve-gauge", GAUGE_V1))).toEqual([expect.stringMatching(/no answer of decimals/)]);
  });

  it("tells PancakeSwap's factory from Uniswap's", async () => {
    expect(await problemsOf(factory("uniswap-v3", FACTORY))).toEqual([]);
    expect(await problemsOf(factory("pancake-v3", PANCAKE))).toEqual([]);
    expect(await problemsOf(factory("uniswap-v3", PANCAKE))).toEqual([
      expect.stringMatching(/another protocol: its contract answers poolDeployer/),
    ]);
    expect(await problemsOf(factory("pancake-v3", FACTORY))).toEqual([
      expect.stringMatching(/no answer of poolDeployer/),
    ]);
  });
});
