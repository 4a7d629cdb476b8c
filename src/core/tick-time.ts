import type { Window } from "./holdings.ts";
import { inRange, type TickRange } from "./ticks.ts";

export interface TickSpan extends Window {
  readonly tick: number;
}

/** So many spans are looked at together first: most ranges have all of them inside or none. */
const GROUP = 32;

/** How long a pool's tick stood where, during a day: whole-day questions by binary search, parts of a day by walking. */
export class TickTime {
  /** The spans in order, part by part: walking through them is most of what a day costs. */
  readonly #startSecs: Float64Array;
  readonly #endSecs: Float64Array;
  readonly #lengths: Int32Array;
  readonly #spanTicks: Int32Array;
  /** By group of spans: the lowest and the highest tick, and how long they last together. */
  readonly #groups: Int32Array;
  /** Ticks that occur, ascending. */
  readonly #ticks: Int32Array;
  /** Seconds spent at any of the first i ticks of `#ticks`. */
  readonly #secondsBefore: Float64Array;
  readonly #whole: Window;

  constructor(spans: readonly TickSpan[]) {
    this.#startSecs = new Float64Array(spans.length);
    this.#endSecs = new Float64Array(spans.length);
    this.#lengths = new Int32Array(spans.length);
    this.#spanTicks = new Int32Array(spans.length);
    const secondsAt = new Map<number, number>();
    let i = 0;
    for (const { startSec, endSec, tick } of spans) {
      this.#startSecs[i] = startSec;
      this.#endSecs[i] = endSec;
      this.#lengths[i] = endSec - startSec;
      this.#spanTicks[i++] = tick;
      secondsAt.set(tick, (secondsAt.get(tick) ?? 0) + endSec - startSec);
    }
    this.#groups = groupsOf(this.#spanTicks, this.#lengths);
    this.#whole = { startSec: spans[0]?.startSec ?? 0, endSec: spans.at(-1)?.endSec ?? 0 };
    this.#ticks = Int32Array.from(secondsAt.keys()).sort();
    this.#secondsBefore = new Float64Array(this.#ticks.length + 1);
    for (let t = 0; t < this.#ticks.length; t++)
      this.#secondsBefore[t + 1] = (this.#secondsBefore[t] ?? 0) + (secondsAt.get(this.#ticks[t] ?? 0) ?? 0);
  }

  /** Seconds of the window in which tickLower <= tick < tickUpper. */
  secondsIn({ tickLower, tickUpper }: TickRange, { startSec, endSec }: Window): number {
    if (startSec <= this.#whole.startSec && endSec >= this.#whole.endSec)
      return this.#secondsBelow(tickUpper) - this.#secondsBelow(tickLower);
    const [ticks, lengths, groups] = [this.#spanTicks, this.#lengths, this.#groups];
    const first = firstIndex(this.#endSecs, startSec + 1);
    const last = firstIndex(this.#startSecs, endSec) - 1;
    let seconds = 0;
    for (let i = first; i <= last; i++) {
      if (i % GROUP === 0 && i + GROUP <= last) {
        const at = (i / GROUP) * 3;
        const [lowest, highest] = [groups[at] ?? 0, groups[at + 1] ?? 0];
        const within = lowest >= tickLower && highest < tickUpper;
        if (within || highest < tickLower || lowest >= tickUpper) {
          if (within) seconds += groups[at + 2] ?? 0;
          i += GROUP - 1;
          continue;
        }
      }
      const tick = ticks[i] ?? 0;
      if (tick >= tickLower && tick < tickUpper) seconds += lengths[i] ?? 0;
    }
    // Of the outer two only what lies in the window.
    const inside = (i: number): boolean => first <= last && inRange({ tickLower, tickUpper }, ticks[i] ?? 0);
    if (inside(first)) seconds -= Math.max(0, startSec - (this.#startSecs[first] ?? 0));
    if (inside(last)) seconds -= Math.max(0, (this.#endSecs[last] ?? 0) - endSec);
    return seconds;
  }

  #secondsBelow(tick: number): number {
    return this.#secondsBefore[firstIndex(this.#ticks, tick)] ?? 0;
  }
}

function groupsOf(ticks: Int32Array, lengths: Int32Array): Int32Array {
  const groups = new Int32Array(3 * Math.ceil(ticks.length / GROUP));
  for (let at = 0, i = 0; i < ticks.length; at += 3, i += GROUP) {
    let [lowest, highest, seconds] = [ticks[i] ?? 0, ticks[i] ?? 0, 0];
    for (let j = i; j < Math.min(i + GROUP, ticks.length); j++) {
      const tick = ticks[j] ?? 0;
      lowest = Math.min(lowest, tick);
      highest = Math.max(highest, tick);
      seconds += lengths[j] ?? 0;
    }
    groups.set([lowest, highest, seconds], at);
  }
  return groups;
}

/** The first index of an ascending sequence of whole numbers whose value is at least `least`, or its length. */
function firstIndex(values: ArrayLike<number>, least: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) >= least) high = middle;
    else low = middle + 1;
  }
  return low;
}
