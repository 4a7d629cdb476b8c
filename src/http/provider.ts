import { inRange } from "../core/amm/ticks.ts";
import { toPoolId } from "../core/hex.ts";
import { shownAddress } from "../core/keccak.ts";
import { nextThreshold } from "../core/rewards/tiers.ts";
import { rewardsOfProvider } from "../store/queries/lists.ts";
import {
  accountsAt,
  creditedIn,
  merged,
  type PositionLine,
  type PositionPlace,
  protocolsOf,
} from "../store/queries/positions.ts";
import { dayRows, type ProviderPosition, positionsOf, providerStatus } from "../store/queries/query.ts";
import type { Store } from "../store/store.ts";
import { HttpProblem, type RequestSnapshot, valueIn } from "./answer.ts";
import { dayCursor, ownPositionCursor } from "./cursors.ts";

/** One provider's days, page by page. */
export function daysPage(
  { store, programme }: RequestSnapshot,
  asked: {
    readonly provider: string;
    readonly from: string | undefined;
    readonly to: string | undefined;
    readonly limit: number;
    readonly after: string | undefined;
  },
): { readonly data: unknown; readonly next: string | null } {
  const { provider, limit, to } = asked;
  const from = dayCursor(asked.after) ?? asked.from;
  const rows = [];
  let next: string | null = null;
  for (const row of dayRows(store.db, {
    provider,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  })) {
    // A page ends between two days, so that a day is its cursor.
    if (rows.length >= limit && rows.at(-1)?.date !== row.date) {
      next = row.date;
      break;
    }
    rows.push({
      date: row.date,
      pool: shownAddress(row.pool_address),
      protocol: row.protocol,
      value: valueIn(row.liquidity_amount, programme),
      tokenAmounts: JSON.parse(row.token_amounts) as string[],
      secondsOpen: Number(row.seconds_open),
      secondsInRange: row.seconds_in_range === null ? null : Number(row.seconds_in_range),
    });
  }
  return { data: rows, next };
}

const DAYS_SHOWN = 30;
/** The others come page by page. */
const POSITIONS_SHOWN = 100;

/** Everything a provider would look up about itself. */
export function providerOf({ store, programme }: RequestSnapshot, address: string): object {
  const found = providerStatus(store.db, address, DAYS_SHOWN, POSITIONS_SHOWN + 1);
  if (found === undefined)
    throw new HttpProblem(404, "Not found", `${shownAddress(address)} never provided liquidity in this programme`);
  const { rules } = programme;
  const next =
    rules === null || found.tier === null || found.streakDays === null
      ? null
      : nextThreshold(rules.tiers, found.tier, found.streakDays);
  return {
    provider: shownAddress(address),
    totalLiquidity: valueIn(found.totalLiquidity, programme),
    weightedLiquidity: valueIn(found.weightedLiquidity, programme),
    firstSeen: found.firstSeen,
    lastUpdated: found.lastUpdated,
    tier: {
      tier: found.tier,
      multiplierBp:
        found.tier === null || rules === null ? null : (rules.tiers.levels[found.tier - 1]?.multiplierBp ?? 0),
      streakDays: found.streakDays,
      changes: found.tierChanges,
      next: next === null ? null : { ...next, value: valueIn(next.value, programme) },
    },
    positions: positionAnswers(store, found.positions.slice(0, POSITIONS_SHOWN)),
    /** Whether it has more than these. */
    morePositions: found.positions.length > POSITIONS_SHOWN,
    days: found.days.map(({ date, value }) => ({ date, value: valueIn(value, programme) })),
    rewards: rewardsOfProvider(store.db, address).map((row) => ({ ...row, token: shownAddress(row.token) })),
  };
}

/** One provider's open positions, page by page. */
export function positionsPage(
  { store }: RequestSnapshot,
  { provider, limit, after }: { readonly provider: string; readonly limit: number; readonly after: string | undefined },
): { readonly data: unknown; readonly next: string | null } {
  const rows = positionsOf(store.db, provider, ownPositionCursor(after), limit + 1);
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const next = last && rows.length > limit ? `${last.pool}~${last.position ?? ""}~${last.via ?? ""}` : null;
  return { data: positionAnswers(store, data), next };
}

function positionAnswers(store: Store, positions: readonly ProviderPosition[]): readonly object[] {
  const states = new Map<string, ReturnType<Store["states"]["atOrBelow"]>>();
  return positions.map((position) => {
    const { pool, tickLower, tickUpper } = position;
    if (!states.has(pool)) states.set(pool, store.states.atOrBelow(toPoolId(pool), Number.MAX_SAFE_INTEGER));
    const state = states.get(pool);
    const ranged = tickLower !== null && tickUpper !== null && state?.kind === "ticks";
    return {
      ...position,
      pool: shownAddress(pool),
      via: position.via === null ? null : shownAddress(position.via),
      tick: ranged ? state.tick : null,
      inRange: ranged ? inRange({ tickLower, tickUpper }, state.tick) : null,
    };
  });
}

/** Open positions at the end of a block, as `positionLines` has them now. */
export function* linesAt(store: Store, block: number, after?: PositionPlace): Generator<PositionLine> {
  const tip = store.blocks.tip()?.number ?? -1;
  if (block > tip) throw new HttpProblem(404, "Not found", `block ${block} is beyond the ledger's tip ${tip}`);
  const protocols = protocolsOf(store.db);
  const isCredited = creditedIn(store.db);
  const lines = accountsAt(store.db, block)
    .filter(({ kind }) => kind === "holder")
    .map(({ pool, position, provider, via, range, balance }) => ({
      pool,
      protocol: protocols.get(pool) ?? "",
      position: position === "" ? null : position,
      provider: via && !isCredited(pool, via) ? via : provider,
      tickLower: range?.tickLower ?? null,
      tickUpper: range?.tickUpper ?? null,
      liquidity: `${balance}`,
    }));
  const ordered = lines.sort(
    (a, b) => compare(a.pool, b.pool) || compare(a.position ?? "", b.position ?? "") || compare(a.provider, b.provider),
  );
  for (const line of merged(ordered)) {
    const begun =
      after === undefined ||
      (compare(line.pool, after.pool) ||
        compare(line.position ?? "", after.position) ||
        compare(line.provider, after.provider)) > 0;
    if (begun) yield line;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
