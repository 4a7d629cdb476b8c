import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import { describe, expect, it } from "vitest";
import { type Annex, AnnexLife, poolId, programmeWith, setAnnex } from "../../demo/annex.ts";
import { ARTIFACTS, Contract, compiled, deploy } from "../../demo/contracts.ts";
import { runCommand } from "../../demo/daemon.ts";
import { programmeOf, SQRT_PRICE_ONE } from "../../demo/stage.ts";
import { parseProgramme } from "../../src/config.ts";
import { changesBetween, snapshotAt } from "../../src/ledger/history.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { providerStatus } from "../../src/store/queries/query.ts";
import { liveChain, placeFor, verifyLive } from "../support/anvil.ts";
import { openPositions, TestLedger, temporaryFolder } from "../support/ledger.ts";

const E18 = 10n ** 18n;
let annex: Annex;
let pancake: { readonly stage: Contract; readonly pool: Hex; readonly block: number };

const live = liveChain(5, async (life) => {
  const { stage } = life;
  annex = await setAnnex(stage, life.nowSec - 3000);
  await life.prelude();
  const there = new AnnexLife(annex, life);
  await there.prelude();
  for (let i = 0; i < 60; i++) {
    const deeds = [];
    for (let n = 0; n <= life.upTo(3); n++) deeds.push(await there.randomDeed());
    await life.block(600 + life.upTo(5000), deeds);
  }
  await life.block(86_400, []);
  await playPancake();
});

async function playPancake(): Promise<void> {
  const { anvil, stage, life } = live();
  const [a, b] = stage.tokens;
  const made = await deploy(
    anvil,
    life.nowSec + 1,
    stage.owner,
    compiled(new URL("../support/PancakeStage.sol", import.meta.url), "PancakeStage"),
    [],
  );
  const must = async (...txs: Parameters<typeof life.must>[1]): Promise<void> => life.must(60, txs);
  const { owner } = stage;
  await must(a.tx(owner, "transfer", [made.address, 10n ** 25n]), b.tx(owner, "transfer", [made.address, 10n ** 25n]));
  const { bytecode } = ARTIFACTS.pancakePool();
  await must(made.tx(owner, "deploy", [bytecode, a.address, b.address, SQRT_PRICE_ONE]));
  pancake = {
    stage: made,
    pool: String(await made.read("pool")).toLowerCase() as Hex,
    block: await anvil.blockNumber(),
  };
  const [ann] = stage.actors as readonly [Hex];
  const limits = [SQRT_PRICE_ONE / 2n, SQRT_PRICE_ONE * 2n] as const;
  await must(made.tx(owner, "mint", [ann, -500, 500, 9_000n * E18]));
  await must(made.tx(owner, "mint", [made.address, -50, 100, 30_000n * E18]));
  await must(made.tx(owner, "swap", [true, 100n * E18, limits[0]]), made.tx(owner, "flash", [E18, 0n]));
  await must(made.tx(owner, "burn", [-50, 100, 10_000n * E18]));
  await must(made.tx(owner, "swap", [false, 500n * E18, limits[1]]));
  await must({ from: ann, to: pancake.pool, data: poolData("burn", [-500, 500, 1_000n * E18]) });
}

function poolData(name: string, args: readonly unknown[]): Hex {
  return new Contract(live().anvil, ARTIFACTS.pancakePool().abi, pancake.pool).data(name, args);
}

async function followed(): Promise<TestLedger> {
  const programme = parseProgramme(programmeWith(live().stage, annex), "the annex's programme");
  const ledger = new TestLedger(live().fetch, { programme });
  await ledger.settle();
  return ledger;
}

