import type { Day } from "../core/day.ts";
import { groupBy } from "../core/group.ts";
import type { Address } from "../core/hex.ts";
import { type Programme, specialAddresses } from "../core/programme/programme.ts";
import { dependentTokens, pricesOfDay } from "../core/valuation/price.ts";
import { isShareValued } from "../core/valuation/time-weighted-average.ts";
import { valueOfShare } from "../core/valuation/value.ts";
import type { Store } from "../store/store.ts";
import { Balances } from "./balances.ts";
import { storeTierStatusFrom } from "./tier-status.ts";

/**
 * Values the days that were closed before their prices were known, and those whose prices were revised, with all that
 * rests on them, in one transaction. Every other price and value that a day has stays as it is. @returns the days that
 * changed.
 */
export function revalueDays(store: Store, programme: Programme): readonly Day[] {
  const changed = new Set<Day>();
  for (const [day, revisions] of groupBy(store.revisions.pending(), ({ date }) => date)) {
    if (store.days.closedBlockOf(day) === undefined) continue; // Undone since: it will be closed with the revised price.
    const before = store.prices.ofDay(day);
    const named = new Set(revisions.map(({ token }) => token));
    const resting = dependentTokens(programme, named);
    store.prices.forget(day, resting);
    value(store, programme, day, "all");
    const now = store.prices.ofDay(day);
    for (const revision of revisions) store.revisions.applied(revision, now.get(revision.token));
    const [first] = revisions;
    for (const token of resting)
      if (first !== undefined && !named.has(token) && before.get(token)?.priceE18 !== now.get(token)?.priceE18)
        store.revisions.followed(first, token, before.get(token), now.get(token), store.nowIso());
    changed.add(day);
  }
  for (const day of store.prices.unpricedDays()) if (value(store, programme, day, "unpriced")) changed.add(day);
  const days = [...changed].sort();
  if (days[0] === undefined) return [];
  storeTierStatusFrom(store, programme, days[0]);
  new Balances(store, { programme, special: specialAddresses(programme) }).refresh("all");
  return days;
}

/** Prices what has no price on a closed day, and values its rows anew. @returns whether there was a price to add. */
function value(store: Store, programme: Programme, day: Day, which: "all" | "unpriced"): boolean {
  const pools = new Map(programme.pools.map((pool) => [pool.address, pool]));
  const kept = store.prices.ofDay(day);
  const means = new Map(programme.pools.map((pool) => [pool, store.prices.meansOf(pool, day)]));
  const prices = pricesOfDay(programme, (pool) => means.get(pool), { ...store.prices.knownOn(day), kept });
  const added = new Map([...prices].filter(([token]) => !kept.has(token)));
  if (added.size === 0 && which === "unpriced") return false;
  store.days.insertPrices(day, added, store.nowIso());
  const priceOf = (token: Address): bigint | undefined => prices.get(token)?.priceE18;
  for (const row of store.prices.rowsOf(day, which)) {
    const pool = pools.get(row.pool);
    const known = pool && means.get(pool);
    if (pool === undefined || known === undefined) continue;
    const { value: worth, inRangeValue } = valueOfShare(programme, pool, row, isShareValued(known), priceOf);
    store.prices.setValue(day, row, worth, inRangeValue);
  }
  // What a final epoch was calculated without stays out of it.
  if (day >= (store.rewards.finalUntil() ?? "")) store.leftOut.forget(day);
  return true;
}

/** Looks for prices that were imported or revised while the daemon runs. */
export class DayRevaluation {
  readonly #store: Store;
  readonly #onValued: (days: readonly Day[]) => void;
  #mark: string | undefined;

  constructor(store: Store, onValued: (days: readonly Day[]) => void = () => {}) {
    this.#store = store;
    this.#onValued = onValued;
  }

  /** Called between two steps; the first time it also takes up what came while nothing ran. */
  tick(programme: Programme): void {
    const mark = this.#store.prices.mark();
    if (mark === this.#mark) return;
    const days = this.#store.write(() => revalueDays(this.#store, programme));
    this.#mark = mark;
    if (days.length > 0) this.#onValued(days);
  }
}
