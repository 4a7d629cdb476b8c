import type { WorkingSet } from "../core/accounting/working-set.ts";
import { dayEndSec, dayOf, nextDay } from "../core/day.ts";
import type { Store } from "../store/store.ts";
import { closeDay } from "./close-day.ts";
import { daysEnding } from "./cut-by-days.ts";
import type { Followed } from "./followed-pools.ts";

/** Closes days as blocks past their ends come in. What it remembers is forgotten with the working copies. */
export class DayCloser {
  readonly #store: Store;
  readonly #followed: Followed;
  /** Undefined until it is looked up, null before the first pool state. */
  #dayEndSec: number | null | undefined;
  /** The last block of the range ahead of which days were closed. */
  #aheadOf: string | undefined;

  constructor(store: Store, followed: Followed) {
    this.#store = store;
    this.#followed = followed;
  }

  forget(): void {
    this.#dayEndSec = undefined;
    this.#aheadOf = undefined;
  }

  /** A state was stored: it may be the first. */
  sawState(): void {
    if (this.#dayEndSec === null) this.#dayEndSec = undefined;
  }

  /** End of the day that is open; null before the first pool state. */
  openDayEndSec(): number | null {
    this.#dayEndSec ??= this.#findOpenDay();
    return this.#dayEndSec;
  }

  /**
   * Closes every day, or the first `daysMax`, that ends at or before a block's time. The caller holds the transaction.
   */
  closeUpTo(books: WorkingSet, timestampSec: number, blockNumber: number, daysMax = Number.POSITIVE_INFINITY): void {
    let endSec = this.openDayEndSec();
    if (endSec === null || timestampSec < endSec) return;
    this.#store.flush(books);
    for (let days = 0; endSec <= timestampSec && days < daysMax; days++) {
      const day = dayOf(endSec - 1);
      closeDay(this.#store, this.#followed.programme, this.#followed.special, day, blockNumber);
      endSec = dayEndSec(nextDay(day));
      this.#dayEndSec = endSec;
    }
  }

  /** Whether more than so many days end before a block's time. */
  isLongUntil(timestampSec: number, daysMax: number): boolean {
    return daysEnding(this.openDayEndSec() ?? Number.POSITIVE_INFINITY, timestampSec) > daysMax;
  }

  /** Days were closed ahead of this range, which ends with a block of this hash. */
  closedAheadOf(endHash: string): void {
    this.#aheadOf = endHash;
  }

  /** Whether days are closed by a block that is not in yet. */
  isAhead(): boolean {
    const [tip, last] = [this.#store.blocks.tip(), this.#store.days.last()];
    return tip !== undefined && last !== undefined && last.closedBlock > tip.number;
  }

  /** Whether days are closed ahead of another range than this: its block did not come. */
  isAheadOfAnother(endHash: string | undefined): boolean {
    return this.#aheadOf !== endHash && this.isAhead();
  }

  #findOpenDay(): number | null {
    const last = this.#store.days.last();
    if (last !== undefined) return dayEndSec(nextDay(last.date));
    const first = this.#store.states.firstSec();
    return first === undefined ? null : dayEndSec(dayOf(first));
  }
}
