import type { Clock } from "../core/chain.ts";

/** A rest between two looks at the chain that a hint may end early. */
export class WakeableSleep {
  readonly #clock: Clock;
  #wake: () => void = () => {};
  #hinted = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There may be something new: the present rest, or else the next one, ends at once. */
  readonly wake = (): void => {
    this.#hinted = true;
    this.#wake();
  };

  /** Sleeps for `ms`, or until a hint. */
  async rest(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const early = new AbortController();
    const abort = (): void => early.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#wake = () => early.abort();
    try {
      if (!this.#hinted) await this.#clock.sleep(ms, early.signal);
    } catch (error) {
      if (!this.#hinted) throw error;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#hinted = false;
      this.#wake = () => {};
    }
  }
}
