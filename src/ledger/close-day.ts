import { type Day, dayEndSec, dayStartSec } from "../core/day.ts";
import { identityBroken } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import {
  creditedBy,
  type Discovered,
  type Pool,
  type Programme,
  specialAddresses,
} from "../core/programme/programme.ts";
import { type DayShare, PoolDay } from "../core/valuation/pool-day.ts";
import { pricesOfDay } from "../core/valuation/price.ts";
import { valueOfShare } from "../core/valuation/value.ts";
import type { EarlierValues } from "../store/earlier-values.ts";
import type { Store } from "../store/store.ts";
import { recordFinalEpochs } from "./check-final-epochs.ts";
import { leavePoolOut, ThroughWrappers } from "./quarantined-days.ts";
import { storeTierStatus, uncountedOn } from "./tier-status.ts";

/**
 * Closes one day: every pool's means, the day's prices, a row for every provider with seconds in it, and how it stands.
 * The store must stand at the day's end, with the books written back; the caller holds the transaction. `earlier`: what
 * goes before.
 */
export function closeDay(
  store: Store,
  programme: Programme,
  special: ReadonlySet<Address>,
  day: Day,
  closedBlock: number,
  earlier?: EarlierValues,
): void {
  const firstBlock = store.days.last()?.closedBlock ?? 0;
  const window = { startSec: dayStartSec(day), endSec: dayEndSec(day) };
  store.days.insertDay(day, closedBlock);
  const isCredited = creditedBy(programme);
  const then = specialOn(store, programme, special, day);
  const byRange = programme.rules?.rewards?.weighting === "in-range";
  const changed = store.days.changesSince(firstBlock);
  const closed = new Map<Pool, PoolDay>();
  const out = store.quarantines.outOn(day);
  const throughWrappers = new ThroughWrappers(programme, store.quarantines.wrappersOutOn(day));
  for (const pool of programme.pools) {
    if (out.has(pool.address)) continue;
    const states = store.states.timeline(pool, window.startSec, window.endSec, closedBlock);
    if (states.length === 0) continue;
    ofPool(store, { pool, day, closedBlock }, () => {
      const poolDay = new PoolDay(pool, window, states, byRange);
      store.days.insertPoolDay(pool.address, day, poolDay.means);
      closed.set(pool, poolDay);
    });
  }
  // A rebuild finds what final days were priced with, and keeps it.
  const kept = store.prices.ofDay(day);
  const prices = pricesOfDay(programme, (pool) => closed.get(pool)?.means, { ...store.prices.knownOn(day), kept });
  store.days.insertPrices(day, new Map([...prices].filter(([token]) => !kept.has(token))), store.nowIso());
  const priceOf = (token: Address) => prices.get(token)?.priceE18;
  for (const [pool, poolDay] of closed) {
    const { address } = pool;
    ofPool(store, { pool, day, closedBlock }, () => {
      for (const each of store.days.holdings(pool, changed.get(address))) {
        if (then.has(each.provider) || !isCredited(address, each.via)) poolDay.addUncredited(each);
        else if (throughWrappers.take(pool, each)) poolDay.addUncredited(each);
        else insertShare(store, programme, { pool, day, share: poolDay.add(each) }, priceOf);
      }
      insertShare(store, programme, { pool, day, share: poolDay.end() }, priceOf);
    });
    requireWhole(poolDay, pool, day, store.states.blockBefore(address, closedBlock, window.endSec) ?? closedBlock);
  }
  // What has no value is found out anew; what a final epoch was calculated without stays out of it.
  if (day >= (store.rewards.finalUntil() ?? "")) store.leftOut.clear(day);
  store.leftOut.release(day);
  throughWrappers.leaveOut(store, day);
  const uncounted = new Set(out.size === 0 ? [] : uncountedOn(store, programme, day));
  for (const pool of programme.pools) {
    const quarantine = out.get(pool.address);
    if (quarantine !== undefined && !uncounted.has(pool.address))
      leavePoolOut(
        store,
        { pool, day, quarantine, changes: changed.get(pool.address) },
        (each) => !then.has(each.provider) && isCredited(pool.address, each.via),
      );
  }
  earlier?.putBack(day);
  store.keptDays.putBack(day);
  storeTierStatus(store, programme, day);
  recordFinalEpochs(store, day);
}

/**
 * Whose accounts are nobody's on a day, of those whose are nobody's now. What came with a pool that was added after an
 * epoch was final was a provider like any other on the days before the pool counts, and so was the address of a pool
 * before a factory made it: they were paid by. When a pool was made that an older version found is not known: it always
 * was one.
 */
export function specialOn(
  store: Store,
  programme: Programme,
  special: ReadonlySet<Address>,
  day: Day,
  isMade = ({ timeSec = 0 }: Discovered): boolean => timeSec < dayEndSec(day),
): ReadonlySet<Address> {
  const late = store.pools.lateOn(day);
  const isLate = (pool: string): boolean => late.has(pool);
  const isThere = ({ address, discovered }: Pool): boolean =>
    !isLate(address) && (discovered === null || isMade(discovered));
  if (programme.pools.every(isThere)) return special;
  const pools = programme.pools.filter(isThere);
  const wrappers = programme.wrappers.filter(({ pool }) => pool === null || !isLate(pool));
  return specialAddresses({ ...programme, pools, wrappers });
}

/** Numbers that no contract of a pool's kind computes are a finding of that pool. @throws L-1 */
function ofPool(
  store: Store,
  { pool, day, closedBlock }: { readonly pool: Pool; readonly day: Day; readonly closedBlock: number },
  run: () => void,
): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const blockNumber = store.states.blockBefore(pool.address, closedBlock, dayEndSec(day)) ?? closedBlock;
    const said = {
      identity: "L-1",
      pool: pool.address,
      blockNumber,
      logIndex: 0,
      expected: "numbers of its kind",
      day,
    };
    throw identityBroken({ ...said, actual: error.message }, `what its logs said on ${day} cannot be computed with`);
  }
}

/**
 * @throws D-1, D-2 where what a pool's accounts held is not what it held itself, at the last block of the day that
 * changed it.
 */
function requireWhole(poolDay: PoolDay, pool: Pool, day: Day, blockNumber: number): void {
  const wrong = poolDay.audit();
  if (wrong === undefined) return;
  const { identity, token, expected, actual } = wrong;
  const what = `of ${token === null ? "liquidity" : pool.tokens[token]?.symbol}, times seconds and scaled,`;
  const why =
    identity === "D-2"
      ? `what all accounts held ${what} on ${day} is not what the pool's liquidity and price say`
      : `all accounts together held more ${what} on ${day} than the pool's logs leave in it`;
  const finding = {
    identity,
    pool: pool.address,
    blockNumber,
    logIndex: 0,
    expected: `${expected}`,
    actual: `${actual}`,
    day,
  };
  throw identityBroken(finding, why);
}

function insertShare(
  store: Store,
  programme: Programme,
  { pool, day, share }: { readonly pool: Pool; readonly day: Day; readonly share: DayShare | undefined },
  priceOf: (token: Address) => bigint | undefined,
): void {
  if (share === undefined) return;
  const { value, inRangeValue } = valueOfShare(programme, pool, share, share.valued, priceOf);
  store.days.insertBalance(day, { pool, share, value, inRangeValue });
}
