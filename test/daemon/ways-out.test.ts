import { describe, expect, it } from "vitest";
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { toAddress } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import type { Epoch } from "../../src/core/programme/rules.ts";
import { adoptProgramme, compareProgramme } from "../../src/ledger/compare-programme.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { finalise, requireSame } from "../../src/ledger/epochs.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import type { OrderKind } from "../../src/store/refetches.ts";
import type { Store } from "../../src/store/store.ts";
import { FactoryModel } from "../models/factory.ts";
import { StakerModel } from "../models/staker.ts";
import { WrappedModel } from "../models/wrapped.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { followed } from "../support/followed.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { RULES, rewards } from "../support/paid.ts";
import { saidBy } from "../support/said.ts";
import { takenUp } from "../support/take-up.ts";
import { PAIR, POOL, TOKENS, worldProgramme } from "../support/world.ts";

const FINALITY = { finality: { fallbackDepth: 5, minDepth: 0 } };
const FIXED = { prices: { [TOKENS[0]]: { fixed: "2" }, [TOKENS[1]]: { fixed: "3" } } };
const [pair, pool] = worldProgramme()["pools"] as readonly [object, object];
const parse = (more: object): Programme =>
  parseProgramme(worldProgramme({ ...FINALITY, ...FIXED, ...more }), "a test's");

const ordered = (store: Store, kind: OrderKind, of: string): void =>
  store.write(() => store.refetches.order({ kind, pool: toAddress(of) }, "the test says so", store.nowIso()));

function grown(options: ConstructorParameters<typeof FakeChain>[0] = {}, seed = 11): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000, ...options });
  chain.grow(60, seed);
  return chain;
}

const isLog = (of: string, topic: string) => (log: { address: string; topics: readonly unknown[] }) =>
  log.address === of && String(log.topics[0]).startsWith(topic);
const SYNC = "0x1c411e9a";

/** Leaves out, in every answer, a pool's first `Sync` from a block on that somebody misses. */
function lied(chain: FakeChain, of: string, from: number): void {
  const wrong = chain.blocks.find(({ number, logs }) => number >= from && logs.filter(isLog(of, SYNC)).length > 0);
  chain.fault = (method, _params, result) => {
    if (method !== "eth_getLogs") return result;
    const logs = result as { blockNumber: string; address: string; topics: readonly unknown[] }[];
    const first = logs.find((log) => Number(log.blockNumber) === wrong?.number && isLog(of, SYNC)(log));
    return logs.filter((log) => log !== first);
  };
}

describe("a pool that is dropped", () => {
  it.each([PAIR, POOL])("%s: is gone as if nobody had ever followed it, in quarantine or not", async (gone) => {
    for (const isQuarantined of [false, true]) {
      const chain = grown();
      if (isQuarantined) lied(chain, PAIR, 20);
      const [whole, without] = [parse({}), parse({ pools: gone === PAIR ? [pool] : [pair] })];
      const { store, close } = await followed(chain, whole);
      expect(store.quarantines.all()).toHaveLength(isQuarantined ? 1 : 0);
      expect(() => compareProgramme(store, without)).toThrow(/is gone/);
      ordered(store, "drop", gone);
      expect(compareProgramme(store, whole).kind).toBe("same"); // Named still: followed still.
      expect(compareProgramme(store, without).kind).toBe("dropped");
      await takenUp(store, chain, without, `${temporaryFolder()}/ledger.sqlite`);
      const { store: alone } = await followed(chain, without);
      expect(saidBy(store)).toEqual(saidBy(alone));
      expect(store.db.prepare("select pool_address from pools").pluck().all()).toEqual([gone === PAIR ? POOL : PAIR]);
      expect(problemsOf(store.db, sha256)).toEqual([]);
      expect(store.refetches.all()).toMatchObject([{ kind: "drop", pool: gone, doneBlock: 60 }]);
      if (gone === PAIR) expect(store.findings.open()).toEqual([]);
      if (gone === POOL && isQuarantined) continue;
      // Named again later, its history is fetched like that of any pool.
      chain.fault = undefined;
      await takenUp(store, chain, whole, `${temporaryFolder()}/ledger.sqlite`);
      close();
      const again = await followed(chain, whole, store.db.name);
      expect(saidBy(again.store)).toEqual(saidBy((await followed(chain, whole)).store));
    }
  });

  it("leaves what final epochs were paid by, dropped and added again", async () => {
    const rules = { ...RULES, rewards: rewards([], { epochs: { days: 2 } }) };
    const chain = grown();
    const [whole, without] = [parse(rules), parse({ ...rules, pools: [pool] })];
    const { store, close } = await followed(chain, whole);
    const rewarding = rewardingOf(whole);
    const { epoch } = store.write(() => finalise(store, rewarding, sha256, 1));
    ordered(store, "drop", PAIR);
    await takenUp(store, chain, without, `${temporaryFolder()}/ledger.sqlite`);
    const isTrue = (): void => {
      expect(store.rewards.epoch(1)).toEqual(epoch);
      requireSame(store, rewardingOf(without), sha256, epoch);
      expect(store.findings.open()).toEqual([]);
      expect(problemsOf(store.db, sha256)).toEqual([]);
    };
    isTrue();
    const rowsOf = (of: string) =>
      store.db
        .prepare("select min(date), max(date), count(*) > 0 from daily_balances where pool_address = ?")
        .raw()
        .get(of);
    expect(rowsOf(PAIR)).toEqual(["2026-01-01", "2026-01-02", 1]);
    store.write(() => rebuild(store, without, sha256));
    isTrue();
    // Streaks go on from what was held then; the next epoch is paid by what is followed.
    const alone = await followed(chain, without);
    const weights = (of: Store) =>
      of.db
        .prepare("select date, provider_address, value from provider_days where date > '2026-01-02' order by 1, 2")
        .raw()
        .all();
    expect(weights(store)).toEqual(weights(alone.store));
    expect(store.write(() => finalise(store, rewardingOf(without), sha256, 2)).isNew).toBe(true);
    await takenUp(store, chain, whole, `${temporaryFolder()}/ledger.sqlite`);
    isTrue();
    close();
    const { store: again } = await followed(chain, whole, store.db.name);
    expect(again.rewards.epoch(1)).toEqual(epoch);
    requireSame(again, rewarding, sha256, epoch);
    expect(again.findings.open()).toEqual([]);
  });
});

