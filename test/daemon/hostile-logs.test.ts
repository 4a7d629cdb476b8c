import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import poolAbi from "../../abi/uniswap-v3-pool.json" with { type: "json" };
import stakerAbi from "../../abi/uniswap-v3-staker.json" with { type: "json" };
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import { ZERO_ADDRESS } from "../../src/core/hex.ts";
import type { Pool } from "../../src/core/programme/programme.ts";
import { CurveModel } from "../models/curve.ts";
import { SingletonModel } from "../models/singleton.ts";
import { StakerModel } from "../models/staker.ts";
import { SHARE, WrappedModel } from "../models/wrapped.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { MANAGER, POOL, TOKENS, worldProgramme } from "../support/world.ts";

const models = () => [
  new CurveModel(false),
  new CurveModel(true),
  new SingletonModel(),
  new WrappedModel("masterchef"),
  new StakerModel(),
];

/** A pool of each kind, in one ledger. */
const programme = (() => {
  const world = worldProgramme({ finality: { fallbackDepth: 15, minDepth: 0 } });
  const files = [world, ...models().map((model) => model.programme() as Record<string, unknown>)];
  const all = (key: string) => files.flatMap((file) => (file[key] ?? []) as object[]);
  const prices = Object.fromEntries([...TOKENS, ZERO_ADDRESS, SHARE].map((token) => [token, { fixed: "1" }]));
  return parseProgramme({ ...world, prices, pools: all("pools"), wrappers: all("wrappers") }, "one of each");
})();

const EVENTS_OF: Readonly<Record<string, string>> = {
  curve: "curve-stableswap",
  "curve-ng": "curve-stableswap-ng",
  erc20: "erc20",
  "uniswap-v2": "uniswap-v2-pair",
  "uniswap-v3": "uniswap-v3-pool",
  "uniswap-v4": "uniswap-v4-pool-manager",
};
type Event = {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly { name: string; type: string }[];
};
const eventsOf = (file: string): readonly Event[] =>
  (JSON.parse(readFileSync(new URL(`../../abi/${file}.json`, import.meta.url), "utf8")) as Event[]).filter(
    ({ type }) => type === "event",
  );

/** Bounds of types, of ticks, of prices, and what looks ordinary. */
const NUMBERS = [0n, 1n, 2n, 60n, -60n, 887_271n, 887_272n, -887_272n, 887_273n, 900_000n].concat([
  4295128738n,
  4295128739n,
  1n << 96n,
  10n ** 18n,
  10n ** 30n,
  1n << 300n,
  -(1n << 300n),
]);

/** Some value of an ABI type. */
function someOf(type: string, name: string, pool: Pool, pick: <T>(of: readonly T[]) => T): unknown {
  const array = /^(.*)\[(\d*)\]$/.exec(type);
  if (array !== null) {
    const length = array[2] === "" ? pick([0, 1, 2, 3, 5]) : Number(array[2]);
    return Array.from({ length }, () => someOf(array[1] ?? "", name, pool, pick));
  }
  if (type === "bytes32") return name === "id" ? pool.address : `0x${"0".repeat(64)}`;
  if (type === "address")
    return pick([
      MANAGER,
      ZERO_ADDRESS,
      pool.address.slice(0, 42),
      addressOf(0x1001),
      addressOf(0x1003),
      addressOf(0xf2),
    ]);
  const [, sign, width] = /^(u?)int(\d+)$/.exec(type) ?? [];
  const bits = BigInt(width ?? 0);
  const [least, most] = sign === "u" ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  const number = pick(NUMBERS);
  const within = number < least ? least : number > most ? most : number;
  return bits <= 48n ? Number(within) : within;
}

/** What a ledger of all of them has where contracts log that at blocks. */
async function toldOf(logs: ReadonlyMap<number, Draft>): Promise<TestLedger> {
  const chain = new FakeChain({ secondsPerBlock: 9_000, models: models() });
  chain.also = (block) => [...logs].flatMap(([at, log]) => (block === at ? [log] : []));
  chain.grow(45, 3);
  const ledger = new TestLedger(chain.fetch, { programme });
  for (let i = 0; i < 3; i++) await ledger.step({ quarantine: true });
  expect(ledger.store.blocks.tip()?.number).toBe(45);
  return ledger;
}

it("whatever numbers a contract logs, its pool stops, and nothing else", async () => {
  const random = seeded(26);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const kinds = programme.pools.filter(({ protocol }) => EVENTS_OF[protocol] !== undefined);
  let stopped = 0;
  for (let round = 0; round < 160; round++) {
    const pool = kinds[round % kinds.length] as Pool;
    const events = eventsOf(EVENTS_OF[pool.protocol] as string);
    const { name, inputs } = pick(events);
    const values = Object.fromEntries(inputs.map((each) => [each.name, someOf(each.type, each.name, pool, pick)]));
    const ledger = await toldOf(
      new Map([[pick([2, 5, 20, 30]), encodeLog(events, pick(pool.contracts), name, values)]]),
    );
    const pools = ledger.store.quarantines.all().map(({ pool: of }) => of);
    expect(pools.filter((of) => of !== pool.address)).toEqual([]);
    stopped += pools.length;
    ledger.close();
  }
  expect(stopped).toBeGreaterThan(80);
});

it.each([
  ["Initialize", { sqrtPriceX96: 0n, tick: 0 }, 2],
  [
    "Swap",
    {
      sender: MANAGER,
      recipient: MANAGER,
      amount0: 1n,
      amount1: -1n,
      sqrtPriceX96: 1n << 96n,
      liquidity: 1n,
      tick: 887_273,
    },
    20,
  ],
  [
    "Mint",
    {
      sender: MANAGER,
      owner: MANAGER,
      tickLower: -8_388_608,
      tickUpper: 8_388_607,
      amount: 1n,
      amount0: 1n,
      amount1: 1n,
    },
    20,
  ],
] as const)("%s: a price or a tick that no pool has stops the pool", async (name, values, at) => {
  const { store } = await toldOf(new Map([[at, encodeLog(poolAbi, POOL, name, values)]]));
  expect(store.quarantines.all()).toMatchObject([{ pool: POOL }]);
});

it("what a contract of a programme beside pools logs in no shape of its kind says nothing", async () => {
  const [staker] = (new StakerModel().programme() as { readonly wrappers: readonly { address: string }[] }).wrappers;
  const values = { tokenId: 5n, oldOwner: addressOf(0xbad), newOwner: addressOf(0xbad) };
  const log = encodeLog(stakerAbi, staker?.address ?? "", "DepositTransferred", values);
  const misshapen = { ...log, topics: log.topics.slice(0, 2) };
  expect((await toldOf(new Map([[25, misshapen]]))).store.quarantines.all()).toEqual([]);
  // Nor where a pool is in quarantine, of whose positions logs are kept.
  const broken = encodeLog(poolAbi, POOL, "Initialize", { sqrtPriceX96: 0n, tick: 0 });
  const { store } = await toldOf(
    new Map([
      [2, broken],
      [25, misshapen],
    ]),
  );
  expect(store.quarantines.all()).toMatchObject([{ pool: POOL }]);
});
