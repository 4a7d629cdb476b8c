import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { toPoolId, ZERO_ADDRESS } from "../../src/core/hex.ts";
import { IDENTITIES, wayOutOf } from "../../src/core/identities.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { adoptRules } from "../../src/ledger/compare-programme.ts";
import { replay } from "../../src/ledger/replay.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import type { Store } from "../../src/store/store.ts";
import { CurveModel } from "../models/curve.ts";
import type { Model } from "../models/model.ts";
import { SingletonModel } from "../models/singleton.ts";
import { VaultModel } from "../models/vault.ts";
import { SHARE, WrappedModel } from "../models/wrapped.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { saidBy } from "../support/said.ts";
import { takenUp } from "../support/take-up.ts";
import { MANAGER, PAIR, POOL, TOKENS, worldProgramme } from "../support/world.ts";

const SETTLE = { blocksMin: 1, rangesMax: 50 };
const V4 = new SingletonModel().id;
const [CURVE, VAULT, WRAPPER] = [addressOf(0xc1), addressOf(0xe1), addressOf(0xf2)];
const V4_TOKENS = addressOf(0xd2);

const TOPICS = {
  Transfer: "0xddf252ad",
  Sync: "0x1c411e9a",
  PairMint: "0x4c209b5f",
  PairBurn: "0xdccd412f",
  PairSwap: "0xd78ad95f",
  Initialize: "0x98636036",
  Mint: "0x7a53080b",
  Swap: "0xc42079f9",
  Collect: "0x70935338",
  IncreaseLiquidity: "0x3067048b",
  AddLiquidity: "0x189c623b",
  RemoveLiquidityOne: "0x6f48129d",
  Deposit: "0xdcbc1c05",
  Staked: "0x9e71bc8e",
  InitializeV4: "0xdd466e67",
  ModifyLiquidity: "0xf208f491",
  SwapV4: "0x40e9cecb",
} as const;

type Told = {
  readonly address: string;
  readonly blockNumber: string;
  readonly logIndex: string;
  readonly topics: readonly string[];
  readonly data: string;
};
/** What is wrong with one log, in every answer. */
type Damage = (log: Told) => readonly Told[];

const lost: Damage = () => [];
/** One word of the data is another one. */
const word =
  (at: number, of: (was: bigint) => bigint): Damage =>
  (log) => {
    const place = 2 + 64 * at;
    const was = BigInt(`0x${log.data.slice(place, place + 64) || "0"}`);
    const now = BigInt.asUintN(256, of(was)).toString(16).padStart(64, "0");
    return [{ ...log, data: `${log.data.slice(0, place)}${now}${log.data.slice(place + 64)}` }];
  };
const next = (was: bigint): bigint => was + 1n;

/** A row of the table, as it is played: whose log of which kind is wrong how. */
interface Row {
  readonly identity: string;
  readonly models?: readonly (() => Model)[];
  /** Whose logs, and the pool that is stopped, where it is another. */
  readonly of: string;
  readonly pool?: string;
  readonly topic: keyof typeof TOPICS;
  readonly damage: Damage;
  readonly withoutWorld?: true;
  /** Nothing happens for so long near the end, so that days close. */
  readonly pauseDays?: number;
}

