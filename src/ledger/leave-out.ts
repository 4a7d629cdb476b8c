import { type Day, dayEndSec, dayStartSec } from "../core/day.ts";
import { formatDecimal } from "../core/decimal.ts";
import { groupBy } from "../core/group.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import type { Epoch } from "../core/programme/rules.ts";
import { isShareValued } from "../core/valuation/time-weighted-average.ts";
import { valueOfAmounts } from "../core/valuation/value.ts";
import type { LeftOut, UnvaluedRow } from "../store/left-out.ts";
import type { Store } from "../store/store.ts";
import { waitingFor } from "./epoch-waits.ts";
import { withDiscovered } from "./followed-pools.ts";
import type { Rewarding } from "./rewarding.ts";
import { storeTierStatusFrom, uncountedOn } from "./tier-status.ts";

/** What to leave out by, and what somebody asks to be left out besides. */
interface Leaving {
  readonly negligibleBp: number;
  /** Providers that get nothing in any case. */
  readonly excluded: ReadonlySet<Address>;
  readonly asked: ReadonlySet<Address>;
}

/**
 * What of an epoch has no value and must not hold up everybody else: rows of pools that are worth at most
 * `negligibleBp` of the epoch's value together, by what their logs show to be in them at the newest prices before the
 * epoch's end; those of pools that an operator names; and accounts worth more than any sum can hold. Row by row: what
 * is known of others in the same pool counts.
 */
function unvaluedIn(
  store: Store,
  programme: Programme,
  { first, end }: Epoch,
  { negligibleBp, excluded, asked }: Leaving,
): readonly LeftOut[] {
  const uncounted = new Map<Day, ReadonlySet<string>>();
  const isCountedPool = (date: Day, pool: string): boolean => {
    const known = uncounted.get(date) ?? new Set<string>(uncountedOn(store, programme, date));
    uncounted.set(date, known);
    return !known.has(pool);
  };
  const isCounted = ({ date, pool, provider }: UnvaluedRow): boolean =>
    isCountedPool(date, pool) && !excluded.has(toAddress(provider));
  const unvalued = new Unvalued(store, programme, end);
  const large = store.leftOut
    .beyondSums(first, end)
    .map((each): LeftOut => ({ ...each, reason: "too-large", note: TOO_LARGE }));
  const left: LeftOut[] = [...large];
  const open: { readonly rows: readonly LeftOut[]; readonly most: bigint }[] = [];
  for (const [address, rows] of groupBy(store.leftOut.unvalued(first, end).filter(isCounted), ({ pool }) => pool)) {
    const reason = asked.has(address) ? "operator" : "negligible";
    const ofPool: LeftOut[] = [];
    let most: bigint | undefined = 0n;
    for (const [date, ofDay] of groupBy(rows, (row) => row.date)) {
      const beyond = unvalued.tooLarge(address, date, ofDay);
      left.push(...beyond);
      const others = ofDay.filter(({ provider }) => beyond.every((each) => each.provider !== provider));
      const bound = unvalued.mostOf(address, date, others);
      const note =
        bound === undefined
          ? "no bound is known"
          : `by its logs all of them are worth at most ${formatDecimal(bound, programme.quote.decimals)}`;
      for (const { provider } of others) ofPool.push({ date, pool: address, provider, reason, note });
      most = most === undefined || bound === undefined ? undefined : most + bound;
    }
    if (asked.has(address)) left.push(...ofPool);
    else if (ofPool.length > 0 && most !== undefined) open.push({ rows: ofPool, most });
  }
  const whole = store.leftOut
    .knownValues(first, end, new Set([...excluded, ...large.map(({ provider }) => toAddress(provider))]))
    .filter(({ date, pool }) => isCountedPool(date, pool))
    .reduce((all, { value }) => all + value, 0n);
  let sum = 0n;
  for (const { rows, most } of open.sort((a, b) => (a.most < b.most ? -1 : a.most > b.most ? 1 : 0))) {
    sum += most;
    if (sum * 10_000n > whole * BigInt(negligibleBp)) break;
    left.push(...rows);
  }
  return left;
}

