import { describe, expect, it } from "vitest";
import oldAbi from "../../abi/curve-stableswap.json" with { type: "json" };
import curveAbi from "../../abi/curve-stableswap-ng.json" with { type: "json" };
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import erc4626Abi from "../../abi/erc4626.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { routesOf } from "../../src/core/decode/routes.ts";
import { applyTransaction } from "../../src/core/decode/transaction.ts";
import { findingOf } from "../../src/core/errors.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft, logsOf } from "../support/logs.ts";

const [POOL, ZERO, ann, bob, CHEF] = [
  addressOf(0xc1),
  addressOf(0),
  addressOf(0x1001),
  addressOf(0x1002),
  addressOf(0xcf),
];
const E18 = 10n ** 18n;

/** Plays transactions at given seconds on one pool; returns the books' side of it. */
function player(pool: object, more: object = {}) {
  const tokens = [0xb1, 0xb2].map((at) => ({ address: addressOf(at), symbol: "C", decimals: 18 }));
  const file = {
    chainId: 31337,
    quote: { symbol: "USD" },
    pools: [{ address: POOL, tokens, startBlock: 1, ...pool }],
    ...more,
  };
  const programme = parseProgramme(file, "the test's programme");
  const [books, routes] = [emptyBooks(), routesOf(programme)];
  const [followed] = programme.pools;
  if (followed === undefined) throw new Error("there is no pool");
  let blockNumber = 0;
  const play = (drafts: readonly Draft[], timestampSec = 1_000 + blockNumber) =>
    applyTransaction(books, routes, logsOf(drafts), { blockNumber: ++blockNumber, timestampSec });
  return { play, book: () => books.shares(followed) };
}

const move = (from: string, to: string, value: bigint, at = POOL) =>
  encodeLog(erc20Abi, at, "Transfer", { from, to, value });
const add = (amounts: bigint[], invariant: bigint, supply: bigint) =>
  encodeLog(curveAbi, POOL, "AddLiquidity", {
    provider: ann,
    token_amounts: amounts,
    fees: [0n, 0n],
    invariant,
    token_supply: supply,
  });
const remove = (amounts: bigint[], supply: bigint) =>
  encodeLog(curveAbi, POOL, "RemoveLiquidity", {
    provider: ann,
    token_amounts: amounts,
    fees: [],
    token_supply: supply,
  });
const ramp = (until: bigint) =>
  encodeLog(curveAbi, POOL, "RampA", { old_A: 1n, new_A: 2n, initial_time: 1n, future_time: until });
const first = [move(ZERO, ann, 1_000n * E18), add([500n * E18, 500n * E18], 1_000n * E18, 1_000n * E18)];

function identityOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return findingOf(error)?.identity;
  }
}