const curve = [() => new CurveModel(false)];
const v4 = [() => new SingletonModel()];
// The vault's asset has other decimals than the world's tokens.
const vault = [() => new VaultModel(false), () => new WrappedModel("staking-rewards")];
const ROWS: readonly Row[] = [
  { identity: "L-1", of: PAIR, topic: "Sync", damage: word(0, (was) => was | (1n << 255n)) },
  { identity: "V2-1", of: PAIR, topic: "Transfer", damage: lost },
  { identity: "V2-2", of: PAIR, topic: "PairSwap", damage: word(0, next) },
  { identity: "V2-3", of: PAIR, topic: "Transfer", damage: word(0, next) },
  { identity: "V2-4", of: PAIR, topic: "PairBurn", damage: word(0, next) },
  { identity: "V2-5", of: PAIR, topic: "PairMint", damage: lost },
  { identity: "V3-1", of: POOL, topic: "Swap", damage: word(3, next) },
  { identity: "V3-2", of: POOL, topic: "Mint", damage: lost },
  { identity: "V3-3", of: POOL, topic: "Mint", damage: word(2, next) },
  { identity: "V3-4", of: POOL, topic: "Swap", damage: word(4, next) },
  { identity: "V3-5", of: MANAGER, pool: POOL, topic: "IncreaseLiquidity", damage: lost },
  { identity: "V3-8", of: POOL, topic: "Collect", damage: word(1, () => 2n ** 100n) },
  { identity: "V3-9", of: MANAGER, pool: POOL, topic: "Transfer", damage: lost },
  { identity: "V4-1", models: v4, of: V4, topic: "SwapV4", damage: word(3, next) },
  { identity: "V4-2", models: v4, of: V4, topic: "ModifyLiquidity", damage: lost },
  { identity: "V4-3", models: v4, of: V4, topic: "InitializeV4", damage: lost },
  { identity: "V4-4", models: v4, of: V4, topic: "SwapV4", damage: word(4, next) },
  { identity: "V4-7", models: v4, of: V4_TOKENS, pool: V4, topic: "Transfer", damage: lost },
  { identity: "V4-8", models: v4, of: V4, topic: "InitializeV4", damage: word(0, next) },
  { identity: "C1", models: curve, of: CURVE, topic: "Transfer", damage: lost },
  { identity: "C2", models: curve, of: CURVE, topic: "AddLiquidity", damage: lost },
  { identity: "C3", models: curve, of: CURVE, topic: "Transfer", damage: lost },
  { identity: "C4", models: curve, of: CURVE, topic: "AddLiquidity", damage: word(2, () => 7n) },
  { identity: "C5", models: curve, of: CURVE, topic: "AddLiquidity", damage: word(2, (was) => was + 10n ** 20n) },
  { identity: "S-1", models: vault, withoutWorld: true, of: VAULT, topic: "Transfer", damage: lost },
  {
    identity: "W-1",
    models: [() => new WrappedModel("staking-rewards")],
    of: WRAPPER,
    pool: SHARE,
    topic: "Staked",
    damage: word(0, (was) => was + 2n ** 200n),
  },
  { identity: "D-1", of: POOL, topic: "Swap", damage: word(0, () => 1n), pauseDays: 2 },
];

/** Which rows no log can play, and where they are. */
const ELSEWHERE = new Map([
  ["D-2", "both sides are of our own books: no log can part them (test/core/days.test.ts parts them by hand)"],
  ["R-1", "nothing stops (test/daemon/programme.test.ts)"],
  ["VERIFY", "no log breaks it, and epochs wait (test/daemon/sampling.test.ts)"],
]);

function programmeOf({ models = [], identity, of, pool = of, withoutWorld }: Row, withCaveat: boolean): Programme {
  const world = worldProgramme({ finality: { fallbackDepth: 12, minDepth: 0 } });
  const files = [
    ...(withoutWorld ? [] : [world]),
    ...models.map((each) => each().programme() as Record<string, unknown>),
  ];
  const all = (key: string) => files.flatMap((file) => (file[key] ?? []) as { readonly address: string }[]);
  const caveat = withCaveat ? IDENTITIES.get(identity)?.caveat : null;
  const own = (each: { readonly address: string }) =>
    each.address === pool && caveat != null ? { ...each, caveats: [caveat] } : each;
  const prices = withoutWorld
    ? { [SHARE]: { fixed: "1" } }
    : { [TOKENS[0]]: { fixed: "2" }, [TOKENS[1]]: { fixed: "3" } };
  const more = models === v4 ? { [ZERO_ADDRESS]: { fixed: "3" } } : {};
  return parseProgramme(
    { ...world, prices: { ...prices, ...more }, pools: all("pools").map(own), wrappers: all("wrappers") },
    `the pools of ${identity}`,
  );
}

async function followed(chain: FakeChain, programme: Programme): Promise<Store> {
  const { store, ...ledger } = new TestLedger(chain.fetch, { programme });
  for (let i = 0; i < 8; i++)
    await TestLedger.prototype.step.call({ store, ...ledger }, { settle: SETTLE, quarantine: true });
  expect(store.blocks.tip()?.hash).toBe(chain.head.hash);
  return store;
}

