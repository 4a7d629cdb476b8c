import { expect, it } from "vitest";
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import { toAddress } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { adoptProgramme, compareProgramme } from "../../src/ledger/compare-programme.ts";
import { calculateUpTo, keepCalculated } from "../../src/ledger/epochs.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { revalueDays } from "../../src/ledger/revalue-days.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import type { Store } from "../../src/store/store.ts";
import { WrappedModel } from "../models/wrapped.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { followed } from "../support/followed.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { finalised, lied, parse, RULES, rewards, unchanged } from "../support/paid.ts";
import { takenUp } from "../support/take-up.ts";
import { PAIR, worldProgramme } from "../support/world.ts";

const [SHARE, WRAPPER, REWARD] = [addressOf(0xf1), addressOf(0xf2), toAddress(addressOf(0xcc))];
const own = new WrappedModel("staking-rewards").programme() as {
  readonly pools: object[];
  readonly wrappers: object[];
};
const pools = [...(worldProgramme()["pools"] as object[]), ...own.pools];
const prices = { ...RULES.prices, [SHARE]: { fixed: "1" } };

/** The wrapper says that somebody staked what nobody sent. */
const CLAIM = encodeLog(stakingAbi, WRAPPER, "Staked", { user: addressOf(0xbad), amount: 10n ** 30n });
/** The share token says that somebody sent 5 who had none. */
const THEFT = encodeLog(erc20Abi, SHARE, "Transfer", { from: addressOf(0xdd), to: addressOf(0xee), value: 5n });

function chainWith(at: ReadonlyMap<number, Draft>): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel("staking-rewards")] });
  chain.also = (block) => [...at].flatMap(([number, log]) => (number === block ? [log] : []));
  chain.grow(62, 8);
  return chain;
}

/** From now on no answer has the theft, and the pool's history is fetched again. */
async function mended(store: Store, chain: FakeChain, programme: Programme): Promise<void> {
  chain.fault = (method, _params, result) =>
    method === "eth_getLogs"
      ? (result as { address: string; data: string }[]).filter(
          ({ address, data }) => address !== SHARE || BigInt(data) !== 5n,
        )
      : result;
  await refetched(store, chain, programme, SHARE);
}

async function refetched(
  store: Store,
  chain: FakeChain,
  programme: Programme,
  pool: string,
  wrapper?: string,
): Promise<void> {
  const of = { pool: toAddress(pool), ...(wrapper === undefined ? {} : { wrapper: toAddress(wrapper) }) };
  store.write(() => store.refetches.order({ kind: "refetch", ...of }, "the test says so", store.nowIso()));
  await takenUp(store, chain, programme, `${temporaryFolder()}/ledger.sqlite`);
}

/**
 * A ledger of a pair of which a log was missing while four epochs were made final without it, and whose history is
 * whole since.
 */
async function paidThenMended() {
  const programme = parse({ rewards: rewards([{ pool: PAIR, from: "2026-01-03" }]) });
  const chain = await lied(programme);
  const { store, close } = await followed(chain, programme);
  const paid = [1, 2, 3, 4].map((epoch) => finalised(store, programme, epoch));
  chain.fault = undefined;
  await refetched(store, chain, programme, PAIR);
  return { programme, chain, store, close, paid };
}

const heldIn = ({ record }: ReturnType<typeof finalised>) => ({
  by: (record.held?.heldBack ?? []).map(({ wrapper, amounts }) => [wrapper, BigInt(amounts[0] ?? 0)]),
  sum: BigInt(record.tokens[0]?.heldBack ?? 0),
});
const givenIn = ({ record }: ReturnType<typeof finalised>) => BigInt(record.tokens[0]?.releasedIn ?? 0);

