import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import type { Range } from "../../src/core/chain.ts";
import { daysAfter } from "../../src/core/day.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { commitReplacing } from "../../src/daemon/quarantine.ts";
import { refetchAbove } from "../../src/daemon/refetch.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { chainPort } from "../support/port.ts";
import { PAIR, POOL, worldProgramme } from "../support/world.ts";

const SETTLE = { blocksMin: 1, rangesMax: 50 };
const programmeOf = (more: object = {}) =>
  parseProgramme(worldProgramme({ finality: { fallbackDepth: 12, minDepth: 0 }, ...more }), "the test's programme");
const programme = programmeOf();
const [pair, pool] = worldProgramme()["pools"] as readonly [object, object];

function grown(seed: number): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000 });
  chain.grow(90, seed);
  return chain;
}

const SYNC_OR_MINT = ["0x1c411e9a", "0x7a53080b"];

/** Leaves out, in every answer, a pool's first `Sync` or `Mint` from a block on. @returns its block */
function lied(chain: FakeChain, of: string, from: number): number {
  const isIt = ({ address, topics }: { address: string; topics: readonly unknown[] }): boolean =>
    address === of && SYNC_OR_MINT.includes(String(topics[0]).slice(0, 10));
  const wrong = chain.blocks.find(({ number, logs }) => number >= from && logs.some(isIt));
  if (wrong === undefined) throw new Error(`no block from ${from} on has such a log of ${of}`);
  chain.fault = (method, _params, result) => {
    if (method !== "eth_getLogs") return result;
    const logs = result as { blockNumber: string; address: string; topics: readonly unknown[] }[];
    const first = logs.find((log) => Number(log.blockNumber) === wrong.number && isIt(log));
    return logs.filter((log) => log !== first);
  };
  return wrong.number;
}

async function followed(ledger: TestLedger, more: object = {}, steps = 30): Promise<void> {
  for (let i = 0; i < steps; i++) await ledger.step({ settle: SETTLE, quarantine: true, ...more });
}

/** A repair ends its step, and the next one goes on. */
function repairedBelow(error: unknown): void {
  if (!(error instanceof LpLedgerError) || error.code !== "REPAIRED_BELOW") throw error;
}

/** What a ledger says of some pools. */
function saidOf(store: Store, pools: readonly string[]): unknown {
  const list = JSON.stringify(pools);
  const rows = (sql: string) =>
    store.db.prepare(`${sql} where pool_address in (select value from json_each(?)) order by 1, 2, 3`).raw().all(list);
  return [
    rows("select block_number, log_index, pool_address, event, provider_address, liquidity_delta from lp_events"),
    rows("select pool_address, block_number, tick, liquidity, reserve0, amounts from pool_states"),
    rows("select pool_address, block_number, digest from pool_digests"),
    rows("select date, pool_address, provider_address, token_seconds, liquidity_amount from daily_balances"),
  ];
}

const PRICES = { prices: { [`0x${"0".repeat(38)}b1`]: { fixed: "2" }, [`0x${"0".repeat(38)}b2`]: { fixed: "3" } } };

