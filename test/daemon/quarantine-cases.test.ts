import { expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { finalise } from "../../src/ledger/epochs.ts";
import { leaveOutUpTo } from "../../src/ledger/leave-out.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { SingletonModel } from "../models/singleton.ts";
import { FakeChain, type FakeLog } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { addressOf, draft } from "../support/logs.ts";
import { MANAGER, PAIR, POOL, worldProgramme } from "../support/world.ts";

const SETTLE = { blocksMin: 1, rangesMax: 50 };
const [SYNC, MINT, SWAP] = ["0x1c411e9a", "0x7a53080b", "0xc42079f9"];
type Told = {
  readonly blockNumber: string;
  readonly logIndex: string;
  readonly data: string;
  readonly transactionHash: string;
};

const isOf = (log: FakeLog, pool: string, ...kinds: readonly (string | undefined)[]): boolean =>
  log.address === pool && kinds.includes(String(log.topics[0]).slice(0, 10));

/** Changes what every answer to `eth_getLogs` brings. */
function told(chain: FakeChain, change: (logs: readonly Told[]) => readonly Told[]): void {
  chain.fault = (method, _params, result) => (method === "eth_getLogs" ? change(result as readonly Told[]) : result);
}

/** Leaves out a log of a block. */
const without =
  (number: number, { logIndex }: FakeLog) =>
  (logs: readonly Told[]) =>
    logs.filter((log) => Number(log.blockNumber) !== number || Number(log.logIndex) !== logIndex);

function grown(seed: number, options: ConstructorParameters<typeof FakeChain>[0] = {}): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000, ...options });
  chain.grow(60, seed);
  return chain;
}

/** Every log of a kind from a block on, with that block. */
const logsFrom = (chain: FakeChain, from: number, isIt: (log: FakeLog) => boolean) =>
  chain.blocks.flatMap(({ number, logs }) => (number < from ? [] : logs.filter(isIt).map((log) => ({ number, log }))));

const base = { finality: { fallbackDepth: 12, minDepth: 0 } };
const rules = {
  finality: { fallbackDepth: 0, minDepth: 0 },
  prices: { [addressOf(0xb1)]: { fixed: "2" }, [addressOf(0xb2)]: { fixed: "3" } },
  schedule: { start: "2026-01-01", days: 4 },
  tiers: { minimum: "0.000001", levels: [{ week: 1, multiplierBp: 10_000 }] },
  rewards: { tokens: [{ address: addressOf(0xcc), symbol: "R", decimals: 18, budget: "400" }], epochs: { days: 1 } },
};
const parse = (more: object) => parseProgramme(worldProgramme(more as never), "the test's programme");

it("a V4 pool in quarantine stops nothing, whatever is done with its tokens", async () => {
  const own = new SingletonModel().programme() as { pools: readonly { address: string }[] };
  const id = own.pools[0]?.address ?? "";
  const world = worldProgramme(base);
  const programme = parseProgramme({ ...world, pools: [...(world["pools"] as object[]), ...own.pools] }, "with V4");
  let stopped = 0;
  for (const seed of [7, 8, 9]) {
    const chain = grown(seed, { models: [new SingletonModel()] });
    for (const { number, log } of logsFrom(chain, 5, ({ topics }) => topics[1] === id).slice(1, 9)) {
      told(chain, without(number, log));
      const ledger = new TestLedger(chain.fetch, { programme });
      for (let i = 0; i < 2; i++) await ledger.step({ quarantine: true });
      expect(ledger.store.blocks.tip()?.number).toBe(60);
      expect(problemsOf(ledger.store.db, sha256)).toEqual([]);
      stopped += ledger.store.quarantines.all().length;
    }
  }
  expect(stopped).toBeGreaterThan(3);
});

