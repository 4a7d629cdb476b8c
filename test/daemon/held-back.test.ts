import { describe, expect, it } from "vitest";
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import { toAddress } from "../../src/core/hex.ts";
import { split } from "../../src/core/rewards/split.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import type { Store } from "../../src/store/store.ts";
import { WrappedModel } from "../models/wrapped.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { followed } from "../support/followed.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { finalised, lied, parse, RULES, rewards, unchanged } from "../support/paid.ts";
import { takenUp } from "../support/take-up.ts";
import { PAIR, worldProgramme } from "../support/world.ts";

const [SHARE, WRAPPER] = [addressOf(0xf1), addressOf(0xf2)];

/** What providers had of a pool on a day, by a ledger. */
const worthOn = (store: Store, pool: string, date: string): ReadonlyMap<string, bigint> =>
  new Map(
    store.db
      .prepare<[string, string], [string, number]>(
        "select provider_address, liquidity_amount from daily_balances where pool_address = ? and date = ? and liquidity_amount > 0 order by 1",
      )
      .raw()
      .all(pool, date)
      .map(([provider, value]) => [provider, BigInt(value)]),
  );
const sum = (values: Iterable<bigint>): bigint => [...values].reduce((all, each) => all + each, 0n);

describe("a pool in quarantine that a rule excludes", () => {
  it("holds up nobody, and its part waits for who is in it", async () => {
    const programme = parse({ rewards: rewards([{ pool: PAIR, from: "2026-01-03" }]) });
    const chain = await lied(programme);
    const { store, close } = await followed(chain, programme);
    const first = store.quarantines.all()[0]?.firstDay;
    expect(first).toBe("2026-01-03");
    const waiting = rewardingOf(parse({ rewards: rewards([]) }));
    expect(waitingFor(store, waiting.rewards, waiting.rewards.epochs[2] as never)).toMatchObject({
      code: "EPOCH_QUARANTINED",
    });
    const paid = [1, 2, 3, 4].map((epoch) => finalised(store, programme, epoch));
    // It rests on the pools that it paid.
    expect(paid.map(({ record }) => Object.hasOwn(record.pools, PAIR))).toEqual([true, true, false, false]);
    // What it weighed of everything on its last day with a value, in whole hundredths: a pocket calculator says the
    // same.
    const [worth, all] = [sum(worthOn(store, PAIR, "2026-01-02").values()), allOn(store, "2026-01-02")];
    for (const [i, { record }] of paid.entries()) {
      const [sums] = record.tokens;
      const budget = BigInt(sums?.budget ?? 0);
      expect(budget).toBe(
        i === 5 ? 100_000_005n : BigInt(Math.floor((600_000_005 * (i + 1)) / 6) - Math.floor((600_000_005 * i) / 6)),
      );
      const held = i < 2 ? 0n : (budget * worth) / all;
      expect(BigInt(sums?.heldBack ?? 0)).toBe(held);
      expect(BigInt(sums?.allocated ?? 0) + BigInt(sums?.left ?? 0) + held).toBe(budget);
      // The rest is split as ever, by what is known.
      const rows = store.rewards.rowsOf(record.epoch, toAddress(addressOf(0xcc)));
      expect(new Map(rows.map(({ provider, amount }) => [provider, amount]))).toEqual(
        split(budget - held, rows).amounts,
      );
    }
    unchanged(store, programme, paid);
    store.write(() => rebuild(store, programme, sha256));
    unchanged(store, programme, paid);
    // Still in quarantine: the next epoch gives nothing of it out.
    chain.fault = undefined;
    store.write(() =>
      store.refetches.order({ kind: "refetch", pool: toAddress(PAIR) }, "the node lied", store.nowIso()),
    );
    await takenUp(store, chain, programme, `${temporaryFolder()}/ledger.sqlite`);
    close();
    const { store: again } = await followed(chain, programme, store.db.name);
    unchanged(again, programme, paid);
    const straight = await followed(chain, parse({}));
    const fifth = finalised(again, programme, 5);
    const held = sum(paid.map(({ record }) => BigInt(record.tokens[0]?.heldBack ?? 0)));
    expect(BigInt(fifth.record.tokens[0]?.releasedIn ?? 0)).toBe(held);
    const rows = again.rewards.rowsOf(5, toAddress(addressOf(0xcc)));
    const given = new Map<string, bigint>();
    for (const [i, epoch] of [3, 4].entries()) {
      const date = `2026-01-0${epoch}`;
      const claims = [...worthOn(straight.store, PAIR, date)].map(
        ([provider, weight]) => ({ provider, weight }) as never,
      );
      const pot = BigInt(paid[i + 2]?.record.tokens[0]?.heldBack ?? 0);
      for (const [provider, amount] of split(pot, claims).amounts)
        given.set(provider, (given.get(provider) ?? 0n) + amount);
    }
    expect(new Map(rows.flatMap(({ provider, released }) => (released === 0n ? [] : [[provider, released]])))).toEqual(
      given,
    );
    expect(sum(given.values())).toBe(held);
    expect(sum(rows.map(({ amount }) => amount))).toBe(BigInt(fifth.record.tokens[0]?.budget ?? 0) + held);
    unchanged(again, programme, [...paid, fifth]);
    again.write(() => rebuild(again, programme, sha256));
    unchanged(again, programme, [...paid, fifth]);
    expect(finalised(again, programme, 6).record.held).toBeNull();
  });

  it("is given by nobody's claim where it is dropped: as what nobody can be given", async () => {
    const programme = parse({ rewards: rewards([{ pool: PAIR, from: "2026-01-01", until: "2026-01-04" }]) });
    const chain = await lied(programme);
    const { store } = await followed(chain, programme);
    const paid = [1, 2, 3].map((epoch) => finalised(store, programme, epoch));
    const { rewards: rules } = rewardingOf(programme);
    expect(waitingFor(store, rules, rules.epochs[3] as never)).toMatchObject({ code: "EPOCH_QUARANTINED" });
    store.write(() => store.refetches.order({ kind: "drop", pool: toAddress(PAIR) }, "it lies", store.nowIso()));
    const [, pool] = worldProgramme()["pools"] as readonly [object, object];
    const without = parse({
      pools: [pool],
      rewards: rewards([{ pool: PAIR, from: "2026-01-01", until: "2026-01-04" }]),
    });
    await takenUp(store, chain, without, `${temporaryFolder()}/ledger.sqlite`);
    unchanged(store, without, paid);
    const fourth = finalised(store, without, 4);
    const held = paid[2]?.record.tokens[0]?.heldBack;
    expect(BigInt(held ?? 0)).toBeGreaterThan(0n);
    expect(fourth.record.tokens[0]).toMatchObject({ releasedIn: held, left: held, leftGoes: "roll-over" });
    expect(finalised(store, without, 5).record.tokens[0]).toMatchObject({ rolledIn: held, left: "0" });
    unchanged(store, without, [...paid, fourth]);
  });
});

