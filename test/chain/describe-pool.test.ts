import { describe, expect, it } from "vitest";
import type { ContractReader, ViewCall } from "../../src/chain/contracts/contract-reader.ts";
import { describePool } from "../../src/chain/contracts/describe-pool.ts";
import type { Address } from "../../src/core/hex.ts";
import { addressOf } from "../support/logs.ts";

const [A, B, C, SHARE, FACTORY] = [1, 2, 3, 4, 5].map((i) => addressOf(0xd00 + i)) as [
  string,
  string,
  string,
  string,
  string,
];

/** A contract that answers these functions, with its coins numbered by that type. */
function contract(
  answers: Readonly<Record<string, string>>,
  coins: readonly string[] = [],
  type = "uint256",
): ContractReader {
  return {
    views: async (calls: readonly ViewCall[]) =>
      calls.map(({ abi, functionName, args }) => {
        if (functionName !== "coins") return answers[functionName] ?? null;
        const [{ inputs }] = abi as unknown as [{ inputs: readonly [{ type: string }] }];
        return inputs[0].type === type ? (coins[Number(args[0])] ?? null) : null;
      }),
  } as unknown as ContractReader;
}

const PAIR = { getReserves: "1", token0: A, token1: B, totalSupply: "9", factory: FACTORY };
const TICKS = { slot0: "1", liquidity: "1", token0: A, token1: B, factory: FACTORY };

describe("a contract", () => {
  it.each([
    ["uniswap-v2", contract(PAIR), [A, B]],
    ["solidly", contract({ ...PAIR, stable: "0", fees: "1" }), [A, B]],
    ["aerodrome", contract({ ...PAIR, stable: "0", poolFees: "1" }), [A, B]],
    ["uniswap-v3", contract(TICKS), [A, B]],
    ["pancake-v3", contract({ ...TICKS, lmPool: "1" }), [A, B]],
    ["erc4626", contract({ asset: A, totalSupply: "9" }), [A]],
    ["curve-ng", contract({ totalSupply: "9" }, [A, B, C]), [A, B, C]],
    ["curve", contract({ lp_token: SHARE }, [A, B, C]), [A, B, C]],
    ["curve", contract({ lp_token: SHARE }, [A, B], "int128"), [A, B]],
  ] as const)("is known as %s by what it answers", async (protocol, reader, tokens) => {
    const found = await describePool(reader, addressOf(0xd10) as Address, new AbortController().signal);
    expect(found).toMatchObject({ protocol, tokens, shareToken: protocol === "curve" ? SHARE : null });
  });

  it.each([
    ["a token", contract({ totalSupply: "9", decimals: "18" })],
    ["a wallet", contract({})],
    ["a pool that does not name its tokens", contract({ getReserves: "1", totalSupply: "9" })],
  ])("is no pool where it is %s", async (_, reader) => {
    expect(await describePool(reader, addressOf(0xd10) as Address, new AbortController().signal)).toBeNull();
  });
});