it("is given out once, by the first of the epochs that are calculated together", async () => {
  const { programme, chain, store, close, paid } = await paidThenMended();
  close();
  const { store: again } = await followed(chain, programme, store.db.name);
  const results = again.write(() => {
    const all = calculateUpTo(again, rewardingOf(programme), 6);
    keepCalculated(again, all, sha256);
    return all;
  });
  const held = paid.reduce((all, each) => all + heldIn(each).sum, 0n);
  expect(held).toBeGreaterThan(0n);
  expect(results.map(({ record }) => [record.epoch, BigInt(record.tokens[0]?.releasedIn ?? 0)])).toEqual([
    [5, held],
    [6, 0n],
  ]);
  // What was given out stays given where the pool is dropped afterwards.
  const fifth = finalised(again, programme, 5);
  again.write(() => again.refetches.order({ kind: "drop", pool: toAddress(PAIR) }, "gone", again.nowIso()));
  const rules = { rewards: rewards([{ pool: PAIR, from: "2026-01-03" }]) };
  const without = parse({ pools: (worldProgramme()["pools"] as object[]).slice(1), ...rules });
  await takenUp(again, chain, without, `${temporaryFolder()}/ledger.sqlite`);
  unchanged(again, without, [...paid, fifth]);
  expect(givenIn(finalised(again, without, 6))).toBe(0n);
});

it("stays what was paid where days of final epochs are undone and closed again", async () => {
  const { programme, chain, store, close, paid } = await paidThenMended();
  store.write(() => store.undoAbove(store.blocks.atOrBelow(20)?.number ?? 0));
  close();
  const { store: again } = await followed(chain, programme, store.db.name);
  expect(again.blocks.tip()?.number).toBe(70);
  unchanged(again, programme, paid);
});

it("of a pool and of a wrapper of it, both stopped, is held back once", async () => {
  const programme = parse({
    pools,
    wrappers: own.wrappers,
    prices,
    rewards: rewards([{ pool: SHARE, from: "2026-01-01" }]),
  });
  const heldBy = async (...logs: readonly (readonly [number, Draft])[]) => {
    const { store } = await followed(chainWith(new Map(logs)), programme);
    return [1, 2, 3, 4, 5].map((epoch) => heldIn(finalised(store, programme, epoch)).by);
  };
  const [pool, wrapper] = [await heldBy([27, THEFT]), await heldBy([25, CLAIM])];
  expect([pool[1], wrapper[1]]).toEqual([[], []]);
  expect([pool[2], wrapper[2]]).toMatchObject([[[null, expect.anything()]], [[WRAPPER, expect.anything()]]]);
  expect(await heldBy([25, CLAIM], [27, THEFT])).toEqual(pool);
  // The pool two days later: until then the wrapper's part alone, from then on the pool's, which holds it.
  const later = await heldBy([25, CLAIM], [40, THEFT]);
  expect(later.slice(0, 4)).toEqual(wrapper.slice(0, 4));
  expect(later[4]).toMatchObject([[null, expect.anything()]]);
});

it("is under the cap of whoever is given it", async () => {
  const programme = parse({
    pools,
    wrappers: own.wrappers,
    prices,
    rewards: rewards([{ pool: SHARE, from: "2026-01-01" }], { capBp: 1000 }),
  });
  const chain = chainWith(new Map([[25, THEFT]]));
  const { store, close } = await followed(chain, programme);
  const paid = [1, 2, 3, 4].map((epoch) => finalised(store, programme, epoch));
  await mended(store, chain, programme);
  close();
  const { store: again } = await followed(chain, programme, store.db.name);
  const fifth = finalised(again, programme, 5);
  // A tenth of each of what two epochs held back, by a pocket calculator, and nobody is given more.
  const most = paid.reduce((all, each) => all + heldIn(each).sum / 10n, 0n);
  const released = again.rewards.rowsOf(5, REWARD).map(({ released: of }) => of);
  expect(most).toBeGreaterThan(0n);
  expect(released.filter((of) => of > most)).toEqual([]);
  expect(released.filter((of) => of === most).length).toBeGreaterThan(1);
  unchanged(again, programme, [...paid, fifth]);
});

