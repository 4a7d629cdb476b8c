import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inRange, sqrtRatioAtTick, TICK_MAX, type TickRange } from "../../src/core/amm/ticks.ts";
import { pancakeV3Shapes, uniswapV3Shapes } from "../../src/core/decode/uniswap-v3.ts";
import { swapAlone } from "../../src/core/decode/v3-swap.ts";
import { decodeWords } from "../../src/core/decode/words.ts";
import { findingOf } from "../../src/core/errors.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";
import { Int256Sum } from "../../src/core/int256-sum.ts";
import { bytesOf } from "../../src/core/log-bytes.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { testProgramme } from "../support/ledger.ts";
import { POOL } from "../support/world.ts";

const wordOf = (value: bigint): string => BigInt.asUintN(256, value).toString(16).padStart(64, "0");
const viewOf = (words: string): DataView => new DataView(new Uint8Array(Buffer.from(words, "hex")).buffer);

/** Numbers of every length and both signs; the edges of 32, 64, 128 and 256 bits are met often. */
const anyNumber = fc
  .tuple(fc.nat(255), fc.bigInt({ min: -3n, max: 3n }), fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 255n - 1n }))
  .map(([bits, near, isEdge, any]) => BigInt.asIntN(256, isEdge ? (1n << BigInt(bits)) + near : any >> BigInt(bits)));
const anySigned = fc.tuple(anyNumber, fc.boolean()).map(([value, minus]) => BigInt.asIntN(256, minus ? -value : value));

