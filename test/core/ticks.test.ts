import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { amountsOf, divFloor } from "../../src/core/amm/amounts.ts";
import { sqrtRatioAtTick, TICK_MAX, TickMap } from "../../src/core/amm/ticks.ts";
import { sharedFile } from "../support/shared.ts";

describe("the price at a tick", () => {
  it.each([
    [0, 2n ** 96n],
    [-TICK_MAX, 4295128739n],
    [TICK_MAX, 1461446703485210103287273052203988822378723970342n],
    [1, 79232123823359799118286999568n],
    [-1, 79224201403219477170569942574n],
    [50, 79426470787362580746886972461n],
    [100, 79625275426524748796330556128n],
  ])("of %i is the contract's", (tick, ratio) => {
    expect(sqrtRatioAtTick(tick)).toBe(ratio);
  });

  it("rises with every tick", () => {
    const tick = fc.integer({ min: -TICK_MAX, max: TICK_MAX - 1 });
    fc.assert(fc.property(tick, (at) => sqrtRatioAtTick(at) < sqrtRatioAtTick(at + 1)));
  });

  it.each([TICK_MAX + 1, -TICK_MAX - 1, 0.5])("of %d does not exist", (tick) => {
    expect(() => sqrtRatioAtTick(tick)).toThrow(/outside/);
  });
});

describe("amounts behind liquidity", () => {
  const range = { tickLower: -600, tickUpper: 600 };
  const at = (tick: number) => ({ tick, sqrtPriceX96: sqrtRatioAtTick(tick) });

  it("are one-sided outside the range and two-sided inside", () => {
    expect(amountsOf(10n ** 18n, range, at(-601), "down")[1]).toBe(0n);
    expect(amountsOf(10n ** 18n, range, at(600), "down")[0]).toBe(0n);
    expect(amountsOf(10n ** 18n, range, at(0), "down").every((amount) => amount > 0n)).toBe(true);
  });

  it("never give back more than was put in, and at most one unit less of each token", () => {
    const liquidity = fc.bigInt({ min: 1n, max: 10n ** 30n });
    fc.assert(
      fc.property(
        liquidity,
        fc.integer({ min: -2000, max: 2000 }),
        fc.integer({ min: -2000, max: 0 }),
        fc.integer({ min: 1, max: 2000 }),
        (l, tick, lower, width) => {
          const some = { tickLower: lower, tickUpper: lower + width };
          const into = amountsOf(l, some, at(tick), "up");
          const out = amountsOf(l, some, at(tick), "down");
          for (const side of [0, 1] as const) {
            expect(into[side] - out[side]).toBeGreaterThanOrEqual(0n);
            expect(into[side] - out[side]).toBeLessThanOrEqual(2n);
          }
        },
      ),
    );
  });

  const csv = sharedFile("v3_amounts.csv");
  it.skipIf(csv === undefined)("equal every one-sided deposit and withdrawal of a real pool", () => {
    const rows = (csv ?? "")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(","));
    expect(rows.length).toBe(2500);
    let dust = 0;
    for (const [event, lower, upper, liquidity, a0, a1] of rows) {
      const some = { tickLower: Number(lower), tickUpper: Number(upper) };
      const rounding = event === "Mint" ? "up" : "down";
      const below = amountsOf(BigInt(liquidity ?? 0), some, at(some.tickLower - 1), rounding);
      const above = amountsOf(BigInt(liquidity ?? 0), some, at(some.tickUpper), rounding);
      const logged = [BigInt(a0 ?? 0), BigInt(a1 ?? 0)];
      const equal = [below, above].some((each) => each[0] === logged[0] && each[1] === logged[1]);
      if (equal) continue;
      // In range, with so little on one side that it rounds to nothing: less than the one-sided amount.
      const side = logged[0] === 0n ? 1 : 0;
      expect((side === 0 ? below : above)[side]).toBeGreaterThanOrEqual(logged[side] ?? 0n);
      dust += 1;
    }
    expect(dust).toBeLessThan(25);
  });
});

describe("the liquidity in range", () => {
  it("is the sum over all positions, wherever the price goes", () => {
    const position = fc.record({
      lower: fc.integer({ min: -50, max: 49 }),
      width: fc.integer({ min: 1, max: 60 }),
      delta: fc.bigInt({ min: 1n, max: 1000n }),
    });
    const step = fc.oneof(position, fc.integer({ min: -60, max: 60 }));
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 50 }), fc.array(step, { maxLength: 60 }), (start, steps) => {
        const map = new TickMap(start);
        const open: { tickLower: number; tickUpper: number; delta: bigint }[] = [];
        let tick = start;
        for (const each of steps) {
          if (typeof each === "number") {
            tick = each;
            map.moveTo(tick);
          } else if (open.length > 3 && each.delta % 3n === 0n) {
            const gone = open.shift();
            if (gone !== undefined) map.change(gone, -gone.delta);
          } else {
            const range = { tickLower: each.lower, tickUpper: each.lower + each.width, delta: each.delta };
            open.push(range);
            map.change(range, each.delta);
          }
          const sum = open
            .filter((one) => one.tickLower <= tick && tick < one.tickUpper)
            .reduce((total, one) => total + one.delta, 0n);
          expect(map.active).toBe(sum);
        }
      }),
    );
  });
});

describe("division", () => {
  it.each([
    [7n, 2n, 3n],
    [-7n, 2n, -4n],
    [-8n, 2n, -4n],
    [0n, 5n, 0n],
  ])("of %d by %d is floored to %d", (a, b, floor) => {
    expect(divFloor(a, b)).toBe(floor);
  });
});
