import type { Clock } from "../core/chain.ts";

const WINDOW_MS = 10_000;
const LESSON_MS = 1_000;
const FIRST_MS_MIN = 50;
/** Below what was borne when a refusal came; and how much is given up while that is not known yet. */
const MARGIN_SHARE = 0.97;
const SLOWER_SHARE = 0.7;
/** Far below the ceiling the rate grows fast; near it by a small step, since a step beyond it costs a refusal, and by larger ones while none comes. */
const FAR_GROWTH = 1.5;
const NEAR_GROWTH = 0.03;
const NEAR_EVERY_MS = 8_000;
const PER_SECOND_MIN = 1;
const PER_SECOND_NONE = 500;
const PAUSE_MS_MAX = 300_000;

/** Keeps an endpoint's requests just below the rate it bears, which is learned from its refusals. */
export class Pacer {
  readonly #clock: Clock;
  readonly #sent: number[] = [];
  readonly #refused: number[] = [];
  #perSecond = Number.POSITIVE_INFINITY;
  /** What the endpoint bore in the second before it refused last. */
  #ceiling = Number.POSITIVE_INFINITY;
  #firstMs: number | undefined;
  #nextMs = 0;
  #pausedToMs = 0;
  #taughtMs = Number.NEGATIVE_INFINITY;
  #changedMs = Number.NEGATIVE_INFINITY;
  #growth = NEAR_GROWTH;

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
    this.#firstMs ??= this.#clock.nowMs();
    this.#sent.push(this.#clock.nowMs());
    while ((this.#sent[0] ?? at) < at - WINDOW_MS) this.#sent.shift();
  }

  /** The endpoint refused a request for its rate: slower from now on, and nothing at all for as long as it asked for. */
  refused(retryAfterMs: number | undefined): void {
    const now = this.#clock.nowMs();
    this.#pausedToMs = Math.max(this.#pausedToMs, now + Math.min(retryAfterMs ?? 0, PAUSE_MS_MAX));
    this.#nextMs = Math.max(this.#nextMs, this.#pausedToMs);
    this.#refused.push(now);
    while ((this.#refused[0] ?? now) <= now - LESSON_MS) this.#refused.shift();
    // Many requests may be refused together; they teach one lesson.
    if (now - this.#taughtMs < LESSON_MS) return;
    this.#taughtMs = now;
    this.#changedMs = now;
    this.#growth = NEAR_GROWTH;
    const since = now - LESSON_MS;
    const sent = this.#sent.filter((at) => at > since).length;
    // Those that waited out a pause may have gone together: more than the rate it was refused at is not borne.
    const borne = Math.min(this.#perSecond, Math.max(1, sent - this.#refused.length));
    const elapsedMs = Math.max(FIRST_MS_MIN, now - (this.#firstMs ?? now));
    if (elapsedMs < LESSON_MS) {
      this.#slow(((1000 * borne) / elapsedMs) * SLOWER_SHARE);
      return;
    }
    // Later a second of refusals may have other reasons than the rate: then a lesson takes away a third at most.
    const least = Number.isFinite(this.#ceiling) ? this.#perSecond * SLOWER_SHARE : 0;
    this.#ceiling = Math.max(borne, least);
    this.#slow(this.#ceiling * MARGIN_SHARE);
  }

  #slow(perSecond: number): void {
    this.#perSecond = Math.max(PER_SECOND_MIN, Math.min(this.#perSecond, perSecond));
  }

  #quicken(now: number): void {
    if (this.#perSecond === Number.POSITIVE_INFINITY || now < this.#pausedToMs) return;
    const isFar = this.#perSecond * FAR_GROWTH <= this.#ceiling * MARGIN_SHARE;
    if (now - this.#changedMs < (isFar ? LESSON_MS : NEAR_EVERY_MS)) return;
    this.#changedMs = now;
    this.#perSecond *= isFar ? FAR_GROWTH : 1 + this.#growth;
    if (!isFar) this.#growth = Math.min(1, 2 * this.#growth);
    if (this.#perSecond > PER_SECOND_NONE) this.#perSecond = this.#ceiling = Number.POSITIVE_INFINITY;
  }
}
