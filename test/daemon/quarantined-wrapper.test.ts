import { describe, expect, it } from "vitest";
import gaugeAbi from "../../abi/curve-gauge.json" with { type: "json" };
import gaugeV1Abi from "../../abi/curve-gauge-v1.json" with { type: "json" };
import chefAbi from "../../abi/masterchef.json" with { type: "json" };
import chefV2Abi from "../../abi/masterchef-v2.json" with { type: "json" };
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { leaveOutUpTo } from "../../src/ledger/leave-out.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import type { Store } from "../../src/store/store.ts";
import { WrappedModel } from "../models/wrapped.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { worldProgramme } from "../support/world.ts";

const [SHARE, WRAPPER, OUTER, THIEF] = [addressOf(0xf1), addressOf(0xf2), addressOf(0xf9), addressOf(0xbad)];
const ZERO = addressOf(0);
const SETTLE = { blocksMin: 1, rangesMax: 50 };
type Kind = ConstructorParameters<typeof WrappedModel>[0];

/** What whoever runs the wrapper logs: a claim on shares that nobody sent, or one given back that nobody had. */
const log = (abi: readonly unknown[], name: string, values: object, at = WRAPPER): Draft =>
  encodeLog(abi, at, name, values as Readonly<Record<string, unknown>>);
const [user, amount] = [THIEF, 10n ** 30n];
const LIES: readonly (readonly [Kind, string, Draft])[] = [
  ["staking-rewards", "W-1", log(stakingAbi, "Staked", { user, amount })],
  ["staking-rewards", "C3", log(stakingAbi, "Withdrawn", { user, amount })],
  ["masterchef", "W-1", log(chefAbi, "Deposit", { user, pid: 3n, amount })],
  ["masterchef-v2", "W-1", log(chefV2Abi, "Deposit", { user, pid: 3n, amount, to: THIEF })],
  ["masterchef-v2", "C3", log(chefV2Abi, "Withdraw", { user, pid: 3n, amount, to: THIEF })],
  ["curve-gauge-v1", "W-1", log(gaugeV1Abi, "Deposit", { provider: THIEF, value: amount })],
  ["curve-gauge", "W-1", log(gaugeAbi, "Transfer", { from: ZERO, to: THIEF, value: amount })],
  ["curve-gauge", "C3", log(gaugeAbi, "Transfer", { from: THIEF, to: WRAPPER, value: amount })],
  ["nested", "W-1", log(gaugeAbi, "Transfer", { from: ZERO, to: THIEF, value: amount })],
  ["nested", "W-1", log(stakingAbi, "Staked", { user, amount }, OUTER)],
];

const LIED_AT = 25;

/** A chain whose blocks carry a hostile log at one of them. */
function chainOf(kind: Kind, lie: Draft | undefined, seed: number, at = LIED_AT): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000, models: [new WrappedModel(kind)] });
  chain.also = (block) => (block === at && lie !== undefined ? [lie] : []);
  chain.grow(60, seed);
  return chain;
}

const programmeOf = (kind: Kind, more: object = {}) => {
  const world = worldProgramme({ finality: { fallbackDepth: 12, minDepth: 0 } });
  const own = new WrappedModel(kind).programme() as { readonly pools: object[]; readonly wrappers: object[] };
  const prices = { [addressOf(0xb1)]: { fixed: "2" }, [addressOf(0xb2)]: { fixed: "3" }, [SHARE]: { fixed: "1" } };
  const pools = [...(world["pools"] as object[]), ...own.pools];
  return parseProgramme({ ...world, prices, pools, wrappers: own.wrappers, ...more }, "with a wrapper");
};

async function followed(chain: FakeChain, programme: ReturnType<typeof programmeOf>, steps = 20): Promise<TestLedger> {
  const ledger = new TestLedger(chain.fetch, { programme });
  for (let i = 0; i < steps; i++) await ledger.step({ settle: SETTLE, quarantine: true });
  return ledger;
}

/** The model's wrappers, some of them such that their users are not credited. */
const excluded = (kind: Kind, which: readonly string[]): readonly object[] =>
  (new WrappedModel(kind).programme() as { readonly wrappers: { readonly address: string }[] }).wrappers.map(
    (each) => ({
      ...each,
      exclude: which.includes(each.address),
    }),
  );

