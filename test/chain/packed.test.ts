import { describe, expect, it } from "vitest";
import { compact, logCountOf } from "../../src/chain/logs/range-codec.ts";
import type { Log, Range } from "../../src/core/chain.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";

const hash = (digit: number) => toHash(`0x${String(digit).repeat(64)}`);
const log = (logIndex: number): Log => ({
  address: toAddress(`0x${"a1".repeat(20)}`),
  topics: [hash(1)],
  data: "0x00ff",
  transactionHash: hash(8),
  logIndex,
});
const COUNTS = [0, 1, 0, 0, 3, 2, 0];

function range(): Range {
  const blocks = COUNTS.map((count, number) => ({
    number,
    hash: hash(number),
    parentHash: null,
    timestampSec: number,
    logs: Array.from({ length: count }, (_, i) => log(i)),
  }));
  return {
    from: 0,
    parentHash: hash(9),
    end: { number: 6, hash: hash(6), parentHash: hash(5), timestampSec: 6 },
    blocks,
  };
}

describe("a packed range", () => {
  it("gives each block its own logs, in whatever order they are read, where some have none", () => {
    const packed = compact(range(), ({ number }) => `content ${number}`);
    expect(logCountOf(packed)).toBe(6);
    for (const blocks of [packed.blocks, packed.blocks.toReversed(), packed.blocks])
      for (const { number, logs, content } of blocks) {
        expect(logs.map(({ logIndex, data }) => [logIndex, data])).toEqual(
          Array.from({ length: COUNTS[number] ?? 0 }, (_, i) => [i, "0x00ff"]),
        );
        expect(content).toBe(`content ${number}`);
      }
  });
});
