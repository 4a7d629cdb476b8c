import type { Clock } from "../../core/chain.ts";

const WINDOW_MS = 10_000;
const LESSON_MS = 1_000;
const FIRST_MS = 100;
const FIRST_MS_MIN = 50;
const LATELY_MS = 500;
/**
 * Below what was borne when refusals came; and what one lesson leaves at least once the rate is known: of one refusal,
 * and of several, since a fast step that was refused is taken back.
 */
const MARGIN_SHARE = 0.98;
const SLOWER_SHARE_ONE = 0.98;
const SLOWER_SHARE = 2 / 3;
/**
 * In the first lesson: how many answers it takes, by how much each refusal slows down, and how much more is asked than
 * gets through.
 */
const LESSON_ANSWERS = 20;
const LESSON_MS_MAX = 3_000;
const YIELD_SHARE = 0.75;
const YIELD_EVERY_MS = 100;
const PRESSURE = 1.1;
/**
 * Far below the ceiling the rate grows fast; near it by a small step, since a step beyond it costs a refusal, and by
 * larger ones while none comes. A step that was refused makes the next ones rarer.
 */
const FAR_GROWTH = 1.5;
const NEAR_GROWTH = 0.03;
const NEAR_EVERY_MS = 1_000;
const NEAR_REQUESTS = 25;
const NEAR_TIMES_MAX = 8;
/** A step that costs a pause is taken so many pauses later. */
const NEAR_PAUSES = 4;
const PER_SECOND_MIN = 1;
const PER_SECOND_NONE = 500;
const PAUSE_MS_MAX = 300_000;

/** When it began, how many answers it brought, and when it was refused and slowed down last. */
interface Lesson {
  readonly sinceMs: number;
  borne: number;
  refusedMs: number;
  slowedMs: number;
}

