import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { toAddress } from "../../src/core/hex.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { finalise, requireSame } from "../../src/ledger/epochs.ts";
import { snapshotAt } from "../../src/ledger/history.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { providerStatus } from "../../src/store/queries/query.ts";
import { FACTORY, pairCreated } from "../models/factory.ts";
import { dumpOf } from "../support/dump.ts";
import { addressOf, type Draft, draft } from "../support/logs.ts";
import { Process, rangesOf } from "../support/process.ts";
import { TOKENS } from "../support/world.ts";

const [ZERO, honest, thief] = [addressOf(0), addressOf(0x1001), addressOf(0x1002)];
const FIRST = addressOf(0xfa01);
/** Anybody can compute the address of a pair that is still to be made. */
const LATER = addressOf(0xfa02);
const E18 = 10n ** 18n;

const tokens = TOKENS.map((address, i) => ({ address, symbol: `T${i}`, decimals: 18 }));
const FILE = {
  chainId: 31337,
  quote: { symbol: "USD" },
  finality: { fallbackDepth: 0, minDepth: 0 },
  pools: [],
  factories: [{ protocol: "uniswap-v2", address: FACTORY, startBlock: 1, tokens }],
  prices: { [TOKENS[0]]: { fixed: "1" }, [TOKENS[1]]: { fixed: "1" } },
  schedule: { start: "2026-01-01", days: 3 },
  tiers: { minimum: "0", levels: [{ week: 1, multiplierBp: 10_000 }] },
  rewards: {
    tokens: [{ address: addressOf(0xcc), symbol: "RWD", decimals: 6, budget: "3" }],
    epochs: { days: 1 },
    discoveredPools: true,
  },
};
const programme = parseProgramme(FILE, "a factory whose pools are rewarded");

const sent = (from: string, to: string, value: bigint): Draft => draft("pair", FIRST, "Transfer", { from, to, value });

/** Blocks are 2 h 30 min apart: nine lie within the first day. */
const BEFORE: readonly (readonly Draft[])[] = [
  [pairCreated(FIRST, true)],
  [
    sent(ZERO, ZERO, 1000n),
    sent(ZERO, honest, 10n * E18 - 1000n),
    draft("pair", FIRST, "Sync", { reserve0: 10n * E18, reserve1: 10n * E18 }),
    draft("pair", FIRST, "Mint", { sender: honest, amount0: 10n * E18, amount1: 10n * E18 }),
  ],
  [sent(honest, thief, 4n * E18)],
  [sent(thief, LATER, 4n * E18)],
];
const quiet = (blocks: number): readonly (readonly Draft[])[] => Array.from({ length: blocks }, () => []);
const made = [pairCreated(LATER, true)];

/** One block a transaction; the first day is over with block 10, and its epoch made final. */
function followed(transactions: readonly (readonly Draft[])[], of = programme): Process {
  const process = new Process(of);
  const { store } = process;
  for (const range of rangesOf(transactions)) {
    process.keeper.commitAll([range]);
    if (range.end.number !== 12) continue;
    store.write(() => {
      for (const key of ["final_block", "settled_block"] as const) store.config.set(key, 12, store.nowIso());
    });
    store.write(() => finalise(store, rewardingOf(of), sha256, 1));
  }
  return process;
}

const providersOf = ({ store }: Process): unknown =>
  store.db.prepare("select provider_address from provider_balances order by 1").pluck().all();

