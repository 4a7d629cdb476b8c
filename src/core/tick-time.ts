import type { Window } from "./holdings.ts";
import { inRange, type TickRange } from "./ticks.ts";

export interface TickSpan extends Window {
  readonly tick: number;
}

/** How long a pool's tick stood where, during a day: whole-day questions by binary search, parts of a day by walking. */
export class TickTime {
  readonly #spans: readonly TickSpan[];
  readonly #ticks: readonly number[];
  /** Seconds spent at any of the first i ticks of `#ticks`. */
  readonly #secondsBefore: readonly number[];
  readonly #whole: Window;

  constructor(spans: readonly TickSpan[]) {
    this.#spans = spans;
    this.#whole = { startSec: spans[0]?.startSec ?? 0, endSec: spans.at(-1)?.endSec ?? 0 };
    const secondsAt = new Map<number, number>();
    for (const span of spans) secondsAt.set(span.tick, (secondsAt.get(span.tick) ?? 0) + span.endSec - span.startSec);
    this.#ticks = [...secondsAt.keys()].sort((a, b) => a - b);
    let sum = 0;
    this.#secondsBefore = [0, ...this.#ticks.map((tick) => (sum += secondsAt.get(tick) ?? 0))];
  }

  /** Seconds of the window in which tickLower <= tick < tickUpper. */
  secondsIn(range: TickRange, window: Window): number {
    if (window.startSec <= this.#whole.startSec && window.endSec >= this.#whole.endSec) {
      return this.#secondsBelow(range.tickUpper) - this.#secondsBelow(range.tickLower);
    }
    let seconds = 0;
    for (let i = this.#firstEndingAfter(window.startSec); i < this.#spans.length; i++) {
      const span = this.#spans[i];
      if (span === undefined || span.startSec >= window.endSec) break;
      if (!inRange(range, span.tick)) continue;
      seconds += Math.min(span.endSec, window.endSec) - Math.max(span.startSec, window.startSec);
    }
    return seconds;
  }

  #secondsBelow(tick: number): number {
    const index = firstIndex(this.#ticks.length, (i) => (this.#ticks[i] ?? 0) >= tick);
    return this.#secondsBefore[index] ?? 0;
  }

  #firstEndingAfter(sec: number): number {
    return firstIndex(this.#spans.length, (i) => (this.#spans[i]?.endSec ?? 0) > sec);
  }
}

/** The first index of an ascending sequence for which the predicate holds, or its length. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
