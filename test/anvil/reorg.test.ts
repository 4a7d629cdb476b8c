import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { liveChain, verifyLive } from "../support/anvil.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";

const DEPTHS = Array.from({ length: 20 }, (_, i) => i + 1);

const live = liveChain(21, async (life) => {
  await life.prelude();
});

describe("reorgs of a real node", () => {
  it("of depth 1 to 20, to a longer, equal and shorter chain, leave the ledger of the chain that stands", async () => {
    const { anvil, life, fetch, programme } = live();
    const path = join(temporaryFolder(), "ledger.sqlite");
    const ledger = new TestLedger(fetch, { path, programme });
    await ledger.settle();
    for (const longer of [2, 0, -1]) {
      for (const depth of DEPTHS) {
        const snapshot = await anvil.rpc("evm_snapshot", []);
        const at = life.nowSec;
        for (let i = 0; i < depth; i++) {
          await life.randomBlock(90);
          await ledger.step(); // Each block was a tip of ours.
        }
        await anvil.rpc("evm_revert", [snapshot]);
        life.rewind(at);
        for (let i = 0; i < depth + longer; i++) await life.randomBlock(70);
        await ledger.settle();
      }
    }
    await life.randomBlock(60);
    await ledger.settle();
    const straight = new TestLedger(fetch, { programme });
    await straight.settle();
    expect(ledger.dump()).toBe(straight.dump());
    expect((await verifyLive(live(), ledger)).differences).toEqual([]);
    // Of depth 1, the shorter chain is the old one without its last block: nothing differs, so nothing is undone.
    const depths = ledger.store.db
      .prepare("select depth, count(*) as count from reorgs group by depth order by depth")
      .all() as { depth: number; count: number }[];
    expect(depths.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(3 * DEPTHS.length - 3);
    expect(depths.map(({ depth }) => depth)).toEqual(expect.arrayContaining([1, 2, 10, 20]));
  });
});
