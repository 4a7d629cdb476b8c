import fc from "fast-check";
import { expect, it } from "vitest";
import { RatePath, rateOf } from "../../../src/core/valuation/rate-path.ts";

const step = fc.record({
  seconds: fc.integer({ min: 1, max: 5 }),
  numerators: fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 10n ** 30n })),
  supply: fc.bigInt({ min: 1n, max: 10n ** 30n }),
});

it("adds up what a share held, second by second, over any part of a day", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(330), fc.nat(330)), { minLength: 1, maxLength: 10 }),
      (steps, windows) => {
        let startSec = 10;
        const spans = steps.map(({ seconds, numerators, supply }) => {
          const rates = numerators.map((each) => rateOf(each, supply));
          const span = { startSec, endSec: startSec + seconds, rates };
          startSec = span.endSec;
          return span;
        });
        const path = new RatePath(spans, 2);
        for (const [a, b] of [...windows, [0, 1_000] as const]) {
          const window = { startSec: Math.min(a, b), endSec: Math.max(a, b) };
          const sums = [0n, 0n];
          for (const { startSec: from, endSec: to, rates } of spans)
            for (let second = from; second < to; second++)
              if (second >= window.startSec && second < window.endSec)
                rates.forEach((rate, i) => {
                  sums[i] = (sums[i] ?? 0n) + rate;
                });
          expect(path.perUnit(null, window)).toEqual(sums);
        }
      },
    ),
    { numRuns: 300 },
  );
});
