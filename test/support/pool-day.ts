import type { Pool } from "../../src/core/programme/programme.ts";
import type { Holding, Window } from "../../src/core/valuation/holdings.ts";
import { type BrokenDay, type DayShare, PoolDay } from "../../src/core/valuation/pool-day.ts";
import type { TimedState } from "../../src/core/valuation/time-weighted-average.ts";

/** A whole day of a pool at once. */
export function closePoolDay(
  pool: Pool,
  day: Window,
  states: readonly TimedState[],
  holdings: readonly Holding[],
  inRange = false,
): { readonly means: PoolDay["means"]; readonly shares: readonly DayShare[]; readonly broken: BrokenDay | undefined } {
  const poolDay = new PoolDay(pool, day, states, inRange);
  const shares = [...holdings.map((each) => poolDay.add(each)), poolDay.end()].filter((each) => each !== undefined);
  return { means: poolDay.means, shares, broken: poolDay.audit() };
}
