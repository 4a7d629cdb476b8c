import fc from "fast-check";
import { expect, it } from "vitest";
import { inRange, type TickRange } from "../../../src/core/amm/ticks.ts";
import type { Stretch } from "../../../src/core/valuation/holdings.ts";
import { PricePath } from "../../../src/core/valuation/price-path.ts";
import { TicksTotal } from "../../../src/core/valuation/ticks-total.ts";
import { pricePaths } from "../../support/price-paths.ts";

it("is the sum of what each position held, to the last bit", () => {
  const balances = fc.array(fc.bigInt({ min: 1n, max: 1n << 100n }), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(pricePaths, balances, ([spans, questions], liquidity) => {
      const prices = new PricePath(spans);
      const [startSec, endSec] = [spans[0]?.startSec ?? 0, spans.at(-1)?.endSec ?? 0];
      const total = new TicksTotal({ startSec, endSec });
      const sums = [0n, 0n];
      const held: { readonly range: TickRange; readonly stretch: Stretch }[] = [];
      questions.forEach(({ range, window }, i) => {
        const stretch = {
          startSec: window.startSec,
          endSec: Math.min(window.endSec, endSec),
          balance: liquidity[i] ?? 1n,
        };
        if (stretch.startSec >= stretch.endSec) return;
        total.add(range, [stretch]);
        held.push({ range, stretch });
        prices.perUnit(range, stretch).forEach((each, t) => {
          sums[t] = (sums[t] ?? 0n) + each * stretch.balance;
        });
      });
      // What the pool says is active changes with each change of liquidity, too.
      const cuts = held.flatMap(({ stretch }) => [stretch.startSec, stretch.endSec]);
      const told = spans.flatMap((span) => {
        const times = [...new Set([span.startSec, ...cuts, span.endSec])]
          .filter((each) => each >= span.startSec && each <= span.endSec)
          .sort((a, b) => a - b);
        return times.slice(1).map((endSec, i) => {
          const startSec = times[i] ?? 0;
          const active = held.filter(
            ({ range, stretch }) =>
              inRange(range, span.tick) && stretch.startSec <= startSec && stretch.endSec > startSec,
          );
          return {
            ...span,
            startSec,
            endSec,
            liquidity: active.reduce((sum, { stretch }) => sum + stretch.balance, 0n),
          };
        });
      });
      expect(total.over(told)).toEqual(sums);
      const [first, ...others] = told;
      if (first !== undefined)
        expect(total.over([{ ...first, liquidity: first.liquidity + 1n }, ...others])).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});