/** A life in which the row's log is wrong, in one place after another until it is its identity that does not hold. */
async function played(row: Row): Promise<{ readonly chain: FakeChain; readonly store: Store }> {
  const programme = programmeOf(row, false);
  const { of, pool = of, topic, damage, identity } = row;
  for (let seed = 1; seed <= 12; seed++) {
    const chain = new FakeChain({
      secondsPerBlock: row.pauseDays === undefined ? 9_000 : 3_600,
      models: (row.models ?? []).map((each) => each()),
    });
    chain.grow(row.pauseDays === undefined ? 50 : 16, seed);
    if (row.pauseDays !== undefined) {
      chain.pauseSec = row.pauseDays * 86_400;
      chain.grow(5, 12);
    }
    const isIt = ({ address, topics }: { address: string; topics: readonly string[] }): boolean =>
      (of.length === 42 ? address === of : topics[1] === of) && String(topics[0]).startsWith(TOPICS[topic]);
    const hits = chain.blocks.flatMap(({ number, logs }) =>
      logs.filter(isIt).map(({ logIndex }) => ({ number, logIndex })),
    );
    for (const hit of hits.slice(0, 10)) {
      chain.fault = (method, _params, result) =>
        method === "eth_getLogs"
          ? (result as readonly Told[]).flatMap((log) =>
              Number(log.blockNumber) === hit.number && Number(log.logIndex) === hit.logIndex ? damage(log) : [log],
            )
          : result;
      const store = await followed(chain, programme);
      const found = store.quarantines.all();
      if (found.some((each) => each.finding.identity === identity && each.pool === pool)) return { chain, store };
    }
  }
  throw new Error(`nothing in these lives breaks ${identity}`);
}

describe("every identity of the table", () => {
  it("is a row here, or says where it is", () => {
    const known = [...ROWS.map(({ identity }) => identity), ...ELSEWHERE.keys()].sort();
    expect(known).toEqual([...IDENTITIES.keys()].sort());
    for (const [identity, where] of ELSEWHERE)
      expect(readFileSync(/test\/[a-z/-]+\.test\.ts/.exec(where)?.[0] ?? "", "utf8")).toContain(`"${identity}"`);
  });

  it.each(ROWS)("$identity: stops what the table says, and has the way out that it names", async (row) => {
    const { of, pool = of, identity } = row;
    const { chain, store } = await played(row);
    const facts = IDENTITIES.get(identity);
    const [stopped, ...others] = store.quarantines.all();
    // Nothing else stops: the tip was reached by all other pools.
    expect(others).toEqual([]);
    expect([stopped?.pool, stopped?.wrapper === null ? "pool" : "wrapper"]).toEqual([pool, facts?.stops]);
    const ways = wayOutOf(identity, pool, stopped?.wrapper ?? undefined).join("; ");
    expect(ways).toContain(`lp-ledger pool refetch ${pool}`);
    expect(ways).toContain(
      facts?.stops === "wrapper" ? `lp-ledger wrapper drop ${WRAPPER}` : `lp-ledger pool drop ${pool}`,
    );
    if (facts?.caveat != null) {
      expect(ways).toContain(`name the caveat ${facts.caveat}`);
      const whole = programmeOf(row, true);
      const straight = await followed(chain, whole);
      // Where the caveat makes up for it, the pool goes on by it, without the node; else another identity says so.
      const made = store.write(() => {
        adoptRules(store, whole, sha256);
        return replay(store, whole, sha256, toPoolId(pool), "it is of that kind");
      });
      // Of a log that is lost a caveat is not the way out.
      if (straight.quarantines.all().length === 0) {
        expect(made?.again).toBeUndefined();
        expect(saidBy(store).filter((_, i) => i !== 1)).toEqual(saidBy(straight).filter((_, i) => i !== 1));
        expect(store.findings.open()).toEqual([]);
        return;
      }
    }
    const programme = programmeOf(row, false);
    chain.fault = undefined;
    store.write(() => {
      adoptRules(store, programme, sha256);
      store.refetches.order({ kind: "refetch", pool: toPoolId(pool) }, "a log was wrong", store.nowIso());
    });
    await takenUp(store, chain, programme, `${temporaryFolder()}/ledger.sqlite`);
    expect(store.quarantines.all()).toEqual([]);
    expect(saidBy(store)).toEqual(saidBy(await followed(chain, programme)));
  });
});
