import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LogsDigest } from "../../src/store/contents.ts";
import { openStore, temporaryFolder } from "../support/ledger.ts";

const content = (blockNumber: number): LogsDigest => ({
  blockNumber,
  blockHash: `0x${String(blockNumber).padStart(64, "a")}`,
  logCount: blockNumber * 60_000,
  hash: String(blockNumber).padStart(32, "b"),
});

function filled() {
  const { contents } = openStore(join(temporaryFolder(), "ledger.sqlite")).store;
  for (const numbers of [[10, 12, 15], [], [20], [25, 70_000]]) contents.insert(numbers.map(content));
  return contents;
}

describe("what first readings brought", () => {
  it.each([
    [0, 80_000, [10, 12, 15, 20, 25, 70_000]],
    [11, 20, [12, 15, 20]],
    [16, 19, []],
    [12, 12, [12]],
    [26, 69_999, []],
    [30, 80_000, [70_000]],
  ])("is found again from block %i to %i, block by block", (from, to, found) => {
    expect(filled().between(from, to)).toEqual(found.map(content));
  });

  it.each([
    [9, []],
    [12, [10, 12]],
    [15, [10, 12, 15]],
    [18, [10, 12, 15]],
    [20, [10, 12, 15, 20]],
    [69_999, [10, 12, 15, 20, 25]],
  ])("goes with what is undone above block %i, and no further", (block, left) => {
    const contents = filled();
    contents.forgetAbove(block);
    expect(contents.between(0, 80_000)).toEqual(left.map(content));
    contents.insert([content(block + 1)]);
    expect(contents.between(block + 1, 80_000)).toEqual([content(block + 1)]);
  });

  it.each([
    [9, [10, 12, 15, 20, 25, 70_000]],
    [12, [15, 20, 25, 70_000]],
    [15, [20, 25, 70_000]],
    [24, [25, 70_000]],
    [25, [70_000]],
    [70_000, []],
  ])("is forgotten up to block %i once that is settled, and no further", (block, left) => {
    const contents = filled();
    contents.forgetUpTo(block);
    expect(contents.between(0, 80_000)).toEqual(left.map(content));
  });
});
