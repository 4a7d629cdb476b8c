/** How an endpoint does, for status and metrics. */
export interface EndpointHealth {
  readonly id: string;
  readonly used: boolean;
  readonly healthy: boolean;
  readonly head: number | null;
  /** HTTP requests, how many of them failed, and how long all of them took. */
  readonly requests: number;
  readonly failures: number;
  readonly waitedMs: number;
  /** Removed and pending logs in its answers. */
  readonly dropped: number;
  /** Requests a second that it bears, and most blocks in a range; null while it never refused one. */
  readonly perSecond: number | null;
  readonly blocksMax: number | null;
  /** Whether its headers hash to what they name; null while none was read. */
  readonly headers: "authentic" | "unauthenticated" | null;
  readonly lastError: string | null;
}