it("a pool that is stopped before anybody has anything of it holds up its epochs, until somebody goes on without it", async () => {
  const chain = grown(11);
  const [first] = logsFrom(chain, 1, (log) => isOf(log, PAIR, SYNC));
  if (first === undefined) throw new Error("nothing happened in the pair");
  told(chain, without(first.number, first.log));
  const programme = parse(rules);
  const { store, ...ledger } = new TestLedger(chain.fetch, { programme });
  for (let i = 0; i < 8; i++)
    await TestLedger.prototype.step.call({ store, ...ledger }, { settle: SETTLE, quarantine: true });
  expect(store.quarantines.all()).toMatchObject([{ pool: PAIR }]);
  const rewarding = rewardingOf(programme);
  const codes = () => rewarding.rewards.epochs.map((epoch) => waitingFor(store, rewarding.rewards, epoch)?.code);
  expect(codes()).toEqual(Array.from({ length: 4 }, () => "EPOCH_QUARANTINED"));
  expect(() => store.write(() => finalise(store, rewarding, sha256, 1))).toThrow(/waits for pool/);
  const left = store.write(() => leaveOutUpTo(store, programme, rewarding, 1, new Set([PAIR as never])));
  expect(left.every(({ pool, reason }) => pool === PAIR && reason === "operator")).toBe(true);
  expect(codes()).toEqual([undefined, "EPOCH_QUARANTINED", "EPOCH_QUARANTINED", "EPOCH_QUARANTINED"]);
});

it("digests of blocks are those of what counts at them, also of rows without logs", async () => {
  let quarantines = 0;
  for (const seed of [3, 5, 11]) {
    const chain = grown(seed);
    for (const { number, log } of logsFrom(chain, 12, (each) => isOf(each, PAIR, SYNC)).slice(0, 2)) {
      told(chain, without(number, log));
      for (const after of [0, 1, 2]) {
        chain.finalized = null;
        const ledger = new TestLedger(chain.fetch, { programme: parse(base) });
        await ledger.step({ quarantine: true });
        const stop = ledger.store.quarantines.all()[0]?.stop as { readonly blockNumber: number } | undefined;
        chain.finalized = (stop?.blockNumber ?? number) + after;
        for (let i = 0; i < 3; i++) await ledger.step({ quarantine: true });
        expect(problemsOf(ledger.store.db, sha256)).toEqual([]);
        quarantines += ledger.store.quarantines.all().length;
      }
    }
  }
  expect(quarantines).toBeGreaterThan(3);
});

it("settling goes on beside a day that does not add up", async () => {
  let settled = 0;
  for (let seed = 1; seed < 40 && settled === 0; seed++) {
    const chain = new FakeChain();
    chain.grow(22, seed);
    chain.pauseSec = 2 * 86_400;
    chain.grow(8, 12);
    const [lost] = logsFrom(chain, 24, ({ address }) => address === PAIR);
    if (lost === undefined) continue;
    let isHidden = true;
    const swaps = new Set(
      logsFrom(chain, 1, (log) => isOf(log, POOL, SWAP) && log.data.startsWith("0x00")).map(({ log }) => log.data),
    );
    told(chain, (logs) =>
      logs
        .filter(({ transactionHash }) => !isHidden || transactionHash !== lost.log.transactionHash)
        .map((log) =>
          swaps.has(log.data) && Number(log.blockNumber) <= 22
            ? { ...log, data: log.data.replace(/^0x.{64}/, `0x${"0".repeat(63)}1`) }
            : log,
        ),
    );
    chain.finalized = 0;
    const ledger = new TestLedger(chain.fetch, { programme: parse({ finality: { fallbackDepth: 300, minDepth: 0 } }) });
    const outcome = await ledger.step({ quarantine: true }).catch(() => undefined);
    const [quarantine, ...others] = ledger.store.quarantines.all();
    if (outcome === undefined || quarantine?.finding.identity !== "D-1" || others.length > 0) continue;
    chain.finalized = 22;
    for (let i = 0; i < 4; i++) await ledger.step({ quarantine: true, settle: SETTLE });
    isHidden = false;
    chain.finalized = 28;
    for (let i = 0; i < 6; i++) await ledger.step({ quarantine: true, settle: SETTLE }).catch(() => undefined);
    settled = ledger.store.config.get("settled_block") ?? 0;
    expect(settled).toBe(28);
    expect(ledger.store.quarantines.all()).toHaveLength(1);
    expect(problemsOf(ledger.store.db, sha256)).toEqual([]);
  }
  expect(settled).toBe(28);
});

