import type { Day } from "../day.ts";
import type { Finding } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Wrapper } from "./programme.ts";

/**
 * From where on something does not count: a transaction, by its first log that is read; or the end of a day that does
 * not add up.
 */
export type Stop = { readonly blockNumber: number; readonly logIndex: number } | { readonly fromSec: number };

/** What is stopped of a pool: all of it, or what lies in some wrappers of its shares. */
export interface PoolStops {
  readonly whole: Stop | undefined;
  /** By the wrapper's address. */
  readonly wrappers: ReadonlyMap<Address, Stop>;
}

/** By pool. */
export type Stops = ReadonlyMap<Address, PoolStops>;

/** A pool that is stopped, or a wrapper of its shares with what lies inside it, and what did not hold. */
export interface Quarantine {
  readonly pool: Address;
  /** Null where all of the pool is stopped. */
  readonly wrapper: Address | null;
  readonly stop: Stop;
  /** No day from this one on is known. */
  readonly firstDay: Day;
  readonly finding: Finding;
}

/** What a person reads of what is stopped. */
export function nameOf({ pool, wrapper }: Pick<Quarantine, "pool" | "wrapper">): string {
  return wrapper === null ? `pool ${pool}` : `the wrapper ${wrapper} of pool ${pool}`;
}

/** Where in the chain something stands. */
interface Place {
  readonly blockNumber: number;
  readonly timestampSec: number;
}

/**
 * Whether nothing of a transaction counts for what is stopped; `firstLog`: the transaction's first log that was read.
 */
export function isStopped(stop: Stop | undefined, { blockNumber, timestampSec }: Place, firstLog: number): boolean {
  if (stop === undefined) return false;
  if ("fromSec" in stop) return timestampSec >= stop.fromSec;
  return blockNumber > stop.blockNumber || (blockNumber === stop.blockNumber && firstLog >= stop.logIndex);
}

/** The same at the end of a block. */
export function isStoppedAt(stop: Stop | undefined, at: Place): boolean {
  return isStopped(stop, at, Number.POSITIVE_INFINITY);
}

export function stopsOf(quarantines: readonly Quarantine[]): Stops {
  const stops = new Map<Address, { whole: Stop | undefined; wrappers: Map<Address, Stop> }>();
  for (const { pool, wrapper, stop } of quarantines) {
    const known = stops.get(pool) ?? { whole: undefined, wrappers: new Map() };
    if (wrapper === null) known.whole = stop;
    else known.wrappers.set(wrapper, stop);
    stops.set(pool, known);
  }
  return stops;
}

/** The wrappers of a pool's shares that a wrapper lies inside, itself first. */
export function* around(wrapper: Wrapper, at: (address: Address) => readonly Wrapper[]): Generator<Wrapper> {
  for (let each: Wrapper | undefined = wrapper; each !== undefined; ) {
    yield each;
    const { inside, pool }: Wrapper = each;
    each = inside === null ? undefined : at(inside).find((one) => one.pool === pool);
  }
}

/**
 * What is said of a wrapper that is stopped, or of the first one that it lies inside and that is; undefined where none
 * is.
 */
export function saidOfWrapper<T>(
  wrappers: readonly Wrapper[],
  stopped: ReadonlyMap<Address, T> | undefined,
  { pool, via }: { readonly pool: Address; readonly via: string },
): T | undefined {
  if (stopped === undefined || stopped.size === 0 || via === "") return undefined;
  const at = (address: string) => wrappers.filter((each) => each.address === address);
  const own = at(via).find((each) => each.pool === pool);
  for (const { address } of own === undefined ? [] : around(own, at)) {
    const said = stopped.get(address);
    if (said !== undefined) return said;
  }
  return undefined;
}

/**
 * What a pool gives to the digest of a block's state: its own digest, and that it, or a wrapper, does not count any
 * more where that is so.
 */
export function digestInQuarantine(digest: string, stops: PoolStops | undefined, at: Place): string {
  if (stops === undefined) return digest;
  const out = [...stops.wrappers].filter(([, stop]) => isStoppedAt(stop, at)).map(([wrapper]) => ` without ${wrapper}`);
  return `${digest}${isStoppedAt(stops.whole, at) ? " quarantined" : ""}${out.sort().join("")}`;
}

/** The digests of a state's pools at a block, with what does not count any more. */
export function digestsInQuarantine(
  digests: ReadonlyMap<string, string>,
  stops: Stops,
  at: Place,
): ReadonlyMap<string, string> {
  if (stops.size === 0) return digests;
  const marked = new Map(digests);
  for (const [pool, of] of stops) {
    const digest = digestInQuarantine(digests.get(pool) ?? "", of, at);
    if (digest !== "") marked.set(pool, digest);
  }
  return marked;
}
