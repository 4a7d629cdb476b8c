import { type Day, daysAfter } from "../core/day.ts";
import type { Address } from "../core/hex.ts";
import { creditedBy, type Pool, type Programme } from "../core/programme/programme.ts";
import { saidOfWrapper } from "../core/programme/quarantine.ts";
import { type Epoch, isScheduled, type RewardRules } from "../core/programme/rules.ts";
import type { EpochRecord } from "../core/rewards/epoch-record.ts";
import { type ExcludedDay, type HeldBack, heldBackOf, type Release } from "../core/rewards/held-back.ts";
import type { Holding } from "../core/rewards/rewards.ts";
import { weightOfDay } from "../core/rewards/tiers.ts";
import { pricesOfDay } from "../core/valuation/price.ts";
import { isShareValued } from "../core/valuation/time-weighted-average.ts";
import { valueOfDay } from "../core/valuation/value.ts";
import type { LateRow, QuarantinedDay } from "../store/held-back.ts";
import { accountsAt } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";
import { withDiscovered } from "./followed-pools.ts";
import type { Rewarding } from "./rewarding.ts";

/** Whether a rule says that nobody waits for what is in quarantine on a day. */
export function isExcluded({ excludedPools }: RewardRules, { date, pool, wrapper }: QuarantinedDay): boolean {
  return excludedPools.some(
    (each) =>
      each.pool === pool &&
      (each.wrapper === null || each.wrapper === wrapper) &&
      each.from <= date &&
      (each.until === null || date < each.until),
  );
}

/**
 * What an epoch that is not final holds back, and what it gives out of what earlier ones did; `calculated`: those right
 * before it.
 */
export function holdingOf(
  store: Store,
  rewarding: Rewarding,
  epoch: Epoch,
  calculated: readonly EpochRecord[],
): Holding {
  const { rewards } = rewarding;
  const all = store.heldBack.quarantinedDays(epoch.first, epoch.end).filter((each) => isExcluded(rewards, each));
  // A wrapper of a pool that is out with all that it holds is held back for with it.
  const isWithPool = ({ wrapper, pool, date }: QuarantinedDay): boolean =>
    wrapper !== null && all.some((one) => one.wrapper === null && one.pool === pool && one.date === date);
  const excluded = all.flatMap((each) => (isWithPool(each) ? [] : [excludedDay(store, rewarding, each)]));
  return {
    heldBack: heldBackOf(epoch, excluded, daysFrom(epoch.first)),
    releases: releasesFor(store, rewarding, epoch, calculated),
  };
}

/** What a final epoch held back and gave out, as it was recorded. */
export function heldThen(store: Store, { tokens }: RewardRules, { epoch, held }: EpochRecord): Holding {
  if (held === null) return { heldBack: [], releases: [] };
  const heldBack = held.heldBack.map(
    (each): HeldBack => ({
      ...each,
      poolWeight: BigInt(each.poolWeight),
      allWeight: BigInt(each.allWeight),
      amounts: each.amounts.map(BigInt),
    }),
  );
  const releases = held.releases.map((each): Release => ({ ...each, amounts: each.amounts.map(BigInt), claims: [] }));
  const given = tokens.map(
    ({ address }) =>
      new Map(
        store.rewards
          .rowsOf(epoch, address)
          .flatMap(({ provider, released }) => (released === 0n ? [] : [[provider, released] as const])),
      ),
  );
  return { heldBack, releases, given };
}

const daysFrom =
  (first: Day) =>
  (day: Day): number => {
    let count = 0;
    for (let each = first; each < day; each = daysAfter(each, 1)) count += 1;
    return count;
  };

/** What a pool, or a wrapper of it, weighed on its last valued day before it was in quarantine. */
function excludedDay(store: Store, { programme, rules, rewards }: Rewarding, day: QuarantinedDay): ExcludedDay {
  const { pool, wrapper } = day;
  const known = store.quarantines.all().find((each) => each.pool === pool && each.wrapper === wrapper);
  const valuedOn = known && store.heldBack.lastValued(pool, known.firstDay);
  const found = { date: day.date, pool, wrapper, valuedOn: valuedOn ?? null };
  if (valuedOn === undefined) return { ...found, poolWeight: 0n, allWeight: 0n };
  let [poolWeight, allWeight] = [0n, 0n];
  // Before the programme's first day nothing weighs, and worth decides.
  if (!isScheduled(rules, valuedOn)) {
    const { ofPool, all } = store.heldBack.worthOn(valuedOn, pool, rewards.excluded);
    [poolWeight, allWeight] = [ofPool, all];
  }
  for (const each of store.heldBack.partsOn(valuedOn, pool, rewards.weighting === "in-range")) {
    if (rewards.excluded.has(each.provider) || each.value === 0n) continue;
    const weight = weightOfDay(rules.tiers, each);
    allWeight += weight;
    poolWeight += (weight * (each.ofPool < each.value ? each.ofPool : each.value)) / each.value;
  }
  if (wrapper === null) return { ...found, poolWeight, allWeight };
  const { inside, all } = sharesInside(store, programme, { pool, wrapper, date: valuedOn });
  return { ...found, poolWeight: all === 0n ? 0n : (poolWeight * inside) / all, allWeight };
}

