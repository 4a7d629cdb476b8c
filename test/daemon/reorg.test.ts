import { describe, expect, it } from "vitest";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger } from "../support/ledger.ts";

const CASES = [
  { it: "follows a chain that only grows", ours: "a b c", theirs: "a b c d e f" },
  { it: "unwinds a fork to its root", ours: "a b c d", theirs: "a b x y z" },
  { it: "replaces a single block", ours: "a b c d", theirs: "a b c x" },
  { it: "follows a replacement of equal length", ours: "a b c d e f", theirs: "a b x y z w" },
  { it: "follows a shorter replacement", ours: "a b c d e f g", theirs: "a b x y" },
  { it: "replaces the first block of all", ours: "a b c", theirs: "x y z w" },
  {
    it: "follows a replacement of many empty-looking blocks",
    ours: "a b c d e f g h",
    theirs: "a 1 2 3 4 5 6 7 8 9 10 11 12",
  },
];

describe("a reorg", () => {
  for (const { it: name, ours, theirs } of CASES) {
    it(name, async () => {
      const chain = new FakeChain();
      chain.follow(ours);
      const ledger = new TestLedger(chain.fetch);
      // Every block of a short chain is a tip of ours, as at the head of a live chain.
      for (let i = 1; i <= ours.split(" ").length; i++) {
        chain.follow(ours.split(" ").slice(0, i).join(" "));
        await ledger.step();
      }
      expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
      chain.follow(theirs);
      await ledger.settle();
      const straight = new TestLedger(chain.fetch);
      await straight.settle();
      expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
      expect(openPositions(ledger.store)).toEqual(chain.head.world.openPositions());
      expect(ledger.dump()).toBe(straight.dump());
    });
  }

  it("is recorded with its true common block and depth, however many blocks a look brought", async () => {
    for (const [depth, grown] of [
      [1, 3],
      [5, 9],
      [17, 18],
    ] as const) {
      const chain = new FakeChain();
      chain.grow(3, 2);
      const ledger = new TestLedger(chain.fetch);
      await ledger.settle();
      // Twenty blocks at once, most of them without an event of ours.
      chain.growEmpty(9);
      chain.grow(2, 2);
      chain.growEmpty(9);
      await ledger.settle();
      const common = chain.head.number - depth;
      chain.reorg(common, grown, 5);
      await ledger.settle();
      const recorded = ledger.store.db.prepare("select common_block, depth from reorgs").raw().all();
      expect(recorded).toEqual([[common, depth]]);
      const straight = new TestLedger(chain.fetch);
      await straight.settle();
      expect(ledger.dump()).toBe(straight.dump());
    }
  });
});
