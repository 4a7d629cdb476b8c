import { describe, expect, it } from "vitest";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import type { LpLedgerError } from "../../src/core/errors.ts";
import { toHash } from "../../src/core/hex.ts";
import { finalOf, judge } from "../../src/core/reorg-detection.ts";
import { converge } from "../../src/daemon/converge.ts";
import { requireChain } from "../../src/daemon/identity.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger, testProgramme } from "../support/ledger.ts";
import { chainPort } from "../support/port.ts";
import { sharedFile } from "../support/shared.ts";
import { worldProgramme } from "../support/world.ts";

const signal = new AbortController().signal;
const codeOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => "nothing thrown",
    (error: LpLedgerError) => error.code,
  );

/** A ledger that has every block of a chain as a tip of its own. */
async function following(
  chain: FakeChain,
  labels: readonly string[],
  options: ConstructorParameters<typeof TestLedger>[1] = {},
): Promise<TestLedger> {
  const ledger = new TestLedger(chain.fetch, options);
  for (let i = 1; i <= labels.length; i++) {
    chain.follow(labels.slice(0, i).join(" "));
    await ledger.step();
  }
  return ledger;
}

async function expectStraight(ledger: TestLedger, chain: FakeChain): Promise<void> {
  const straight = new TestLedger(chain.fetch, { programme: ledger.keeper.programme });
  await straight.settle();
  expect(ledger.store.blocks.tip()?.hash).toBe(chain.head.hash);
  expect(ledger.dump()).toBe(straight.dump());
  expect(openPositions(ledger.store)).toEqual(chain.head.world.openPositions());
}

/** Steps through a fault of the node, whatever that refuses; once it is over, the ledger is what the chain makes. */
async function expectOver(ledger: TestLedger, chain: FakeChain): Promise<void> {
  for (let i = 0; i < 4; i++) await ledger.step().catch(() => undefined);
  chain.fault = undefined;
  await ledger.settle();
  await expectStraight(ledger, chain);
}

describe("the verdict", () => {
  const block = (number: number, hash: string) => ({
    number,
    hash: toHash(`0x${hash.repeat(64)}`),
    parentHash: toHash(`0x${"0".repeat(64)}`),
    timestampSec: 1,
  });
  const tip = { number: 10, hash: block(10, "a").hash };
  const table = [
    { it: "knows its own tip", head: block(10, "a"), reachable: tip, there: block(10, "a"), verdict: "known" },
    {
      it: "extends when the tip still stands below the head",
      head: block(12, "c"),
      reachable: tip,
      there: block(10, "a"),
      verdict: "extends",
    },
    {
      it: "is a fork when the tip has another hash",
      head: block(12, "c"),
      reachable: tip,
      there: block(10, "b"),
      verdict: "forked",
    },
    {
      it: "is a fork at equal height with another hash",
      head: block(10, "b"),
      reachable: tip,
      there: block(10, "b"),
      verdict: "forked",
    },
    {
      it: "is behind when the node has no block at our tip",
      head: block(12, "c"),
      reachable: tip,
      there: null,
      verdict: "behind",
    },
    {
      it: "is behind when a lower head still carries our block",
      head: block(7, "d"),
      reachable: { number: 6, hash: block(6, "e").hash },
      there: block(6, "e"),
      verdict: "behind",
    },
    {
      it: "is a fork when a lower head carries another block at a height of ours",
      head: block(7, "d"),
      reachable: { number: 7, hash: block(7, "f").hash },
      there: block(7, "d"),
      verdict: "forked",
    },
    {
      it: "is behind when the node is below everything of ours",
      head: block(1, "d"),
      reachable: undefined,
      there: null,
      verdict: "behind",
    },
  ] as const;
  for (const { it: name, verdict, ...sighting } of table)
    it(name, () => expect(judge({ tip, ...sighting })).toBe(verdict));
});

