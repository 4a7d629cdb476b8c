import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { sha256 } from "../../src/cli/platform.ts";
import { rebuild } from "../../src/daemon/rebuild.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger, temporaryFolder, testProgramme } from "../support/ledger.ts";

const SEEDS = Array.from({ length: 25 }, (_, i) => i + 1);

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
