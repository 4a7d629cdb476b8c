import fc from "fast-check";
import { type Abi, decodeEventLog, type Hex } from "viem";
import { describe, expect, it } from "vitest";
import pairAbi from "../../abi/uniswap-v2-pair.json" with { type: "json" };
import poolAbi from "../../abi/uniswap-v3-pool.json" with { type: "json" };
import managerAbi from "../../abi/uniswap-v3-position-manager.json" with { type: "json" };
import { managerShapes } from "../../src/core/decode/position-manager.ts";
import { uniswapV2Shapes } from "../../src/core/decode/uniswap-v2.ts";
import { uniswapV3Shapes } from "../../src/core/decode/uniswap-v3.ts";
import { decodeWords, type EventShape, losslessJson } from "../../src/core/decode/words.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";

const WORD = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const EDGES = ["0".repeat(64), "f".repeat(64), `${"0".repeat(63)}1`, `8${"0".repeat(63)}`, `7${"f".repeat(63)}`];
const SMALL = fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((value) => value.toString(16).padStart(64, "0"));
const NEGATIVE = fc
  .integer({ min: -(2 ** 23), max: -1 })
  .map((value) => BigInt.asUintN(256, BigInt(value)).toString(16));
const anyWord = fc.oneof(WORD, SMALL, NEGATIVE, fc.constantFrom(...EDGES));

function logOf(topics: readonly string[], data: string) {
  return {
    address: toAddress(`0x${"ab".repeat(20)}`),
    topics,
    data,
    transactionHash: toHash(`0x${"cd".repeat(32)}`),
    logIndex: 1,
  };
}

/** What viem says of the same log; it accepts words whose unused bytes are dirty, we do not. */
function viemSays(abi: unknown, topics: readonly string[], data: string): Record<string, unknown> {
  const { args } = decodeEventLog({ abi: abi as Abi, topics: topics as [Hex, ...Hex[]], data: data as Hex });
  return args as unknown as Record<string, unknown>;
}

function lowered(value: unknown): string {
  return String(value).toLowerCase();
}

describe("decoding by fixed words", () => {
  const kinds: readonly [string, unknown, ReadonlyMap<string, EventShape>][] = [
    ["pair", pairAbi, uniswapV2Shapes],
    ["pool", poolAbi, uniswapV3Shapes],
    ["manager", managerAbi, managerShapes],
  ];
  for (const [kind, abi, shapes] of kinds) {
    for (const shape of shapes.values()) {
      it(`reads ${kind} ${shape.name} as viem does, or refuses it`, () => {
        const words = (shape.dataLength - 2) / 64;
        fc.assert(
          fc.property(
            fc.array(anyWord, { minLength: shape.topicCount + words, maxLength: shape.topicCount + words }),
            (all) => {
              const topics = [shape.topic0, ...all.slice(1, shape.topicCount).map((word) => `0x${word}`)];
              const data = `0x${all.slice(shape.topicCount).join("")}`;
              let ours: ReturnType<typeof decodeWords>;
              try {
                ours = decodeWords(shape, logOf(topics, data));
              } catch (error) {
                expect((error as { code?: string }).code).toBe("LOG_SHAPE");
                return;
              }
              const theirs = viemSays(abi, topics, data);
              for (const [name, value] of Object.entries(ours)) expect(lowered(value)).toBe(lowered(theirs[name]));
            },
          ),
          { numRuns: 300 },
        );
      });
    }
  }

  it("refuses a log with the right topic and another shape, naming the contract", () => {
    const shape = [...uniswapV2Shapes.values()].find((each) => each.name === "Transfer");
    if (shape === undefined) throw new Error("no Transfer");
    const nft = logOf(
      [shape.topic0, EDGES[0], EDGES[0], EDGES[2]].map((each, i) => (i === 0 ? String(each) : `0x${each}`)),
      "0x",
    );
    expect(() => decodeWords(shape, nft)).toThrow(/abababab.*not its shape/);
  });

  it("keeps integers exact in JSON", () => {
    const big = 2n ** 255n + 1n;
    expect(JSON.parse(JSON.stringify(losslessJson({ big, tick: -5, who: "0xab" })))).toEqual({
      big: big.toString(),
      tick: -5,
      who: "0xab",
    });
  });

  it("knows the published topics", () => {
    expect([...uniswapV2Shapes.keys()]).toContain("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    expect([...uniswapV2Shapes.keys()]).toContain("0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1");
    expect([...uniswapV3Shapes.keys()]).toContain("0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67");
    expect([...managerShapes.keys()]).toContain("0x3067048beee31b25b2f1681f88dac838c8bba36af25bfb2b7cf7473a5847e35f");
  });
});
