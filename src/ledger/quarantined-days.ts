import type { Day } from "../core/day.ts";
import type { Address } from "../core/hex.ts";
import { creditedBy, type Pool, type Programme } from "../core/programme/programme.ts";
import { type Quarantine, saidOfWrapper } from "../core/programme/quarantine.ts";
import type { Holding } from "../core/valuation/holdings.ts";
import type { Store } from "../store/store.ts";

/** A pool that is out on a day. */
interface Out {
  readonly pool: Pool;
  readonly day: Day;
  readonly quarantine: Quarantine;
  /** Of its accounts, since the last day. */
  readonly changes: ReturnType<ReturnType<Store["days"]["changesSince"]>["get"]>;
}

const outBy = ({ pool, firstDay, finding }: Quarantine, day: Day) => {
  const { identity, blockNumber, logIndex, wrapper } = finding;
  const note = `in quarantine since ${firstDay}${wrapper === undefined ? "" : `, the wrapper ${wrapper} alone`}: ${identity} did not hold at block ${blockNumber} log ${logIndex}`;
  return { date: day, pool, reason: "quarantined", note, stopped: wrapper ?? "" } as const;
};

/** Who has something through wrappers that are out on a day: nobody knows how much. What else they have counts. */
export class ThroughWrappers {
  readonly #programme: Programme;
  readonly #out: ReadonlyMap<Address, ReadonlyMap<Address, Quarantine>>;
  readonly #held: { readonly pool: Pool; readonly provider: Address; readonly quarantine: Quarantine }[] = [];

  constructor(programme: Programme, out: ReadonlyMap<Address, ReadonlyMap<Address, Quarantine>>) {
    this.#programme = programme;
    this.#out = out;
  }

  /** Whether an account is out; its provider is kept in mind. */
  take(pool: Pool, { provider, via }: Holding): boolean {
    const place = { pool: pool.address, via };
    const quarantine = saidOfWrapper(this.#programme.wrappers, this.#out.get(pool.address), place);
    if (quarantine !== undefined) this.#held.push({ pool, provider, quarantine });
    return quarantine !== undefined;
  }

  /**
   * Says so of each of them, once the day's other rows are in; and of the wrapper itself, of days on which nobody has
   * anything.
   */
  leaveOut(store: Store, day: Day): void {
    const isCredited = creditedBy(this.#programme);
    // Where its users are not credited in any case, nothing waits for it.
    for (const [, ofPool] of this.#out)
      for (const [wrapper, quarantine] of ofPool)
        if (isCredited(quarantine.pool, wrapper))
          store.leftOut.add({ ...outBy(quarantine, day), provider: wrapper }, store.nowIso());
    const worths = new Map<Quarantine, (provider: Address) => bigint>();
    for (const { pool, provider, quarantine } of this.#held) {
      const nothing = { pool, share: { ...nothingOf(pool), valued: true, provider }, value: 0n, inRangeValue: null };
      if (!store.days.hasBalance(day, pool.address, provider)) store.days.insertBalance(day, nothing);
      const worthOf = worths.get(quarantine) ?? lastWorths(store, quarantine);
      worths.set(quarantine, worthOf);
      const worth = worthOf(provider);
      store.leftOut.add({ ...outBy(quarantine, day), provider, worth }, store.nowIso());
    }
  }
}

const nothingOf = (pool: Pool) => ({
  liquiditySeconds: 0n,
  tokenSeconds: pool.tokens.map(() => 0n),
  secondsOpen: 86_400,
  secondsInRange: pool.form === "ticks" ? 0 : null,
  inRangeTokenSeconds: null,
});

/**
 * Of a pool in quarantine nobody knows what anybody has: its holders have a row that says so, and that counts nothing.
 */
export function leavePoolOut(
  store: Store,
  { pool, day, quarantine, changes }: Out,
  isCounted: (holding: Holding) => boolean,
): void {
  const share = { ...nothingOf(pool), valued: false };
  const out = outBy(quarantine, day);
  // The pool's own row says so of days on which nobody has anything of it yet.
  store.leftOut.add({ ...out, provider: pool.address }, store.nowIso());
  const worthOf = lastWorths(store, quarantine);
  const seen = new Set<Address>();
  for (const holding of store.days.holdings(pool, changes)) {
    const { provider } = holding;
    if (seen.has(provider) || !isCounted(holding)) continue;
    seen.add(provider);
    store.days.insertBalance(day, { pool, share: { ...share, provider }, value: null, inRangeValue: null });
    store.leftOut.add({ ...out, provider, worth: worthOf(provider) }, store.nowIso());
  }
}

/** What providers had in what is in quarantine when that was known last: more than that lends nobody a streak. */
function lastWorths(store: Store, { pool, firstDay }: Quarantine): (provider: Address) => bigint {
  const date = store.heldBack.lastValued(pool, firstDay);
  return (provider) => (date === undefined ? 0n : store.heldBack.valueOn(date, pool, provider));
}
