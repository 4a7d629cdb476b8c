import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { daysAfter } from "../../src/core/day.ts";
import { addPools } from "../../src/daemon/add-pools.ts";
import { converge } from "../../src/daemon/converge.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme, compareProgramme, onlyAdded, withoutAdded } from "../../src/ledger/compare-programme.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { openStore } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { chainPort } from "../support/port.ts";
import { programmeLedger, REWARDS, SCHEDULE, TIERS } from "../support/programme-ledger.ts";
import { POOL, TOKENS, worldProgramme } from "../support/world.ts";

const PRICES = { [TOKENS[0]]: { fixed: "2" }, [TOKENS[1]]: { fixed: "3" } };
const POOLS = worldProgramme()["pools"] as { address: string }[];
/** A provider of the pair, whose address turns out to be a vault's. */
const VAULT = addressOf(0x1005);

/** A ledger of the pair alone whose first epoch is final, to which another pool was added then. */
async function withPoolAdded(more: object = {}) {
  const first = await programmeLedger({ pools: POOLS.slice(0, 1), prices: PRICES });
  const { ledger, chain, run, write, folder, settle } = first;
  const { store } = ledger;
  expect((await run("rewards", "finalize", "--yes")).code).toBe(0);
  const rules = { schedule: SCHEDULE, tiers: TIERS, rewards: REWARDS, finality: { fallbackDepth: 0, minDepth: 0 } };
  const whole = parseProgramme(worldProgramme({ ...rules, prices: PRICES, ...more }), "both pools");
  const adoption = compareProgramme(store, whole);
  const { signal } = new AbortController();
  await addPools(
    {
      main: new Bookkeeper(store, withoutAdded(whole, adoption), sha256),
      added: onlyAdded(whole, adoption),
      sha256,
      openSide: () => {
        const path = `${folder}/side.sqlite`;
        const side = openStore(path);
        side.store.write(() => adoptProgramme(side.store, onlyAdded(whole, adoption), sha256));
        return { path, ...side, discard: () => side.close() };
      },
      follow: async (keeper, pools, until) => {
        const port = chainPort(chain.fetch, pools);
        for (let i = 0; i < 5; i++) await converge(keeper, port, signal, until === undefined ? {} : { until });
      },
      stopped: () => false,
      adopt: () => adoptProgramme(store, whole, sha256),
    },
    whole,
  );
  write({ prices: PRICES, ...more });
  return { ...first, whole, settle, signal };
}

describe("a pool that is added after an epoch is final", () => {
  it("counts from the first day of the next one: what is final stays, and calculation goes on", async () => {
    const { ledger, chain, run, whole, signal } = await withPoolAdded();
    const { store } = ledger;
    // What was settled without the pool is read twice again with it.
    const keeper = new Bookkeeper(store, whole, sha256);
    const port = chainPort(chain.fetch, whole);
    for (let i = 0; i < 80; i++) await converge(keeper, port, signal, { settle: { blocksMin: 1, rangesMax: 50 } });
    const final = store.rewards.epoch(1);
    const calculated = await run("rewards", "calculate");
    expect([calculated.code, calculated.err]).toEqual([0, ""]);
    expect(store.rewards.epoch(1)).toEqual(final);
    expect(store.rewards.epochs().map(({ record, state }) => [record.epoch, state])).toEqual([
      [1, "final"],
      [2, "calculated"],
      [3, "calculated"],
    ]);
    expect(store.findings.open()).toEqual([]);
    const boundary = final?.record.end ?? "";
    // The pool's days are there from its beginning, and weigh from the boundary on.
    const days = store.db.prepare("select min(date) from daily_balances where pool_address = ?").pluck().get(POOL);
    expect(String(days) < boundary).toBe(true);
    expect([store.pools.lateOn(daysAfter(boundary as never, -1)), store.pools.lateOn(boundary)]).toEqual([
      new Set([POOL]),
      new Set(),
    ]);
    const valued = store.db
      .prepare(`
        select provider_days.date, provider_days.value = sum(daily_balances.liquidity_amount) as whole
        from provider_days
        join daily_balances using (date, provider_address)
        group by provider_days.date, provider_address
        having count(*) > 1`)
      .all() as { date: string; whole: number }[];
    expect(valued.some(({ date }) => date < boundary) && valued.some(({ date }) => date >= boundary)).toBe(true);
    for (const { date, whole: isWhole } of valued) expect([date, isWhole === 1]).toEqual([date, date >= boundary]);
    store.write(() => rebuild(store, whole, sha256));
    expect([store.pools.lateOn(daysAfter(boundary as never, -1)), store.pools.lateOn(boundary)]).toEqual([
      new Set([POOL]),
      new Set(),
    ]);
    expect((await run("rewards", "calculate")).code).toBe(0);
    const provider = String(
      store.db.prepare("select provider_address from rewards where epoch = 1 limit 1").pluck().get(),
    );
    const explained = await run("rewards", "explain", provider, "--epoch", "1");
    expect(explained.code).toBe(0);
    if (explained.out.includes(POOL)) expect(explained.out).toContain("which does not count on this day");
  });

  it("leaves its own address what it was paid as a provider before, and is none from then on", async () => {
    const tokens = [{ address: VAULT, symbol: "VLT", decimals: 18 }];
    const vault = { protocol: "erc20", address: VAULT, tokens, startBlock: 1 };
    const { ledger, chain, run, whole, signal } = await withPoolAdded({
      pools: [POOLS[0], vault],
      prices: { ...PRICES, [VAULT]: { fixed: "1" } },
    });
    const { store } = ledger;
    const keeper = new Bookkeeper(store, whole, sha256);
    const port = chainPort(chain.fetch, whole);
    for (let i = 0; i < 80; i++) await converge(keeper, port, signal, { settle: { blocksMin: 1, rangesMax: 50 } });
    const final = store.rewards.epoch(1);
    const paid = store.db.prepare("select reward_amount from rewards where epoch = 1 and provider_address = ?");
    expect(BigInt(String(paid.pluck().get(VAULT)))).toBeGreaterThan(0n);
    const calculated = await run("rewards", "calculate");
    expect([calculated.code, calculated.err]).toEqual([0, ""]);
    expect(store.rewards.epoch(1)).toEqual(final);
    expect(store.findings.open()).toEqual([]);
    const days = store.db.prepare("select max(date) from daily_balances where provider_address = ?").pluck().get(VAULT);
    expect(String(days) < (final?.record.end ?? "")).toBe(true);
    store.write(() => rebuild(store, whole, sha256));
    expect((await run("rewards", "calculate")).code).toBe(0);
  });
});