describe("a Curve pool", () => {
  it("is not worth less because somebody takes out a single unit", () => {
    const { play, book } = player({ protocol: "curve-ng", valuation: "balances" });
    play(first);
    play([move(ann, ZERO, 1n), remove([0n, 0n], 1_000n * E18 - 1n)]);
    expect(book().amounts).toEqual([500n * E18, 500n * E18]);
    // A removal of much tells what there really was: here the protocol had taken its part of the fees.
    const half = 1_000n * E18 - 1n - 500n * E18;
    play([move(ann, ZERO, 500n * E18), remove([249n * E18, 249n * E18], half)]);
    const [left] = book().amounts ?? [];
    expect(left).toBeGreaterThanOrEqual(249n * E18 - 2n);
    expect(left).toBeLessThanOrEqual(249n * E18 + 2n);
  });

  it.each(["curve", "curve-ng"])(
    "of the kind %s burns what it burned, whatever whom it pays moves before it logs",
    (protocol) => {
      const { play, book } = player({ protocol, ...(protocol === "curve" ? { shareToken: POOL } : {}) });
      const topic = protocol === "curve" ? oldAbi : curveAbi;
      const added = encodeLog(topic, POOL, "AddLiquidity", {
        provider: ann,
        token_amounts: [500n * E18, 500n * E18],
        fees: [0n, 0n],
        invariant: 1_000n * E18,
        token_supply: 1_000n * E18,
      });
      play([move(ZERO, ann, 1_000n * E18), added]);
      const removed = encodeLog(topic, POOL, "RemoveLiquidity", {
        provider: ann,
        token_amounts: [50n * E18, 50n * E18],
        fees: [0n, 0n],
        token_supply: 900n * E18,
      });
      // Burned, then the callback of the one who is paid in ETH: shares thrown away, as many as were burned, a gift,
      // nothing.
      const called = [move(ann, ZERO, 100n * E18), move(ann, ZERO, 7n), move(ann, bob, E18), move(ann, bob, 0n)];
      play([move(ann, ZERO, 100n * E18), ...called, removed]);
      expect(book().supply).toBe(900n * E18);
      expect(() => play([move(bob, ann, E18)])).not.toThrow();
    },
  );

  it("takes a deposit so small that it buys nothing", () => {
    const { play, book } = player({ protocol: "curve-ng" });
    play(first);
    // After fees a share is worth a little more than a coin.
    play([move(ZERO, bob, 0n), add([2n, 0n], 1_000n * E18 + 1n, 1_000n * E18)]);
    expect(book().supply).toBe(1_000n * E18);
  });

  it("may fall in value while A changes, however many samples that takes, and not afterwards", () => {
    const sample = (play: ReturnType<typeof player>["play"], supply: bigint, invariant: bigint, at: number): void => {
      const minted = supply / 10n;
      const after = (invariant * (supply + minted)) / supply;
      play([move(ZERO, bob, minted), add([minted, 0n], after, supply + minted)], at);
    };
    const falls = (until: bigint | undefined, times: readonly number[]) => {
      const { play } = player({ protocol: "curve-ng" });
      play(first, 10);
      if (until !== undefined) play([ramp(until)], 20);
      let supply = 1_000n * E18;
      return identityOf(() =>
        times.forEach((at, i) => {
          sample(play, supply, (supply * BigInt(99 - i)) / 100n, at);
          supply += supply / 10n;
        }),
      );
    };
    expect(falls(undefined, [30])).toBe("C5");
    expect(falls(100n, [30, 60, 90, 150])).toBeUndefined();
    expect(falls(100n, [30, 60, 150, 200])).toBe("C5");
  });

  it("forgets what it held where an exchange counts in the coins of the pool beneath", () => {
    const { play, book } = player({ protocol: "curve-ng", valuation: "balances" });
    play(first);
    const values = { buyer: bob, sold_id: 0n, tokens_sold: E18, bought_id: 2n, tokens_bought: E18 };
    play([encodeLog(curveAbi, POOL, "TokenExchangeUnderlying", values)]);
    expect(book().amounts).toBeNull();
  });
});

describe("a wrapper", () => {
  const share = { protocol: "erc20", tokens: [{ address: POOL, symbol: "S", decimals: 18 }] };
  const staked = (user: string, amount: bigint) =>
    encodeLog(
      [
        {
          type: "event",
          name: "Staked",
          anonymous: false,
          inputs: [
            { indexed: true, name: "user", type: "address" },
            { indexed: false, name: "amount", type: "uint256" },
          ],
        },
      ],
      CHEF,
      "Staked",
      { user, amount },
    );

  it("whose shares leave without a word is found out, and not left to the database", () => {
    const { play } = player(share, { wrappers: [{ kind: "staking-rewards", address: CHEF, pool: POOL }] });
    play([move(ZERO, ann, 100n)]);
    play([move(ann, CHEF, 100n), staked(ann, 100n)]);
    expect(identityOf(() => play([move(CHEF, bob, 100n)]))).toBe("W-1");
  });
});

describe("a vault", () => {
  const vault = { protocol: "erc4626", tokens: [{ address: addressOf(0xb1), symbol: "A", decimals: 6 }] };
  const deposit = (owner: string, assets: bigint, shares: bigint) =>
    encodeLog(erc4626Abi, POOL, "Deposit", { sender: owner, owner, assets, shares });

  it("must issue what it reports, unless a caveat says that it does so elsewhere", () => {
    const strict = player(vault);
    expect(identityOf(() => strict.play([deposit(ann, 10n ** 6n, E18)]))).toBe("S-1");
    const loose = player({ ...vault, caveats: ["other-share-flow"] });
    loose.play([move(ZERO, bob, E18)]);
    expect(identityOf(() => loose.play([move(bob, ann, E18), deposit(ann, 10n ** 6n, E18)]))).toBeUndefined();
    expect(loose.book().shareValueE36).toBe(10n ** 24n);
    // A deposit of next to nothing is mostly rounding.
    loose.play([move(ZERO, ann, 1n), deposit(ann, 1_000n, 1n)]);
    expect(loose.book().shareValueE36).toBe(10n ** 24n);
  });
});
