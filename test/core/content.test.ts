import { describe, expect, it } from "vitest";
import { LogMemory, PackedLog } from "../../src/chain/logs/packed-log.ts";
import { logsDigest } from "../../src/core/accounting/logs-digest.ts";
import type { Log } from "../../src/core/chain.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";
import { WORD_BYTES } from "../../src/core/word.ts";
import { sha256 } from "../../src/runtime/platform.ts";

const word = (digit: string): string => `0x${digit.repeat(64)}`;
const LOGS: readonly Log[] = [
  {
    address: toAddress(`0x${"a1".repeat(20)}`),
    topics: [word("1"), word("2"), word("3")],
    data: "0x00ff",
    transactionHash: toHash(word("8")),
    logIndex: 3,
  },
  {
    address: toAddress(`0x${"b2".repeat(20)}`),
    topics: [],
    data: "0x",
    transactionHash: toHash(word("8")),
    logIndex: 4,
  },
  {
    address: toAddress(`0x${"a1".repeat(20)}`),
    topics: [word("1")],
    data: word("7"),
    transactionHash: toHash(word("9")),
    logIndex: 6,
  },
];

const at = (logs: readonly Log[], timestampSec = 1_767_225_600) => ({ timestampSec, logs });

/** The same logs in one memory, with so many bytes between them. */
function packed(logs: readonly Log[], between: number): readonly PackedLog[] {
  const memory = new LogMemory(Buffer.alloc(2_000, 0xee));
  const made: PackedLog[] = [];
  let at = 0;
  for (const { address, topics, data, transactionHash, logIndex } of logs) {
    const text = [transactionHash, ...topics.slice(1), data].map((part) => part.slice(2)).join("");
    const start = at + WORD_BYTES;
    at += memory.buffer.write(text, at, "hex");
    made.push(new PackedLog(memory, start, at, address, topics[0], topics.length, logIndex, made.at(-1)));
    at += between;
  }
  return made;
}

describe("what a block's logs amount to", () => {
  it("is the same however they were read: as text, as bytes in one stretch or apart", () => {
    const content = logsDigest(sha256, at(LOGS));
    expect(content).toMatch(/^[0-9a-f]{32}$/);
    expect(logsDigest(sha256, at(packed(LOGS, 0)))).toBe(content);
    expect(logsDigest(sha256, at(packed(LOGS, 5)))).toBe(content);
  });

  it("is another one where anything differs, be it only where a topic ends and the data begins", () => {
    const [first, ...rest] = LOGS as [Log, ...Log[]];
    const others: readonly (readonly Log[])[] = [
      [{ ...first, logIndex: 2 }, ...rest],
      [{ ...first, address: toAddress(`0x${"a2".repeat(20)}`) }, ...rest],
      [{ ...first, transactionHash: toHash(word("9")) }, ...rest],
      [{ ...first, topics: [word("4"), word("2"), word("3")] }, ...rest],
      [{ ...first, topics: [word("1"), word("3"), word("2")] }, ...rest],
      [{ ...first, topics: [word("1"), word("2")], data: `${word("3")}00ff` }, ...rest],
      [{ ...first, data: "0x01ff" }, ...rest],
      [{ ...first, data: "0x00" }, ...rest],
      [{ ...first, topics: [word("1"), "0x2"] }, ...rest],
      [{ ...first, topics: [word("1"), "0x3"] }, ...rest],
      rest,
      LOGS.toReversed(),
      [],
    ];
    const all = [LOGS, ...others].map((logs) => logsDigest(sha256, at(logs)));
    all.push(logsDigest(sha256, at(LOGS, 1_767_225_601)), logsDigest(sha256, at([], 1_767_225_601)));
    expect(new Set(all).size).toBe(all.length);
  });
});
