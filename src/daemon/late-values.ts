import type { Day } from "../core/day.ts";
import { pricesOfDay } from "../core/price.ts";
import { type Programme, specialAddresses } from "../core/programme.ts";
import { valueOfDay } from "../core/value.ts";
import type { Store } from "../store/store.ts";
import { Balances } from "./balances.ts";

/**
 * Values the days that were closed before their prices were known, with all that rests on them, in one transaction. The
 * prices and values that a day has already stay as they are. @returns the days that got a value.
 */
export function valueLate(store: Store, programme: Programme): readonly Day[] {
  const pools = new Map(programme.pools.map((pool) => [pool.address, pool]));
  const valued: Day[] = [];
  for (const day of store.prices.unpricedDays()) {
    const kept = store.prices.ofDay(day);
    const means = new Map(programme.pools.map((pool) => [pool, store.prices.meansOf(pool, day)]));
    const prices = pricesOfDay(programme, (pool) => means.get(pool), { ...store.prices.knownOn(day), kept });
    const added = new Map([...prices].filter(([token]) => !kept.has(token)));
    if (added.size === 0) continue;
    store.days.insertPrices(day, added, store.nowIso());
    for (const row of store.prices.unpricedRows(day)) {
      const pool = pools.get(row.pool);
      const known = pool && means.get(pool);
      // Without a known value of its shares that day, a price alone does not tell what they were worth.
      if (pool === undefined || known === undefined || (known.kind === "shares" && known.seconds === 0)) continue;
      const value = valueOfDay(programme, pool, row.tokenSeconds, (token) => prices.get(token)?.priceE18);
      if (value !== null) store.prices.setValue(day, row, value);
    }
    valued.push(day);
  }
  if (valued.length > 0) new Balances(store, { programme, special: specialAddresses(programme) }).refresh("all");
  return valued;
}

/** Looks for prices that were brought in while the daemon runs. */
export class LateValues {
  readonly #store: Store;
  readonly #onValued: (days: readonly Day[]) => void;
  #mark: string | undefined;

  constructor(store: Store, onValued: (days: readonly Day[]) => void = () => {}) {
    this.#store = store;
    this.#onValued = onValued;
  }

  /** Called between two steps; the first time it also takes up what came while nothing ran. */
  tick(programme: Programme): void {
    const late = [...programme.prices.values()].flat().some(({ kind }) => kind === "imported" || kind === "rate");
    const mark = late ? this.#store.prices.mark() : "";
    if (!late || mark === this.#mark) return;
    const days = this.#store.write(() => valueLate(this.#store, programme));
    this.#mark = mark;
    if (days.length > 0) this.#onValued(days);
  }
}
