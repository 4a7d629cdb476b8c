import type { Day } from "../core/day.ts";
import type { Address } from "../core/hex.ts";
import { restingOn } from "../core/price.ts";
import type { Programme } from "../core/programme.ts";
import type { Store } from "../store/store.ts";

/** While a pool was in quarantine, what it prices had to do with other sources, or none; what is paid by stays. */
export function forgetQuarantinedPrices(store: Store, programme: Programme, again: ReadonlySet<Address>): void {
  const finalUntil = store.rewards.finalUntil() ?? "";
  for (const { pool, firstDay } of store.quarantines.all()) {
    const tokens = programme.pools.find(({ address }) => address === pool)?.tokens ?? [];
    if (!again.has(pool) || tokens.length === 0) continue;
    const resting = restingOn(programme, new Set(tokens.map(({ address }) => address)));
    store.prices.forgetFrom(firstDay > finalUntil ? firstDay : (finalUntil as Day), resting);
  }
}
