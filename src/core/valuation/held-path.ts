import type { TickRange } from "../amm/ticks.ts";
import type { Window } from "./holdings.ts";

/** Base units x seconds of each of a pool's tokens behind one unit of its liquidity, each scaled by a power of two. */
export type PerUnit = readonly bigint[];

/**
 * What a unit of a pool's liquidity held of each token, second by second through a day. A product of two things that
 * change is integrated, never multiplied out of two means: who comes after a push is not valued by it.
 */
export interface HeldPath {
  /** By token, the power of two by which it is scaled. */
  readonly shifts: readonly bigint[];
  /**
   * The sum over the seconds of a window; `onlyInside`: over those in which the range was in range. Null: shares,
   * without a range.
   */
  perUnit(range: TickRange | null, window: Window, onlyInside?: boolean): PerUnit;
}
