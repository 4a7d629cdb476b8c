import type { Block } from "../core/chain.ts";
import type { FilterLimits } from "./filter-limits.ts";
import type { BatchLimits } from "./rpc/batch-limits.ts";

/** What an endpoint taught of the requests that it bears; kept for the next start. */
export interface EndpointLimits extends BatchLimits, FilterLimits {
  /** Most blocks in a range; null while it never named a limit. */
  readonly blocksMax: number | null;
  /** The newest block whose state it no longer had; null while it never lacked any. */
  readonly stateLackedTo: number | null;
}

/** How an endpoint does, for status and metrics. */
export interface EndpointHealth extends EndpointLimits {
  readonly id: string;
  /** See `Endpoint`: what was learned of it is no other's, whatever that is called. */
  readonly origin: string;
  readonly used: boolean;
  readonly healthy: boolean;
  readonly head: number | null;
  /** HTTP requests, how many of them failed, and how long all of them took. */
  readonly requests: number;
  readonly failures: number;
  readonly waitedMs: number;
  /** Removed and pending logs in its answers. */
  readonly dropped: number;
  /** Requests a second that it bears; null while it never refused one. */
  readonly perSecond: number | null;
  /** Whether its headers hash to what they name; null while none was read. */
  readonly headers: "authentic" | "unauthenticated" | null;
  readonly lastError: string | null;
}

const LAG_BLOCKS_MAX = 3;
const LAG_SECONDS_MAX = 60;

/** Whether an endpoint's head is behind the best one by more than nodes of one chain differ. */
export function isLagging({ head }: { readonly head: Block | undefined }, best: Block | undefined): boolean {
  if (head === undefined || best === undefined) return false;
  return best.number - head.number > LAG_BLOCKS_MAX && best.timestampSec - head.timestampSec > LAG_SECONDS_MAX;
}
