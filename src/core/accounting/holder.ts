import type { Address } from "../hex.ts";

/** Who has liquidity: a provider itself, or a user for whom a wrapper holds it, written `user@wrapper`. */
export type Holder = Address | `${Address}@${Address}`;
/** The other end of every posting: a holder, or the pool that issues and redeems. */
export type Side = Holder | "issuance";

/** A user's claim on what a wrapper holds. */
export function claimOf(user: Address, via: Address): Holder {
  return `${user}@${via}`;
}

/** The provider, and the wrapper between it and the pool ("" where there is none). */
export function partsOf(holder: Holder): { readonly provider: Address; readonly via: Address | "" } {
  const at = holder.indexOf("@");
  if (at < 0) return { provider: holder as Address, via: "" };
  return { provider: holder.slice(0, at) as Address, via: holder.slice(at + 1) as Address };
}
