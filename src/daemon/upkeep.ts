import type { Clock } from "../core/chain.ts";
import {
  checkpointAfter,
  optimizeQueries,
  truncateWal,
  WAL_PAGES,
  WAL_PAGES_BEHIND,
  walBytes,
} from "../store/file/upkeep.ts";
import type { Store } from "../store/store.ts";

const OPTIMIZE_EVERY_MS = 3_600_000;
const WAL_BYTES_MAX = 64 * 2 ** 20;
const WAL_RETRY_MS = 60_000;

export interface UpkeepListener {
  /** The write-ahead log is too large and a reader stands in the way of emptying it. */
  onStuckReader(bytes: number): void;
}

/**
 * What a long-running writer owes its file: fresh statistics for the query planner, and a write-ahead log that stays
 * small.
 */
export class Upkeep {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #told: UpkeepListener;
  #optimizeDueMs: number;
  #walDueMs = 0;

  constructor(store: Store, clock: Clock, told: UpkeepListener) {
    this.#store = store;
    this.#clock = clock;
    this.#told = told;
    this.#optimizeDueMs = clock.nowMs() + OPTIMIZE_EVERY_MS;
    checkpointAfter(store.db, WAL_PAGES_BEHIND);
  }

  /** From here on what is committed is copied into the file sooner. */
  reachedHead(): void {
    checkpointAfter(this.#store.db, WAL_PAGES);
  }

  /** Called after each step, between commits. */
  tick(): void {
    const now = this.#clock.nowMs();
    if (now >= this.#optimizeDueMs) {
      this.#optimizeDueMs = now + OPTIMIZE_EVERY_MS;
      const startedAt = this.#store.nowIso();
      optimizeQueries(this.#store.db);
      const seconds = (this.#clock.nowMs() - now) / 1000;
      this.#store.write(() => this.#store.insertMaintenance({ kind: "optimize", startedAt, seconds, outcome: {} }));
    }
    const bytes = walBytes(this.#store.db);
    if (bytes <= WAL_BYTES_MAX || now < this.#walDueMs) return;
    this.#walDueMs = now + WAL_RETRY_MS;
    if (!truncateWal(this.#store.db)) this.#told.onStuckReader(bytes);
  }
}
