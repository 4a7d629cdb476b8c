import { isDay } from "../core/day.ts";
import type { FindingPlace } from "../store/findings.ts";
import type { PositionPlace } from "../store/queries/positions.ts";
import { HttpProblem } from "./answer.ts";

// Where a page begins: after what the page before ended with. A cursor is what an answer gave as its `next`; anything
// else is refused, since an empty last page would look like an end.

const POOL = /^0x(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
/** A position's id, whatever its protocol; none where the pool's shares are the position. */
const POSITION = /^[\w:.,/-]{0,200}$/;
const ADDRESS = /^0x[0-9a-f]{40}$/;

function refuse(): never {
  throw new HttpProblem(400, "Bad request", "after: expected an answer's `next`");
}

/** After a pool; from the first on where nothing is given. */
export function poolCursor(after: string | undefined): string {
  return after === undefined ? "" : POOL.test(after) ? after : refuse();
}

/** After a provider of the list by value. */
export function rankCursor(after: string | undefined): { readonly total: bigint; readonly provider: string } | null {
  if (after === undefined) return null;
  const [, text, provider] = /^(-?\d{1,19})\.(0x[0-9a-f]{40})$/.exec(after) ?? [];
  if (text === undefined || provider === undefined) return refuse();
  const total = BigInt(text);
  return BigInt.asIntN(64, total) === total ? { total, provider } : refuse();
}

/** From a day on. */
export function dayCursor(after: string | undefined): string | undefined {
  return after === undefined || isDay(after) ? after : refuse();
}

/** After a day of a pool. */
export function poolDayCursor(after: string | undefined): { readonly date: string; readonly pool: string } {
  if (after === undefined) return { date: "", pool: "" };
  const [date = "", pool = "", more] = after.split(".");
  return isDay(date) && POOL.test(pool) && more === undefined ? { date, pool } : refuse();
}

/** After a line of open positions. */
export function positionCursor(after: string | undefined): PositionPlace | undefined {
  if (after === undefined) return undefined;
  const [pool = "", position = "", provider = "", more] = after.split("~");
  return POOL.test(pool) && POSITION.test(position) && ADDRESS.test(provider) && more === undefined
    ? { pool, position, provider }
    : refuse();
}

/** After one of a provider's positions. */
export function ownPositionCursor(
  after: string | undefined,
): { readonly pool: string; readonly position: string; readonly via: string } | undefined {
  if (after === undefined) return undefined;
  const [pool = "", position = "", via = "", more] = after.split("~");
  const isVia = via === "" || ADDRESS.test(via);
  return POOL.test(pool) && POSITION.test(position) && isVia && more === undefined ? { pool, position, via } : refuse();
}

/** After a row of an epoch's rewards: of a token, by its place among those that are `asked` for, and a provider. */
export function rewardCursor(
  after: string | undefined,
  asked: ReadonlySet<number>,
): { readonly token: number; readonly provider: string } {
  if (after === undefined) return { token: 0, provider: "" };
  const [, token, provider] = /^(\d{1,4})\.(0x[0-9a-f]{40})$/.exec(after) ?? [];
  if (token === undefined || provider === undefined || !asked.has(Number(token))) return refuse();
  return { token: Number(token), provider };
}

/** After a finding. */
export function findingCursor(after: string | undefined): FindingPlace | undefined {
  if (after === undefined) return undefined;
  const [, block, log, identity, pool] = /^(\d{1,15})~(-?\d{1,15})~([^~]{1,40})~(0x[0-9a-f]{40,64})$/.exec(after) ?? [];
  if (block === undefined || log === undefined || identity === undefined || pool === undefined) return refuse();
  return { blockNumber: Number(block), logIndex: Number(log), identity, pool };
}

/** The cursor of a finding. */
export function findingPlace({ blockNumber, logIndex, identity, pool }: FindingPlace): string {
  return [blockNumber, logIndex, identity, pool].join("~");
}

/** What the rows of a list are in order of, from the first part on. */
export type RowKey = readonly (string | number)[];

/**
 * A page of a list that is short enough to be read whole, in ascending order of its keys; what a cursor names may be
 * gone by now.
 */
export function pageOf<T>(
  rows: readonly T[],
  keyOf: (row: T) => RowKey,
  shape: RegExp,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): { readonly data: readonly T[]; readonly next: string | null } {
  if (after !== undefined && !shape.test(after)) refuse();
  const place = after?.split("~");
  const rest = rows
    .filter((row) => place === undefined || compare(keyOf(row), place) > 0)
    .sort((a, b) => compare(keyOf(a), keyOf(b)));
  const last = rest[limit - 1];
  return {
    data: rest.slice(0, limit),
    next: last === undefined || rest.length <= limit ? null : keyOf(last).join("~"),
  };
}

/** Numbers are compared as such, whatever the other one is written as. */
function compare(a: RowKey, b: RowKey): number {
  for (const [i, ours] of a.entries()) {
    const theirs = b[i] ?? "";
    const [x, y] = typeof ours === "number" ? [ours, Number(theirs)] : [ours, `${theirs}`];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
