import type { Day } from "../core/day.ts";
import { pricesOfDay } from "../core/price.ts";
import { type Programme, specialAddresses } from "../core/programme.ts";
import { valueOfAmounts } from "../core/value.ts";
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
    const importedOf = (token: Parameters<typeof store.prices.importedOf>[0]) => store.prices.importedOf(token, day);
    const rateOf = (token: Parameters<typeof store.prices.rateOf>[0]) => store.prices.rateOf(token, day);
    const prices = pricesOfDay(programme, (pool) => store.prices.meansOf(pool, day), { importedOf, rateOf, kept });
    const added = new Map([...prices].filter(([token]) => !kept.has(token)));
    if (added.size === 0) continue;
    store.days.insertPrices(day, added, store.nowIso());
    for (const row of store.prices.unpricedRows(day)) {
      const pool = pools.get(row.pool);
      const means = pool && store.prices.meansOf(pool, day);
      // Without a known value of its shares that day, a price alone does not tell what they were worth.
      if (pool === undefined || means === undefined || (means.kind === "shares" && means.seconds === 0)) continue;
      const amounts = pool.tokens.map((token, i) => ({ token, amount: row.tokenSeconds[i] ?? 0n }));
      const value = valueOfAmounts(amounts, (token) => prices.get(token)?.priceE18, programme.quote.decimals, 86_400n);
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