/** Keeps an endpoint's requests just below the rate it bears, which is learned from its refusals. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #sent: number[] = [];
  readonly #refused: number[] = [];
  #perSecond = Number.POSITIVE_INFINITY;
  /**
   * What the endpoint bore before it refused last, since the rate changed; after a first refusal that named a pause,
   * what it was asked for.
   */
  #ceiling = Number.POSITIVE_INFINITY;
  #firstMs: number | undefined;
  /** Since the first refusal, until it is known how much gets through when a little too much is asked. */
  #learning: Lesson | undefined;
  #nextMs = 0;
  #pausedToMs = 0;
  /** How long the last refusal asked to wait. */
  #pauseMs = 0;
  #taughtMs = Number.NEGATIVE_INFINITY;
  #changedMs = Number.NEGATIVE_INFINITY;
  /** Requests since then. */
  #tried = 0;
  #growth = NEAR_GROWTH;
  /** Twice as much for each step that was refused. */
  #nearTimes = 1;
  /** Before the last small step, which nothing was refused at. */
  #grownFrom: number | undefined;

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
    let at = this.#place();
    while (at > this.#clock.nowMs()) {
      await this.#clock.sleep(at - this.#clock.nowMs(), signal);
      // A refusal that came in meanwhile holds for those that wait, too; and they do not go together when it is over.
      if (this.#pausedToMs > at) at = this.#place();
    }
    this.#firstMs ??= this.#clock.nowMs();
    this.#sent.push(this.#clock.nowMs());
    this.#tried += 1;
    while ((this.#sent[0] ?? at) < at - WINDOW_MS) this.#sent.shift();
  }

  /** When the next request may go; the one after it goes later. */
  #place(): number {
    const at = Math.max(this.#clock.nowMs(), this.#nextMs, this.#pausedToMs);
    this.#nextMs = at + 1000 / this.#perSecond;
    return at;
  }

  /** The endpoint answered a request, whatever it said. */
  answered(): void {
    if (this.#learning !== undefined) this.#learning.borne += 1;
  }

  /**
   * The endpoint refused a request for its rate: slower from now on, and nothing at all for as long as it asked for.
   */
  refused(retryAfterMs: number | undefined): void {
    const now = this.#clock.nowMs();
    this.#pauseMs = Math.min(retryAfterMs ?? 0, PAUSE_MS_MAX);
    if (retryAfterMs !== undefined) {
      this.#pausedToMs = Math.max(this.#pausedToMs, now + this.#pauseMs);
      // A lesson asks for a little too much: not where each refusal stops everything for a while.
      this.#learning = undefined;
    }
    this.#refused.push(now);
    while ((this.#refused[0] ?? now) <= now - LESSON_MS) this.#refused.shift();
    if (this.#learning !== undefined) {
      this.#yield(this.#learning, now);
      this.#learn(now);
      return;
    }
    // Many requests may be refused together; they teach one lesson.
    if (now - this.#taughtMs < LESSON_MS) return;
    // A second counted in whole requests says little of the rate: all that was sent counts since it changed, but for
    // pauses.
    const sinceMs = retryAfterMs === undefined ? Math.max(now - WINDOW_MS, this.#changedMs) : now;
    const since = Math.min(sinceMs, now - LESSON_MS);
    this.#taughtMs = now;
    this.#changed(now);
    this.#growth = NEAR_GROWTH;
    const sent = this.#sent.filter((at) => at > since).length;
    const perSecond = (1000 * (sent - this.#refused.length)) / (now - since);
    // Those that waited out a pause may have gone together: more than the rate it was refused at is not borne.
    const borne = Math.min(this.#perSecond, Math.max(1, perSecond));
    if (!Number.isFinite(this.#ceiling)) {
      const asked = this.#recentRate(now);
      if (retryAfterMs === undefined) {
        this.#slow(YIELD_SHARE * asked);
        this.#learning = { sinceMs: now, borne: 0, refusedMs: now, slowedMs: now };
      } else {
        // It may have been asked for less than a second, and bear more than it answered so far: up to what was asked.
        this.#ceiling = asked;
        this.#slow(borne);
      }
      return;
    }
    const grownFrom = this.#grownFrom;
    this.#grownFrom = undefined;
    const isOne = this.#refused.length === 1;
    // One refusal after a small step says that it went too far, and no more.
    if (grownFrom !== undefined && isOne) {
      this.#nearTimes = Math.min(NEAR_TIMES_MAX, 2 * this.#nearTimes);
      this.#slow(grownFrom);
      return;
    }
    // Later a second of refusals may have other reasons than the rate: then a lesson takes away a third at most.
    const slower = isOne && retryAfterMs === undefined ? SLOWER_SHARE_ONE : SLOWER_SHARE;
    this.#ceiling = Math.max(borne, this.#perSecond * slower);
    this.#slow(this.#ceiling * MARGIN_SHARE);
  }

  /** Requests a second when most were sent lately: a refusal takes as long as an answer does, and they go in bursts. */
  #recentRate(now: number): number {
    const recentMs = Math.min(FIRST_MS, Math.max(FIRST_MS_MIN, now - (this.#firstMs ?? now)));
    const sentBefore = (endMs: number): number =>
      this.#sent.filter((at) => at > endMs - recentMs && at <= endMs).length;
    const ends = this.#sent.filter((at) => at > now - LATELY_MS);
    const most = Math.max(...[...ends, now].map(sentBefore));
    return Math.min(this.#perSecond, (1000 * Math.max(1, most)) / recentMs);
  }

  /** A refusal in the first lesson: a little slower, but not for each of several that were sent together. */
  #yield(learning: Lesson, now: number): void {
    learning.refusedMs = now;
    if (now - learning.slowedMs < YIELD_EVERY_MS) return;
    learning.slowedMs = now;
    const borne = (1000 * learning.borne) / (now - learning.sinceMs);
    this.#slow(Math.max(this.#perSecond * YIELD_SHARE, borne * PRESSURE));
  }

  /** The first lesson: nothing that gets through while it lasts is lost, and what got through is the rate. */
  #learn(now: number): void {
    if (this.#learning === undefined) return;
    const { sinceMs, borne, refusedMs } = this.#learning;
    if (now - sinceMs < LESSON_MS || (borne < LESSON_ANSWERS && now - sinceMs < LESSON_MS_MAX)) return;
    this.#learning = undefined;
    this.#changed(now);
    if (refusedMs - sinceMs < (now - sinceMs) / 2) {
      // It was not asked for as much as it bears: another lesson, with more.
      this.#learning = { sinceMs: now, borne: 0, refusedMs: now, slowedMs: now };
      this.#quickenBy(PRESSURE);
      return;
    }
    this.#taughtMs = now;
    // Half of one may be on its way.
    this.#ceiling = (1000 * Math.max(1, borne + 0.5)) / (now - sinceMs);
    this.#slow(this.#ceiling * MARGIN_SHARE);
  }

  #slow(perSecond: number): void {
    this.#perSecond = Math.max(PER_SECOND_MIN, Math.min(this.#perSecond, perSecond));
  }

  #quicken(now: number): void {
    if (this.#perSecond === Number.POSITIVE_INFINITY || now < this.#pausedToMs) return;
    this.#learn(now);
    if (this.#learning !== undefined) return;
    const isFar = this.#perSecond * FAR_GROWTH <= this.#ceiling * MARGIN_SHARE;
    if (isFar ? now - this.#changedMs < LESSON_MS : !this.#isBorne(now)) return;
    this.#changed(now);
    this.#grownFrom = isFar ? undefined : this.#perSecond;
    this.#quickenBy(isFar ? FAR_GROWTH : 1 + this.#growth);
    if (!isFar) this.#growth = Math.min(1, 2 * this.#growth);
  }

  /** It is known by now that what was asked lately is borne: as long as little is asked, nothing is known of more. */
  #isBorne(now: number): boolean {
    const waitMs = this.#nearTimes * NEAR_EVERY_MS + NEAR_PAUSES * this.#pauseMs;
    return this.#tried >= this.#nearTimes * NEAR_REQUESTS && now - this.#changedMs >= waitMs;
  }

  #changed(now: number): void {
    this.#changedMs = now;
    this.#tried = 0;
  }

  #quickenBy(factor: number): void {
    this.#perSecond *= factor;
    if (this.#perSecond <= PER_SECOND_NONE) return;
    this.#perSecond = this.#ceiling = Number.POSITIVE_INFINITY;
    this.#learning = undefined;
    this.#grownFrom = undefined;
  }
}
