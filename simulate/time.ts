import type { Clock } from "../src/core/chain.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/**
 * Virtual time: nothing sleeps, timers fire in order of time and then of birth, as soon as nothing else is left to do.
 */
export class VirtualTime implements Clock {
  #nowMs = 1_800_000_000_000;
  #setBackMs = 0;
  #order = 0;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  /** The machine's clock, which may have been set back. */
  wallMs(): number {
    return this.#nowMs - this.#setBackMs;
  }

  setBack(ms: number): void {
    this.#setBackMs += ms;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.after(ms, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  deadline(ms: number): { readonly signal: AbortSignal; clear(): void } {
    const controller = new AbortController();
    const clear = this.after(ms, () => controller.abort());
    return { signal: controller.signal, clear };
  }

  /** Calls back once; returns how to cancel that. */
  after(ms: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, fire };
    this.#timers.push(timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /**
   * Lets time pass until the work is done. @throws where nothing is left that could finish it, or it takes too long.
   */
  async run<T>(work: Promise<T>, limitMs: number): Promise<T> {
    const endMs = this.#nowMs + limitMs;
    let done = false;
    const settled = work.finally(() => {
      done = true;
    });
    settled.catch(() => {}); // Awaited below.
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (done) return await settled;
      const next = this.#timers.reduce<Timer | undefined>(
        (first, each) =>
          first === undefined || each.atMs < first.atMs || (each.atMs === first.atMs && each.order < first.order)
            ? each
            : first,
        undefined,
      );
      if (next === undefined) throw new Error("nothing is left to happen, and the work is not done");
      if (next.atMs > endMs) throw new Error(`the work was not done within ${limitMs / 1000} s`);
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#nowMs = next.atMs;
      next.fire();
    }
  }
}
