import type { Address } from "../hex.ts";
import type { LedgerEvent } from "../ledger.ts";
import type { Pool } from "../programme.ts";

/** Where in the chain a log stands, as far as findings need it. */
export interface Place {
  readonly blockNumber: number;
}

/** Takes one event as soon as it is understood: its postings are made at once. */
export type Emit = (event: LedgerEvent) => void;

/** Whose logs an address emits: a pool's own, or a position manager's. */
export interface Routes {
  readonly pools: ReadonlyMap<Address, Pool>;
  readonly managers: ReadonlySet<Address>;
}