describe("a pool whose identity does not hold, whoever is asked", () => {
  it.each([PAIR, POOL])("%s is stopped there, and everything else goes on as if nobody followed it", async (bad) => {
    let rowsLeftOut = 0;
    for (const seed of [5, 11, 23]) {
      const chain = grown(seed);
      const wrong = lied(chain, bad, 20);
      const ledger = new TestLedger(chain.fetch, { programme: programmeOf(PRICES) });
      await followed(ledger);
      const { store } = ledger;
      expect(store.blocks.tip()?.number).toBe(90);
      const [quarantine, ...others] = store.quarantines.all();
      expect([quarantine?.pool, others]).toEqual([bad, []]);
      const stop = quarantine?.stop as { readonly blockNumber: number };
      expect(stop.blockNumber).toBeGreaterThanOrEqual(wrong);
      expect(store.findings.open().some((each) => each.pool === bad)).toBe(true);
      const good = bad === PAIR ? [pool] : [pair];
      const alone = new TestLedger(chain.fetch, { programme: programmeOf({ ...PRICES, pools: good }) });
      await followed(alone);
      const others_ = [bad === PAIR ? POOL : PAIR];
      expect(saidOf(store, others_)).toEqual(saidOf(alone.store, others_));
      // Of the bad one nothing counts from then on, and whoever has it has a row that says so.
      const after = store.db
        .prepare("select max(block_number) from lp_events where pool_address = ?")
        .pluck()
        .get(bad) as number;
      expect(after).toBeLessThanOrEqual(stop.blockNumber);
      const left = store.leftOut.between("2026-01-01" as never, "2026-12-31" as never);
      expect(left.every(({ pool: of, reason }) => of === bad && reason === "quarantined")).toBe(true);
      rowsLeftOut += left.length;
      // A rebuild and a look at every byte find what is there.
      store.write(() => rebuild(store, programmeOf(PRICES), sha256));
      expect(problemsOf(store.db, sha256)).toEqual([]);
    }
    expect(rowsLeftOut).toBeGreaterThan(0);
  });

  it("of which nodes were silent until wrong blocks were settled is stopped by the first repair that is right", async () => {
    const chain = grown(7);
    chain.fault = (method, _params, result) =>
      method === "eth_getLogs"
        ? (result as { blockNumber: string; address: string }[]).filter(
            ({ address, blockNumber }) => address !== PAIR || Number(blockNumber) < 50,
          )
        : result;
    const ledger = new TestLedger(chain.fetch, { programme: programmeOf(PRICES) });
    await followed(ledger);
    expect([ledger.store.blocks.tip()?.number, ledger.store.config.get("settled_block")]).toEqual([90, 78]);
    chain.fault = undefined;
    chain.grow(10, 8);
    // What they say from now on is right, and does not fit to what is settled.
    for (let i = 0; i < 30; i++) await ledger.step({ settle: SETTLE, quarantine: true }).catch(repairedBelow);
    const { store } = ledger;
    expect([store.blocks.tip()?.number, store.config.get("settled_block")]).toEqual([100, 88]);
    expect(store.quarantines.all().map((each) => each.pool)).toEqual([PAIR]);
    const alone = new TestLedger(chain.fetch, { programme: programmeOf({ ...PRICES, pools: [pool] }) });
    await followed(alone);
    expect(saidOf(store, [POOL])).toEqual(saidOf(alone.store, [POOL]));
  });

  it("is not stopped by a repair of which another reading shows it elsewhere, or not at all", async () => {
    const chain = grown(7);
    const late = programmeOf({ finality: { fallbackDepth: 50, minDepth: 0 } });
    const ledger = new TestLedger(chain.fetch, { programme: late });
    await followed(ledger);
    const before = ledger.dump();
    const { keeper } = ledger;
    const without = async (from: number): Promise<readonly Range[]> => {
      lied(chain, PAIR, from);
      const read = await refetchAbove(keeper, chainPort(chain.fetch, late), 40, 90, new AbortController().signal);
      chain.fault = undefined;
      return read;
    };
    const [one, other] = [await without(45), await without(70)];
    const redo = (ranges: readonly Range[]) => keeper.redo(40, ranges, []);
    await expect(commitReplacing(keeper, 40, one, async () => other, redo)).rejects.toThrow("does not hold");
    await expect(commitReplacing(keeper, 40, one, undefined, redo)).rejects.toThrow("does not hold");
    expect(ledger.dump()).toBe(before);
    const stopped = await commitReplacing(keeper, 40, one, async () => one, redo);
    expect(stopped.quarantined?.map((each) => each.pool)).toEqual([PAIR]);
  });

  it("is the same in a sweep, in single blocks, after restarts and after a reorg", async () => {
    const chain = grown(11);
    lied(chain, PAIR, 20);
    const dumpOf = ({ store, ...ledger }: TestLedger): unknown => [
      TestLedger.prototype.dump.call({ ...ledger, store }),
      store.quarantines.all().map(({ finding, ...stop }) => ({ ...stop, identity: finding.identity })),
    ];
    const sweep = new TestLedger(chain.fetch, { programme });
    for (let i = 0; i < 5; i++) await sweep.step({ quarantine: true });
    const single = new TestLedger(chain.fetch, { programme, limits: { blocksStart: 1, blocksMax: 1 } });
    for (let until = 1; until <= 90; until++) await single.step({ quarantine: true, until });
    expect(dumpOf(single)).toEqual(dumpOf(sweep));
    const restarted = new TestLedger(chain.fetch, { programme, limits: { blocksStart: 3, blocksMax: 3 } });
    const path = restarted.store.db.name;
    await restarted.step({ quarantine: true, until: 25 });
    restarted.close();
    const again = new TestLedger(chain.fetch, { programme, path });
    for (let i = 0; i < 5; i++) await again.step({ quarantine: true });
    expect(dumpOf(again)).toEqual(dumpOf(sweep));
  });

  it("is out from the day on that does not add up, however that day is closed", async () => {
    const swapOf = (logs: readonly { topics: readonly unknown[]; data: string }[]) =>
      logs.find(({ topics, data }) => String(topics[0]).startsWith("0xc42079f9") && data.startsWith("0x00"));
    let found = 0;
    for (const pauseDays of [2, 100]) {
      const chain = new FakeChain();
      chain.grow(16, 1);
      chain.pauseSec = pauseDays * 86_400;
      chain.grow(5, 12);
      for (const { logs } of chain.blocks) {
        // What came in of token0 by a swap is not what any node says, which shows when its day is closed.
        const swap = swapOf(logs);
        if (swap === undefined) continue;
        const less = swap.data.replace(/^0x.{64}/, `0x${"0".repeat(63)}1`);
        chain.fault = (method, _params, result) =>
          method === "eth_getLogs"
            ? (result as { data: string }[]).map((log) => (log.data === swap.data ? { ...log, data: less } : log))
            : result;
        const sweep = new TestLedger(chain.fetch, { programme });
        await followed(sweep, {}, 4);
        const [quarantine] = sweep.store.quarantines.all();
        if (quarantine === undefined) continue;
        found += 1;
        expect(quarantine).toMatchObject({ pool: POOL, firstDay: "2026-01-01", finding: { identity: "D-1" } });
        const single = new TestLedger(chain.fetch, { programme, limits: { blocksStart: 1, blocksMax: 1 } });
        for (let until = 1; until <= 21; until++) await single.step({ quarantine: true, until });
        expect(single.dump()).toBe(sweep.dump());
        expect(single.store.quarantines.all()).toEqual(sweep.store.quarantines.all());
        sweep.store.write(() => rebuild(sweep.store, programme, sha256));
        expect(single.dump()).toBe(sweep.dump());
        expect(problemsOf(sweep.store.db, sha256)).toEqual([]);
      }
    }
    expect(found).toBeGreaterThan(1);
  });

  it("is whole again by itself where a second reading brings what was missing", async () => {
    const chain = grown(11);
    const straight = new TestLedger(chain.fetch, { programme });
    await followed(straight);
    lied(chain, PAIR, 20);
    const ledger = new TestLedger(chain.fetch, { programme });
    for (let i = 0; i < 3; i++) await ledger.step({ quarantine: true });
    expect(ledger.store.quarantines.all()).toHaveLength(1);
    chain.fault = undefined;
    await followed(ledger);
    expect(ledger.store.quarantines.all()).toEqual([]);
    expect(ledger.dump()).toBe(straight.dump());
    expect(ledger.store.findings.open()).toEqual([]);
  });

  it("stops the ledger where nobody asked for anything else", async () => {
    const chain = grown(11);
    lied(chain, PAIR, 20);
    const ledger = new TestLedger(chain.fetch, { programme });
    await expect(ledger.step({})).rejects.toMatchObject({ code: "IDENTITY_BROKEN" });
    expect(ledger.store.quarantines.all()).toEqual([]);
  });
});