describe("real contracts beyond Uniswap V2 and V3", () => {
  it("have every deed in their logs: V4 by token and by salt, its own coin, and both wrappers", async () => {
    const { store } = await followed();
    const names = store.db
      .prepare("select protocol || ' ' || event as name, count(*) as count from lp_events group by 1")
      .all() as { name: string; count: number }[];
    const seen = new Map(names.map(({ name, count }) => [name, count]));
    for (const name of [
      "uniswap-v4 ModifyLiquidity",
      "uniswap-v4 Transfer",
      "uniswap-v2 Staked",
      "uniswap-v2 Withdrawn",
      "uniswap-v3 DepositTransferred",
    ])
      expect(seen.get(name) ?? 0, name).toBeGreaterThan(1);
    const count = (sql: string): number => Number(store.db.prepare(sql).pluck().get());
    expect(
      count("select count(*) from lp_events where protocol = 'uniswap-v4' and liquidity_delta like '-%'"),
    ).toBeGreaterThan(2);
    expect(
      count("select count(*) from lp_events where event = 'ModifyLiquidity' and liquidity_delta = '0'"),
    ).toBeGreaterThan(0);
    expect(count("select count(*) from accounts where position_id like '%:%:0x%'")).toBeGreaterThan(0);
    expect(
      count("select count(*) from position_tokens where owner_address like '0x0000000000000000%'"),
    ).toBeGreaterThan(0);
    expect(count("select count(*) from positions where via_address is not null")).toBeGreaterThan(0);
    expect(
      count("select count(*) from daily_balances where protocol = 'uniswap-v4' and liquidity_amount > 0"),
    ).toBeGreaterThan(0);
    expect(count("select count(*) from daily_balances where liquidity_amount is null")).toBe(0);
  });

  it("answer every question as the ledger does, and their wrappers hold what their users claim", async () => {
    const ledger = await followed();
    const tip = ledger.store.blocks.tip()?.number ?? 0;
    for (const block of [undefined, tip - 20, tip - 45]) {
      const verdict = await verifyLive(live(), ledger, block);
      expect(verdict.differences).toEqual([]);
      expect(verdict.positionsChecked).toBeGreaterThan(20);
    }
    const { actors } = live().stage;
    const staked = await annex.staking.readAll(
      "balanceOf",
      actors.map((actor) => [actor]),
    );
    const claims = ledger.store.db
      .prepare("select liquidity from positions where provider_address = ? and via_address = ?")
      .pluck();
    expect(actors.map((actor) => BigInt(String(claims.get(actor, annex.staking.address) ?? 0)))).toEqual(staked);
    // What was sent there without a claim is nobody's, and stays to be seen.
    const left = ledger.store.db
      .prepare("select liquidity from positions where provider_address = ? and via_address is null")
      .pluck()
      .get(annex.staking.address);
    expect(left).toBe(`${3n * E18}`);
    expect(
      ledger.store.db
        .prepare("select count(*) from daily_balances where provider_address = ?")
        .pluck()
        .get(annex.staking.address),
    ).toBe(0);
  });

  it("give the same ledger in one sweep, in single blocks, undone and redone, and rebuilt", async () => {
    const sweep = await followed();
    const programme = parseProgramme(programmeWith(live().stage, annex), "the annex's programme");
    const steps = new TestLedger(live().fetch, { programme });
    const head = await live().anvil.blockNumber();
    for (let until = 0; until <= head; until++) await steps.step({ until });
    expect(steps.dump()).toBe(sweep.dump());
    for (const depth of [1, 7, 23, 60]) {
      const path = join(temporaryFolder(), "undone.sqlite");
      const first = new TestLedger(live().fetch, { programme, path });
      await first.settle();
      first.store.write(() => first.store.undoAbove(head - depth));
      first.close();
      const again = new TestLedger(live().fetch, { programme, path });
      await again.settle();
      expect(again.dump()).toBe(sweep.dump());
    }
    sweep.store.write(() => rebuild(sweep.store, programme, sha256));
    expect(sweep.dump()).toBe(steps.dump());
  });

  it("are the same with PancakeSwap V3, whose swaps say more", async () => {
    const { stage } = live();
    const base = programmeOf(stage) as { pools: readonly { tokens: readonly object[] }[] };
    const pools = [
      {
        protocol: "pancake-v3",
        address: pancake.pool,
        tokens: base.pools[0]?.tokens,
        startBlock: pancake.block,
        managers: [],
      },
    ];
    const programme = parseProgramme({ ...base, pools, prices: {} }, "a programme of one Pancake pool");
    const ledger = new TestLedger(live().fetch, { programme });
    await ledger.settle();
    expect((await verifyLive(live(), ledger)).differences).toEqual([]);
    const rows = ledger.store.db
      .prepare("select provider_address, liquidity from positions order by liquidity")
      .raw()
      .all();
    expect(rows).toEqual([
      [pancake.stage.address, `${20_000n * E18}`],
      [stage.actors[0], `${8_000n * E18}`],
    ]);
    expect(ledger.store.db.prepare("select count(*) from pool_states").pluck().get()).toBe(6); // Not after the last burn, which was out of range.
  });

  it("are found by their factories, and end as they do when they are named", async () => {
    const named = await followed();
    const { stage } = live();
    const file = programmeWith(stage, annex) as { pools: { tokens: object[] }[]; prices: object };
    const tokens = [
      ...new Map(file.pools.flatMap((pool) => pool.tokens).map((each) => [JSON.stringify(each), each])).values(),
    ];
    const managers = [stage.manager.address];
    const own = async (contract: Contract): Promise<string> => String(await contract.read("factory")).toLowerCase();
    const factories = [
      { protocol: "uniswap-v2", address: await own(stage.pair), startBlock: 1, tokens },
      { protocol: "uniswap-v3", address: await own(stage.pools[0]), startBlock: 1, tokens, managers },
      {
        protocol: "uniswap-v4",
        address: annex.poolManager.address,
        startBlock: 1,
        tokens,
        managers: [annex.positions.address],
      },
    ];
    const wrappers = [{ kind: "uniswap-v3-staker", address: annex.staker.address }];
    const prices = { [(tokens[1] as { address: string }).address]: { fixed: "1" } };
    const programme = parseProgramme({ ...file, pools: [], factories, wrappers, prices }, "a programme of factories");
    const ledger = new TestLedger(live().fetch, { programme });
    await ledger.settle();
    expect((await verifyLive(live(), ledger)).differences).toEqual([]);
    const lines = ({ store }: TestLedger) =>
      store.db
        .prepare(
          "select pool_address, position_id, provider_address, liquidity from positions where via_address is null and pool_address <> ? order by 1, 2, 3",
        )
        .raw()
        .all(stage.pair.address); // The pair's staking contract is a wrapper only where the pair is named.
    expect(lines(ledger)).toEqual(lines(named));
    expect(ledger.store.pools.discovered().length).toBe(named.keeper.programme.pools.length);
    const fees = parseProgramme(
      { ...file, pools: [], factories: [{ ...factories[1], fees: [500] }], wrappers: [], prices: {} },
      "one fee",
    );
    const some = new TestLedger(live().fetch, { programme: fees });
    await some.settle();
    expect(some.store.pools.discovered().map(({ address }) => address)).toEqual([stage.pools[1].address]);
  });

  it("are shown with what wrappers hold, and compared as one position of its provider", async () => {
    const ledger = await followed();
    const programme = ledger.keeper.programme;
    const tip = ledger.store.blocks.tip()?.number ?? 0;
    const before = snapshotAt(ledger.store, programme, { block: tip - 40 });
    const after = snapshotAt(ledger.store, programme, { block: tip });
    expect(changesBetween(after.positions, after.positions)).toEqual([]);
    const held = (snapshot: typeof after) => {
      const sums = new Map<string, bigint>();
      for (const { pool, position, provider, balance } of snapshot.positions) {
        const key = `${pool} ${position} ${provider}`;
        sums.set(key, (sums.get(key) ?? 0n) + balance);
      }
      return sums;
    };
    const [was, is] = [held(before), held(after)];
    for (const { pool, position, provider, before: from, after: to } of changesBetween(
      before.positions,
      after.positions,
    )) {
      const key = `${pool} ${position} ${provider}`;
      expect([from, to]).toEqual([was.get(key) ?? 0n, is.get(key) ?? 0n]);
    }
    const shown = providerStatus(ledger.store.db, String(live().stage.actors[0]), 5);
    expect(shown?.positions.some(({ via }) => via === annex.staking.address)).toBe(true);
    // Excluded, a wrapper's users have nothing by it.
    const file = programmeWith(live().stage, annex) as { wrappers: { address: string }[] };
    const wrappers = file.wrappers.map((each) => ({ ...each, exclude: true }));
    const excluding = new TestLedger(live().fetch, { programme: parseProgramme({ ...file, wrappers }, "excluding") });
    await excluding.settle();
    const seconds = (store: TestLedger["store"]) =>
      store.db
        .prepare("select provider_address, sum(liquidity_amount) from daily_balances where pool_address = ? group by 1")
        .raw()
        .all(live().stage.pair.address);
    expect(seconds(excluding.store)).not.toEqual(seconds(ledger.store));
    // What they hold through it is shown as the wrapper's own; all together it is as much.
    const users = (store: TestLedger["store"]) =>
      openPositions(store).filter(
        (line) => line.startsWith(live().stage.pair.address) && !line.includes(annex.staking.address),
      );
    const sum = (store: TestLedger["store"]) =>
      openPositions(store).reduce((all, line) => all + BigInt(line.split(" ").at(-1) ?? 0), 0n);
    expect(users(excluding.store)).not.toEqual(users(ledger.store));
    expect(sum(excluding.store)).toBe(sum(ledger.store));
    const status = providerStatus(excluding.store.db, String(live().stage.actors[0]), 5);
    expect(status?.positions.filter(({ via }) => via !== null).every(({ credited }) => !credited)).toBe(true);
  });

  it("pass the check of a programme, which names what is not there", async () => {
    const place = placeFor(live(), { programme: programmeWith(live().stage, annex) });
    const checked = await runCommand(place, ["check"]);
    expect([checked.code, checked.err]).toEqual([0, ""]);
    const file = programmeWith(live().stage, annex) as { pools: Record<string, unknown>[]; wrappers: object[] };
    const [nobody, other] = [`0x${"9".repeat(40)}`, `0x${"8".repeat(40)}`];
    const pools = file.pools.map((pool) =>
      pool["protocol"] === "uniswap-v4" ? { ...pool, poolManager: nobody } : pool,
    );
    const wrong = { ...file, pools, wrappers: [{ kind: "uniswap-v3-staker", address: other }] };
    const refused = await runCommand(placeFor(live(), { programme: wrong }), ["check"]);
    expect(refused.code).toBe(78);
    expect(refused.err).toContain(`poolManager: expected a contract, found no code`);
    const file2 = { ...file, pools: [], wrappers: [], prices: {} };
    const tokens = [{ address: live().stage.tokens[0].address, symbol: "A", decimals: 6 }];
    const factory = {
      protocol: "uniswap-v3",
      address: live().stage.manager.address,
      startBlock: 1,
      tokens,
      managers: [nobody],
    };
    const factories = await runCommand(placeFor(live(), { programme: { ...file2, factories: [factory] } }), ["check"]);
    expect(factories.err).toContain("tokens.0.decimals: expected 18, found 6");
    expect(factories.err).toContain(`managers: expected contracts, found no code at ${nobody}`);
    expect(refused.err).toContain(`wrappers: expected contracts, found no code at ${other}`);
  });

  it("are refused where a V4 pool is said to hold other tokens", async () => {
    const file = programmeWith(live().stage, annex) as { pools: { protocol: string; tokens: object[] }[] };
    const pools = file.pools.filter(({ protocol }) => protocol === "uniswap-v4").slice(0, 1);
    const [pool] = pools;
    const tokens = [{ address: `0x${"0".repeat(39)}5`, symbol: "X", decimals: 18 }, pool?.tokens[1]];
    const wrong = parseProgramme(
      { ...file, pools: [{ ...pool, tokens }], wrappers: [], prices: {} },
      "a wrong programme",
    );
    await expect(new TestLedger(live().fetch, { programme: wrong }).settle()).rejects.toThrow(/V4-8.*other tokens/);
  });

  it("are looked up by init: V4 by id, PancakeSwap by what its pool answers", async () => {
    const folder = temporaryFolder();
    const ids = annex.keys.map(poolId);
    const managers = [annex.positions.address, live().stage.manager.address];
    const options = ["--rpc", live().anvil.url, "--to", folder, "--manager", ...managers, "--pool"];
    const made = await runCommand(placeFor(live()), ["init", ...options, ...ids, live().stage.pools[0].address]);
    expect([made.code, made.err.includes("uniswap-v4, ")]).toEqual([0, true]);
    const programme = join(folder, "config/programme.json");
    const { pools } = JSON.parse(readFileSync(programme, "utf8")) as { pools: Record<string, unknown>[] };
    expect(pools.map(({ startBlock }) => startBlock)).toEqual([
      ...annex.startBlocks,
      live().stage.startBlocks.pools[0],
    ]);
    expect(pools.map(({ managers: own }) => (own as string[]).map((each) => each.toLowerCase()))).toEqual([
      [managers[0]?.toLowerCase()],
      [managers[0]?.toLowerCase()],
      [managers[1]?.toLowerCase()],
    ]);
    const there = { ...placeFor(live()), programme, database: join(folder, "ledger.sqlite") };
    for (const command of [["check"], ["start", "--once"], ["verify"]])
      expect([command, (await runCommand(there, command)).code]).toEqual([command, 0]);
    const other = ["init", "--rpc", live().anvil.url, "--to", temporaryFolder(), "--pool", pancake.pool];
    const swap = await runCommand(placeFor(live()), [...other, "--manager", managers[1] ?? ""]);
    expect([swap.code, swap.err]).toEqual([
      64,
      expect.stringContaining("no position manager that was named is of its factory"),
    ]);
    const unknown = await runCommand(placeFor(live()), [
      ...other.slice(0, -1),
      `0x${"7".repeat(64)}`,
      "--manager",
      managers[0] ?? "",
    ]);
    expect([unknown.code, unknown.err]).toEqual([64, expect.stringContaining("is no pool that init knows")]);
  });
});
