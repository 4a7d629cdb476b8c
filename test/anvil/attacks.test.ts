import type { Hex } from "viem";
import { describe, expect, it } from "vitest";
import { type Contract, compiled, deploy } from "../../demo/contracts.ts";
import { programmeOf, SQRT_PRICE_ONE, UINT_MAX } from "../../demo/stage.ts";
import { parseProgramme } from "../../src/config.ts";
import { amountsOf } from "../../src/core/amm/amounts.ts";
import { sqrtRatioAtTick } from "../../src/core/amm/ticks.ts";
import type { Pool } from "../../src/core/programme/programme.ts";
import { liveChain, START_SEC, verifyLive } from "../support/anvil.ts";
import { TestLedger } from "../support/ledger.ts";

const E18 = 10n ** 18n;
const [HOUR, DAY] = [3_600, 86_400];
const SQRT_PRICE_MAX = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342n;
/** In spacings of pool 1: as far as its ticks go. */
const WHOLE: readonly [number, number] = [-88_722, 88_722];
let vault: Contract;
let vaultBlock = 0;

// Ann provides honestly, in the pair and all day long: 110,000 dollars. Bob is alone in a pool with 1,000, and plays
// with its price.
const live = liveChain(5, async (life) => {
  const { stage } = life;
  const { anvil, tokens } = stage;
  const [ann, bob, cat, dan] = stage.actors as readonly [Hex, Hex, Hex, Hex];
  const artifact = compiled(new URL("../support/Vault4626.sol", import.meta.url), "Vault4626");
  vault = await deploy(anvil, life.nowSec + 1, stage.owner, artifact, [tokens[1].address]);
  vaultBlock = await anvil.blockNumber();
  const until = (hour: number): number => START_SEC + hour * HOUR - life.nowSec;
  const pusher = await deploy(
    anvil,
    life.nowSec + 2,
    stage.owner,
    compiled(new URL("../support/Pusher.sol", import.meta.url), "Pusher"),
    [],
  );
  /** Moves the price of pool 1 as far as a limit: free while nobody's liquidity is in the way. */
  const push = (up: boolean, limit: bigint) => pusher.tx(bob, "push", [stage.pools[1].address, !up, limit]);
  await life.must(60, [life.addShares(ann, 55_000n * E18)]);
  await life.must(60, [
    life.mintNft(bob, 1, WHOLE, 500n * E18),
    life.mintNft(cat, 0, [10, 20], 500n * E18), // In token A alone.
    life.mintNft(dan, 0, [-20, -10], 50_000n * E18), // In token B alone.
    tokens[1].tx(cat, "approve", [vault.address, UINT_MAX]),
  ]);
  // A vault that is empty otherwise is pumped for 36 seconds with 0.0000005 dollars.
  await life.must(until(10), [vault.tx(cat, "deposit", [2_000_000n, cat])]);
  await life.must(12, [tokens[1].tx(cat, "transfer", [vault.address, 1_051_200_000_000n])]);
  await life.must(12, [vault.tx(cat, "redeem", [1_000_000n, cat, cat])]);
  await life.must(36, [vault.tx(cat, "redeem", [1_000_000n, cat, cat])]);
  await life.must(12, [vault.tx(cat, "deposit", [1_000n * E18, cat])]);
  // Solmate's tokens keep in the supply what is sent to the zero address.
  await life.must(12, [vault.tx(cat, "transfer", [`0x${"0".repeat(40)}`, 1n])]);
  const nft = (await life.nfts()).find(({ owner }) => owner === bob);
  if (nft === undefined) throw new Error("bob has no position");
  await life.must(until(12), [life.decrease(bob, nft.id, nft.liquidity), push(true, SQRT_PRICE_MAX - 1n)]);
  await life.must(until(14), [push(false, SQRT_PRICE_ONE)]);
  await life.must(12, [life.increase(bob, nft.id, 500n * E18)]);
  // For one block nobody trades against, the pair's price is pushed as far as 22 million dollars do it.
  const [a, b] = tokens;
  const before = (await a.read("balanceOf", [dan])) as bigint;
  await life.must(until(16), [life.swapPair(dan, 22_000_000n * E18, true)]);
  const bought = ((await a.read("balanceOf", [dan])) as bigint) - before;
  await life.must(12, [life.swapPair(dan, bought, false)]);
  expect(b.address > a.address).toBe(true);
  for (let i = 0; i < 80; i++) await life.block(i === 0 ? until(24) : 60, []);
});

const ONE_DOLLAR = { fixed: "1" };

/** A ledger of the day by a programme whose prices are these, and what each provider had of some pools. */
async function followed(prices: (pair: string) => readonly [a: object, b: object, c: object]) {
  const { stage, fetch } = live();
  const base = programmeOf(stage) as { pools: readonly object[] };
  const [a, b, c] = prices(stage.pair.address);
  const [tokenA, tokenB, tokenC] = stage.tokens.map(({ address }) => address) as [Hex, Hex, Hex];
  const held = { address: tokenB, symbol: "B", decimals: 18 };
  const programme = parseProgramme(
    {
      ...base,
      pools: [...base.pools, { protocol: "erc4626", address: vault.address, tokens: [held], startBlock: vaultBlock }],
      prices: { [tokenA]: a, [tokenB]: b, [tokenC]: c },
    },
    "the day's programme",
  );
  const ledger = new TestLedger(fetch, { programme });
  await ledger.settle();
  const { db } = ledger.store;
  const rowOf = (pool: string, provider: string) =>
    db
      .prepare(
        "select liquidity_amount as value, liquidity_seconds as seconds from daily_balances where date = '2026-01-01' and pool_address = ? and provider_address = ?",
      )
      .get(pool, provider.toLowerCase()) as { value: number; seconds: string };
  const meansOf = (pool: string) =>
    db.prepare("select * from pool_days where date = '2026-01-01' and pool_address = ?").get(pool) as {
      seconds_priced: number;
      mean_tick: number;
      share_value_seconds: string;
    };
  const priceOf = (token: string): number =>
    Number(
      db.prepare("select price from token_prices where date = '2026-01-01' and token_address = ?").pluck().get(token),
    );
  return { ledger, rowOf, meansOf, priceOf };
}

