import type { Clock } from "../core/chain.ts";
import { type Counts, countAll } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";

const FRESH_MS = 30_000;
/** So that counting takes at most a hundredth of the time, however large the tables are. */
const COST_FACTOR = 100;

/** Counts of whole tables, taken now and then: everybody who looks at a page would else have them taken again. */
export class Counted {
  readonly #store: Store;
  readonly #clock: Clock;
  #counts: Counts | undefined;
  #freshUntilMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  now(): Counts {
    const startedMs = this.#clock.nowMs();
    if (this.#counts !== undefined && startedMs < this.#freshUntilMs) return this.#counts;
    this.#counts = countAll(this.#store.db);
    const endedMs = this.#clock.nowMs();
    this.#freshUntilMs = endedMs + Math.max(FRESH_MS, COST_FACTOR * (endedMs - startedMs));
    return this.#counts;
  }
}
