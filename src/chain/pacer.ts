import type { Clock } from "../core/chain.ts";

const WINDOW_MS = 10_000;
const SLOWER_SHARE = 0.7;
const FASTER_SHARE = 1.2;
const FASTER_AFTER_MS = 10_000;
const PER_SECOND_MIN = 1;
const PER_SECOND_NONE = 500;
const PAUSE_MS_MAX = 300_000;

/** Keeps an endpoint's requests below the rate it bears, which is learned from its refusals. */
export class Pacer {
  readonly #clock: Clock;
  readonly #sent: number[] = [];
  #perSecond = Number.POSITIVE_INFINITY;
  #nextMs = 0;
  #pausedToMs = 0;
  #changedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests a second; infinite until a refusal teaches better. */
  get perSecond(): number {
    return this.#perSecond;
  }

  /** Waits for the next request's turn. */
  async turn(signal: AbortSignal): Promise<void> {
    this.#quicken(this.#clock.nowMs());
    const at = Math.max(this.#clock.nowMs(), this.#nextMs, this.#pausedToMs);
    this.#nextMs = at + 1000 / this.#perSecond;
    // A refusal that comes in meanwhile holds for those that wait, too.
    for (let until = at; until > this.#clock.nowMs(); until = Math.max(at, this.#pausedToMs))
      await this.#clock.sleep(until - this.#clock.nowMs(), signal);
    this.#sent.push(this.#clock.nowMs());
    while ((this.#sent[0] ?? at) < at - WINDOW_MS) this.#sent.shift();
  }

  /** The endpoint refused a request for its rate: slower from now on, and nothing at all for as long as it asked for. */
  refused(retryAfterMs: number | undefined): void {
    const now = this.#clock.nowMs();
    this.#pausedToMs = Math.max(this.#pausedToMs, now + Math.min(retryAfterMs ?? 0, PAUSE_MS_MAX));
    this.#nextMs = Math.max(this.#nextMs, this.#pausedToMs);
    // Many requests may be refused together; they teach one lesson.
    if (now - this.#changedMs < 1000) return;
    this.#changedMs = now;
    const recent = this.#sent.filter((at) => at > now - 1000).length;
    this.#perSecond = Math.max(PER_SECOND_MIN, Math.min(this.#perSecond, Math.max(1, recent)) * SLOWER_SHARE);
  }

  #quicken(now: number): void {
    if (this.#perSecond === Number.POSITIVE_INFINITY || now - this.#changedMs < FASTER_AFTER_MS) return;
    this.#changedMs = now;
    this.#perSecond *= FASTER_SHARE;
    if (this.#perSecond > PER_SECOND_NONE) this.#perSecond = Number.POSITIVE_INFINITY;
  }
}