/** Shares by who holds them in the share token itself: of the wrappers, whoever claims them. */
function custodyIn(store: Store): unknown {
  const rows = store.db
    .prepare("select provider_address as who, via_address as via, liquidity from positions where pool_address = ?")
    .all(SHARE) as { who: string; via: string | null; liquidity: string }[];
  const sums = new Map<string, bigint>();
  for (const { who, via, liquidity } of rows) {
    const holder = via === null && who !== OUTER ? who : WRAPPER;
    sums.set(holder, (sums.get(holder) ?? 0n) + BigInt(liquidity));
  }
  return [...sums].filter(([, sum]) => sum !== 0n).sort();
}

const OF_OTHERS =
  "select date, pool_address, provider_address, token_seconds, liquidity_amount from daily_balances where pool_address <> ? order by 1, 2, 3";

describe("a wrapper whose logs do not fit", () => {
  it.each(LIES)("%s, %s: is stopped alone, with what lies inside it", async (kind, identity, lie) => {
    const [programme, outer] = [programmeOf(kind), lie.address === OUTER];
    for (const seed of [3, 8]) {
      const [chain, honest] = [chainOf(kind, lie, seed), chainOf(kind, undefined, seed)];
      const [{ store, ...ledger }, straight] = [await followed(chain, programme), await followed(honest, programme)];
      expect(store.blocks.tip()?.number).toBe(60);
      expect(store.quarantines.told()).toMatchObject([
        {
          pool: SHARE,
          wrapper: outer ? OUTER : WRAPPER,
          stop: { blockNumber: LIED_AT },
          finding: { identity },
          touches: { wrappers: kind === "nested" && !outer ? [OUTER] : [] },
        },
      ]);
      // Who has the shares themselves is as on the chain, whatever the wrapper says; and of other pools everything is
      // as ever.
      expect(custodyIn(store)).toEqual(custodyIn(straight.store));
      const others = (of: Store) => of.db.prepare(OF_OTHERS).raw().all(SHARE);
      expect(others(store)).toEqual(others(straight.store));
      // From that day on shares count as if the programme did not credit the wrapper's users.
      const excluding = await followed(
        honest,
        programmeOf(kind, { wrappers: excluded(kind, outer ? [OUTER] : [WRAPPER, OUTER]) }),
      );
      const counted = (of: Store) =>
        of.db
          .prepare(`
            select date, provider_address, token_seconds, liquidity_amount
            from daily_balances
            where pool_address = ? and date >= ? and liquidity_seconds <> '0'
            order by 1, 2`)
          .raw()
          .all(SHARE, store.quarantines.all()[0]?.firstDay);
      expect(counted(store)).toEqual(counted(excluding.store));
      expect(problemsOf(store.db, sha256)).toEqual([]);
      const dump = TestLedger.prototype.dump.call({ store, ...ledger });
      store.write(() => rebuild(store, programme, sha256));
      expect(TestLedger.prototype.dump.call({ store, ...ledger })).toBe(dump);
    }
  });

  it("is the same in single blocks and after restarts", async () => {
    for (const [kind, , lie] of LIES.filter((_, i) => [0, 6, 8].includes(i))) {
      const [programme, chain] = [programmeOf(kind), chainOf(kind, lie, 8)];
      const sweep = await followed(chain, programme, 3);
      const single = new TestLedger(chain.fetch, { programme, limits: { blocksStart: 1, blocksMax: 1 } });
      for (let until = 1; until <= 60; until++) await single.step({ quarantine: true, until });
      expect(single.dump()).toBe(sweep.dump());
      const first = new TestLedger(chain.fetch, { programme });
      const path = first.store.db.name;
      for (const until of [LIED_AT - 1, LIED_AT, LIED_AT + 9]) await first.step({ quarantine: true, until });
      first.close();
      const again = new TestLedger(chain.fetch, { programme, path });
      for (let i = 0; i < 3; i++) await again.step({ quarantine: true });
      expect(again.dump()).toBe(sweep.dump());
      expect(again.store.quarantines.all()).toEqual(sweep.store.quarantines.all());
    }
  });

  it("leaves digests of blocks without logs as they are in single blocks, and built again", async () => {
    const programme = programmeOf("staking-rewards");
    const quiet = chainOf("staking-rewards", undefined, 8).blocks.filter(({ logs }) => logs.length === 0);
    for (const { number: at } of quiet.filter(({ number }) => number > 14 && number < 55)) {
      const chain = chainOf("staking-rewards", LIES[0]?.[2], 8, at);
      const sweep = await followed(chain, programme, 3);
      const single = new TestLedger(chain.fetch, { programme, limits: { blocksStart: 1, blocksMax: 1 } });
      for (let until = 1; until <= 60; until++) await single.step({ quarantine: true, until });
      const digests = ({ store }: TestLedger): ReadonlyMap<number, string> =>
        new Map(
          store.db
            .prepare<[], [number, string]>("select block_number, state_digest from processed_blocks order by 1")
            .raw()
            .all(),
        );
      const [a, b] = [digests(sweep), digests(single)];
      expect([...a].filter(([number, digest]) => (b.get(number) ?? digest) !== digest)).toEqual([]);
      expect(problemsOf(sweep.store.db, sha256)).toEqual([]);
      sweep.store.write(() => rebuild(sweep.store, programme, sha256));
      expect(digests(sweep)).toEqual(a);
    }
  });

  it("goes on where a reorg takes the log away", async () => {
    const [programme, chain] = [programmeOf("staking-rewards"), chainOf("staking-rewards", LIES[0]?.[2], 8)];
    const ledger = new TestLedger(chain.fetch, {
      programme: programmeOf("staking-rewards", { finality: { fallbackDepth: 50, minDepth: 0 } }),
    });
    for (let i = 0; i < 3; i++) await ledger.step({ quarantine: true });
    expect(ledger.store.quarantines.all()).toHaveLength(1);
    chain.also = () => [];
    chain.reorg(LIED_AT - 1, 40, 4);
    for (let i = 0; i < 5; i++) await ledger.step({ quarantine: true });
    expect(ledger.store.quarantines.all()).toEqual([]);
    const straight = await followed(chain, programme, 3);
    expect(ledger.dump()).toBe(straight.dump());
    expect(ledger.store.db.prepare("select * from provider_balances order by 1").raw().all().length).toBeGreaterThan(0);
  });
});

