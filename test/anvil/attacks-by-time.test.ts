import type { Hex } from "viem";
import { describe, expect, it } from "vitest";
import { ARTIFACTS, Contract, compiled, deploy } from "../../demo/contracts.ts";
import { programmeOf, SQRT_PRICE_ONE, UINT_MAX } from "../../demo/stage.ts";
import { parseProgramme } from "../../src/config.ts";
import { amountsOf } from "../../src/core/amm/amounts.ts";
import { sqrtRatioAtTick } from "../../src/core/amm/ticks.ts";
import { ShareRates } from "../../src/daemon/share-rates.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { finalise } from "../../src/ledger/epochs.ts";
import { leaveOutUpTo } from "../../src/ledger/leave-out.ts";
import { DayRevaluation } from "../../src/ledger/revalue-days.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { liveChain, START_SEC } from "../support/anvil.ts";
import { TestLedger } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

const E18 = 10n ** 18n;
const [HOUR, DAY] = [3_600, 86_400];
const SQRT_PRICE_MAX = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342n;
/** As far as the ticks of a pool with a spacing of 200 go. */
const WHOLE = { tickLower: -887_200, tickUpper: 887_200 };
const [DONATED, EMPTY_FEE, DAYS] = [110_000n * E18, 10_000, 14];
let [savings, sealed, empty]: (Contract | undefined)[] = [];
let [made, emptyMade, donated] = [0, 0, 0];

// Ann provides honestly, 110,000 dollars for fourteen days; the others play with moments.
const live = liveChain(6, async (life) => {
  const { stage } = life;
  const { anvil, tokens, manager } = stage;
  const [ann, bob, cat, dan, fay] = stage.actors as readonly [Hex, Hex, Hex, Hex, Hex];
  const [a, b] = tokens;
  const until = (hour: number): number => START_SEC + hour * HOUR - life.nowSec;
  const vault = compiled(new URL("../support/Vault4626.sol", import.meta.url), "Vault4626");
  savings = await deploy(anvil, life.nowSec + 1, stage.owner, vault, [b.address]);
  made = await anvil.blockNumber();
  sealed = await deploy(anvil, life.nowSec + 2, stage.owner, vault, [b.address]);
  const artifact = compiled(new URL("../support/Pusher.sol", import.meta.url), "Pusher");
  const pusher = await deploy(anvil, life.nowSec + 3, stage.owner, artifact, []);
  await life.must(60, [life.addShares(ann, 55_000n * E18)]);
  const ends = [a.address, b.address, EMPTY_FEE, SQRT_PRICE_MAX - 1n];
  await life.must(60, [manager.tx(bob, "createAndInitializePoolIfNecessary", ends)]);
  emptyMade = await anvil.blockNumber();
  const factory = new Contract(anvil, ARTIFACTS.poolFactory().abi, (await manager.read("factory")) as Hex);
  const pool = (await factory.read("getPool", [a.address, b.address, EMPTY_FEE])) as Hex;
  empty = new Contract(anvil, ARTIFACTS.pool().abi, pool);
  await life.must(60, [
    b.tx(cat, "approve", [savings.address, UINT_MAX]),
    b.tx(cat, "approve", [sealed.address, UINT_MAX]),
    life.mintNft(dan, 0, [-1_000, 1_000], 6n * E18),
  ]);
  await life.must(60, [savings.tx(cat, "deposit", [E18 / 1_000n, cat]), sealed.tx(cat, "deposit", [1n, cat])]);
  // From the end of the scale, where it was for half of the day, to where others trade.
  await life.must(until(12), [pusher.tx(bob, "push", [empty.address, true, SQRT_PRICE_ONE])]);
  const five = {
    token0: a.address,
    token1: b.address,
    fee: EMPTY_FEE,
    ...WHOLE,
    amount0Desired: 5n * E18,
    amount1Desired: 5n * E18,
    amount0Min: 0n,
    amount1Min: 0n,
    recipient: bob,
    deadline: UINT_MAX,
  };
  await life.must(12, [manager.tx(bob, "mint", [five])]);
  // Given to a share three seconds before midnight, and taken back three seconds after it.
  await life.must(until(24) - 3, [b.tx(cat, "transfer", [savings.address, DONATED])]);
  donated = await anvil.blockNumber();
  await life.must(6, [savings.tx(cat, "redeem", [E18 / 1_000n, cat, cat])]);
  // Fay has no streak, so she lets her 100,000 dollars stand on dan's, who has had twelve for two weeks.
  await life.must(until(24 * (DAYS - 1)), [life.mintNft(fay, 0, [-1_000, 1_000], 50_000n * E18, dan)]);
  for (let i = 0; i < 80; i++) await life.block(i === 0 ? until(24 * DAYS) : 60, []);
});

