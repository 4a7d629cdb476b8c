import { describe, expect, it } from "vitest";
import curveAbi from "../../abi/curve-stableswap-ng.json" with { type: "json" };
import poolAbi from "../../abi/uniswap-v3-pool.json" with { type: "json" };
import { parseProgramme, readProgramme } from "../../src/config.ts";
import { sqrtRatioAtTick } from "../../src/core/amm/ticks.ts";
import { invariantsBefore } from "../../src/core/decode/curve.ts";
import { routesOf } from "../../src/core/decode/routes.ts";
import { applyTransaction } from "../../src/core/decode/transaction.ts";
import { findingOf } from "../../src/core/errors.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { encodeLog } from "../support/encode.ts";
import { type Draft, logsOf } from "../support/logs.ts";
import { sharedFile } from "../support/shared.ts";

const CURVE = "0x186cf879186986a20aadfb7ead50e3c20cb26cec";
const ZERO = `0x${"0".repeat(40)}`;
const Q96 = 1n << 96n;

interface Raw {
  readonly event: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly timestamp: number;
  readonly pool_address: string;
}

const text = sharedFile("arbitrum_lp_events.json");
// Integers beyond 2^53 become text before they are numbers.
const events = (JSON.parse((text ?? "[]").replace(/(?<=[[:,]\s*)(-?\d{16,})(?=\s*[,\]}])/g, '"$1"')) as Raw[]).map(
  ({ args, ...rest }) => ({
    ...rest,
    args: Object.fromEntries(Object.entries(args).map(([k, v]) => [k, valueIn(k, v)])),
  }),
);

/** Addresses and ticks come as 32-byte words. */
function valueIn(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => BigInt(each as string));
  if (typeof value === "string" && value.length === 66) {
    return name.startsWith("tick") ? Number(BigInt.asIntN(24, BigInt(value))) : `0x${value.slice(26)}`;
  }
  return typeof value === "string" && value.startsWith("0x") ? value : BigInt(value as string);
}

type Args = Readonly<Record<string, never>> & {
  readonly token_supply: bigint;
  readonly token_amount: bigint;
  readonly invariant: bigint;
  readonly amount: bigint;
  readonly amount0: bigint;
  readonly amount1: bigint;
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly owner: string;
  readonly provider: string;
};

const argsOf = (event: { readonly args: unknown }): Args => event.args as Args;
const curve = events
  .filter((event) => event.pool_address.toLowerCase() === CURVE)
  .sort((a, b) => a.timestamp - b.timestamp);
const v3 = events.filter(({ event }) => event === "Mint" || event === "Burn");

describe("the programme file of the first programme", () => {
  const path = new URL("../../config/threshold-arbitrum.json", import.meta.url).pathname;

  it("is valid, and names its three pools", () => {
    const { chainId, pools } = readProgramme(path);
    expect(chainId).toBe(42161);
    expect(pools.map(({ protocol, startBlock }) => `${protocol} ${startBlock}`).sort()).toEqual([
      "curve-ng 223607825",
      "uniswap-v3 91123770",
      "uniswap-v3 91124444",
    ]);
  });
});