describe("a tally", () => {
  it("is the sum of all words, and knows after each whether that is below zero", () => {
    const steps = fc.array(fc.tuple(anySigned, fc.constantFrom("any", "back", "below", "near"), fc.boolean()), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(anyNumber, steps, (first, all) => {
        let sum = first;
        const tally = new Int256Sum(first);
        for (const [any, kind, isAsked] of all) {
          // Back to zero, just below it, or a small step beside a large sum.
          const next = { any, back: -sum, below: -sum - 1n, near: any >> 200n }[kind];
          if (BigInt.asIntN(256, next) !== next) continue;
          tally.addWord(viewOf(`${"ab".repeat(5)}${wordOf(next)}`), 5);
          sum += next;
          expect(tally.isCovered).toBe(sum >= 0n);
          if (isAsked) expect(tally.value).toBe(sum);
        }
        expect(tally.value).toBe(sum);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps every unit through more words than doubles hold", () => {
    const tally = new Int256Sum(0n);
    const [up, down] = [viewOf(wordOf(2n ** 127n - 1n)), viewOf(wordOf(1n - 2n ** 127n))];
    const count = 2 ** 21 + 10;
    for (let i = 0; i < count; i++) tally.addWord(up, 0);
    expect(tally.value).toBe((2n ** 127n - 1n) * BigInt(count));
    for (let i = 0; i < count; i++) tally.addWord(down, 0);
    expect(tally.isCovered).toBe(true);
    tally.addWord(viewOf(wordOf(-1n)), 0);
    expect(tally.isCovered).toBe(false);
    expect(tally.value).toBe(-1n);
  });
});

const RANGES: readonly (readonly [TickRange, bigint])[] = [
  [{ tickLower: -600, tickUpper: 600 }, 10n ** 18n],
  [{ tickLower: -TICK_MAX, tickUpper: TICK_MAX }, 2n ** 64n - 1n],
  [{ tickLower: 0, tickUpper: 60 }, 7n],
  [{ tickLower: -120, tickUpper: 0 }, 2n ** 100n],
];
const activeAt = (tick: number): bigint =>
  RANGES.reduce((sum, [range, amount]) => sum + (inRange(range, tick) ? amount : 0n), 0n);

for (const [kind, shapes, feeWords] of [
  ["Uniswap V3", uniswapV3Shapes, 0],
  ["PancakeSwap V3", pancakeV3Shapes, 2],
] as const) {
  describe(`a swap of ${kind}`, () => {
    const shape = [...shapes.values()].find(({ name }) => name === "Swap");
    if (shape === undefined) throw new Error("no Swap");
    const apply = swapAlone(feeWords);
    const pool = testProgramme().pools.find(({ address }) => address === POOL);
    if (pool === undefined) throw new Error("no pool");
    const logOf = (words: readonly string[], topics = 3, cut = 0) => ({
      address: toAddress(POOL),
      topics: [shape.topic0, ...words.slice(0, topics - 1).map((each) => `0x${each}`)],
      data: `0x${words
        .slice(topics - 1)
        .join("")
        .slice(cut)}`,
      transactionHash: toHash(`0x${"cd".repeat(32)}`),
      logIndex: 1,
    });
    const place = { blockNumber: 1, timestampSec: 1 };
    const begun = (amounts: readonly [bigint, bigint]) => {
      const books = emptyBooks();
      const book = books.ticks(pool);
      book.price = { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 };
      book.amounts = amounts;
      for (const [range, amount] of RANGES) book.ticks.change(range, amount);
      return { books, book };
    };
    const party = wordOf(0xabn);

    it("moves the pool as its numbers say, or breaks the identity that they break", () => {
      const tick = fc.oneof(fc.integer({ min: -700, max: 700 }), fc.integer({ min: -TICK_MAX, max: TICK_MAX - 1 }));
      // Where in its tick a price lies: at its ends and a unit beside them, or in millionths.
      const within = fc.oneof(
        fc.constantFrom("begin", "before", "after", "end", "beyond"),
        fc.integer({ min: 1, max: 999_999 }),
      );
      const amount = fc.constantFrom("any", "all", "more", "some");
      const step = fc.record({
        tick,
        within,
        any: fc.tuple(anySigned, anySigned),
        amounts: fc.tuple(amount, amount),
        off: fc.oneof(
          { weight: 9, arbitrary: fc.constant(0n) },
          { weight: 1, arbitrary: fc.constantFrom(1n, -1n, 2n ** 64n, 2n ** 32n) },
        ),
      });
      const seen: Record<string, number> = {};
      fc.assert(
        fc.property(fc.tuple(anyNumber, anyNumber), fc.array(step, { maxLength: 20 }), (begin, steps) => {
          let held = begin.map((each) => (each < 0n ? -each : each));
          const { books, book } = begun([held[0] ?? 0n, held[1] ?? 0n]);
          for (const each of steps) {
            const lower = sqrtRatioAtTick(each.tick);
            const upper = sqrtRatioAtTick(each.tick + 1);
            const at = { begin: lower, before: lower - 1n, after: lower + 1n, end: upper, beyond: upper + 1n };
            const sqrtPriceX96 =
              typeof each.within === "string"
                ? at[each.within]
                : lower + ((upper - lower) * BigInt(each.within)) / 1_000_000n;
            const amounts = each.amounts.map((name, i) => {
              const now = held[i] ?? 0n;
              return { any: each.any[i] ?? 0n, all: -now, more: -now - 1n, some: -now / 3n }[name];
            });
            if (amounts.some((value) => BigInt.asIntN(256, value) !== value)) return;
            const liquidity = BigInt.asUintN(128, activeAt(each.tick) + each.off);
            const words = [...amounts, sqrtPriceX96, liquidity, BigInt(each.tick)].map(wordOf);
            const fees = Array.from({ length: feeWords }, () => wordOf(5n));
            const log = logOf([party, party, ...words, ...fees]);
            held = held.map((value, i) => value + (amounts[i] ?? 0n));
            let broken: string | undefined;
            if (held.some((value) => value < 0n)) broken = "V3-8";
            else if (sqrtPriceX96 < lower || upper < sqrtPriceX96) broken = "V3-4";
            else if (liquidity !== activeAt(each.tick)) broken = "V3-1";
            seen[broken ?? "none"] = (seen[broken ?? "none"] ?? 0) + 1;
            if (broken !== undefined) {
              let finding: ReturnType<typeof findingOf>;
              try {
                apply(books, pool, log, place);
              } catch (error) {
                finding = findingOf(error);
              }
              expect(finding?.identity).toBe(broken);
              if (broken === "V3-8") expect(finding?.actual).toBe(held.join(" and "));
              if (broken === "V3-1") expect(finding?.expected).toBe(`${liquidity}`);
              return;
            }
            expect(apply(books, pool, log, place)).toBe(true);
            if (each.amounts[0] === "some") continue; // The next one comes before anybody asks.
            expect(book.price).toEqual({ sqrtPriceX96, tick: each.tick });
            expect(book.amounts).toEqual(held);
            expect(book.ticks.active).toBe(liquidity);
          }
        }),
        { numRuns: 1000 },
      );
      for (const each of ["none", "V3-8", "V3-4", "V3-1"]) expect(seen[each]).toBeGreaterThan(20);
    });

    it("is read where its shape is as the ABI has it, and nowhere else", () => {
      const count = shape.topicCount - 1 + (shape.dataLength - 2) / 64;
      // A field that does not fit is met alone: the rest is a swap in which every identity holds.
      const fitting = [0xabn, 0xabn, 1n, 1n, sqrtRatioAtTick(0), activeAt(0), 0n, 5n, 5n].slice(0, count).map(wordOf);
      const dirty = fc.tuple(fc.nat(count - 1), fc.nat(31), fc.integer({ min: 1, max: 255 }));
      const length = fc.constantFrom(2, 3, 3, 3, 3, 3, 4);
      const cut = fc.constantFrom(0, 0, 0, 0, 0, 2, 64);
      let read = 0;
      fc.assert(
        fc.property(fc.option(dirty), length, cut, (change, topics, missing) => {
          const words = [...fitting];
          if (change !== null) {
            const bytes = Buffer.from(words[change[0]] ?? "", "hex");
            bytes[change[1]] = change[2];
            words[change[0]] = bytes.toString("hex");
          }
          const log = logOf(words, topics, missing);
          let isShaped = true;
          let values: ReturnType<typeof decodeWords> = {};
          try {
            values = decodeWords(shape, log);
          } catch (error) {
            expect((error as { code?: string }).code).toBe("LOG_SHAPE");
            isShaped = false;
          }
          const { books, book } = begun([10n, 10n]);
          let outcome: boolean;
          try {
            outcome = apply(books, pool, log, place);
            if (outcome) {
              expect(book.price).toEqual({ sqrtPriceX96: values["sqrtPriceX96"], tick: values["tick"] });
              expect(book.amounts).toEqual([
                10n + BigInt(`${values["amount0"]}`),
                10n + BigInt(`${values["amount1"]}`),
              ]);
              expect(book.ticks.active).toBe(values["liquidity"]);
            }
          } catch (error) {
            expect(["IDENTITY_BROKEN", "TICK_RANGE"]).toContain((error as { code?: string }).code);
            outcome = true;
          }
          expect(outcome).toBe(isShaped);
          if (!isShaped) expect(book.amounts).toEqual([10n, 10n]);
          read += isShaped ? 1 : 0;
        }),
        { numRuns: 2000 },
      );
      expect(read).toBeGreaterThan(300);
      expect(read).toBeLessThan(1900);
    });

    const wordsOf = (amount1: bigint, sqrtPriceX96: bigint, tick: number) =>
      [1n, amount1, sqrtPriceX96, activeAt(tick), BigInt(tick), 5n, 5n].slice(0, 5 + feeWords).map(wordOf);

    it("lies at a tick that exists", () => {
      const { books } = begun([10n, 10n]);
      const price = (sqrtRatioAtTick(TICK_MAX) * 100_001n) / 100_000n;
      const log = logOf([party, party, ...wordsOf(1n, price, TICK_MAX)]);
      expect(() => apply(books, pool, log, place)).toThrow(expect.objectContaining({ code: "TICK_RANGE" }));
    });

    it("adds nothing up where amounts are not kept", () => {
      const { books, book } = begun([10n, 10n]);
      book.amounts = null;
      expect(apply(books, pool, logOf([party, party, ...wordsOf(-100n, sqrtRatioAtTick(5), 5)]), place)).toBe(true);
      expect(book.amounts).toBe(null);
      expect(book.price?.tick).toBe(5);
    });

    it("is kept when the memory of its log holds something else", () => {
      const { books, book } = begun([10n, 10n]);
      const log = logOf([party, party, ...wordsOf(1n, sqrtRatioAtTick(5), 5)]);
      const bytes = bytesOf(log);
      if (bytes === undefined) throw new Error("no bytes");
      expect(apply(books, pool, { ...log, bytes }, place)).toBe(true);
      for (let i = 0; i < bytes.view.byteLength; i++) bytes.view.setUint8(i, 255);
      expect(book.price).toEqual({ sqrtPriceX96: sqrtRatioAtTick(5), tick: 5 });
      expect(book.amounts).toEqual([11n, 11n]);
      expect(book.ticks.active).toBe(activeAt(5));
    });

    it("is not read before the pool's first price", () => {
      const log = logOf([party, party, ...wordsOf(1n, sqrtRatioAtTick(0), 0)]);
      expect(apply(emptyBooks(), pool, log, place)).toBe(false);
    });
  });
}
