import fc from "fast-check";
import { sqrtRatioAtTick, TICK_MAX } from "../../src/core/amm/ticks.ts";
import type { Window } from "../../src/core/valuation/holdings.ts";
import type { PriceSpan } from "../../src/core/valuation/price-path.ts";

/**
 * Where a price may stand: inside a tick, on its lower boundary, or on a boundary reached from above, a tick below it.
 */
type Place = "inside" | "on" | "from above";

export function spanAt(startSec: number, seconds: number, at: number, place: Place): PriceSpan {
  const [sqrtPriceX96, above] = [sqrtRatioAtTick(at), sqrtRatioAtTick(Math.min(at + 1, TICK_MAX))];
  const window = { startSec, endSec: startSec + seconds };
  if (place === "from above") return { ...window, tick: at - 1, sqrtPriceX96 };
  return { ...window, tick: at, sqrtPriceX96: place === "on" ? sqrtPriceX96 : (2n * sqrtPriceX96 + above) / 3n };
}

// Steps of a price that stays near where it was, so that many spans lie together inside a range, or outside it.
const step = fc.record({
  seconds: fc.integer({ min: 1, max: 4 }),
  move: fc.integer({ min: -2, max: 2 }),
  place: fc.constantFrom<Place>("inside", "on", "from above"),
});
export const path = (around: number) =>
  fc.array(step, { minLength: 1, maxLength: 400, size: "max" }).map((steps) => {
    let [startSec, tick] = [0, around];
    return steps.map(({ seconds, move, place }) => {
      const span = spanAt(startSec, seconds, tick, place);
      startSec = span.endSec;
      tick = Math.max(-TICK_MAX + 1, Math.min(TICK_MAX - 1, tick + move));
      return span;
    });
  });
export const question = (around: number) =>
  fc
    .tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.nat(1_200), fc.nat(1_200))
    .map(([lower, width, a, b]) => {
      const tickLower = Math.max(-TICK_MAX, Math.min(TICK_MAX - width, around + lower));
      const window: Window = { startSec: Math.min(a, b), endSec: Math.max(a, b) };
      return { range: { tickLower, tickUpper: tickLower + width }, window };
    });
export const AROUND = [0, -TICK_MAX + 5, TICK_MAX - 25, 201_000];
/** Paths of a price near zero, near both ends of the scale, and far out, each with ranges and windows to ask for. */
export const pricePaths = fc
  .constantFrom(...AROUND)
  .chain((around) => fc.tuple(path(around), fc.array(question(around), { minLength: 3, maxLength: 12 })));