it("a hostile pool in a good one's transaction with their position manager stops alone", async () => {
  const bad = addressOf(0xbad1);
  const world = worldProgramme(base);
  const [pair, good] = world["pools"] as readonly [object, object];
  const programme = parseProgramme({ ...world, pools: [pair, good, { ...good, address: bad }] }, "with a hostile pool");
  const without = parse(base);
  let tried = 0;
  for (const seed of [3, 5, 11]) {
    const chain = grown(seed);
    const born = chain.blocks.find(({ number, logs }) => number > 4 && logs.length > 0);
    // The last transaction of a block in which the manager changes a position of the good pool.
    const hit = chain.blocks.find(({ number, logs }) => {
      const last = logs.at(-1);
      const own = logs.filter(({ transactionHash }) => transactionHash === last?.transactionHash);
      return (
        number > (born?.number ?? 0) + 4 &&
        own.some((log) => log.address === MANAGER && String(log.topics[0]).startsWith("0x3067048b"))
      );
    });
    if (born === undefined || hit === undefined) continue;
    tried += 1;
    const price = { sqrtPriceX96: 2n ** 96n, tick: 0n };
    const made = draft("pool", bad, "Initialize", price);
    const claim = {
      sender: MANAGER,
      owner: MANAGER,
      tickLower: -60n,
      tickUpper: 60n,
      amount: 5n,
      amount0: 1n,
      amount1: 1n,
    };
    const lie = draft("pool", bad, "Mint", claim);
    told(chain, (logs) =>
      logs.flatMap((log) => {
        const last = chain.blocks[Number(log.blockNumber)]?.logs.at(-1);
        const isLast = last?.logIndex === Number(log.logIndex);
        const at = { ...log, logIndex: `0x${(Number(log.logIndex) + 1).toString(16)}` };
        if (isLast && Number(log.blockNumber) === born.number)
          return [log, { ...at, ...made, transactionHash: `0x${"6".repeat(64)}` }];
        return isLast && Number(log.blockNumber) === hit.number ? [log, { ...at, ...lie }] : [log];
      }),
    );
    const ledger = new TestLedger(chain.fetch, { programme });
    const alone = new TestLedger(chain.fetch, { programme: without });
    for (let i = 0; i < 3; i++) for (const each of [ledger, alone]) await each.step({ quarantine: true });
    expect(ledger.store.quarantines.all()).toMatchObject([{ pool: bad, finding: { identity: "V3-5" } }]);
    expect(alone.store.quarantines.all()).toEqual([]);
    const rows = ({ store }: TestLedger) =>
      store.db
        .prepare(
          "select block_number, log_index, pool_address, provider_address, liquidity_delta from lp_events where pool_address <> ? order by 1, 2",
        )
        .raw()
        .all(bad);
    expect(rows(ledger)).toEqual(rows(alone));
    expect(problemsOf(ledger.store.db, sha256)).toEqual([]);
  }
  expect(tried).toBeGreaterThan(0);
});

it("two pools that are stopped by one commit each have their finding", async () => {
  let both = 0;
  for (const seed of [5, 11, 23, 31]) {
    const chain = grown(seed);
    const gone = [PAIR, POOL].flatMap((pool) => logsFrom(chain, 20, (log) => isOf(log, pool, SYNC, MINT)).slice(0, 1));
    told(chain, (logs) => gone.reduce((left, { number, log }) => without(number, log)(left), logs));
    const { store, ...ledger } = new TestLedger(chain.fetch, { programme: parse(base) });
    for (let i = 0; i < 2; i++) await TestLedger.prototype.step.call({ store, ...ledger }, { quarantine: true });
    const stopped = store.quarantines.all().map(({ pool }) => pool);
    const found = new Set(store.findings.open().map(({ pool }) => pool));
    expect(stopped.every((pool) => found.has(pool))).toBe(true);
    expect(store.openFindings()).toEqual([]);
    if (stopped.length === 2) both += 1;
  }
  expect(both).toBeGreaterThan(0);
});