describe("an address of a pool that a factory makes later", () => {
  it("is a provider until then, also in a rebuild: what was paid to it stays paid", () => {
    const process = followed([...BEFORE, ...quiet(10), made, ...quiet(8)]);
    const { store } = process;
    const [paid] = store.rewards.epochs();
    expect(
      store.db.prepare("select reward_amount from rewards where provider_address = ?").pluck().get(LATER),
    ).toBeDefined();
    const before = dumpOf(store);
    store.write(() => rebuild(store, programme, sha256));
    expect(dumpOf(store)).toBe(before);
    expect(() => requireSame(store, rewardingOf(programme), sha256, paid as never)).not.toThrow();
  });

  it("is none on the day on which it is made, wherever the blocks were cut, and has no balance from then on", () => {
    const transactions = [...BEFORE, ...quiet(10), made, ...quiet(8)];
    const process = followed(transactions);
    const days = process.store.db
      .prepare("select date from daily_balances where provider_address = ? order by 1")
      .pluck()
      .all(LATER);
    expect(days).toEqual(["2026-01-01"]);
    expect(providersOf(process)).toEqual([honest, thief]);
    const atOnce = new Process(programme);
    atOnce.keeper.commitAll(rangesOf(transactions));
    expect(dumpOf(atOnce.store)).toBe(dumpOf(process.store));
  });

  it("is one again where a reorg takes the pool away", () => {
    const process = followed([...BEFORE, ...quiet(10), made]);
    const { store } = process;
    const straight = followed([...BEFORE, ...quiet(11)]);
    expect(providersOf(process)).toEqual([honest, thief]);
    const [undone] = rangesOf([...BEFORE, ...quiet(11)]).slice(-1);
    process.keeper.replace(14, undone === undefined ? [] : [undone]);
    expect(providersOf(process)).toEqual([honest, thief, LATER]);
    expect(dumpOf(store)).toBe(dumpOf(straight.store));
  });

  it("is still told of, and asked about, since it was paid", () => {
    const { store } = followed([...BEFORE, ...quiet(10), made, ...quiet(8)]);
    expect(store.addressFacts.unknown(50, "9999")).toContain(LATER);
    const status = providerStatus(store.db, LATER, 3);
    expect(status).toMatchObject({ totalLiquidity: 0n, tier: 0, firstSeen: "2026-01-01" });
    expect(status?.days.map(({ date }) => date)).toEqual(["2026-01-01"]);
    expect(status?.positions.every(({ credited }) => !credited)).toBe(true);
    expect(providerStatus(store.db, addressOf(0x9999), 3)).toBeUndefined();
  });

  it("is one in what is told of a block or a day before it", () => {
    const { store } = followed([...BEFORE, ...quiet(10), made, ...quiet(8)]);
    const has = (moment: Parameters<typeof snapshotAt>[2]): boolean =>
      snapshotAt(store, programme, moment).balances.some(({ provider }) => provider === toAddress(LATER));
    expect([has({ block: 4 }), has({ block: 14 }), has({ block: 15 })]).toEqual([true, true, false]);
    expect([has({ date: "2026-01-01" as never }), has({ date: "2026-01-02" as never })]).toEqual([true, false]);
  });
});

describe("an address of a price feed's aggregator", () => {
  const feed = {
    chainlink: { aggregators: [{ address: LATER, fromBlock: 15 }], decimals: 8, staleAfterSeconds: 86_400 },
  };
  const prices = { ...FILE.prices, [TOKENS[1]]: [{ fixed: "1" }, feed] };
  const withFeed = parseProgramme({ ...FILE, prices }, "with a feed");

  it.each([
    ["comes", programme, withFeed],
    ["goes", withFeed, programme],
  ])("is a provider like any other, where the feed %s", (_, before, after) => {
    const process = followed([...BEFORE, ...quiet(10)], before);
    const { store } = process;
    const [paid] = store.rewards.epochs();
    expect(store.db.prepare("select count(*) from rewards where provider_address = ?").pluck().get(LATER)).toBe(1);
    store.write(() => {
      adoptProgramme(store, after, sha256);
      rebuild(store, after, sha256);
    });
    expect(() => requireSame(store, rewardingOf(after), sha256, paid as never)).not.toThrow();
    expect(store.findings.open()).toEqual([]);
  });
});

describe("a rebuild beneath a final epoch", () => {
  it("records what it makes otherwise as a finding", () => {
    const { store } = followed([...BEFORE, ...quiet(10)]);
    // As if a version had valued the days by another rule.
    const halved = parseProgramme(
      { ...FILE, tiers: { minimum: "0", levels: [{ week: 1, multiplierBp: 5_000 }] } },
      "halved",
    );
    store.write(() => rebuild(store, halved, sha256));
    expect(store.findings.open().map(({ identity }) => identity)).toEqual(["R-1"]);
  });
});
