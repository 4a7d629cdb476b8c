import type { Hash } from "../core/hex.ts";
import type { Quarantine } from "../core/programme/quarantine.ts";

/** What a commit added. */
export interface Committed {
  readonly blocks: number;
  readonly events: number;
  readonly postings: number;
  readonly tip: number;
  /** Pools that it stopped. */
  readonly quarantined?: readonly Quarantine[];
}

/**
 * A fork that is taken over with a redo; below the final block, where the operator agreed to it, with that one's hash
 * on the new chain.
 */
export interface TakenFork {
  readonly common: number;
  readonly finalHash: Hash | undefined;
}