it("waits for the price by which the pool's days are valued late", async () => {
  const programme = parse({
    pools,
    wrappers: own.wrappers,
    prices: { ...prices, [SHARE]: { imported: true } },
    rewards: rewards([{ pool: SHARE, from: "2026-01-01" }]),
  });
  const priced = (store: Store, days: readonly number[]): void => {
    const put = store.db.prepare(
      "insert into imported_prices (token_address, date, kind, price, source, observed_at) values (?, ?, 'imported', '1', 'file', '2026-02-01T00:00:00Z')",
    );
    store.write(() => {
      for (const day of days) put.run(SHARE, `2026-01-0${day}`);
    });
  };
  const chain = chainWith(new Map([[25, THEFT]]));
  const first = new TestLedger(chain.fetch, { programme });
  priced(first.store, [1, 2]);
  first.close();
  const { store, close } = await followed(chain, programme, first.store.db.name);
  const paid = [1, 2, 3, 4].map((epoch) => finalised(store, programme, epoch));
  await mended(store, chain, programme);
  close();
  const { store: again } = await followed(chain, programme, store.db.name);
  priced(again, [3, 4, 5, 6]);
  again.write(() => revalueDays(again, programme));
  const fifth = finalised(again, programme, 5);
  expect(givenIn(fifth)).toBe(paid.reduce((all, each) => all + heldIn(each).sum, 0n));
  expect(again.rewards.rowsOf(5, REWARD).filter(({ released: of }) => of > 0n).length).toBeGreaterThan(1);
  again.write(() => rebuild(again, programme, sha256));
  unchanged(again, programme, [...paid, fifth]);
});

/** A programme of the shares and of some wrappers, that of the shares excluded. */
const withWrappers = (wrappers: readonly object[], excluded: readonly object[]): Programme =>
  parse({ pools, ...(wrappers.length === 0 ? {} : { wrappers }), prices, rewards: rewards(excluded) });
const OUT = [{ pool: SHARE, wrapper: WRAPPER, from: "2026-01-01" }];

it("of a wrapper that is not credited any more, or gone, is given to nobody", async () => {
  for (const way of ["excluded", "dropped"]) {
    const whole = withWrappers(own.wrappers, OUT);
    const chain = chainWith(new Map([[25, CLAIM]]));
    const { store, close } = await followed(chain, whole);
    const paid = [1, 2, 3, 4].map((epoch) => finalised(store, whole, epoch));
    const after = withWrappers(way === "dropped" ? [] : own.wrappers.map((each) => ({ ...each, exclude: true })), OUT);
    if (way === "dropped") await refetched(store, chain, after, SHARE, WRAPPER);
    else {
      expect(compareProgramme(store, after).kind).toBe("revalued");
      store.write(() => {
        adoptProgramme(store, after, sha256);
        rebuild(store, after, sha256);
      });
    }
    close();
    const { store: again } = await followed(chain, after, store.db.name);
    unchanged(again, after, paid);
    const fifth = finalised(again, after, 5);
    const held = paid.reduce((all, each) => all + heldIn(each).sum, 0n);
    expect(fifth.record.tokens[0]).toMatchObject({ releasedIn: String(held), left: String(held) });
    const rows = again.rewards.rowsOf(5, REWARD);
    expect(rows.filter(({ provider, released: of }) => provider === WRAPPER || of > 0n)).toEqual([]);
    unchanged(again, after, [...paid, fifth]);
  }
});

it("final epochs stay what they are where a wrapper is named that was there all along", async () => {
  const [before, after] = [withWrappers([], []), withWrappers(own.wrappers, [])];
  const chain = chainWith(new Map());
  const { store } = await followed(chain, before);
  const paid = [1, 2].map((epoch) => finalised(store, before, epoch));
  await refetched(store, chain, after, SHARE);
  unchanged(store, after, paid);
  const via = store.db.prepare("select count(*) from positions where pool_address = ? and via_address = ?");
  expect(via.pluck().get(SHARE, WRAPPER)).toBeGreaterThan(0);
});
