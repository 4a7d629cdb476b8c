import { expect, it } from "vitest";
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { toAddress } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { adoptRules, compareProgramme } from "../../src/ledger/compare-programme.ts";
import { replay } from "../../src/ledger/replay.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import type { Store } from "../../src/store/store.ts";
import { WrappedModel } from "../models/wrapped.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { followed } from "../support/followed.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { saidBy } from "../support/said.ts";
import { takenUp } from "../support/take-up.ts";
import { PAIR, POOL, TOKENS, worldProgramme } from "../support/world.ts";

const PRICES = { [TOKENS[0]]: { fixed: "2" }, [TOKENS[1]]: { fixed: "3" } };
const [SWAP_V2, COLLECT] = ["0xd78ad95f", "0x70935338"];
const [pair, pool] = worldProgramme()["pools"] as readonly [object, object];
const word = (value: bigint): string => value.toString(16).padStart(64, "0");

/** What a token of a pool does in a transfer: the pool's own log is not what moved, for ever. */
const HOOKS = [
  { of: PAIR, identity: "V2-2", caveat: "fee-on-transfer", topic: SWAP_V2, at: 0 },
  { of: POOL, identity: "V3-8", caveat: "rebasing-token", topic: COLLECT, at: 1 },
] as const;
type Hook = (typeof HOOKS)[number];

const programmeOf = (hook: Hook, withCaveat: boolean): Programme => {
  const own = (of: string, entry: object) =>
    of === hook.of && withCaveat ? { ...entry, caveats: [hook.caveat] } : entry;
  const pools = [own(PAIR, pair), own(POOL, pool)];
  return parseProgramme(
    worldProgramme({ finality: { fallbackDepth: 12, minDepth: 0 }, pools }),
    "the test's programme",
  );
};

/** A chain on which one log of the pool, the n-th of its kind, says much more than there is. */
function hooked({ of, topic, at }: Hook, nth: number, seed = 11): FakeChain | undefined {
  const chain = new FakeChain({ secondsPerBlock: 9_000 });
  chain.grow(90, seed);
  const all = chain.blocks.flatMap(({ number, logs }) =>
    logs
      .filter(({ address, topics }) => address === of && String(topics[0]).startsWith(topic))
      .map(({ logIndex }) => ({ number, logIndex })),
  );
  const hit = all[nth];
  if (hit === undefined) return undefined;
  chain.fault = (method, _params, result) =>
    method === "eth_getLogs"
      ? (result as { blockNumber: string; logIndex: string; data: string }[]).map((log) =>
          Number(log.blockNumber) === hit.number && Number(log.logIndex) === hit.logIndex
            ? {
                ...log,
                data: `0x${log.data.slice(2, 2 + at * 64)}${word(10n ** 30n)}${log.data.slice(2 + (at + 1) * 64)}`,
              }
            : log,
        )
      : result;
  return chain;
}

const resolved = (store: Store, programme: Programme, of: string): unknown => {
  expect(["same", "ruled"]).toContain(compareProgramme(store, programme).kind);
  return store.write(() => {
    store.refetches.order({ kind: "replay", pool: toAddress(of) }, "its token is of that kind", store.nowIso());
    adoptRules(store, programme, sha256);
    return replay(store, programme, sha256, toAddress(of), "its token is of that kind");
  });
};

it.each(HOOKS)(
  "$identity: a pool goes on by what was kept, without the node, once its caveat is named",
  async (hook) => {
    let tried = 0;
    for (let nth = 2; nth < 12 && tried < 3; nth++) {
      const chain = hooked(hook, nth);
      if (chain === undefined) break;
      const [without, whole] = [programmeOf(hook, false), programmeOf(hook, true)];
      const { store, close } = await followed(chain, without);
      const [quarantine, ...others] = store.quarantines.all();
      expect(others).toEqual([]);
      if (quarantine?.finding.identity !== hook.identity) continue;
      tried += 1;
      expect(quarantine.pool).toBe(hook.of);
      const asked = chain.requests;
      expect(resolved(store, whole, hook.of)).toMatchObject({ again: undefined });
      expect(chain.requests).toBe(asked);
      const straight = await followed(chain, whole);
      // What the pool holds is told by its logs up to the caveat, and by none where that was named from the beginning.
      const [states, which] = [
        hook.caveat === "fee-on-transfer",
        (said: readonly unknown[]) => said.filter((_, i) => i !== 1 || states),
      ];
      expect(which(saidBy(store))).toEqual(which(saidBy(straight.store)));
      expect(store.quarantines.all()).toEqual([]);
      expect(store.findings.open()).toEqual([]);
      expect([...store.quarantinedLogs.from(0)]).toEqual([]);
      expect(problemsOf(store.db, sha256)).toEqual([]);
      // It goes on from there as if nothing had been.
      chain.grow(20, 3);
      close();
      const [later, too] = [await followed(chain, whole, store.db.name), await followed(chain, whole)];
      expect(which(saidBy(later.store))).toEqual(which(saidBy(too.store)));
    }
    expect(tried).toBeGreaterThan(0);
  },
);

