import type { PoolState } from "../core/amm/pool-state.ts";
import type { Block } from "../core/chain.ts";
import { dayEndSec, isoOf } from "../core/day.ts";
import { invariant } from "../core/errors.ts";
import { groupBy } from "../core/group.ts";
import type { Address } from "../core/hex.ts";
import { creditedBy, type Programme } from "../core/programme/programme.ts";
import { saidOfWrapper } from "../core/programme/quarantine.ts";
import { type TierStatus, weightedValue } from "../core/rewards/tiers.ts";
import { valueOfAccounts } from "../core/valuation/value.ts";
import type { OpenAccount } from "../store/balances.ts";
import type { Store } from "../store/store.ts";
import type { AppliedBlock } from "./postings.ts";
import { tierStatusNow } from "./tier-status.ts";

/** In a programme without tiers everyone is in tier 1, whose multiplier is 1. */
const NO_TIERS: TierStatus = { streakDays: null, tier: 1, multiplierBp: 10_000, bases: [] };

/**
 * What a commit knows of the providers whose balances it changed: when each changed last, and the pools' states then.
 */
export class Touched {
  readonly blocks = new Map<Address, number>();
  readonly #told = new Map<number, Pick<Block, "timestampSec"> & Pick<AppliedBlock, "states">>();
  /** By pool, once somebody asks, which of most blocks nobody does. */
  readonly #states = new Map<number, Map<Address, PoolState | undefined>>();
  readonly #isCredited: ReturnType<typeof creditedBy>;

  constructor(isCredited: ReturnType<typeof creditedBy>) {
    this.#isCredited = isCredited;
  }