/** What everybody's days weigh together. */
function allOn(store: Store, date: string): bigint {
  return BigInt(
    store.db.prepare("select sum(value) from provider_days where date = ? and tier > 0").pluck().get(date) as number,
  );
}

const own = new WrappedModel("staking-rewards").programme() as {
  readonly pools: object[];
  readonly wrappers: object[];
};
const withWrapper = (wrappers: readonly object[]) =>
  parse({
    pools: [...(worldProgramme()["pools"] as object[]), ...own.pools],
    wrappers,
    prices: { ...RULES.prices, [SHARE]: { fixed: "1" } },
    rewards: rewards([{ pool: SHARE, wrapper: WRAPPER, from: "2026-01-01" }]),
  });

it("what was held back for a wrapper is given by what lay in it, beyond what was paid", async () => {
  const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
  chain.grow(70, 8);
  const isStaked = (log: { address: string; topics: readonly unknown[] }): boolean =>
    log.address === WRAPPER && String(log.topics[0]).startsWith("0x9e71bc8e");
  const wrong = chain.blocks.find(({ number, logs }) => number > 22 && logs.some(isStaked));
  chain.fault = (method, _params, result) =>
    method === "eth_getLogs"
      ? (result as { blockNumber: string; address: string; topics: readonly unknown[]; data: string }[]).map((log) =>
          Number(log.blockNumber) === wrong?.number && isStaked(log)
            ? { ...log, data: `0x01${log.data.slice(4)}` }
            : log,
        )
      : result;
  const programme = withWrapper(own.wrappers);
  const { store, close } = await followed(chain, programme);
  expect(store.quarantines.all()).toMatchObject([{ wrapper: WRAPPER, finding: { identity: "W-1" } }]);
  const paid = [1, 2, 3, 4].map((epoch) => finalised(store, programme, epoch));
  chain.fault = undefined;
  store.write(() =>
    store.refetches.order({ kind: "refetch", pool: toAddress(SHARE) }, "the node lied", store.nowIso()),
  );
  await takenUp(store, chain, programme, `${temporaryFolder()}/ledger.sqlite`);
  close();
  const { store: again } = await followed(chain, programme, store.db.name);
  unchanged(again, programme, paid);
  finalised(again, programme, 5);
  // By what the same chain gives to a ledger that was never lied to, less what it gives where the wrapper's users do
  // not count.
  const [straight, direct] = [
    await followed(chain, programme),
    await followed(chain, withWrapper(own.wrappers.map((each) => ({ ...each, exclude: true })))),
  ];
  const given = new Map<string, bigint>();
  for (const { record } of paid) {
    const pot = BigInt(record.tokens[0]?.heldBack ?? 0);
    if (pot === 0n) continue;
    const without = worthOn(direct.store, SHARE, record.first);
    const claims = [...worthOn(straight.store, SHARE, record.first)].flatMap(([provider, worth]) => {
      const weight = worth - (without.get(provider) ?? 0n);
      return weight > 0n ? [{ provider, weight } as never] : [];
    });
    for (const [provider, amount] of split(pot, claims).amounts)
      given.set(provider, (given.get(provider) ?? 0n) + amount);
  }
  expect(given.size).toBeGreaterThan(1);
  const rows = again.rewards.rowsOf(5, toAddress(addressOf(0xcc)));
  const released = rows.flatMap(({ provider, released: of }) => (of === 0n ? [] : [[provider, of] as const]));
  expect(new Map(released)).toEqual(given);
});