const TOO_LARGE = "worth more than any sum bears: see quote.decimals"; // Stored: it stays as it was.

/**
 * Leaves out of the epochs up to one that are over and not final what cannot be valued and decides nothing, and the
 * pools that are asked to be; the caller holds the transaction. @returns what was left out
 */
export function leaveOutUpTo(
  store: Store,
  programme: Programme,
  { rewards }: Rewarding,
  number: number,
  asked: ReadonlySet<Address>,
): readonly LeftOut[] {
  const followed = withDiscovered(store, programme);
  const by = { negligibleBp: rewards.negligibleBp, excluded: rewards.excluded, asked };
  const open = rewards.epochs.slice(0, number).filter((epoch) => store.rewards.epoch(epoch.number)?.state !== "final");
  const decided = open.flatMap(({ first, end }) =>
    [...asked].flatMap((pool) => store.leftOut.decide(pool, first, end)),
  );
  const left = open
    .filter((epoch) => waitingFor(store, rewards, epoch)?.code === "EPOCH_UNPRICED")
    .flatMap((epoch) => unvaluedIn(store, followed, epoch, by));
  for (const each of left) store.leftOut.add(each, store.nowIso());
  const [earliest] = left.map(({ date }) => date).sort();
  if (earliest !== undefined) storeTierStatusFrom(store, followed, earliest);
  return [...decided, ...left];
}

/** What is known of rows without a value. */
class Unvalued {
  readonly #store: Store;
  readonly #programme: Programme;
  readonly #pools: ReadonlyMap<Address, Pool>;
  /** Prices of this day on are not known yet: what an epoch gives must not depend on when somebody looks. */
  readonly #end: Day;

  constructor(store: Store, programme: Programme, end: Day) {
    this.#end = end;
    this.#store = store;
    this.#programme = programme;
    this.#pools = new Map(programme.pools.map((pool) => [pool.address, pool]));
  }

  /** Accounts of which everything is known, and whose worth is more than any sum can hold. */
  tooLarge(address: Address, date: Day, rows: readonly UnvaluedRow[]): readonly LeftOut[] {
    const pool = this.#pools.get(address);
    const means = pool && this.#store.prices.meansOf(pool, date);
    if (pool === undefined || means === undefined || !isShareValued(means)) return [];
    const prices = this.#store.prices.ofDay(date);
    return rows
      .filter(({ tokenSeconds }) => pool.tokens.every(({ address: of }, i) => !tokenSeconds[i] || prices.has(of)))
      .map(({ provider }) => ({ date, pool: address, provider, reason: "too-large", note: TOO_LARGE }));
  }

  /**
   * The most that rows of a pool may be worth together on a day, at the newest prices, rounded up; undefined where no
   * bound is known.
   */
  mostOf(address: Address, date: Day, rows: readonly UnvaluedRow[]): bigint | undefined {
    const floored = this.#flooredOf(address, date, rows);
    return floored === null ? undefined : floored + 1n;
  }

  #flooredOf(address: Address, date: Day, rows: readonly UnvaluedRow[]): bigint | null {
    const pool = this.#pools.get(address);
    const means = pool && this.#store.prices.meansOf(pool, date);
    if (pool === undefined || means === undefined) return null;
    const priceOf = (token: Address): bigint | undefined => this.#store.days.newestPriceE18(token, this.#end);
    const { decimals } = this.#programme.quote;
    if (isShareValued(means)) {
      const sums = pool.tokens.map((_, i) => rows.reduce((sum, { tokenSeconds }) => sum + (tokenSeconds[i] ?? 0n), 0n));
      return valueOfAmounts(pool.tokens, sums, priceOf, decimals, 86_400n);
    }
    // A vault that no deposit was large enough to sample: all of them together are in it at most. Not where shares come
    // without a log.
    const [asset] = pool.tokens;
    if (pool.protocol !== "erc4626" || pool.caveats.includes("other-share-flow")) return null;
    const day = { startSec: dayStartSec(date), endSec: dayEndSec(date) };
    const amount = this.#store.leftOut.mostDeposited(address, day);
    if (amount === undefined) return null;
    return valueOfAmounts([asset], [amount], priceOf, decimals);
  }
}
