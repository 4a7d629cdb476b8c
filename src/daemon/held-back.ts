import { type Day, daysAfter } from "../core/day.ts";
import type { EpochRecord } from "../core/epoch-record.ts";
import { type ExcludedDay, type HeldBack, heldBackOf, type Release } from "../core/held-back.ts";
import type { Address } from "../core/hex.ts";
import { creditedBy, type Programme } from "../core/programme.ts";
import { saidOfWrapper } from "../core/quarantine.ts";
import type { Holding } from "../core/rewards.ts";
import type { Epoch, RewardRules } from "../core/rules.ts";
import { weightOfDay } from "../core/tiers.ts";
import type { QuarantinedDay } from "../store/held-back.ts";
import { accountsAt } from "../store/read.ts";
import type { Store } from "../store/store.ts";
import { withDiscovered } from "./followed.ts";
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

/** What an epoch that is not final holds back, and what it gives out of what earlier ones did. */
export function holdingOf(store: Store, rewarding: Rewarding, epoch: Epoch): Holding {
  const { rewards } = rewarding;
  const days = store.heldBack.quarantinedDays(epoch.first, epoch.end).filter((each) => isExcluded(rewards, each));
  const excluded = days.map((each) => excludedDay(store, rewarding, each));
  return { heldBack: heldBackOf(epoch, excluded, daysFrom(epoch.first)), releases: releasesFor(store, rewards, epoch) };
}

/** What a final epoch held back and gave out, as it was recorded; who was given it follows from what they had. */
export function heldThen(store: Store, rewards: RewardRules, { held }: EpochRecord): Holding {
  if (held === null) return { heldBack: [], releases: [] };
  const heldBack = held.heldBack.map(
    (each): HeldBack => ({
      ...each,
      poolWeight: BigInt(each.poolWeight),
      allWeight: BigInt(each.allWeight),
      amounts: each.amounts.map(BigInt),
    }),
  );
  const releases = held.releases.map((each): Release => {
    const record = store.rewards.epoch(each.epoch)?.record;
    const claims = record === undefined ? [] : (claimsOf(store, rewards, record, each) ?? []);
    return { ...each, amounts: each.amounts.map(BigInt), claims };
  });
  return { heldBack, releases };
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
function releasesFor(store: Store, rewards: RewardRules, { number }: Epoch): readonly Release[] {
  const before = store.rewards.epochs().filter(({ record, state }) => state === "final" && record.epoch < number);
  const keyOf = (epoch: number, { pool, wrapper }: Pick<Release, "pool" | "wrapper">): string =>
    `${epoch} ${pool} ${wrapper}`;
  const given = new Set(
    before.flatMap(({ record }) => record.held?.releases.map((each) => keyOf(each.epoch, each)) ?? []),
  );
  const releases: Release[] = [];
  for (const { record } of before) {
    const amounts = new Map<string, bigint[]>();
    for (const each of record.held?.heldBack ?? []) {
      const key = keyOf(record.epoch, each);
      if (given.has(key) || isOutStill(store, each)) continue;
      const sums = amounts.get(key);
      if (sums === undefined) {
        const first = amountsIn(rewards, record, each.amounts);
        const claims = claimsOf(store, rewards, record, each);
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

function isOutStill(store: Store, { pool, wrapper }: Pick<Release, "pool" | "wrapper">): boolean {
  const isSame = (each: { readonly pool: Address; readonly wrapper: Address | null }): boolean =>
    each.pool === pool && (each.wrapper === null || each.wrapper === wrapper);
  return store.refetches.waiting().has(pool) || store.quarantines.all().some(isSame);
}

/** Whose it is that an epoch held back: by what they had on those days beyond what they were paid by, without multipliers. */
function claimsOf(
  store: Store,
  { excluded }: RewardRules,
  { held }: EpochRecord,
  { pool, wrapper }: Pick<Release, "pool" | "wrapper">,
): Release["claims"] | undefined {
  const dates = (held?.heldBack ?? [])
    .filter((each) => each.pool === pool && each.wrapper === wrapper)
    .map(({ date }) => date);
  const claims = store.heldBack.lateClaims(pool, dates);
  return claims && [...claims].flatMap(([provider, weight]) => (excluded.has(provider) ? [] : [{ provider, weight }]));
}