  /** Takes up a block and what its logs did. */
  note({ number, timestampSec }: Pick<Block, "number" | "timestampSec">, { postings, states }: AppliedBlock): void {
    for (const { posting } of postings) {
      const { kind, provider, pool, via } = posting.account;
      if (kind === "holder" && this.#isCredited(pool, via)) this.blocks.set(provider, number);
    }
    this.#told.set(number, { timestampSec, states });
  }

  timeOf(block: number): string | undefined {
    const told = this.#told.get(block);
    return told && isoOf(told.timestampSec);
  }

  /** The states of pools at a block, as far as they are known; whoever looks up another one adds it. */
  statesAt(block: number): Map<Address, PoolState | undefined> {
    let states = this.#states.get(block);
    if (states === undefined) {
      states = new Map(this.#told.get(block)?.states);
      this.#states.set(block, states);
    }
    return states;
  }
}

/** So many providers are looked up at a time. */
const CHUNK = 100;

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

  /** For a commit to begin with. */
  untouched(): Touched {
    return new Touched(this.#isCredited);
  }

  /** The caller holds the transaction, with the books written back. */
  refresh(providers: readonly Address[] | "all"): void {
    const refreshing = this.#begin(this.untouched());
    if (providers !== "all") {
      this.#refresh([...new Set(providers)], refreshing);
      return;
    }
    // Who held anything at a day's close has a row by it, whenever it changed before: that is not looked up, and an old
    // ledger has many more closed accounts than open ones. Where users of a wrapper do not count, it depends on what
    // changed.
    const { close } = refreshing;
    const everyoneCounts = this.#followed.programme.wrappers.length === 0;
    const since = close !== undefined && everyoneCounts ? this.#store.balances.changedSince(close.block) : undefined;
    for (const chunk of this.#store.balances.everyHolder(CHUNK)) this.#refresh(chunk, refreshing, since);
  }

  /**
   * The same for the providers that a commit changed and that closed no day, without a look at what they held before.
   */
  refreshTouched(touched: Touched): void {
    const refreshing = this.#begin(touched);
    const providers = [...touched.blocks.keys()].filter((each) => !this.#followed.special.has(each));
    for (let i = 0; i < providers.length; i += CHUNK) {
      const chunk = providers.slice(i, i + CHUNK);
      const open = this.#openOf(chunk);
      for (const provider of chunk)
        refreshing.put(provider, open.get(provider) ?? [], touched.blocks.get(provider) ?? 0, true);
    }
  }

  /** `since`: who changed at the newest close or after it, and when; without it all changes are looked up. */
  #refresh(chunk: readonly Address[], refreshing: Refreshing, since?: ReadonlyMap<Address, number>): void {
    const providers = chunk.filter((each) => !this.#followed.special.has(each));
    const newest = since ? new Map(providers.map((each) => [each, since.get(each) ?? 0])) : this.#newestOf(providers);
    const open = this.#openOf(providers);
    // Who is not in it is a provider that a reorg took away altogether; such a one gets no row in any case.
    const closedBlock = refreshing.close?.block ?? 0;
    for (const [provider, touched] of newest)
      refreshing.put(provider, open.get(provider) ?? [], touched, touched >= closedBlock);
  }

  /** When what counts of each provider changed last. */
  #newestOf(providers: readonly Address[]): ReadonlyMap<Address, number> {
    const newest = new Map<Address, number>();
    for (const { provider, pool, via, block } of this.#store.balances.lastChanges(providers))
      if (this.#isCredited(pool, via)) newest.set(provider, Math.max(block, newest.get(provider) ?? 0));
    return newest;
  }

  #openOf(providers: readonly Address[]): ReadonlyMap<Address, readonly OpenAccount[]> {
    const { wrappers } = this.#followed.programme;
    const stops = this.#store.quarantines.stops();
    const counts = ({ pool, via }: OpenAccount): boolean => {
      const stopped = stops.get(pool);
      if (!this.#isCredited(pool, via) || stopped?.whole !== undefined) return false;
      return saidOfWrapper(wrappers, stopped?.wrappers, { pool, via }) === undefined;
    };
    return groupBy(this.#store.balances.openOf(providers).filter(counts), providerOf);
  }

  #begin(changed: Touched): Refreshing {
    return new Refreshing(this.#store, this.#followed.programme, changed);
  }
}

const providerOf = ({ provider }: OpenAccount): Address => provider;

/** One refreshing: prices, states and standings are the same for all providers in it. */
class Refreshing {
  /** The newest day's close. */
  readonly close: { readonly block: number; readonly endSec: number } | undefined;
  readonly #store: Store;
  readonly #programme: Programme;
  readonly #changed: Touched;
  readonly #prices = new Map<Address, bigint | undefined>();
  readonly #standingOf: ReturnType<typeof tierStatusNow>;
  /** The pools' states at the close. */
  readonly #closing = new Map<Address, PoolState | undefined>();
  readonly #priceOf = (token: Address): bigint | undefined => this.#price(token);
  readonly #stateOf = (pool: Address): PoolState | undefined => this.#state(pool);
  /** The block whose states count for the provider at hand; undefined: those at the close. */
  #at: number | undefined;

  constructor(store: Store, programme: Programme, changed: Touched) {
    const last = store.days.last();
    this.close = last && { block: last.closedBlock, endSec: dayEndSec(last.date) };
    this.#store = store;
    this.#programme = programme;
    this.#changed = changed;
    this.#standingOf = tierStatusNow(store, programme);
  }

  /** Writes a provider's row; `touched`: the block of its last change, whose states count where `atTouch`. */
  put(provider: Address, accounts: readonly OpenAccount[], touched: number, atTouch: boolean): void {
    const { balances } = this.#store;
    const { close } = this;
    this.#at = atTouch || close === undefined ? touched : undefined;
    const lastUpdated =
      atTouch || close === undefined
        ? (this.#changed.timeOf(touched) ?? balances.timeOf(touched))
        : isoOf(close.endSec);
    invariant(lastUpdated !== undefined, "BLOCK_MISSING", `block ${touched} has postings but no row`);
    const total = valueOfAccounts(this.#programme, accounts, this.#stateOf, this.#priceOf);
    const standing = this.#standingOf?.(provider) ?? NO_TIERS;
    const weighted = weightedValue(this.#programme.rules?.tiers ?? null, total, standing);
    balances.put({ provider, total, weighted, tier: standing.tier, lastUpdated });
  }

  #state(pool: Address): PoolState | undefined {
    const { states: table } = this.#store;
    const states = this.#at === undefined ? this.#closing : this.#changed.statesAt(this.#at);
    if (states.has(pool)) return states.get(pool);
    const state =
      this.#at === undefined && this.close !== undefined
        ? table.before(pool, this.close.block, this.close.endSec)
        : table.atOrBelow(pool, this.#at ?? 0);
    states.set(pool, state);
    return state;
  }

  #price(token: Address): bigint | undefined {
    if (!this.#prices.has(token)) this.#prices.set(token, knownPriceE18(this.#store, this.#programme, token));
    return this.#prices.get(token);
  }
}

/**
 * The newest price of a token, or the newest of a day before `before`; a fixed price is known before any day closes.
 */
export function knownPriceE18(store: Store, programme: Programme, token: Address, before?: string): bigint | undefined {
  const [first] = programme.prices.get(token) ?? [];
  return store.days.newestPriceE18(token, before) ?? (first?.kind === "fixed" ? first.priceE18 : undefined);
}