describe("who holds shares of a pool in quarantine", () => {
  const tiers = { minimum: "0.000001", levels: [{ week: 1, multiplierBp: 10_000 }] };
  const rules = {
    ...PRICES,
    finality: { fallbackDepth: 0, minDepth: 0 },
    schedule: { start: "2026-01-01", days: 6 },
    tiers,
    rewards: { tokens: [{ address: addressOf(0xcc), symbol: "R", decimals: 18, budget: "600" }], epochs: { days: 1 } },
  };

  it("has the value of everything else, keeps its streak, and waits for what is paid by that pool alone", async () => {
    const [chain, whole] = [grown(11), programmeOf(rules)];
    let ledger = new TestLedger(chain.fetch, { programme: whole });
    // A `Sync` of which nothing else tells is not missed.
    for (let from = 12; ledger.store.quarantines.all().length === 0; from++) {
      lied(chain, PAIR, from);
      ledger = new TestLedger(chain.fetch, { programme: whole });
      await followed(ledger);
    }
    const { store } = ledger;
    const [quarantine] = store.quarantines.all();
    const first = quarantine?.firstDay ?? "";
    expect([first > "2026-01-01", first < "2026-01-06"]).toEqual([true, true]);
    const alone = new TestLedger(chain.fetch, { programme: programmeOf({ ...rules, pools: [pool] }) });
    await followed(alone);
    const daysOf = ({ store: of }: TestLedger) =>
      of.db
        .prepare(
          "select provider_address as who, date, value, streak_days as streak from provider_days where date >= ? order by 1, 2",
        )
        .all(first) as { who: string; date: string; value: number; streak: number }[];
    const expected = new Map(daysOf(alone).map(({ who, date, value }) => [`${who} ${date}`, value]));
    const streaks = new Map<string, { readonly date: string; readonly streak: number }>();
    for (const { who, date, value, streak } of daysOf(ledger)) {
      // Known, whatever the pool in quarantine may be worth: nobody is left unpaid by a share that somebody sends.
      expect(value).toBe(expected.get(`${who} ${date}`) ?? 0);
      const before = streaks.get(who);
      // A day on which it has nothing anywhere ends a streak, as ever.
      const isNext = before?.date === daysAfter(date as never, -1);
      if (isNext) expect(streak).toBe(value > 0 ? before.streak + 1 : before.streak);
      streaks.set(who, { date, streak });
    }
    expect(streaks.size).toBeGreaterThan(1);
    // Epochs before it are paid; those with it wait, and name it.
    const { rewards } = rewardingOf(whole);
    const codes = rewards.epochs.map((epoch) => waitingFor(store, rewards, epoch)?.code);
    expect(codes).toEqual(rewards.epochs.map((epoch) => (epoch.first < first ? undefined : "EPOCH_QUARANTINED")));
    const told = waitingFor(store, rewards, rewards.epochs.at(-1) as never);
    expect(told?.message).toContain(`waits for pool ${PAIR}, in quarantine since ${first}`);
    expect(told?.hint).toContain(`lp-ledger pool refetch ${PAIR}`);
  });

  it("keeps a streak only by what it may have been worth: dust of a broken pool lends nobody one", async () => {
    const kept = { lent: 0, ended: 0 };
    /**
     * A ledger of a chain that lies about the pair, under a minimum, and what providers had of everything at its last
     * sound day.
     */
    const brokenBy = async (seed: number, minimum: string) => {
      const strict = programmeOf({ ...rules, tiers: { ...tiers, minimum } });
      const chain = grown(seed);
      for (let from = 12; from < 60; from++) {
        lied(chain, PAIR, from);
        const ledger = new TestLedger(chain.fetch, { programme: strict });
        await followed(ledger);
        const first = ledger.store.quarantines.all()[0]?.firstDay;
        const columns = (sql: string, ...values: (string | undefined)[]) =>
          new Map(
            ledger.store.db
              .prepare(sql)
              .raw()
              .all(...values) as [string, number | null][],
          );
        if (first !== undefined) return { columns, first, before: daysAfter(first, -1) };
      }
      throw new Error("nobody misses any of them");
    };
    const VALUES = "select provider_address, value from provider_days where date = ?";
    const STREAKS = "select provider_address, streak_days from provider_days where date = ?";
    for (let seed = 1; seed < 25 && kept.ended === 0; seed++) {
      const easy = await brokenBy(seed, "0.000001");
      // As much as each of them had together on the day before: with less than that, nobody reaches it.
      for (const all of new Set(easy.columns(VALUES, easy.before).values())) {
        const { columns, first, before } = await brokenBy(seed, String(Number(all) / 1_000_000));
        const worths = columns(
          "select provider_address, liquidity_amount from daily_balances where pool_address = ? and date = ?",
          PAIR,
          before,
        );
        // Who still has something of it when it is stopped.
        const holders = columns(
          "select provider_address, 1 from left_out where pool_address = ? and date = ?",
          PAIR,
          first,
        );
        const [values, streaks, had] = [columns(VALUES, first), columns(STREAKS, first), columns(STREAKS, before)];
        for (const [provider, worth] of worths) {
          const [value, streak] = [values.get(provider) ?? 0, had.get(provider) ?? 0];
          if (!values.has(provider) || !holders.has(provider) || value >= Number(all) || streak === 0) continue;
          const isLent = value + (worth ?? 0) >= Number(all);
          kept[isLent ? "lent" : "ended"] += 1;
          expect(streaks.get(provider)).toBe(isLent ? streak : 0);
        }
      }
    }
    expect([kept.lent > 0, kept.ended > 0]).toEqual([true, true]);
  });
});