const partOf = (own: number, others: number): number => own / (own + others);

describe("who plays with a price", () => {
  it("gets nothing for a tick at which its liquidity never stood: 14 % of a pot before, for what had been 0.8 %", async () => {
    const { rowOf, meansOf, ledger } = await followed(() => [ONE_DOLLAR, ONE_DOLLAR, ONE_DOLLAR]);
    const { programme } = ledger.keeper;
    const { stage } = live();
    const [ann, bob] = stage.actors as readonly [Hex, Hex];
    const pool = stage.pools[1].address;
    const [own, others] = [rowOf(pool, bob), rowOf(stage.pair.address, ann)];
    // As it was: the day's liquidity x seconds at the day's mean tick, over all the time in which the pool had a state.
    const range = { tickLower: WHOLE[0] * 10, tickUpper: WHOLE[1] * 10 };
    const states = ledger.store.states.timeline(
      programme.pools.find(({ address }) => address === pool) as Pool,
      START_SEC,
      START_SEC + DAY,
      Number.MAX_SAFE_INTEGER,
    );
    let tickSeconds = 0;
    states.forEach(({ atSec, state }, i) => {
      const untilSec = Math.min(states[i + 1]?.atSec ?? START_SEC + DAY, START_SEC + DAY);
      if (state.kind === "ticks") tickSeconds += state.tick * (untilSec - Math.max(atSec, START_SEC));
    });
    const meanTick = Math.floor(tickSeconds / (DAY - ((states[0]?.atSec ?? 0) - START_SEC)));
    const at = { tick: meanTick, sqrtPriceX96: sqrtRatioAtTick(meanTick) };
    const was = amountsOf(BigInt(own.seconds), range, at, "down").reduce((sum, each) => sum + each, 0n);
    const before = partOf(Number(was / 86_400n / 10n ** 12n), others.value);
    const after = partOf(own.value, others.value);
    expect(before).toBeGreaterThan(0.13);
    expect(after).toBeLessThan(1_000 / 111_000);
    expect(after).toBeGreaterThan(0.007);
    // While its liquidity was away the pool had no price, and the one it had is where others would trade.
    expect(meansOf(pool).seconds_priced).toBeLessThan(DAY - 2 * HOUR);
    expect(Math.abs(meansOf(pool).mean_tick)).toBeLessThan(2);
  });

  it("gets nothing for an empty vault it pumped for 36 seconds: 66 % of a pot before, for half of a percent", async () => {
    const { rowOf, meansOf } = await followed(() => [ONE_DOLLAR, ONE_DOLLAR, ONE_DOLLAR]);
    const { stage } = live();
    const [ann, , cat] = stage.actors as readonly [Hex, Hex, Hex];
    const [own, others] = [rowOf(vault.address, cat), rowOf(stage.pair.address, ann)];
    const { seconds_priced: seconds, share_value_seconds: sum } = meansOf(vault.address);
    const was = (BigInt(own.seconds) * BigInt(sum)) / BigInt(seconds) / 10n ** 36n / 86_400n / 10n ** 12n;
    const before = partOf(Number(was), others.value);
    const after = partOf(own.value, others.value);
    expect(before).toBeGreaterThan(0.6);
    expect(after).toBeLessThan(1_000 / 111_000);
    expect(after).toBeGreaterThan(0.004);
  });

  it("moves a pair's mean price 23 times up with one block, and its median not at all", async () => {
    const { stage } = live();
    const [, , cat, dan] = stage.actors as readonly [Hex, Hex, Hex, Hex];
    const pool = stage.pools[0].address;
    const [mean, median] = await Promise.all(
      (["mean", "median"] as const).map(async (average) => {
        const { rowOf, priceOf } = await followed((pair) => [{ pool: pair, average }, ONE_DOLLAR, ONE_DOLLAR]);
        const part = partOf(rowOf(pool, cat).value, rowOf(pool, dan).value);
        return { price: priceOf(stage.tokens[0].address), part };
      }),
    );
    expect(mean?.price).toBeGreaterThan(15);
    expect(mean?.part).toBeGreaterThan(0.12);
    expect(median?.price).toBe(1);
    expect(median?.part).toBeLessThan(500 / 50_000);
  });
});

it("one unit of a share that is sent to the zero address and stays in the supply is no difference to the chain", async () => {
  const { ledger } = await followed(() => [ONE_DOLLAR, ONE_DOLLAR, ONE_DOLLAR]);
  const supply = (await vault.read("totalSupply", [])) as bigint;
  const issued = ledger.store.db
    .prepare("select liquidity from accounts where pool_address = ? and kind = 'issuance'")
    .pluck()
    .get(vault.address) as string;
  expect(supply + BigInt(issued)).toBe(1n);
  expect((await verifyLive(live(), ledger)).differences).toEqual([]);
});
