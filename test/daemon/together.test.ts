import { describe, expect, it } from "vitest";
import type { Range } from "../../src/core/chain.ts";
import { toHash } from "../../src/core/hex.ts";
import { batchRanges } from "../../src/daemon/batch-ranges.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { chainPort } from "../support/port.ts";

const GOAL = 180;
const hash = toHash(`0x${"1".repeat(64)}`);
/** Ten blocks from a number on. */
const range = (from: number): Range => ({
  from,
  parentHash: hash,
  end: { number: from + 9, hash, parentHash: hash, timestampSec: from },
  blocks: [],
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The groups' first blocks, and the message of what ended them. */
async function groupsOf(
  begin: (signal: AbortSignal) => AsyncGenerator<Range>,
  { soon = turn, signal = new AbortController().signal } = {},
): Promise<readonly (readonly number[] | string)[]> {
  const groups: (readonly number[] | string)[] = [];
  try {
    for await (const group of batchRanges(begin, GOAL, soon, signal)) groups.push(group.map(({ from }) => from));
  } catch (error) {
    groups.push((error as Error).message);
  }
  return groups;
}

describe("ranges that are committed together", () => {
  it("are those that are there, fourteen at most, in order", async () => {
    async function* ranges() {
      for (let from = 1; from < GOAL; from += 10) yield range(from);
    }
    expect(await groupsOf(ranges)).toEqual([
      [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101, 111, 121, 131],
      [141, 151, 161, 171],
    ]);
  });

  it("are one where none comes soon, and the last one waits for no other", async () => {
    let asked = 0;
    async function* ranges() {
      for (let from = 1; ; from += 10) {
        asked += 1;
        await turn();
        await turn();
        yield range(from);
      }
    }
    const groups: (readonly number[])[] = [];
    for await (const group of batchRanges(ranges, GOAL, async () => {}, new AbortController().signal)) {
      groups.push(group.map(({ from }) => from));
      if (group.at(-1)?.end.number === GOAL) break;
    }
    expect(groups).toEqual(Array.from({ length: 18 }, (_, i) => [1 + 10 * i]));
    expect(asked).toBe(18);
  });

  it("are handed out before an error that came after them is thrown", async () => {
    async function* ranges() {
      yield range(1);
      yield range(11);
      throw new Error("the node is gone");
    }
    expect(await groupsOf(ranges)).toEqual([[1, 11], "the node is gone"]);
  });

  it("are read no further when they are left, however long the next one takes", async () => {
    let left = false;
    async function* ranges(signal: AbortSignal) {
      yield range(1);
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          left = true;
          reject(new Error("left"));
        });
      });
      yield range(11);
    }
    for await (const group of batchRanges(ranges, GOAL, turn, new AbortController().signal)) {
      expect(group).toHaveLength(1);
      break;
    }
    expect(left).toBe(true);
    const stop = new AbortController();
    setImmediate(() => setImmediate(() => stop.abort()));
    expect(await groupsOf(ranges, { signal: stop.signal })).toEqual([[1], "left"]);
  });

  it("are committed as far as they are good, where one of them never is", async () => {
    const chain = new FakeChain();
    chain.grow(40, 3);
    const good = chainPort(chain.fetch, testProgramme(), { blocksStart: 10, blocksMax: 10 });
    async function* ranges(...args: Parameters<typeof good.ranges>) {
      for await (const each of good.ranges(...args)) yield each.from === 31 ? { ...each, parentHash: hash } : each;
    }
    const port = Object.assign(Object.create(good), {
      ranges,
      pollHead: good.pollHead.bind(good),
      blocksAt: good.blocksAt.bind(good),
    });
    const ledger = new TestLedger(chain.fetch, { chain: port });
    const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
    const commits: number[] = [];
    const step = () => ledger.step({ soon, onCommit: ({ tip }) => void commits.push(tip) });
    await expect(step()).rejects.toMatchObject({ code: "CHAIN_MOVED" });
    expect(commits).toEqual([10, 20, 30]);
    await expect(step()).rejects.toMatchObject({ code: "CHAIN_MOVED" });
    expect(ledger.store.blocks.tip()?.number).toBe(30);
  });
});
