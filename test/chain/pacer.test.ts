import { describe, expect, it } from "vitest";
import { RateLimiter } from "../../src/chain/rpc/rate-limiter.ts";
import type { Clock } from "../../src/core/chain.ts";

/** Time that passes only where somebody waits for it: sleepers wake in order. */
class Time implements Clock {
  #nowMs = 0;
  readonly #sleepers: { readonly at: number; wake(): void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ at: this.#nowMs + ms, wake }));
  }

  deadline(): { readonly signal: AbortSignal; clear(): void } {
    return { signal: new AbortController().signal, clear: () => {} };
  }

  /** Lets time pass up to a moment. */
  async until(ms: number): Promise<void> {
    for (let i = 0; i < 1_000_000; i++) {
      for (let j = 0; j < 10; j++) await Promise.resolve();
      this.#sleepers.sort((a, b) => a.at - b.at);
      const [next] = this.#sleepers;
      if (next === undefined || next.at > ms) break;
      this.#sleepers.shift();
      this.#nowMs = next.at;
      next.wake();
    }
    this.#nowMs = ms;
  }
}

interface Manner {
  /** Until then only one of the askers asks. */
  readonly quietMs?: number;
  /** How long an answer takes. */
  readonly latencyMs?: number;
  /** How long each asker rests before its next request. */
  readonly restMs?: (nowMs: number) => number;
  /** How long a refusal asks to wait. */
  readonly retryAfterMs?: number;
}

/** Four askers, one after another each, at an endpoint that bears `perSecond(now)`. */
async function served(seconds: number, perSecond: (nowMs: number) => number, manner: Manner = {}) {
  const { quietMs = 0, latencyMs = 50, restMs = () => 0, retryAfterMs } = manner;
  const time = new Time();
  const pacer = new RateLimiter(time);
  const { signal } = new AbortController();
  let [tokens, filledMs, accepted, refused] = [Math.max(3, perSecond(0) / 10), 0, 0, 0];
  const ask = async (): Promise<void> => {
    while (time.nowMs() < seconds * 1000) {
      await time.sleep(restMs(time.nowMs()));
      await pacer.turn(signal);
      const now = time.nowMs();
      tokens = Math.min(Math.max(3, perSecond(now) / 10), tokens + ((now - filledMs) / 1000) * perSecond(now));
      filledMs = now;
      const isBorne = tokens >= 1;
      if (isBorne) tokens -= 1;
      await time.sleep(latencyMs);
      if (isBorne) {
        accepted += 1;
        pacer.answered();
      } else {
        refused += 1;
        pacer.refused(retryAfterMs);
        await time.sleep(150);
      }
    }
  };
  void ask();
  await time.until(quietMs);
  for (let i = 1; i < 4; i++) void ask();
  await time.until(seconds * 1000);
  return { accepted, refused, perSecond: pacer.perSecond };
}

describe("pacing requests", () => {
  for (const rate of [5, 25, 40]) {
    it(`finds ${rate} requests a second and keeps within 8 % of them, with few refusals`, async () => {
      const { accepted, refused } = await served(120, () => rate);
      expect(accepted / (rate * 120)).toBeGreaterThan(0.92);
      expect(refused / accepted).toBeLessThan(0.06);
    });
  }

  it("loses next to nothing while it learns: ten seconds bring nearly what ten seconds may", async () => {
    for (const rate of [5, 10, 25, 40, 60]) {
      const { accepted } = await served(10, () => rate);
      expect(accepted / (rate * 10)).toBeGreaterThan(0.93);
      // A slow beginning, which loses more by itself, teaches nothing wrong.
      const { accepted: later } = await served(10, () => rate, { quietMs: 400 });
      expect(later / (rate * 10)).toBeGreaterThan(0.91);
    }
  });

  it("finds out soon where it learned too little, since nothing was asked for a while", async () => {
    for (const rate of [25, 40, 60])
      for (const from of [400, 600, 800]) {
        const restMs = (now: number): number => (now >= from && now < from + 200 ? from + 200 - now : 0);
        const { accepted } = await served(10, () => rate, { restMs });
        expect(accepted / (rate * 10)).toBeGreaterThan(0.92);
      }
  });

  it("takes a refusal that comes late for what it is", async () => {
    for (const rate of [4, 8, 12]) {
      const { accepted } = await served(20, () => rate, { latencyMs: 250 });
      expect(accepted / (rate * 20)).toBeGreaterThan(0.85);
    }
    // What was sent for the last tenth of a second is little: not because more may not be, but because answers were
    // awaited.
    for (const sentMs of [
      [0, 0, 0, 0],
      [0, 74, 135, 135, 135, 219],
    ]) {
      const time = new Time();
      const pacer = new RateLimiter(time);
      for (const at of sentMs) {
        await time.until(at);
        await pacer.turn(new AbortController().signal);
      }
      await time.until(300);
      pacer.refused(undefined);
      expect(pacer.perSecond).toBeGreaterThan(20);
      expect(pacer.perSecond).toBeLessThan(60);
    }
  });

  it("waits as long as it is asked to, learns from what it does between, and never runs off", async () => {
    for (const rate of [5, 10, 25]) {
      const { accepted, refused, perSecond } = await served(120, () => rate, { retryAfterMs: 3_000 });
      expect(perSecond).toBeLessThan(rate * 1.2);
      expect(accepted / (rate * 120)).toBeGreaterThan(0.75);
      expect(refused).toBeLessThan(20);
    }
  });

  it("follows a limit that falls, and one that rises again", async () => {
    const fallen = await served(60, (now) => (now < 30_000 ? 40 : 8));
    expect(fallen.perSecond).toBeLessThan(9);
    const risen = await served(300, (now) => (now < 30_000 ? 8 : 40));
    expect(risen.perSecond).toBeGreaterThan(30);
  });

  it("learns nothing from being borne where little is asked", async () => {
    const { perSecond } = await served(120, () => 25, { restMs: (now) => (now < 5_000 ? 0 : 4_000) });
    expect(perSecond).toBeGreaterThan(23);
    expect(perSecond).toBeLessThan(29);
  });

  it("does not slow down where nothing is refused", async () => {
    const { accepted, perSecond } = await served(10, () => 1_000);
    expect(perSecond).toBe(Number.POSITIVE_INFINITY);
    expect(accepted).toBeGreaterThan(790);
  });
});
