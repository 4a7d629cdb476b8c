import { expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import { ZERO_ADDRESS } from "../../src/core/hex.ts";
import type { Pool, Programme } from "../../src/core/programme/programme.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import type { Store } from "../../src/store/store.ts";
import { CurveModel } from "../models/curve.ts";
import type { Model } from "../models/model.ts";
import { SingletonModel } from "../models/singleton.ts";
import { SHARE, WrappedModel } from "../models/wrapped.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { saidBy } from "../support/said.ts";
import { takenUp } from "../support/take-up.ts";
import { TOKENS, worldProgramme } from "../support/world.ts";

const SETTLE = { blocksMin: 1, rangesMax: 50 };
const FAULTS = ["lost", "doubled", "altered", "hostile"] as const;
const WAYS = ["sweep", "single blocks", "restarts", "reorgs"] as const;
type Told = {
  readonly address: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly logIndex: string;
  readonly topics: readonly string[];
  readonly data: string;
};

const models = (): readonly Model[] => [
  new CurveModel(false),
  new CurveModel(true),
  new SingletonModel(),
  new WrappedModel("staking-rewards"),
];

/** A pair, a V3 pool, two of Curve, one of V4 and a share token with a wrapper; `but`: without one of them. */
function programmeOf(but?: Pool): Programme {
  const world = worldProgramme({ finality: { fallbackDepth: 15, minDepth: 0 } });
  const files = [world, ...models().map((each) => each.programme() as Record<string, unknown>)];
  const all = (key: string) =>
    files.flatMap(
      (file) =>
        (file[key] ?? []) as {
          readonly address: string;
          readonly pool?: string;
          readonly tokens: { readonly address: string }[];
        }[],
    );
  const known = new Set(
    all("pools").flatMap((pool) => (pool.address === but?.address ? [] : pool.tokens.map(({ address }) => address))),
  );
  const fixed = Object.entries({ [TOKENS[0]]: "2", [TOKENS[1]]: "3", [ZERO_ADDRESS]: "3", [SHARE]: "1" });
  return parseProgramme(
    {
      ...world,
      prices: Object.fromEntries(
        fixed.flatMap(([token, price]) => (known.has(token) ? [[token, { fixed: price }]] : [])),
      ),
      pools: all("pools").filter(({ address }) => address !== but?.address),
      wrappers: all("wrappers").filter(({ pool }) => but === undefined || pool !== but.address),
    },
    "six pools",
  );
}

/**
 * Every answer is wrong in one log of a pool: by its block's hash, so that another branch has another fault or none.
 */
function spoil(chain: FakeChain, pool: Pool, kind: (typeof FAULTS)[number], random: () => number): void {
  const isOf = ({ address, topics }: Pick<Told, "address" | "topics">): boolean =>
    pool.contracts.some((each) => each === address) && (!pool.salted || topics[1] === pool.address);
  const all = chain.blocks.flatMap(({ hash, number, logs }) =>
    number < 8 ? [] : logs.filter((log) => isOf(log)).map(({ logIndex }) => ({ hash, logIndex, last: logs.length })),
  );
  const hit = all[Math.floor(random() * all.length)];
  if (hit === undefined) throw new Error("nothing happens in it");
  const [place, value] = [Math.floor(random() * 100), EXTREMES[Math.floor(random() * EXTREMES.length)] ?? 0n];
  const wrong = (log: Told): readonly Told[] => {
    if (kind === "lost") return [];
    const words = Math.floor((log.data.length - 2) / 64);
    const data = words === 0 ? log.data : changed(log.data, place % words, value);
    const topics = words === 0 ? log.topics.with(-1, changed(log.topics.at(-1) ?? "", 0, value)) : log.topics;
    if (kind === "altered") return [{ ...log, data, topics }];
    // At the block's end, as a transaction of its own: the same again, or something that never was.
    const more = { logIndex: `0x${hit.last.toString(16)}`, transactionHash: `0x${"5".repeat(64)}` };
    return [log, kind === "doubled" ? { ...log, ...more } : { ...log, data, topics, ...more }];
  };
  chain.fault = (method, _params, result) => {
    if (method !== "eth_getLogs") return result;
    const told = (result as readonly Told[]).flatMap((log) =>
      log.blockHash === hit.hash && Number(log.logIndex) === hit.logIndex ? wrong(log) : [log],
    );
    return told.sort(
      (a, b) => Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex),
    );
  };
}

/** What words are exchanged for: more and less than there is, and what no contract means. */
const EXTREMES = [1n, 2n ** 40n, 2n ** 128n - 1n, 2n ** 255n, 2n ** 256n - 1n, 10n ** 18n, 0n];

