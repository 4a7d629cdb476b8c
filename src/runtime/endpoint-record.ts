import type { FollowedChain } from "../chain/followed-chain.ts";
import type { Clock } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Store } from "../store/store.ts";

const WRITE_EVERY_MS = 10_000;

/** Keeps in the ledger how each endpoint does, for `status`, and what limits it taught, for the next start. */
export class EndpointRecord {
  readonly #store: Store;
  readonly #chain: Pick<FollowedChain, "health">;
  readonly #clock: Clock;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #written = "";

  constructor(store: Store, chain: Pick<FollowedChain, "health">, clock: Clock) {
    this.#store = store;
    this.#chain = chain;
    this.#clock = clock;
  }

  /** Called after each look at the chain; writes only now and then, and only what changed. */
  keep(): void {
    const now = this.#clock.nowMs();
    if (now - this.#writtenMs < WRITE_EVERY_MS) return;
    this.#writtenMs = now;
    const health = this.#chain.health().map(({ requests, failures, waitedMs, dropped, ...each }) => each);
    const text = JSON.stringify(health);
    if (text === this.#written) return;
    try {
      this.#store.write(() => this.#store.config.set("endpoints", health, this.#store.nowIso()));
      this.#written = text;
    } catch (error) {
      // A full disk or a busy file is the daemon's to wait out; a record of endpoints can wait, too.
      if (!(error instanceof LpLedgerError) || error.kind !== "transient") throw error;
    }
  }
}