it("stays where it was where the entry says the same, and says so", async () => {
  const hook = HOOKS[0];
  const chain = hooked(hook, 3);
  if (chain === undefined) throw new Error("too few swaps");
  const programme = programmeOf(hook, false);
  const { store } = await followed(chain, programme);
  // Nothing of before is kept: the transaction that shows it comes first.
  const [first] = store.quarantinedLogs.from(0);
  const stop = store.quarantines.all()[0]?.stop;
  expect({ blockNumber: first?.number, logIndex: first?.logs[0]?.logIndex }).toEqual(stop);
  const before = [store.quarantines.all(), saidBy(store), [...store.quarantinedLogs.from(0)].length];
  expect(resolved(store, programme, hook.of)).toMatchObject({ again: { finding: { identity: "V2-2" } } });
  expect([store.quarantines.all(), saidBy(store), [...store.quarantinedLogs.from(0)].length]).toEqual(before);
  expect(store.refetches.all()).toMatchObject([{ kind: "replay", pool: hook.of }]);
  expect(store.findings.open()).toHaveLength(1);
});

it("what is kept goes with a reorg, and what replaces it is kept", async () => {
  const hook = HOOKS[0];
  const chain = hooked(hook, 3);
  if (chain === undefined) throw new Error("too few swaps");
  chain.finalized = 0;
  const deep = (withCaveat: boolean): Programme => ({
    ...programmeOf(hook, withCaveat),
    finality: { fallbackDepth: 300, minDepth: 0 },
  });
  const ledger = new TestLedger(chain.fetch, { programme: deep(false) });
  for (let i = 0; i < 3; i++) await ledger.step({ quarantine: true });
  const { store } = ledger;
  const stop = store.quarantines.all()[0]?.stop as { readonly blockNumber: number };
  chain.reorg(stop.blockNumber + 5, 40, 77);
  for (let i = 0; i < 3; i++) await ledger.step({ quarantine: true });
  expect(store.blocks.tip()?.hash).toBe(chain.head.hash);
  resolved(store, deep(true), hook.of);
  const straight = new TestLedger(chain.fetch, { programme: deep(true) });
  for (let i = 0; i < 3; i++) await straight.step({ quarantine: true });
  expect(saidBy(store)).toEqual(saidBy(straight.store));
});

it("two pools in quarantine share transactions, and each goes on from where it was stopped", async () => {
  const [first, second] = HOOKS;
  const [early, late] = [hooked(first, 2), hooked(second, 6)];
  const [lie, other] = [early?.fault, late?.fault];
  if (early === undefined || lie === undefined || other === undefined) throw new Error("too few logs");
  // Everything of a block is one transaction.
  early.fault = (method, params, result) => {
    const told = other(method, params, lie(method, params, result)) as { blockNumber: string }[];
    if (method !== "eth_getLogs") return told;
    return told.map((log) => ({
      ...log,
      transactionHash: `0x${Number(log.blockNumber).toString(16).padStart(64, "0")}`,
    }));
  };
  const both = (named: readonly string[]): Programme => {
    const own = (hook: Hook, entry: object) => (named.includes(hook.of) ? { ...entry, caveats: [hook.caveat] } : entry);
    const pools = [own(first, pair), own(second, pool)];
    return parseProgramme(worldProgramme({ finality: { fallbackDepth: 12, minDepth: 0 }, pools }), "both");
  };
  const { store } = await followed(early, both([]));
  const stops = store.quarantines.all().map(({ stop }) => ("blockNumber" in stop ? stop.blockNumber : 0));
  expect(stops).toHaveLength(2);
  expect(Math.abs((stops[0] ?? 0) - (stops[1] ?? 0))).toBeGreaterThan(2);
  for (const [i, of] of [POOL, PAIR].entries()) {
    expect(resolved(store, both([POOL, PAIR].slice(0, i + 1)), of)).toMatchObject({ again: undefined });
    expect(store.quarantines.all()).toHaveLength(1 - i);
  }
  const straight = await followed(early, both([POOL, PAIR]));
  expect(saidBy(store).filter((_, i) => i !== 1)).toEqual(saidBy(straight.store).filter((_, i) => i !== 1));
  expect(problemsOf(store.db, sha256)).toEqual([]);
});

