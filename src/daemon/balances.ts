import type { StoredAccount } from "../core/books.ts";
import { dayEndSec, isoOf } from "../core/day.ts";
import { invariant } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { PoolState } from "../core/pool-state.ts";
import { creditedBy, type Programme } from "../core/programme.ts";
import type { Standing } from "../core/tiers.ts";
import { VALUE_MAX, valueOfAccounts } from "../core/value.ts";
import type { Store } from "../store/store.ts";
import { standingNow } from "./tiers.ts";

/** In a programme without tiers everyone is in tier 1, whose multiplier is 1. */
const NO_TIERS: Standing = { streakDays: null, tier: 1, multiplierBp: 10_000 };

/**
 * Rewrites `provider_balances` for some providers, or for all: current balances at newest known prices, and the pools'
 * states at the provider's last change or the newest day's close, whichever came later. So a row depends on the chain
 * alone, not on how blocks were batched.
 */
export class Balances {
  readonly #store: Store;
  readonly #followed: { readonly programme: Programme; readonly special: ReadonlySet<Address> };
  readonly #isCredited: ReturnType<typeof creditedBy>;

  constructor(store: Store, followed: { readonly programme: Programme; readonly special: ReadonlySet<Address> }) {
    this.#store = store;
    this.#followed = followed;
    this.#isCredited = creditedBy(followed.programme);
  }

  /** Adds to the providers whose balances changed, with the block of the change, what one posting's account tells. */
  note(changed: Map<Address, number>, { kind, provider, pool, via, updatedBlock }: StoredAccount): void {
    if (kind === "holder" && this.#isCredited(pool, via)) changed.set(provider, updatedBlock);
  }

  /**
   * The caller holds the transaction, with the books written back. Of providers that it gives a block for, that is the one
   * of their last change.
   */
  refresh(providers: Iterable<Address> | ReadonlyMap<Address, number> | "all"): void {
    const last = this.#store.days.last();
    const close = last && { block: last.closedBlock, endSec: dayEndSec(last.date) };
    const prices = new Map<Address, bigint | undefined>();
    const states = new Map<string, PoolState | undefined>();
    const standingOf = standingNow(this.#store, this.#followed.programme);
    const { balances } = this.#store;
    const changed = providers instanceof Map ? (providers as ReadonlyMap<Address, number>) : undefined;
    const chosen =
      providers === "all" ? balances.everyHolder() : new Set(changed?.keys() ?? (providers as Iterable<Address>));
    for (const provider of chosen) {
      if (this.#followed.special.has(provider)) continue;
      const known = changed?.get(provider);
      const accounts = (known === undefined ? balances.accountsOf(provider) : balances.openOf(provider)).filter(
        ({ pool, via }) => this.#isCredited(pool, via),
      );
      if (known === undefined && accounts.length === 0) continue; // A provider that a reorg took away altogether.
      const touched = known ?? accounts.reduce((newest, account) => Math.max(newest, account.updatedBlock), 0);
      const atTouch = close === undefined || touched >= close.block;
      const lastUpdated = atTouch ? this.#store.balances.timeOf(touched) : isoOf(close.endSec);
      invariant(lastUpdated !== undefined, "BLOCK_MISSING", `block ${touched} has postings but no row`);
      const stateOf = (pool: Address): PoolState | undefined => {
        const key = `${pool}|${atTouch ? touched : "close"}`;
        if (!states.has(key)) {
          const { states: table } = this.#store;
          states.set(key, atTouch ? table.atOrBelow(pool, touched) : table.before(pool, close.block, close.endSec));
        }
        return states.get(key);
      };
      const priceOf = (token: Address): bigint | undefined => this.#priceOf(token, prices);
      const total = valueOfAccounts(this.#followed.programme, accounts, stateOf, priceOf);
      const { tier, multiplierBp } = standingOf?.(provider) ?? NO_TIERS;
      const exact = total === null || multiplierBp === null ? null : (total * BigInt(multiplierBp)) / 10_000n;
      const weighted = exact === null || exact > VALUE_MAX ? null : exact;
      this.#store.balances.put({ provider, total, weighted, tier, lastUpdated });
    }
  }

  #priceOf(token: Address, known: Map<Address, bigint | undefined>): bigint | undefined {
    if (!known.has(token)) known.set(token, knownPriceE18(this.#store, this.#followed.programme, token));
    return known.get(token);
  }
}

/** The newest price of a token, or the newest of a day before `before`; a fixed price is known before any day closes. */
export function knownPriceE18(store: Store, programme: Programme, token: Address, before?: string): bigint | undefined {
  const [first] = programme.prices.get(token) ?? [];
  return store.days.newestPriceE18(token, before) ?? (first?.kind === "fixed" ? first.priceE18 : undefined);
}