/** One of the words is another one: by exclusive or, so that it differs in any case but for zero, which it becomes. */
function changed(hex: string, word: number, by: bigint): string {
  const at = 2 + 64 * word;
  const was = BigInt(`0x${hex.slice(at, at + 64)}`);
  const now = by === 0n ? 0n : was ^ by;
  return `${hex.slice(0, at)}${now.toString(16).padStart(64, "0")}${hex.slice(at + 64)}`;
}

/** Follows a chain to its end in one of the ways; in reorgs it is another chain half of the way. */
async function followed(
  chain: FakeChain,
  programme: Programme,
  way: (typeof WAYS)[number],
  random: () => number,
): Promise<TestLedger> {
  const limits = way === "single blocks" ? { blocksStart: 1, blocksMax: 1 } : {};
  let ledger = new TestLedger(chain.fetch, { programme, limits });
  const step = (until?: number) =>
    ledger.step({ quarantine: true, settle: SETTLE, ...(until === undefined ? {} : { until }) });
  if (way === "reorgs") {
    const { blocks } = chain;
    const common = blocks.length - 12;
    chain.show(blocks.slice(0, common + 1));
    chain.grow(6, 99);
    for (let i = 0; i < 3; i++) await step();
    chain.show(blocks);
  }
  if (way === "restarts")
    for (let until = 4 + Math.floor(random() * 6); until < 44; until += 4 + Math.floor(random() * 9)) {
      await step(until);
      ledger.close();
      ledger = new TestLedger(chain.fetch, { programme, path: ledger.store.db.name });
    }
  for (let i = 0; i < 12; i++) await step();
  expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
  return ledger;
}

/** What a ledger says of all pools but one. */
function othersIn({ db }: Store, { address }: Pool): unknown {
  const rows = (sql: string) => db.prepare(sql).raw().all(address);
  return [
    "select block_number, log_index, pool_address, event, provider_address, liquidity_delta, args from lp_events where pool_address <> ? order by 1, 2",
    "select pool_address, block_number, tick, liquidity, reserve0, share_supply, amounts from pool_states where pool_address <> ? order by 1, 2",
    "select pool_address, block_number, digest from pool_digests where pool_address <> ? order by 1, 2",
    "select pool_address, position_id, provider_address, via_address, liquidity from positions where pool_address <> ? order by 1, 2, 3, 4",
    "select date, pool_address, provider_address, token_seconds, liquidity_amount from daily_balances where pool_address <> ? order by 1, 2, 3",
  ].map(rows);
}

const { pools } = programmeOf();
const LIVES = FAULTS.flatMap((fault, i) =>
  WAYS.flatMap((way, j) => [0, 1, 2].map((k) => ({ fault, way, seed: 1 + 12 * i + 3 * j + k }))),
);

it("are six or more", () => expect(pools.length).toBeGreaterThanOrEqual(6));

it.each(LIVES)(
  "$fault in one of them, $way, life $seed: the others never suffer, and it comes back whole",
  async ({ fault, way, seed }) => {
    const random = seeded(seed * 7919);
    const chain = new FakeChain({ secondsPerBlock: 9_000, models: models() });
    chain.grow(45, seed);
    const bad = pools[(seed * 5) % pools.length] as Pool;
    spoil(chain, bad, fault, random);
    const [whole, without] = [programmeOf(), programmeOf(bad)];
    const { store, ...ledger } = await followed(chain, whole, way, random);
    const alone = await followed(chain, without, "sweep", random);
    expect(othersIn(store, bad)).toEqual(othersIn(alone.store, bad));
    expect(store.quarantines.all().every(({ pool }) => pool === bad.address)).toBe(true);
    expect(problemsOf(store.db, sha256)).toEqual([]);
    // However it was read, it is the same: as far as was read before its fork, too.
    const sweep = await followed(chain, whole, "sweep", random);
    expect(TestLedger.prototype.dump.call({ store, ...ledger })).toBe(sweep.dump());
    store.write(() => rebuild(store, whole, sha256));
    expect(TestLedger.prototype.dump.call({ store, ...ledger })).toBe(sweep.dump());
    chain.fault = undefined;
    store.write(() => store.refetches.order({ kind: "refetch", pool: bad.address }, "it was wrong", store.nowIso()));
    await takenUp(store, chain, whole, `${temporaryFolder()}/ledger.sqlite`);
    expect(store.quarantines.all()).toEqual([]);
    expect(saidBy(store)).toEqual(saidBy((await followed(chain, whole, "sweep", random)).store));
    expect(problemsOf(store.db, sha256)).toEqual([]);
  },
);
