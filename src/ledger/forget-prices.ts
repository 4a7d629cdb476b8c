import type { Day } from "../core/day.ts";
import type { Address } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { dependentTokens } from "../core/valuation/price.ts";
import type { Store } from "../store/store.ts";

/**
 * What the old history of some pools priced, or did not while they were in quarantine, is priced anew by the rebuild
 * that follows; what is paid by stays.
 */
export function forgetPricesOf(store: Store, programme: Programme, pools: ReadonlySet<Address>): void {
  const tokens = programme.pools.filter(({ address }) => pools.has(address)).flatMap((pool) => pool.tokens);
  if (tokens.length === 0) return;
  const finalUntil = store.rewards.finalUntil() ?? "";
  store.prices.forgetFrom(finalUntil as Day, dependentTokens(programme, new Set(tokens.map(({ address }) => address))));
}