describe.skipIf(text === undefined)("a week of the first programme's own events", () => {
  it("has exactly one invariant behind each of the 28 Curve deposits", () => {
    let deposits = 0;
    curve.forEach((event, i) => {
      if (event.event !== "AddLiquidity") return;
      const before = argsOf(curve[i - 1] as (typeof curve)[number]).token_supply;
      const { token_supply: after, invariant } = argsOf(event);
      expect(invariantsBefore(true, before, after, invariant)).toHaveLength(1);
      deposits += 1;
    });
    expect(deposits).toBe(28);
  });

  it("has one-coin exits whose shares are the change of the supply, 10 of 10", () => {
    const changes = curve.flatMap((event, i) => {
      const before = curve[i - 1];
      if (event.event !== "RemoveLiquidityOne" || before === undefined) return [];
      return [argsOf(before).token_supply - argsOf(event).token_supply - argsOf(event).token_amount];
    });
    expect(changes).toEqual(Array.from({ length: 10 }, () => 0n));
  });

  it("replays on Curve from its first event's supply, and the value of a share never falls", () => {
    const books = emptyBooks();
    const tokens = [
      { address: `0x${"0".repeat(39)}1`, symbol: "WBTC", decimals: 8 },
      { address: `0x${"0".repeat(39)}2`, symbol: "tBTC", decimals: 18 },
    ];
    const pool = { protocol: "curve-ng", address: CURVE, tokens, startBlock: 1 };
    const programme = parseProgramme({ chainId: 42161, quote: { symbol: "USD" }, pools: [pool] }, "the replay");
    const routes = routesOf(programme);
    const apply = (drafts: readonly Draft[], blockNumber: number) =>
      applyTransaction(books, routes, logsOf(drafts), { blockNumber, timestampSec: blockNumber });
    const transfer = (from: string, to: string, value: bigint): Draft =>
      encodeLog(curveAbi, CURVE, "Transfer", { from, to, value });
    const [first] = curve;
    if (first === undefined) throw new Error("there are no events");
    // Everything that was there before belongs to those who will leave: the window begins in the middle of a life.
    let supply = argsOf(first).token_supply;
    const leavers = new Map<string, bigint>();
    curve.forEach((event, i) => {
      if (i === 0 || event.event === "AddLiquidity") return;
      const gone = argsOf(curve[i - 1] as typeof first).token_supply - argsOf(event).token_supply;
      leavers.set(argsOf(event).provider, (leavers.get(argsOf(event).provider) ?? 0n) + gone);
    });
    const left = [...leavers.values()].reduce((sum, each) => sum - each, supply);
    expect(left).toBeGreaterThan(0n);
    const opening = encodeLog(curveAbi, CURVE, "AddLiquidity", {
      provider: ZERO,
      token_amounts: [supply, 0n],
      fees: [],
      invariant: supply,
      token_supply: supply,
    });
    const holders = [...leavers].map(([holder, shares]) => transfer(ZERO, holder, shares));
    apply([...holders, transfer(ZERO, `0x${"5".repeat(40)}`, left), opening], 1);
    const values: bigint[] = [];
    curve.slice(1).forEach((event, i) => {
      const { token_supply: after, provider } = argsOf(event);
      const moved = after - supply;
      const log = encodeLog(curveAbi, CURVE, event.event, event.args);
      apply([moved > 0n ? transfer(ZERO, provider, moved) : transfer(provider, ZERO, -moved), log], i + 2);
      supply = after;
      const book = books.shares(programme.pools[0] as (typeof programme.pools)[number]);
      expect(book.supply).toBe(after);
      if (event.event === "AddLiquidity" && book.shareValueE36 !== null) values.push(book.shareValueE36);
    });
    expect(values).toHaveLength(28);
    expect([...values].sort((a, b) => (a < b ? -1 : 1))).toEqual(values);
    // About 1.00196 to 1.0022 whole coins of 8 decimals for a share of 18.
    for (const value of values) {
      expect(value).toBeGreaterThan(100_195n * 10n ** 21n);
      expect(value).toBeLessThan(100_222n * 10n ** 21n);
    }
  });

  it("has amounts that follow from liquidity and one price, 1,017 of 1,017", () => {
    const following = v3.filter((event) => {
      const { amount, amount0, amount1, tickLower, tickUpper } = argsOf(event);
      if (amount === 0n) return amount0 === 0n && amount1 === 0n;
      return amountsFollow(amount, amount0, amount1, tickLower, tickUpper, event.event === "Mint");
    });
    expect([following.length, v3.length]).toEqual([1017, 1017]);
  });

  it("begins in the middle of its pools' lives: 35 of 107 positions would fall below zero, and it is refused", () => {
    const held = new Map<string, bigint>();
    const below = new Set<string>();
    for (const event of [...v3].sort((a, b) => a.timestamp - b.timestamp || (a.event === "Mint" ? -1 : 1))) {
      const { owner, tickLower, tickUpper, amount } = argsOf(event);
      const key = `${event.pool_address} ${owner} ${tickLower} ${tickUpper}`;
      const after = (held.get(key) ?? 0n) + (event.event === "Mint" ? amount : -amount);
      held.set(key, after);
      if (after < 0n) below.add(key);
    }
    expect([below.size, held.size]).toEqual([35, 107]);
    const programme = readProgramme(new URL("../../config/threshold-arbitrum.json", import.meta.url).pathname);
    const first = v3.find(({ event }) => event === "Mint");
    if (first === undefined) throw new Error("there is no deposit");
    const log = encodeLog(poolAbi, first.pool_address.toLowerCase(), "Mint", { sender: ZERO, ...first.args });
    const replay = () =>
      applyTransaction(emptyBooks(), routesOf(programme), logsOf([log]), { blockNumber: 1, timestampSec: 1 });
    expect(replay).toThrow(/history is incomplete/);
    const one = curve.find(({ event }) => event === "RemoveLiquidityOne");
    const exit = [
      encodeLog(curveAbi, CURVE, "Transfer", {
        from: argsOf(one as typeof first).provider,
        to: ZERO,
        value: argsOf(one as typeof first).token_amount,
      }),
      encodeLog(curveAbi, CURVE, "RemoveLiquidityOne", (one as typeof first).args),
    ];
    let error: unknown;
    try {
      applyTransaction(emptyBooks(), routesOf(programme), logsOf(exit), { blockNumber: 1, timestampSec: 1 });
    } catch (each) {
      error = each;
    }
    expect(findingOf(error)?.identity).toMatch(/^C[13]$/);
  });
});

/**
 * Whether there is a price at which both amounts are what the liquidity takes: a deposit rounds up, a withdrawal down.
 */
function amountsFollow(
  liquidity: bigint,
  amount0: bigint,
  amount1: bigint,
  tickLower: number,
  tickUpper: number,
  up: boolean,
): boolean {
  const [low, high] = [sqrtRatioAtTick(tickLower), sqrtRatioAtTick(tickUpper)];
  const zero = (sqrt: bigint): bigint => {
    const product = liquidity * Q96 * (high - sqrt);
    return up ? ceil(ceil(product, high), sqrt) : product / high / sqrt;
  };
  const one = (sqrt: bigint): bigint => (up ? ceil(liquidity * (sqrt - low), Q96) : (liquidity * (sqrt - low)) / Q96);
  if (amount1 === 0n && zero(low) === amount0) return true;
  if (amount0 === 0n && one(high) === amount1) return true;
  // The prices at which token1 fits are an interval, and amount0 falls along it.
  const [from, to] = up
    ? [low + ((amount1 - 1n) * Q96) / liquidity + 1n, low + (amount1 * Q96) / liquidity]
    : [low + ceil(amount1 * Q96, liquidity), low + ceil((amount1 + 1n) * Q96, liquidity) - 1n];
  const [first, last] = [from < low ? low : from, to > high ? high : to];
  return first <= last && zero(last) <= amount0 && amount0 <= zero(first);
}

function ceil(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}
