import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { dayEndSec, dayOf } from "../../src/core/day.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger, temporaryFolder, testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { MANAGER, PAIR, POOL } from "../support/world.ts";

const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);

/**
 * For each day, pool and provider: liquidity x seconds, seconds open, seconds in range; from the model's states alone.
 */
function walkDays(chain: FakeChain): ReadonlyMap<string, string> {
  const sums = new Map<string, { liquidity: bigint; open: number; inRange: number | null }>();
  const add = (key: string, seconds: number, liquidity: bigint, open: boolean, inRange: boolean | null): void => {
    const sum = sums.get(key) ?? { liquidity: 0n, open: 0, inRange: inRange === null ? null : 0 };
    sum.liquidity += liquidity * BigInt(seconds);
    sum.open += open ? seconds : 0;
    if (sum.inRange !== null) sum.inRange += inRange ? seconds : 0;
    sums.set(key, sum);
  };
  chain.blocks.forEach((block, i) => {
    const until = chain.blocks[i + 1]?.timestampSec ?? block.timestampSec;
    for (let from = block.timestampSec; from < until; ) {
      const day = dayOf(from);
      const seconds = Math.min(until, dayEndSec(day)) - from;
      for (const [holder, balance] of block.world.shares)
        if (balance > 0n) add(`${day} ${PAIR} ${holder}`, seconds, balance, true, null);
      const held = [...block.world.nfts, ...block.world.direct.values()].filter((each) => each.liquidity > 0n);
      for (const owner of new Set(held.map((each) => each.owner))) {
        const own = held.filter((each) => each.owner === owner);
        const tick = block.world.tick ?? 0;
        const within = own.some((each) => each.tickLower <= tick && tick < each.tickUpper);
        const liquidity = own.reduce((sum, each) => sum + each.liquidity, 0n);
        add(`${day} ${POOL} ${owner}`, seconds, liquidity, true, within);
      }
      from += seconds;
    }
  });
  return new Map([...sums].map(([key, { liquidity, open, inRange }]) => [key, `${liquidity} ${open} ${inRange}`]));
}

describe("a random life of a pair, a pool and its position manager", () => {
  for (const seed of SEEDS) {
    it(`ends with the model's positions, however its blocks were read (seed ${seed})`, async () => {
      const chain = new FakeChain({ secondsPerBlock: 1 + ((seed * 7919) % 20_000) });
      chain.grow(120, seed);
      const sweep = new TestLedger(chain.fetch);
      await sweep.settle();
      expect(openPositions(sweep.store)).toEqual(chain.head.world.openPositions());
      const small = new TestLedger(chain.fetch, { limits: { blocksStart: 1, blocksMax: 1 } });
      await small.settle();
      expect(small.dump()).toBe(sweep.dump());
    });

    it(`is the same after random reorgs and restarts (seed ${seed})`, async () => {
      const random = seeded(seed);
      const chain = new FakeChain({ secondsPerBlock: 5000 });
      const path = join(temporaryFolder(), "ledger.sqlite");
      const programme = testProgramme({ finality: { fallbackDepth: 1000, minDepth: 0 } });
      let ledger = new TestLedger(chain.fetch, { path, programme });
      for (let i = 0; i < 40; i++) {
        const depth = Math.floor(random() * Math.min(20, chain.head.number));
        if (random() < 0.4)
          chain.reorg(
            chain.head.number - depth,
            Math.floor(random() * (depth + 4)) + (depth === 0 ? 1 : 0),
            1000 * seed + i,
          );
        else chain.grow(1 + Math.floor(random() * 6), 1000 * seed + i);
        if (random() < 0.7) await ledger.step();
        if (random() < 0.2) {
          ledger.close();
          ledger = new TestLedger(chain.fetch, { path, programme });
        }
      }
      chain.grow(30, seed);
      await ledger.settle();
      const straight = new TestLedger(chain.fetch, { programme });
      await straight.settle();
      expect(ledger.dump()).toBe(straight.dump());
      expect(openPositions(ledger.store)).toEqual(chain.head.world.openPositions());
    });
  }

  it("has the days that walking through the model's states, second by second, gives", async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const chain = new FakeChain({
        secondsPerBlock: 1 + ((seed * 7919) % 9000),
        startSec: 1_767_225_600 + seed * 1234,
      });
      chain.grow(140, seed);
      const ledger = new TestLedger(chain.fetch);
      await ledger.settle();
      const { store } = ledger;
      const closed = new Set(store.db.prepare("select date from days").pluck().all() as string[]);
      const special = new Set([PAIR, POOL, MANAGER, addressOf(0)]);
      const expected = [...walkDays(chain)].filter(
        ([key]) => closed.has(key.slice(0, 10)) && !special.has(key.split(" ")[2] as `0x${string}`),
      );
      const rows = store.db.prepare("select * from daily_balances").all() as Record<string, unknown>[];
      const actual = rows.map((row) => [
        `${row["date"]} ${row["pool_address"]} ${row["provider_address"]}`,
        `${row["liquidity_seconds"]} ${row["seconds_open"]} ${row["seconds_in_range"]}`,
      ]);
      expect(new Map(actual as [string, string][])).toEqual(new Map(expected));
      expect(closed.size > 3 ? rows.length : 1).toBeGreaterThan(0);
    }
  });

  it("rebuilds to the same state without the node", async () => {
    const chain = new FakeChain({ secondsPerBlock: 9000 });
    chain.grow(150, 77);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const before = ledger.dump();
    const { store, programme } = ledger.keeper;
    store.write(() => rebuild(store, programme, sha256));
    expect(ledger.dump()).toBe(before);
  });
});
