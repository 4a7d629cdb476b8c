import fc from "fast-check";
import { expect, it } from "vitest";
import { TickTime } from "../../src/core/tick-time.ts";

// Steps of a price that stays near where it was, so that many spans lie together inside a range, or outside it.
const step = fc.record({ seconds: fc.integer({ min: 1, max: 4 }), move: fc.integer({ min: -2, max: 2 }) });

it("counts the seconds of any range and part of a day as a walk from span to span would", () => {
  const question = fc.tuple(
    fc.integer({ min: -20, max: 20 }),
    fc.integer({ min: 1, max: 20 }),
    fc.nat(1_000),
    fc.nat(1_000),
  );
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 250, size: "max" }),
      fc.array(question, { minLength: 5, maxLength: 20 }),
      (steps, questions) => {
        let [startSec, tick] = [0, 0];
        const spans = steps.map(({ seconds, move }) => {
          const span = { startSec, endSec: startSec + seconds, tick };
          startSec = span.endSec;
          tick += move;
          return span;
        });
        const time = new TickTime(spans);
        for (const [tickLower, width, a, b] of questions) {
          const range = { tickLower, tickUpper: tickLower + width };
          const window = { startSec: Math.min(a, b), endSec: Math.max(a, b) };
          const expected = spans
            .filter((span) => range.tickLower <= span.tick && span.tick < range.tickUpper)
            .map((span) => Math.min(span.endSec, window.endSec) - Math.max(span.startSec, window.startSec))
            .reduce((sum, seconds) => sum + Math.max(0, seconds), 0);
          expect(time.secondsIn(range, window)).toBe(expected);
        }
      },
    ),
    { numRuns: 300 },
  );
});