describe("the final block", () => {
  const at = (number: number | null) => (number === null ? null : { number, hash: `${number}` });
  it.each([
    {
      it: "is the node's where it has one",
      previous: null,
      tagged: 90,
      atMinDepth: 98,
      atFallbackDepth: 60,
      final: 90,
    },
    {
      it: "is a depth of our own where the node has none",
      previous: null,
      tagged: null,
      atMinDepth: 98,
      atFallbackDepth: 60,
      final: 60,
    },
    {
      it: "is never nearer to our tip than the depth floor",
      previous: null,
      tagged: 100,
      atMinDepth: 98,
      atFallbackDepth: 60,
      final: 98,
    },
    { it: "never moves back", previous: 95, tagged: 3, atMinDepth: 98, atFallbackDepth: 60, final: null },
    {
      it: "is none where nobody knows a block",
      previous: null,
      tagged: null,
      atMinDepth: null,
      atFallbackDepth: null,
      final: null,
    },
  ])("$it", ({ previous, tagged, atMinDepth, atFallbackDepth, final }) => {
    const sight = { tagged: at(tagged), atMinDepth: at(atMinDepth), atFallbackDepth: at(atFallbackDepth) };
    expect(finalOf(at(previous), sight)).toEqual(at(final));
  });
});

describe("the guard", () => {
  const old = "a b c d e f g h".split(" ");

  it("waits for a node that lags, and undoes nothing", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, old);
    const before = ledger.dump();
    chain.follow("a b c");
    for (let i = 0; i < 3; i++) expect((await ledger.step()).verdict).toBe("behind");
    expect(ledger.dump()).toBe(before);
    chain.follow("a b c d e f g h i");
    expect((await ledger.step()).verdict).toBe("extends");
    await expectStraight(ledger, chain);
  });

  it("waits for a node that goes back to an older head and comes again", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, old);
    for (const labels of ["a b c d e f g", "a b c d e", "a b c d e f g h", "a b c d e f g h i j"]) {
      chain.follow(labels);
      await ledger.step();
      expect(ledger.store.blocks.tip()?.number).toBe(Math.max(8, labels.split(" ").length));
    }
    await expectStraight(ledger, chain);
  });

  it("comes home from a flap between two forks", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, old);
    for (const labels of ["a b x y z w v u t", "a b c d e f g h i", "a b x y", "a b c d e f g h i j k"]) {
      chain.follow(labels);
      await ledger.settle();
    }
    await expectStraight(ledger, chain);
    expect(ledger.store.db.prepare("select count(*) from reorgs").pluck().get()).toBe(4);
  });

  it("stops at a fork below the final block with a code of its own, changes nothing, and goes on only when told", async () => {
    const chain = new FakeChain();
    const programme = testProgramme({ finality: { fallbackDepth: 2, minDepth: 0 } });
    const ledger = await following(chain, old, { programme });
    for (let i = 0; i < 2; i++) await ledger.step();
    expect(ledger.store.config.get("final_block")).toBe(6);
    const before = ledger.dump();
    chain.follow("a b c x y z w v u");
    const error = await ledger.step().catch((each: LpLedgerError) => each);
    expect(error).toMatchObject({ code: "DEEP_REORG", exitCode: 76, facts: { commonBlock: 3, final: 6 } });
    expect(ledger.dump()).toBe(before);
    expect(ledger.store.config.get("halted")).toMatchObject({ code: "DEEP_REORG" });
    expect(await codeOf(ledger.step({ acceptDeepReorg: toHash(chain.head.hash) }))).toBe("DEEP_REORG");
    const first = toHash(chain.blocks[4]?.hash);
    expect((error as LpLedgerError).hint).toContain(first);
    await ledger.step({ acceptDeepReorg: first });
    await expectStraight(ledger, chain);
    expect(ledger.store.config.get("final_hash")).toBe(chain.blocks[6]?.hash);
    for (let i = 0; i < 2; i++) await ledger.step();
    expect(ledger.store.config.get("final_block")).toBe(7);
  });

  it("does not take over the chain that was left by the operator's word for the new one", async () => {
    const chain = new FakeChain();
    const programme = testProgramme({ finality: { fallbackDepth: 2, minDepth: 0 } });
    // Of two nodes behind one URL, one still shows the old chain to whoever asks for logs.
    let torn = false;
    const left = [...new FakeChain().blocks];
    const port = chainPort(async (url, init) => {
      if (!torn || !String(init.body).includes("eth_getLogs")) return await chain.fetch(url, init);
      const now = [...chain.blocks];
      chain.show(left);
      try {
        return await chain.fetch(url, init);
      } finally {
        chain.show(now);
      }
    }, programme);
    const ledger = await following(chain, old, { programme, chain: port });
    for (let i = 0; i < 2; i++) await ledger.step();
    left.splice(0, left.length, ...chain.blocks);
    const before = ledger.dump();
    chain.follow("a b c x y z w v u");
    expect(await codeOf(ledger.step())).toBe("DEEP_REORG");
    torn = true;
    const acceptDeepReorg = toHash(chain.blocks[4]?.hash);
    // What both call final is read in one request, which shows no contradiction.
    expect(await codeOf(ledger.step({ acceptDeepReorg, until: 7 }))).toBe("SETTLE_FORKED");
    expect([ledger.dump(), ledger.store.config.get("final_hash")]).toEqual([before, left[6]?.hash]);
    torn = false;
    await ledger.step({ acceptDeepReorg });
    await expectStraight(ledger, chain);
  });

  it("takes no final block of another chain than its own, however often a look shows it beside its tip", async () => {
    const chain = new FakeChain();
    const programme = testProgramme({ finality: { fallbackDepth: 2, minDepth: 0 } });
    const ledger = await following(chain, old, { programme });
    for (let i = 0; i < 2; i++) await ledger.step();
    expect(ledger.store.config.get("final_block")).toBe(6);
    // One node behind the URL is on another chain from block 5 on, and it is the one that is asked for what is final.
    chain.fault = (method, [tag], result) =>
      method === "eth_getBlockByNumber" && (tag === "finalized" || Number(tag) === 7) && result !== null
        ? { ...(result as object), hash: `0x${"7".repeat(64)}` }
        : result;
    chain.finalized = 7;
    for (let i = 0; i < 5; i++) await ledger.step().catch(() => {});
    expect(ledger.store.config.get("final_block")).toBe(6);
    chain.fault = undefined;
    for (let i = 0; i < 3; i++) await ledger.step();
    expect([ledger.store.config.get("final_block"), ledger.store.config.get("final_hash")]).toEqual([
      7,
      chain.blocks[7]?.hash,
    ]);
  });

  it("reads twice again, on the new chain, what was settled above an accepted deep fork", async () => {
    const chain = new FakeChain();
    const programme = testProgramme({ finality: { fallbackDepth: 2, minDepth: 0 } });
    const ledger = await following(chain, old, { programme });
    const settle = { blocksMin: 1, rangesMax: 5 };
    for (let i = 0; i < 4; i++) await ledger.step({ settle });
    expect(ledger.store.config.get("settled_block")).toBe(6);
    chain.follow("a b c x y z w v u");
    await ledger.step({ acceptDeepReorg: toHash(chain.blocks[4]?.hash) });
    expect(ledger.store.config.get("settled_block")).toBe(3);
    for (let i = 0; i < 4; i++) await ledger.step({ settle });
    expect(ledger.store.config.get("settled_block")).toBe(7);
    await expectStraight(ledger, chain);
  });

  it("refuses ranges that are not what comes next: another parent, a gap, an earlier time", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, ["a b c"]);
    const tip = ledger.store.blocks.tip();
    if (tip === undefined) throw new Error("no tip");
    const [number, hash] = [tip.number + 1, toHash(`0x${"4".repeat(64)}`)];
    const end = { number, hash, parentHash: toHash(tip.hash), timestampSec: tip.timestampSec };
    const range = { from: number, parentHash: toHash(tip.hash), end, blocks: [] };
    const commit = (change: object) =>
      codeOf(Promise.resolve().then(() => ledger.keeper.commitAll([{ ...range, ...change }])));
    expect(await commit({ parentHash: toHash(`0x${"5".repeat(64)}`) })).toBe("CHAIN_MOVED");
    expect(await commit({ from: number + 1 })).toBe("CHAIN_MOVED");
    expect(await commit({ end: { ...end, timestampSec: tip.timestampSec - 1 } })).toBe("TIME_RUNS_BACK");
    // Put together of several answers: a block that is said to be later than the one after it.
    const blocks = [{ ...end, number, timestampSec: end.timestampSec + 2, logs: [] }];
    const last = { ...end, number: number + 1, timestampSec: end.timestampSec + 1 };
    expect(await commit({ blocks, end: last })).toBe("TIME_RUNS_BACK");
    expect(await commit({})).toBe("nothing thrown");
  });

  it("does not take a gap that no stored block fills for a deep fork", async () => {
    const chain = new FakeChain();
    chain.finalized = 0;
    chain.follow("a b");
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    chain.follow("a b c d e f");
    await ledger.settle(); // One sweep: only blocks with events and the end are stored.
    chain.finalized = 4;
    await ledger.step();
    chain.follow("a b c d x y z");
    await ledger.settle();
    await expectStraight(ledger, chain);
  });

  it("notices when the chain moves while a range is read, and keeps nothing of it", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, old);
    chain.follow("a b c d e f g h i j k");
    chain.fault = (method, _params, result) => {
      if (method === "eth_getLogs") chain.follow("a b c d e x y z w v u t");
      return result;
    };
    expect(await codeOf(ledger.step())).toMatch(/LOGS_INCONSISTENT|CHAIN_MOVED/);
    chain.fault = undefined;
    await ledger.settle();
    await expectStraight(ledger, chain);
  });

  it("stops at a chain of which it shares nothing, though nothing is final yet", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, ["a", "b", "c"]);
    const before = ledger.dump();
    const other = new FakeChain({ genesis: "another" });
    other.follow("p q r s t");
    const over = new TestLedger(other.fetch, { programme: ledger.keeper.programme });
    const error = await converge(ledger.keeper, over.chain, signal).catch((each: LpLedgerError) => each);
    expect(error).toMatchObject({
      code: "DEEP_REORG",
      exitCode: 76,
      message: "the node's chain shares no block with ours",
    });
    expect(ledger.dump()).toBe(before);
  });

  it("undoes no more than is not final, however long nothing happened before", async () => {
    const chain = new FakeChain({ secondsPerBlock: 5 });
    chain.grow(12, 41);
    chain.growEmpty(400);
    chain.finalized = 400;
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    await ledger.step();
    chain.growEmpty(3);
    await ledger.step();
    chain.reorg(chain.head.number - 1, 2, 42);
    chain.calls = [];
    await ledger.settle();
    const reorg = ledger.store.db.prepare("select * from reorgs").get() as { common_block: number };
    expect(reorg.common_block).toBeGreaterThanOrEqual(400);
    await expectStraight(ledger, chain);
  });

  it("repairs a ledger that begins at block 0", async () => {
    const pools = (worldProgramme()["pools"] as Record<string, unknown>[]).map((pool) => ({ ...pool, startBlock: 0 }));
    const programme = testProgramme({ pools });
    const chain = new FakeChain();
    chain.follow("a b c");
    chain.fault = (method, [tag], result) => {
      if (method === "eth_getBlockByNumber" && String(tag).includes("-")) throw new Error("invalid block number");
      return result;
    };
    const ledger = new TestLedger(chain.fetch, { programme });
    await ledger.settle();
    ledger.store.db.exec("delete from processed_blocks where event_count = 0 and block_number in (1, 2)");
    chain.follow("x y z w");
    await ledger.settle();
    await expectStraight(ledger, chain);
  });

  it("does not take a node that once told finality, and now does not, for one without", async () => {
    const chain = new FakeChain();
    chain.grow(60, 31);
    chain.finalized = 5;
    const programme = testProgramme({ finality: { fallbackDepth: 10, minDepth: 0 } });
    const ledger = new TestLedger(chain.fetch, { programme });
    await ledger.settle();
    expect(ledger.store.config.get("final_block")).toBe(5);
    chain.finalized = null;
    // What one look sees as final is stored by the next.
    for (let i = 0; i < 3; i++) await ledger.step();
    expect(ledger.store.config.get("final_block")).toBe(5);
    chain.reorg(40, 25, 32);
    await ledger.settle();
    await expectStraight(ledger, chain);
  });

  it("keeps nothing of a batch whose parts were answered before and after a reorg", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const chain = new FakeChain();
      chain.grow(3, seed);
      const ledger = new TestLedger(chain.fetch);
      await ledger.settle();
      chain.grow(6, seed);
      const old = chain.blocks.slice();
      // The logs are still those of the old blocks, the headers already those of the new ones.
      chain.fault = (method, [filter], result) => {
        if (method !== "eth_getLogs" || Object.hasOwn(filter as object, "blockHash") || chain.blocks[5] !== old[5])
          return result;
        chain.reorg(4, 7, seed + 1000);
        return result;
      };
      await expectOver(ledger, chain);
    }
  });

  it("keeps nothing of a batch whose logs, of which there were none, were answered before a reorg that brought some", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const chain = new FakeChain();
      chain.grow(3, seed);
      const ledger = new TestLedger(chain.fetch);
      await ledger.settle();
      chain.growEmpty(6);
      const old = chain.blocks.slice();
      chain.fault = (method, [filter], result) => {
        // Nor does a bloom tell that there is something.
        if (method.startsWith("eth_getBlockBy") && result !== null)
          return { ...(result as object), logsBloom: undefined };
        if (method !== "eth_getLogs" || Object.hasOwn(filter as object, "blockHash") || chain.blocks[5] !== old[5])
          return result;
        chain.reorg(4, 4, seed + 1000);
        chain.growEmpty(1);
        return result;
      };
      await expectOver(ledger, chain);
    }
  });

  it.each([1, 2])(
    "keeps nothing of a batch whose last header was answered before a reorg, and all else after it (%i)",
    async (strike) => {
      for (let seed = 1; seed <= 20; seed++) {
        const chain = new FakeChain();
        chain.grow(3, seed);
        // The parts of a batch are answered from the last to the first; those of a look are not of a range.
        const reversed: Fetch = (url, init) => {
          const calls = JSON.parse(String(init.body)) as { method: string }[];
          const isLook = String(init.body).includes("latest");
          const isReversed = Array.isArray(calls) && !isLook;
          return chain.fetch(url, isReversed ? { ...init, body: JSON.stringify(calls.reverse()) } : init);
        };
        const ledger = new TestLedger(reversed);
        await ledger.settle();
        chain.grow(6, seed);
        // Nothing happens in the new branch's last block.
        let headers = 0;
        chain.fault = (method, [tag], result) => {
          if (method !== "eth_getBlockByNumber" || Number(tag) !== 9) return result;
          headers += 1;
          if (headers !== strike) return result;
          chain.reorg(4, 4, seed + 1000);
          chain.growEmpty(2);
          return result;
        };
        await expectOver(ledger, chain);
        expect(headers).toBeGreaterThan(1);
        // No block was ever committed that is not of the chain.
        expect(ledger.store.db.prepare("select count(*) from reorgs").pluck().get()).toBe(0);
      }
    },
  );

  it("refuses times that run back, from block to block or against our tip", async () => {
    for (const place of ["inner", "first"]) {
      const chain = new FakeChain();
      chain.grow(20, 33);
      const ledger = new TestLedger(chain.fetch);
      await ledger.settle();
      chain.grow(20, 34);
      chain.fault = (method, [filter], result) => {
        if (method !== "eth_getLogs" || Object.hasOwn(filter as object, "blockHash")) return result;
        const logs = result as { blockTimestamp: string; blockNumber: string }[];
        const victim = logs[place === "first" ? 0 : Math.floor(logs.length / 2)]?.blockNumber;
        return logs.map((log) => (log.blockNumber === victim ? { ...log, blockTimestamp: "0x1" } : log));
      };
      chain.finalized = 40; // Final blocks: their headers are not read.
      expect(await codeOf(ledger.step())).toMatch(/LOGS_INCONSISTENT/);
      chain.fault = undefined;
      await ledger.settle();
      await expectStraight(ledger, chain);
    }
  });

  it("names another chain behind the same URL, and a development chain that was reset", async () => {
    const chain = new FakeChain();
    const ledger = await following(chain, old);
    await requireChain(ledger.keeper, ledger.chain, signal);
    await requireChain(ledger.keeper, ledger.chain, signal);
    const reset = new FakeChain({ genesis: "another" });
    const over = new TestLedger(reset.fetch, { programme: ledger.keeper.programme });
    const error = await requireChain(ledger.keeper, over.chain, signal).catch((each: LpLedgerError) => each);
    expect(error).toMatchObject({ code: "WRONG_CHAIN", exitCode: 78 });
    expect((error as LpLedgerError).hint).toMatch(/reset/);
    reset.chainId = 1;
    expect(await codeOf(requireChain(over.keeper, over.chain, signal))).toBe("WRONG_CHAIN");
  });
});

