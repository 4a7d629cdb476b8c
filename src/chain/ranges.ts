import PQueue from "p-queue";
import type { Clock, FetchOptions, LogBlock, Range, RangeBounds } from "../core/chain.ts";
import { invariant, LpLedgerError } from "../core/errors.ts";
import { compact, logCountOf, packOf } from "./logs/range-codec.ts";
import type { ChainNode } from "./node.ts";
import { reactionTo } from "./rpc/classify-errors.ts";

export interface RangeLimits {
  /** Ranges asked for at one time. */
  readonly inFlightMax: number;
  /** Asked for or waiting to be used, where they are light. */
  readonly aheadMax: number;
  /** The very first range is smaller: it tells how heavy the next ones are, and what uses them can begin. */
  readonly blocksFirst: number;
  readonly blocksStart: number;
  readonly blocksMax: number;
  /**
   * A range that brought more logs than this makes the next ones smaller; where as many wait to be used, no more than
   * `inFlightMax` ranges are ahead.
   */
  readonly logsWanted: number;
  readonly attemptsMax: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
}

export const RANGE_LIMITS: RangeLimits = {
  inFlightMax: 3,
  aheadMax: 8,
  blocksFirst: 250,
  blocksStart: 1_000,
  blocksMax: 50_000,
  logsWanted: 3_000,
  attemptsMax: 5,
  backoffMsMin: 200,
  backoffMsMax: 5_000,
};

/** A stretch as it is asked for. */
interface Asked {
  readonly first: number;
  readonly last: number;
  readonly bounds: RangeBounds;
  readonly how: FetchOptions | undefined;
}

const CEILING_SHARE = 0.8;
const CEILING_PATIENCE = 200;

/**
 * Reads long stretches of the chain: ranges in parallel, handed out in order, their size fitted to what the node bears.
 */
export class Ranges {
  readonly #node: ChainNode;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: RangeLimits;
  readonly #contentOf: (block: LogBlock) => string;
  #blocks: number;
  #cap: number;
  #ceiling = Number.MAX_SAFE_INTEGER;
  #goodAtCeiling = 0;
  /**
   * The largest range that was answered; and where a larger one begins that is on its way: one at a time is enough to
   * learn.
   */
  #borne: number;
  #trial: number | undefined;
  /** Nothing was answered yet: what the first answer teaches is worth more than two more of its size. */
  #isNew = true;

  /** `cap` is what an earlier process learned of the endpoint. */
  constructor(
    node: ChainNode,
    clock: Clock,
    random: () => number,
    limits: RangeLimits,
    contentOf: (block: LogBlock) => string,
    cap?: number,
  ) {
    this.#contentOf = contentOf;
    this.#node = node;
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
    this.#cap = cap ?? Number.MAX_SAFE_INTEGER;
    this.#blocks = Math.min(limits.blocksStart, limits.blocksMax, this.#cap);
    this.#borne = this.#blocks;
  }

  /** Most blocks a range may have by what the endpoint said; undefined while it said nothing. */
  get cap(): number | undefined {
    return this.#cap === Number.MAX_SAFE_INTEGER ? undefined : this.#cap;
  }