describe("a pool that a factory made", () => {
  const factory = (new FactoryModel().programme() as { readonly factories: readonly object[] }).factories[0];
  const programmeOf = (more: object = {}) => parse({ factories: [{ ...factory, ...more }] });

  function made(chain: FakeChain): { readonly address: string } {
    const created = chain.blocks.flatMap(({ logs }) =>
      logs.filter(({ topics }) => String(topics[0]).startsWith("0x0d3648bd")),
    );
    const addresses = created.map(({ data }) => `0x${data.slice(26, 66)}`);
    const busiest = addresses
      .map((address) => ({
        address,
        syncs: chain.blocks.flatMap(({ logs }) => logs.filter(isLog(address, SYNC))).length,
      }))
      .sort((a, b) => b.syncs - a.syncs);
    return busiest[0] ?? { address: "" };
  }

  it("is fetched again alone, and dropped", async () => {
    const chain = grown({ models: [new FactoryModel()] }, 5);
    const { address } = made(chain);
    lied(chain, address, 30);
    const whole = programmeOf();
    const { store, close } = await followed(chain, whole);
    expect(store.quarantines.all()).toMatchObject([{ pool: address }]);
    const stillLying = chain.fault;
    chain.fault = undefined;
    ordered(store, "refetch", address);
    await takenUp(store, chain, whole, `${temporaryFolder()}/ledger.sqlite`);
    expect(store.quarantines.all()).toEqual([]);
    expect(store.findings.open()).toEqual([]);
    const straight = await followed(chain, whole);
    expect(saidBy(store)).toEqual(saidBy(straight.store));
    chain.fault = stillLying;
    const without = programmeOf({ except: [address] });
    expect(() => compareProgramme(store, without)).toThrow(/the factories were/);
    ordered(store, "drop", address);
    await takenUp(store, chain, without, `${temporaryFolder()}/ledger.sqlite`);
    chain.grow(10, 8);
    close();
    const { store: later } = await followed(chain, without, store.db.name);
    const alone = await followed(chain, without);
    expect(saidBy(later)).toEqual(saidBy(alone.store));
    expect(() => compareProgramme(later, whole)).toThrow(/the factories were/);
  });

  it("goes on by a caveat of its own, or of all of them", async () => {
    const chain = grown({ models: [new FactoryModel()] }, 5);
    const { address } = made(chain);
    const swaps = chain.blocks.flatMap(({ number, logs }) =>
      logs.filter(isLog(address, "0xd78ad95f")).map(({ logIndex }) => ({ number, logIndex })),
    );
    const hit = swaps[Math.floor(swaps.length / 2)];
    chain.fault = (method, _params, result) =>
      method === "eth_getLogs"
        ? (result as { blockNumber: string; logIndex: string; data: string }[]).map((log) =>
            Number(log.blockNumber) === hit?.number && Number(log.logIndex) === hit.logIndex
              ? { ...log, data: `0x${"1".padStart(64, "0")}${log.data.slice(66)}` }
              : log,
          )
        : result;
    for (const more of [{ poolCaveats: { [address]: ["fee-on-transfer"] } }, { caveats: ["fee-on-transfer"] }]) {
      const { store } = await followed(chain, programmeOf());
      expect(store.quarantines.all()).toMatchObject([{ pool: address, finding: { identity: "V2-2" } }]);
      ordered(store, "replay", address);
      await takenUp(store, chain, programmeOf(more), `${temporaryFolder()}/ledger.sqlite`);
      expect(store.quarantines.all()).toEqual([]);
      expect(saidBy(store)).toEqual(saidBy((await followed(chain, programmeOf(more))).store));
    }
  });
});