it("a wrapper in quarantine that a rule excludes holds back what lay in it", async () => {
  const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
  const lie = { user: addressOf(0xbad), amount: 10n ** 30n };
  chain.also = (block) => (block === 25 ? [encodeLog(stakingAbi, WRAPPER, "Staked", lie)] : []);
  chain.grow(62, 8);
  const whole = withWrapper(own.wrappers);
  const { store } = await followed(chain, whole);
  expect(store.quarantines.all()).toMatchObject([{ wrapper: WRAPPER }]);
  const paid = [1, 2, 3, 4].map((epoch) => finalised(store, whole, epoch));
  const holding = paid.filter(({ record }) => record.held !== null);
  expect(holding.length).toBeGreaterThan(0);
  for (const { record } of holding) {
    const [held] = record.held?.heldBack ?? [];
    expect(held).toMatchObject({ pool: SHARE, wrapper: WRAPPER });
    const [part, all] = [BigInt(held?.poolWeight ?? 0), BigInt(held?.allWeight ?? 0)];
    expect([part > 0n, part < all]).toEqual([true, true]);
    const [sums] = record.tokens;
    expect(BigInt(sums?.heldBack ?? 0)).toBe((BigInt(sums?.budget ?? 0) * part) / all);
  }
  unchanged(store, whole, paid);
  // Dropped: its shares are its own, and nobody's; what was held back rolls on.
  store.write(() =>
    store.refetches.order(
      { kind: "refetch", pool: toAddress(SHARE), wrapper: toAddress(WRAPPER) },
      "it claims too much",
      store.nowIso(),
    ),
  );
  await takenUp(store, chain, withWrapper([]), `${temporaryFolder()}/ledger.sqlite`);
  unchanged(store, withWrapper([]), paid);
  const fifth = finalised(store, withWrapper([]), 5).record.tokens[0];
  expect(BigInt(fifth?.releasedIn ?? 0)).toBe(
    sum(holding.map(({ record }) => BigInt(record.tokens[0]?.heldBack ?? 0))),
  );
});