it.each(["fetched again", "added to a ledger"])(
  "%s: what was logged before it was stopped anew is not kept, and its caveat has its history fetched",
  async (how) => {
    const hook = HOOKS[0];
    const chain = hooked(hook, 3);
    if (chain === undefined) throw new Error("too few swaps");
    const named = { prices: PRICES, finality: { fallbackDepth: 12, minDepth: 0 } };
    const [alone, without, whole] = [[pool], [pair, pool], [{ ...pair, caveats: [hook.caveat] }, pool]].map((pools) =>
      parseProgramme(worldProgramme({ ...named, pools }), "the test's programme"),
    ) as [Programme, Programme, Programme];
    const isAdded = how === "added to a ledger";
    const { store, close } = await followed(chain, isAdded ? alone : without);
    const path = `${temporaryFolder()}/ledger.sqlite`;
    if (!isAdded) {
      const of = { kind: "refetch", pool: toAddress(hook.of) } as const;
      store.write(() => store.refetches.order(of, "try again", store.nowIso()));
      chain.grow(40, 5);
    }
    await takenUp(store, chain, without, path);
    expect(store.quarantines.all()).toMatchObject([{ pool: hook.of, finding: { identity: hook.identity } }]);
    chain.grow(10, 6);
    close();
    const { store: again } = await followed(chain, without, store.db.name);
    again.write(() =>
      again.refetches.order({ kind: "replay", pool: toAddress(hook.of) }, "it is of that kind", again.nowIso()),
    );
    await takenUp(again, chain, whole, path);
    expect([again.quarantines.all(), again.findings.open()]).toEqual([[], []]);
    const straight = await followed(chain, whole);
    expect(saidBy(again).filter((_, i) => i !== 1)).toEqual(saidBy(straight.store).filter((_, i) => i !== 1));
    expect(problemsOf(again.db, sha256)).toEqual([]);
  },
);

it("a wrapper of a pool that goes on is stopped alone by what it logged meanwhile", async () => {
  const own = new WrappedModel("staking-rewards").programme() as Readonly<Record<string, object[]>>;
  const [share, wrapper] = [addressOf(0xf1), addressOf(0xf2)];
  const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
  const theft = encodeLog(erc20Abi, share, "Transfer", { from: addressOf(0xdd), to: addressOf(0xee), value: 5n });
  const claim = encodeLog(stakingAbi, wrapper, "Staked", { user: addressOf(0xbad), amount: 10n ** 30n });
  chain.also = (block) => (block === 20 ? [theft] : block === 30 ? [claim] : []);
  chain.grow(60, 8);
  const programme = parseProgramme(
    worldProgramme({
      finality: { fallbackDepth: 12, minDepth: 0 },
      prices: { ...PRICES, [share]: { fixed: "1" } },
      pools: [pair, pool, ...(own["pools"] ?? [])],
      wrappers: own["wrappers"],
    }),
    "with a wrapper",
  );
  const { store } = await followed(chain, programme);
  expect(store.quarantines.all()).toMatchObject([{ pool: share, wrapper: null, finding: { identity: "C3" } }]);
  // As if what stopped the pool had been mended.
  store.db.prepare("delete from quarantined_logs where block_number = 20 and data like '%5'").run();
  store.write(() => store.refetches.order({ kind: "replay", pool: toAddress(share) }, "mended", store.nowIso()));
  await takenUp(store, chain, programme, `${temporaryFolder()}/ledger.sqlite`);
  expect(store.quarantines.all()).toMatchObject([
    { pool: share, wrapper, stop: { blockNumber: 30 }, finding: { identity: "W-1" } },
  ]);
  chain.also = (block) => (block === 30 ? [claim] : []);
  const honest = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
  honest.also = chain.also;
  honest.grow(60, 8);
  const straight = await followed(honest, programme);
  const positions = (of: Store) =>
    of.db.prepare(
      "select provider_address, via_address, liquidity from positions where pool_address = ? order by 1, 2",
    );
  expect(positions(store).raw().all(share)).toEqual(positions(straight.store).raw().all(share));
});