  /** Every block from `from` to `to`, as consecutive complete ranges. Leaves nothing running when it is left. */
  async *read(
    from: number,
    to: number,
    bounds: RangeBounds,
    outer: AbortSignal,
    how?: FetchOptions,
  ): AsyncGenerator<Range> {
    const queue = new PQueue({ concurrency: this.#limits.inFlightMax });
    const left = new AbortController();
    const leave = (): void => left.abort(outer.reason);
    outer.addEventListener("abort", leave);
    const { signal } = left;
    const ahead: Promise<readonly Range[]>[] = [];
    let next = from;
    let waitingLogs = 0;
    let hasFailed = false;
    // Goes on by itself while what was handed out is used, unless too much waits already.
    const pump = (): void => {
      const most = this.#isNew ? 1 : this.#limits.inFlightMax;
      const isRoom = (): boolean =>
        ahead.length < most || (waitingLogs < this.#limits.logsWanted && ahead.length < this.#limits.aheadMax);
      while (next <= to && !hasFailed && !signal.aborted && queue.size + queue.pending < most && isRoom()) {
        const bound = this.#isNew ? this.#limits.blocksFirst : this.#trial === undefined ? this.#blocks : this.#borne;
        const size: number = Math.min(this.#blocks, bound);
        const [first, last] = [next, Math.min(to, next + size - 1)];
        if (last - first >= this.#borne) this.#trial = first;
        next = last + 1;
        const task = queue
          .add(() => this.#fetch({ first, last, bounds, how }, signal))
          .then((ranges) => {
            waitingLogs += logsOf(ranges);
            pump();
            return ranges;
          });
        // Awaited below in order; until then a failure must not count as unhandled, and nothing more is asked for.
        task.catch(() => {
          hasFailed = true;
        });
        ahead.push(task);
      }
    };
    this.#trial = undefined;
    try {
      outer.throwIfAborted();
      for (pump(); ahead.length > 0; pump()) {
        signal.throwIfAborted();
        const ranges = (await ahead.shift()) ?? [];
        waitingLogs -= logsOf(ranges);
        for (const range of ranges) yield await this.#completed(range, signal);
      }
      if (next <= to) signal.throwIfAborted(); // An end would say that this was all.
      invariant(next > to, "RANGES_CUT", `nothing was asked for from block ${next} on, up to ${to}`);
    } finally {
      outer.removeEventListener("abort", leave);
      left.abort();
      for (const read of await Promise.allSettled(ahead))
        if (read.status === "fulfilled") for (const range of read.value) range.release?.();
    }
  }

  /** One range, or the pieces it had to be cut into. */
  async #fetch(asked: Asked, signal: AbortSignal): Promise<readonly Range[]> {
    const { first: from, last: to, bounds, how } = asked;
    const { narrowings } = this.#node.logs;
    for (let attempt = 1; ; attempt++) {
      try {
        const whole = await this.#node.range(from, to, bounds, signal, how).finally(() => {
          if (this.#trial === from) this.#trial = undefined;
        });
        const range = this.#compact(whole);
        if (this.#node.logs.narrowings > narrowings) this.#widen();
        this.#fit(range);
        return [range];
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof LpLedgerError) || error.kind !== "transient") throw error;
        const reaction = reactionTo(error, from, to, attempt);
        if (reaction.do === "smaller") {
          this.#learn(to - from + 1, reaction.blocks, reaction.cap);
          return await this.#fetchPieces(asked, signal);
        }
        if (reaction.do === "receipts") return [this.#compact(await this.#node.rangeByReceipts(from, bounds, signal))];
        if (reaction.do === "at-its-turn") continue;
        if (reaction.do !== "again" || attempt >= this.#limits.attemptsMax) throw error;
        await this.#clock.sleep(this.#backoffMs(attempt), signal);
      }
    }
  }

  /** With the logs of pools that were unknown when it was read. */
  async #completed(range: Range, signal: AbortSignal): Promise<Range> {
    const whole = await this.#node.completed(range, signal);
    if (whole === range) return range;
    const light = this.#compact(whole);
    if (packOf(light).memory.buffer !== packOf(range).memory.buffer) range.release?.();
    return light;
  }

  #compact(range: Range): Range {
    return compact(range, this.#contentOf);
  }

  /** What a refusal of so many blocks teaches: for good where it named a limit, else until the chain is quieter. */
  #learn(refused: number, blocks: number, cap: number | undefined): void {
    this.#blocks = Math.max(1, Math.min(this.#blocks, blocks));
    if (cap !== undefined) this.#cap = Math.min(this.#cap, cap);
    else this.#ceiling = Math.max(1, Math.min(this.#ceiling, Math.floor(refused * CEILING_SHARE)));
    this.#goodAtCeiling = 0;
  }

  /** It was the filter that was refused, not so many blocks. */
  #widen(): void {
    this.#ceiling = Number.MAX_SAFE_INTEGER;
    this.#blocks = Math.max(this.#blocks, Math.min(this.#limits.blocksStart, this.#limits.blocksMax, this.#cap));
  }

  /** A stretch that was refused whole, in pieces of the size that fits by now. */
  async #fetchPieces(asked: Asked, signal: AbortSignal): Promise<readonly Range[]> {
    const { first: from, last: to } = asked;
    const pieces: Range[] = [];
    for (let next = from; next <= to; ) {
      const last = Math.min(to, next + this.#blocks - 1);
      pieces.push(...(await this.#fetch({ ...asked, first: next, last }, signal)));
      next = last + 1;
    }
    return pieces;
  }

  /** Grows while ranges are light, shrinks in proportion when they are heavy. */
  #fit(range: Range): void {
    const logs = logCountOf(range);
    const blocks = range.end.number - range.from + 1;
    this.#borne = Math.max(this.#borne, blocks);
    const fitting = logs === 0 ? blocks * 2 : Math.floor((blocks * this.#limits.logsWanted) / logs);
    if (this.#isNew && logs > 0) this.#blocks = Math.max(1, Math.min(this.#blocks, fitting));
    this.#isNew = false;
    if (blocks < this.#blocks && logs < this.#limits.logsWanted) return;
    // A size that was refused is not tried again soon: a node's limit is mostly the same tomorrow.
    this.#goodAtCeiling += blocks >= this.#ceiling ? 1 : 0;
    if (this.#goodAtCeiling >= CEILING_PATIENCE) {
      this.#ceiling *= 2;
      this.#goodAtCeiling = 0;
    }
    this.#blocks = Math.max(1, Math.min(fitting, blocks * 2, this.#ceiling, this.#cap, this.#limits.blocksMax));
  }

  #backoffMs(attempt: number): number {
    const { backoffMsMin, backoffMsMax } = this.#limits;
    const full = Math.min(backoffMsMax, backoffMsMin * 2 ** (attempt - 1));
    return full * (0.5 + this.#random() / 2);
  }
}

function logsOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, range) => sum + logCountOf(range), 0);
}
