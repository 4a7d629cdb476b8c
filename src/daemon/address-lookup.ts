import type { AddressFacts } from "../core/address-facts.ts";
import type { Clock } from "../core/chain.ts";
import { isoOf } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Store } from "../store/store.ts";

const EVERY_MS = 60_000;
const ADDRESSES_MAX = 50;
/** A wallet may become a contract's address later. */
const AGAIN_SEC = 7 * 86_400;

/**
 * Asks in the background what stands behind providers' addresses, some a minute: rewards that go to a contract may
 * reach nobody.
 */
export class AddressLookup {
  readonly #store: Store;
  readonly #behind: (addresses: readonly Address[], signal: AbortSignal) => Promise<readonly AddressFacts[]>;
  readonly #clock: Clock;
  #dueMs: number;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(
    store: Store,
    behind: (addresses: readonly Address[], signal: AbortSignal) => Promise<readonly AddressFacts[]>,
    clock: Clock,
  ) {
    this.#store = store;
    this.#behind = behind;
    this.#clock = clock;
    this.#dueMs = clock.nowMs();
  }

  /**
   * Called at the head; begins to ask where that is due. @throws what an earlier time failed with, but for the node's
   * failures
   */
  tick(signal: AbortSignal): void {
    if (this.#failure !== undefined) throw this.#failure;
    const now = this.#clock.nowMs();
    if (this.#running !== undefined || now < this.#dueMs) return;
    const since = isoOf(Math.floor(now / 1000) - AGAIN_SEC);
    const asked = this.#store.addressFacts.unknown(ADDRESSES_MAX, since);
    // Where many wait, the next ones are asked for at the next look.
    this.#dueMs = asked.length === ADDRESSES_MAX ? now : now + EVERY_MS;
    if (asked.length === 0) return;
    this.#running = this.#ask(asked, signal).finally(() => {
      this.#running = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  async #ask(addresses: readonly Address[], signal: AbortSignal): Promise<void> {
    try {
      const found = await this.#behind(addresses, signal);
      this.#store.write(() => {
        for (const each of found) this.#store.addressFacts.put(each, this.#store.nowIso());
      });
    } catch (error) {
      // What could not be asked or written now is asked again.
      const isPassing = error instanceof LpLedgerError && error.kind === "transient";
      if (!signal.aborted && !isPassing) this.#failure = error;
      this.#dueMs = this.#clock.nowMs() + EVERY_MS;
    }
  }
}