interface ReorgCase {
  readonly name: string;
  readonly edges_parent_child?: readonly (readonly [string, string])[];
  readonly blocks: readonly { readonly ref: string }[];
  readonly expected?: { readonly Depth: number; readonly NumBlocks: number; readonly NumReplacedBlocks: number };
}

/** The branches of a case as label lists from the root, in the order in which a node would follow them. */
function branchesOf(each: ReorgCase): readonly (readonly string[])[] {
  const { edges_parent_child: edges, expected } = each;
  if (edges !== undefined) {
    const parents = new Map(edges.map(([parent, child]) => [child, parent]));
    const children = new Set(edges.map(([parent]) => parent));
    const pathOf = (label: string): string[] => [
      ...(parents.has(label) ? pathOf(parents.get(label) ?? "") : []),
      label,
    ];
    return [...parents.keys()]
      .filter((label) => !children.has(label))
      .map(pathOf)
      .sort((a, b) => a.length - b.length);
  }
  if (expected === undefined) return [["p", "q", "r", "s", "t"]]; // Consecutive blocks, no reorg at all.
  const { Depth: depth, NumReplacedBlocks: replaced } = expected;
  const branch = (name: string, length: number): string[] => ["p", ...Array.from({ length }, (_, i) => `${name}${i}`)];
  const losers = [branch("lost", depth)];
  for (let left = replaced - depth, i = 0; left > 0; left -= depth, i++)
    losers.push(branch(`lost${i}-`, Math.min(depth, left)));
  return [...losers, branch("won", depth + 2)];
}

const cases = JSON.parse(sharedFile("reorg_cases.json") ?? "[]") as readonly ReorgCase[];

describe.skipIf(cases.length === 0)("real reorg topologies", () => {
  it.each(cases)("$name ends on the winning branch", async (each) => {
    const branches = branchesOf(each);
    const chain = new FakeChain();
    const ledger = new TestLedger(chain.fetch);
    for (const [i, branch] of branches.entries()) {
      const from = i === 0 ? 1 : 2; // A fork shows only from its second block on.
      for (let length = from; length <= branch.length; length++) {
        chain.follow(branch.slice(0, length).join(" "));
        await ledger.step();
      }
    }
    await ledger.settle();
    await expectStraight(ledger, chain);
    const reorgs = ledger.store.db.prepare("select count(*) as count, max(depth) as depth from reorgs").get() as {
      count: number;
      depth: number | null;
    };
    if (branches.length === 1) expect(reorgs.count).toBe(0);
    else expect(reorgs.count).toBeGreaterThanOrEqual(branches.length - 1);
    if (each.expected !== undefined) expect(reorgs.depth).toBe(each.expected.Depth);
  });
});