it("what is held through it is left out of days, and everything else of its users counts", async () => {
  const rules = {
    finality: { fallbackDepth: 0, minDepth: 0 },
    schedule: { start: "2026-01-01", days: 6 },
    tiers: { minimum: "0.000001", levels: [{ week: 1, multiplierBp: 10_000 }] },
    rewards: { tokens: [{ address: addressOf(0xcc), symbol: "R", decimals: 18, budget: "600" }], epochs: { days: 1 } },
  };
  const [programme, lie] = [programmeOf("staking-rewards", rules), LIES[0]?.[2]];
  const { store } = await followed(chainOf("staking-rewards", lie, 8), programme);
  const [quarantine] = store.quarantines.all();
  const first = quarantine?.firstDay ?? "";
  expect([first > "2026-01-01", first < "2026-01-06"]).toEqual([true, true]);
  // As if the programme said that its users are not credited.
  const excluding = programmeOf("staking-rewards", { ...rules, wrappers: excluded("staking-rewards", [WRAPPER]) });
  const alone = await followed(chainOf("staking-rewards", undefined, 8), excluding);
  const valuesOf = (of: Store): ReadonlyMap<string, unknown> =>
    new Map(
      of.db
        .prepare<[string], [string, unknown]>(
          "select provider_address || ' ' || date, value from provider_days where date >= ? and value > 0 order by 1",
        )
        .raw()
        .all(first),
    );
  expect(valuesOf(store)).toEqual(valuesOf(alone.store));
  expect(valuesOf(store).size).toBeGreaterThan(5);
  const left = store.leftOut.between("2026-01-01" as never, "2026-12-31" as never);
  expect(left.length).toBeGreaterThan(5);
  expect(left.every(({ pool, note }) => pool === SHARE && note.includes(`the wrapper ${WRAPPER} alone`))).toBe(true);
  const rewarding = rewardingOf(programme);
  const codes = () => rewarding.rewards.epochs.map((epoch) => waitingFor(store, rewarding.rewards, epoch)?.code);
  expect(codes()).toEqual(
    rewarding.rewards.epochs.map((epoch) => (epoch.first < first ? undefined : "EPOCH_QUARANTINED")),
  );
  store.write(() => leaveOutUpTo(store, programme, rewarding, 6, new Set([SHARE as never])));
  expect(codes()).toEqual(Array.from({ length: 6 }, () => undefined));
});