/** How much of what is credited in a pool lay in a wrapper when a day was over. */
function sharesInside(
  store: Store,
  named: Programme,
  { pool, wrapper, date }: { readonly pool: Address; readonly wrapper: Address; readonly date: Day },
): { readonly inside: bigint; readonly all: bigint } {
  const { wrappers } = withDiscovered(store, named);
  const isCredited = creditedBy({ wrappers });
  const special = new Set<string>(wrappers.map(({ address }) => address));
  const stopped = new Map([[wrapper, true]]);
  let [inside, all] = [0n, 0n];
  for (const { provider, via = "", balance, kind, pool: of } of accountsAt(
    store.db,
    (store.days.closedBlockOf(date) ?? 0) - 1,
  )) {
    if (of !== pool || kind !== "holder" || special.has(provider) || !isCredited(pool, via)) continue;
    all += balance;
    if (saidOfWrapper(wrappers, stopped, { pool, via }) === true) inside += balance;
  }
  return { inside, all };
}

/** What final epochs before one held back for what is in quarantine no more, and nobody was given yet. */
function releasesFor(
  store: Store,
  { programme, rewards }: Rewarding,
  { number }: Epoch,
  calculated: readonly EpochRecord[],
): readonly Release[] {
  const before = store.rewards.epochs().filter(({ record, state }) => state === "final" && record.epoch < number);
  const keyOf = (epoch: number, { pool, wrapper }: Pick<Release, "pool" | "wrapper">): string =>
    `${epoch} ${pool} ${wrapper}`;
  const given = new Set(
    [...before.map(({ record }) => record), ...calculated].flatMap(
      ({ held }) => held?.releases.map((each) => keyOf(each.epoch, each)) ?? [],
    ),
  );
  const releases: Release[] = [];
  for (const { record } of before) {
    const amounts = new Map<string, bigint[]>();
    for (const each of record.held?.heldBack ?? []) {
      const key = keyOf(record.epoch, each);
      if (given.has(key) || isOutStill(store, programme, each)) continue;
      const sums = amounts.get(key);
      if (sums === undefined) {
        const first = amountsIn(rewards, record, each.amounts);
        const claims = claimsOf(store, programme, rewards, record, each);
        if (claims === undefined) continue;
        amounts.set(key, first);
        releases.push({ epoch: record.epoch, pool: each.pool, wrapper: each.wrapper, amounts: first, claims });
      } else
        for (const [i, more] of amountsIn(rewards, record, each.amounts).entries()) sums[i] = (sums[i] ?? 0n) + more;
    }
  }
  return releases;
}

/** Amounts in the order of the tokens that the rules name now. */
function amountsIn({ tokens }: RewardRules, record: EpochRecord, amounts: readonly string[]): bigint[] {
  return tokens.map(({ address }) => BigInt(amounts[record.tokens.findIndex((each) => each.address === address)] ?? 0));
}

function isOutStill(store: Store, programme: Programme, { pool, wrapper }: Pick<Release, "pool" | "wrapper">): boolean {
  // Whose users are credited no more is nobody's, in quarantine or not.
  if (wrapper !== null && !creditedBy(programme)(pool, wrapper)) return false;
  const isSame = (each: { readonly pool: Address; readonly wrapper: Address | null }): boolean =>
    each.pool === pool && (each.wrapper === null || each.wrapper === wrapper);
  return store.refetches.waiting().has(pool) || store.quarantines.all().some(isSame);
}

/**
 * Whose it is that an epoch held back: by what they had on those days beyond what they were paid by, without
 * multipliers; undefined while that is not known of all.
 */
function claimsOf(
  store: Store,
  named: Programme,
  { excluded, weighting }: RewardRules,
  { held }: EpochRecord,
  { pool, wrapper }: Pick<Release, "pool" | "wrapper">,
): Release["claims"] | undefined {
  const dates = (held?.heldBack ?? [])
    .filter((each) => each.pool === pool && each.wrapper === wrapper)
    .map(({ date }) => date);
  const programme = withDiscovered(store, named);
  const own = programme.pools.find(({ address }) => address === pool);
  const claims = new Map<Address, bigint>();
  for (const row of store.heldBack.lateRows(pool, dates, weighting === "in-range")) {
    const { provider, late, paid } = row;
    const worth = late ?? (own && worthThen(store, programme, own, row));
    if (worth == null) return undefined;
    if (worth > paid && !excluded.has(provider)) claims.set(provider, (claims.get(provider) ?? 0n) + worth - paid);
  }
  return [...claims].map(([provider, weight]) => ({ provider, weight }));
}

/** What amounts of a day are worth by the prices that are known by now; null where it cannot be told still. */
function worthThen(store: Store, programme: Programme, pool: Pool, { date, tokenSeconds }: LateRow): bigint | null {
  const means = store.prices.meansOf(pool, date);
  if (means === undefined || !isShareValued(means)) return null;
  const known = { ...store.prices.knownOn(date), kept: store.prices.ofDay(date) };
  const prices = pricesOfDay(programme, (each) => store.prices.meansOf(each, date), known);
  return valueOfDay(programme, pool, tokenSeconds, (token) => prices.get(token)?.priceE18);
}
