import { describe, expect, it } from "vitest";
import curveAbi from "../../abi/curve-stableswap-ng.json" with { type: "json" };
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import erc4626Abi from "../../abi/erc4626.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { Process, rangesOf } from "../support/process.ts";

const [ZERO, VAULT, ASSET, eve] = [addressOf(0), addressOf(0xf3), addressOf(0xf2), addressOf(0x1002)];
const E18 = 10n ** 18n;
const programme = parseProgramme(
  {
    chainId: 31337,
    quote: { symbol: "USD" },
    pools: [
      {
        protocol: "erc4626",
        address: VAULT,
        startBlock: 1,
        tokens: [{ address: ASSET, symbol: "A", decimals: 18 }],
      },
    ],
    prices: { [ASSET]: { fixed: "1" } },
  },
  "a vault",
);

const deposit = (assets: bigint, shares: bigint): readonly Draft[] => [
  encodeLog(erc20Abi, VAULT, "Transfer", { from: ZERO, to: eve, value: shares }),
  encodeLog(erc4626Abi, VAULT, "Deposit", { sender: eve, owner: eve, assets, shares }),
];
const redeem = (assets: bigint, shares: bigint): readonly Draft[] => [
  encodeLog(erc20Abi, VAULT, "Transfer", { from: eve, to: ZERO, value: shares }),
  encodeLog(erc4626Abi, VAULT, "Withdraw", { sender: eve, receiver: eve, owner: eve, assets, shares }),
];

/**
 * What eve's days are worth, in quote units; one transaction a block, every 2 h 30 min; the first nine blocks are of
 * the first day.
 */
function daysOf(transactions: readonly (readonly Draft[])[]): readonly unknown[] {
  const process = new Process(programme);
  process.keeper.commitAll(rangesOf(transactions));
  return process.store.db
    .prepare("select liquidity_amount from daily_balances where provider_address = ? order by date")
    .pluck()
    .all(eve);
}

const quiet = (blocks: number): readonly (readonly Draft[])[] => Array.from({ length: blocks }, () => []);

describe("a vault's share", () => {
  it("is worth nothing before anybody has told what it is worth, whatever is told at the day's end", () => {
    // A donation makes a share worth 10^18 of the asset; a deposit tells it, and all but one share is redeemed in the
    // same block.
    const told = [...deposit(1_000_000n * E18, 1_000_000n), ...redeem(1_899_999n * E18, 1_899_999n)];
    const [value] = daysOf([deposit(900_000n, 900_000n), ...quiet(7), told, ...quiet(3)]);
    // One share of a dollar for an hour and a half; it was 900,000 dollars for all of the day.
    expect(value).toBe(62_500);
  });

  it("says nothing of what comes into a vault that was empty in between", () => {
    const left = [deposit(1_000_000n, 1_000_000n), redeem(E18 * E18, 1_000_000n), deposit(999_999n, 999_999n)];
    const [first, second] = daysOf([...left, ...quiet(25)]);
    // It was a million dollars, day after day.
    expect([first, second]).toEqual([0, null]);
  });

  it("is what its first deposit tells, also where that is logged before the shares are issued", () => {
    const [transfer, said] = deposit(2_000n * E18, 1_000n * E18) as [Draft, Draft];
    const [value] = daysOf([[said, transfer], ...quiet(12)]);
    expect(value).toBeGreaterThan(0);
    expect(value).toBe(daysOf([[transfer, said], ...quiet(12)])[0]);
  });
});

describe("a Curve pool whose logs do not tell what it holds", () => {
  const LP = addressOf(0xf5);
  const coins = [0xb1, 0xb2].map((at) => ({ address: addressOf(at), symbol: "C", decimals: 18 }));
  const pool = { protocol: "curve-ng", address: LP, startBlock: 1, tokens: coins, valuation: "balances" };
  const curve = parseProgramme(
    {
      chainId: 31337,
      quote: { symbol: "USD" },
      pools: [pool],
      prices: Object.fromEntries(coins.map(({ address }) => [address, { fixed: "1" }])),
    },
    "a Curve pool",
  );

  it("is worth what it was when they last told, day after day: one unit in an exchange beneath leaves nobody unpaid", () => {
    const filled = [
      encodeLog(erc20Abi, LP, "Transfer", { from: ZERO, to: eve, value: 1_000n * E18 }),
      encodeLog(curveAbi, LP, "AddLiquidity", {
        provider: eve,
        token_amounts: [600n * E18, 400n * E18],
        fees: [0n, 0n],
        invariant: 1_000n * E18,
        token_supply: 1_000n * E18,
      }),
    ];
    const values = { buyer: eve, sold_id: 0n, tokens_sold: 1n, bought_id: 2n, tokens_bought: 1n };
    const process = new Process(curve);
    const exchange = encodeLog(curveAbi, LP, "TokenExchangeUnderlying", values);
    process.keeper.commitAll(rangesOf([filled, [], [exchange], ...quiet(30)]));
    const rows = process.store.db
      .prepare("select liquidity_amount from daily_balances where provider_address = ? order by date")
      .pluck()
      .all(eve);
    // A thousand dollars, but for what a share's value is floored.
    expect(rows.slice(1)).toEqual([999_999_999, 999_999_999]);
  });
});