describe("a wrapper that is dropped", () => {
  it("of shares: its pool is read again without it", async () => {
    const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
    const lie = { user: addressOf(0xbad), amount: 10n ** 30n };
    chain.also = (block) => (block === 25 ? [encodeLog(stakingAbi, addressOf(0xf2), "Staked", lie)] : []);
    chain.grow(60, 8);
    const own = new WrappedModel("staking-rewards").programme() as {
      readonly pools: object[];
      readonly wrappers: object[];
    };
    const programmeOf = (wrappers: readonly object[]) => parse({ pools: [pair, pool, ...own.pools], wrappers });
    const [whole, without] = [programmeOf(own.wrappers), programmeOf([])];
    const { store } = await followed(chain, whole);
    expect(store.quarantines.all()).toMatchObject([{ wrapper: addressOf(0xf2) }]);
    expect(() => compareProgramme(store, without)).toThrow(/the wrappers were/);
    ordered(store, "refetch", addressOf(0xf1));
    await takenUp(store, chain, without, `${temporaryFolder()}/ledger.sqlite`);
    expect(store.quarantines.all()).toEqual([]);
    expect(saidBy(store)).toEqual(saidBy((await followed(chain, without)).store));
    expect(problemsOf(store.db, sha256)).toEqual([]);
  });

  it("of position NFTs: all pools of its manager are read again without it", async () => {
    const chain = grown({ models: [new StakerModel()] }, 3);
    const own = new StakerModel().programme() as {
      readonly pools: { readonly address: string }[];
      readonly wrappers: object[];
    };
    const programmeOf = (wrappers: readonly object[]) => parse({ pools: [pair, ...own.pools], wrappers });
    const [whole, without] = [programmeOf(own.wrappers), programmeOf([])];
    const { store } = await followed(chain, whole);
    for (const { address } of own.pools) ordered(store, "refetch", address);
    await takenUp(store, chain, without, `${temporaryFolder()}/ledger.sqlite`);
    expect(saidBy(store)).toEqual(saidBy((await followed(chain, without)).store));
    for (const { address } of own.pools) ordered(store, "refetch", address);
    await takenUp(store, chain, whole, `${temporaryFolder()}/ledger.sqlite`);
    expect(saidBy(store)).toEqual(saidBy((await followed(chain, whole)).store));
  });

  it("or not credited: nothing waits for it", async () => {
    const rules = { ...RULES, rewards: rewards([], { epochs: { days: 6 } }) };
    const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
    const lie = { user: addressOf(0xbad), amount: 10n ** 30n };
    chain.also = (block) => (block === 25 ? [encodeLog(stakingAbi, addressOf(0xf2), "Staked", lie)] : []);
    chain.grow(60, 8);
    const own = new WrappedModel("staking-rewards").programme() as {
      readonly pools: object[];
      readonly wrappers: object[];
    };
    const programmeOf = (exclude: boolean) =>
      parse({
        ...rules,
        prices: { ...FIXED.prices, [addressOf(0xf1)]: { fixed: "1" } },
        pools: [pair, pool, ...own.pools],
        wrappers: own.wrappers.map((each) => ({ ...each, exclude })),
      });
    const { store } = await followed(chain, programmeOf(false));
    const { rewards: given } = rewardingOf(programmeOf(false));
    const epoch = given.epochs[0] as Epoch;
    expect(waitingFor(store, given, epoch)).toMatchObject({
      code: "EPOCH_QUARANTINED",
      hint: expect.stringContaining(`the wrapper ${addressOf(0xf2)}`),
    });
    expect(compareProgramme(store, programmeOf(true)).kind).toBe("revalued");
    store.write(() => {
      adoptProgramme(store, programmeOf(true), sha256);
      rebuild(store, programmeOf(true), sha256);
    });
    expect(waitingFor(store, given, epoch)).toBeUndefined();
  });
});