/** A ledger of the fourteen days, everything final, settled and sampled. */
async function followed(basis: "address" | "held") {
  const { stage, fetch } = live();
  const base = programmeOf(stage) as { pools: readonly object[] };
  const [a, b] = stage.tokens.map(({ address }, i) => ({ address, symbol: "ABC"[i] ?? "", decimals: 18 }));
  const managers = [stage.manager.address];
  const share = { address: savings?.address, symbol: "S", decimals: 18 };
  const programme = parseProgramme(
    {
      ...base,
      pools: [
        ...base.pools,
        { protocol: "uniswap-v3", address: empty?.address, tokens: [a, b], startBlock: emptyMade, managers },
        { protocol: "erc20", address: savings?.address, tokens: [share], startBlock: made },
        { protocol: "erc4626", address: sealed?.address, tokens: [b], startBlock: made },
      ],
      prices: {
        ...Object.fromEntries(stage.tokens.map(({ address }) => [address, { fixed: "1" }])),
        [savings?.address ?? ""]: { rate: { asset: b } },
      },
      schedule: { start: "2026-01-01", days: DAYS },
      tiers: {
        minimum: "10",
        basis,
        levels: [
          { week: 1, multiplierBp: 10_000 },
          { week: 2, multiplierBp: 20_000 },
        ],
      },
      rewards: { tokens: [{ ...a, budget: `${DAYS * 1_000_000}` }], epochs: { days: 1 } },
    },
    "fourteen days",
  );
  const ledger = new TestLedger(fetch, { programme });
  const { store, chain } = ledger;
  for (let i = 0; i < 30; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 20 } });
  const ask = chain.call?.bind(chain);
  if (ask === undefined) throw new Error("the chain answers no questions");
  const rates = new ShareRates(store, stillClock);
  const { signal } = new AbortController();
  for (let i = 0; i < 40; i++)
    await rates.tick(programme, { blocksAt: (...args) => chain.blocksAt(...args), ask }, signal);
  new DayRevaluation(store).tick(programme);
  const worthOf = (pool: Contract | undefined, provider: string, date = "2026-01-01") =>
    store.db
      .prepare(
        "select liquidity_amount from daily_balances where date = ? and pool_address = ? and provider_address = ?",
      )
      .pluck()
      .get(date, pool?.address, provider.toLowerCase()) as number | null;
  return { ledger, programme, store, ask, worthOf };
}

/** What somebody gets of an epoch of one day. */
function partIn({ programme, store }: Awaited<ReturnType<typeof followed>>, number: number) {
  const rewarding = rewardingOf(programme);
  store.write(() => {
    leaveOutUpTo(store, programme, rewarding, number, new Set());
    for (let each = 1; each <= number; each++) finalise(store, rewarding, sha256, each);
  });
  const rows = store.rewards.rowsOf(number, programme.pools[0]?.tokens[0]?.address as never);
  const sum = rows.reduce((all, { amount }) => all + amount, 0n);
  return (who: string): number =>
    Number(rows.find(({ provider }) => provider === who.toLowerCase())?.amount ?? 0n) / Number(sum);
}

describe("who plays with a moment", () => {
  it("is not worth a donation at midnight, which used to price the whole day: 49 % of a pot for nothing", async () => {
    const { ask, worthOf } = await followed("address");
    const { stage } = live();
    const [ann, , cat] = stage.actors as readonly [Hex, Hex, Hex];
    const honest = worthOf(stage.pair, ann) ?? 0;
    // As it was: the rate at the day's last block.
    const question = { kind: "share-rate" as const, token: savings?.address as never, shares: `${E18}` };
    const [rate] = await ask([question], donated, new AbortController().signal);
    const held = (23 * HOUR) / DAY / 1_000;
    const before = held * (Number(rate) / 1e18);
    expect(before / (before + honest / 1e6)).toBeGreaterThan(0.45);
    const after = worthOf(savings, cat) ?? Number.POSITIVE_INFINITY;
    expect(after).toBeGreaterThan(900);
    expect(after).toBeLessThanOrEqual(1_000);
  });

  it("gets of an empty pool, whose price anybody may move, what it held: 10 dollars used to take it all", async () => {
    const { worthOf, ledger } = await followed("address");
    const { stage } = live();
    const [ann, bob] = stage.actors as readonly [Hex, Hex];
    const honest = (worthOf(stage.pair, ann) ?? 0) / 1e6;
    const row = ledger.store.db
      .prepare(
        "select liquidity_seconds from daily_balances where date = '2026-01-01' and pool_address = ? and provider_address = ?",
      )
      .pluck()
      .get(empty?.address, bob.toLowerCase()) as string;
    // As it was: half of the day at the end of the scale, half of it at one.
    const tick = Math.floor(887_271 * (10.9 / 22.9));
    const [was0, was1] = amountsOf(BigInt(row), WHOLE, { tick, sqrtPriceX96: sqrtRatioAtTick(tick) }, "down");
    const before = Number((was0 + was1) / 86_400n / E18);
    expect(before / (before + honest)).toBeGreaterThan(0.99);
    const after = worthOf(empty, bob) ?? Number.POSITIVE_INFINITY;
    expect(after).toBeLessThanOrEqual(5_000_000); // Ten dollars for half of the day.
    expect(after).toBeGreaterThan(4_900_000);
  });

  it("holds up nobody's epoch with one unit in a vault that nobody sampled", async () => {
    const world = await followed("address");
    const { store, programme, worthOf } = world;
    const [ann, , cat] = live().stage.actors as readonly [Hex, Hex, Hex];
    expect(worthOf(sealed, cat)).toBeNull();
    const { rewards } = rewardingOf(programme);
    expect(waitingFor(store, rewards, rewards.epochs[0] as never)?.code).toBe("EPOCH_UNPRICED");
    const part = partIn(world, 1);
    expect(part(ann)).toBeGreaterThan(0.999);
    expect(store.leftOut.between("2026-01-01" as never, "2026-01-02" as never)).toMatchObject([
      { pool: sealed?.address, provider: cat.toLowerCase(), reason: "negligible" },
    ]);
  });

  it("rents no streak where a multiplier counts for what was held: 48 % of a pot for a new one's fair 31 %", async () => {
    const [address, held] = [partIn(await followed("address"), DAYS), partIn(await followed("held"), DAYS)];
    const [, , , dan] = live().stage.actors as readonly [Hex, Hex, Hex, Hex];
    const [own, others, dust] = [100_000, 110_000 * 2, 12 * 2];
    const fair = (own + dust) / (own + others + dust);
    expect(address(dan)).toBeGreaterThan(0.47);
    expect(Math.abs(held(dan) - fair)).toBeLessThan(0.001);
  });
});
