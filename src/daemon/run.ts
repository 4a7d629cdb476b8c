import type { Clock } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { startBlockOf } from "../core/programme/programme.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import { DayRevaluation } from "../ledger/revalue-days.ts";
import type { ChainPort } from "./chain-port.ts";
import { type ConvergeOptions, converge, type Step } from "./converge.ts";
import { requireChain } from "./identity.ts";
import { backoffMs, gaveUp } from "./retry.ts";
import { ShareRates } from "./share-rates.ts";
import { Silence } from "./silence.ts";

export interface RunOptions extends ConvergeOptions {
  /**
   * From the beginning of a look to the next one's. Asked each time: an operator may change it while the daemon runs.
   */
  pollIntervalMs(): number;
  /** Transient failures without any success for this long end the run with exit 75. */
  giveUpMs(): number;
  /** No progress for this long while the head moves: another endpoint, and after as long again exit 75. */
  stallMs?(): number;
  /** Rests between two looks; may end early where there is a hint that something is new. */
  rest?(ms: number, signal: AbortSignal): Promise<void>;
  /** Return at the first step that finds nothing left to follow. */
  readonly once: boolean;
  onStep?(step: Step): void;
  /** Before each look: throws where the ledger cannot go on, whatever the chain says. */
  requireLedger?(): void;
  /** After each look at the chain, whatever it brought. */
  onLook?(): void;
  /** Days got their values late, from prices that were imported. */
  onValued?(days: readonly string[]): void;
  /** A transient failure that is about to be retried. */
  onRetry?(error: LpLedgerError, waitMs: number): void;
}

const STALLED = "STALLED";
const UNSETTLED = "UNSETTLED";
export const SETTLING_WAITS =
  "nothing settles: no hash proves the times of the next blocks, and no other endpoint does well than the one that read them " +
  "first; mend another one or name it, or take out of RPC_URLS what is gone for good";
/** Transient, but not for this process: a supervisor starts it again. */
const ENDINGS: ReadonlySet<string> = new Set([STALLED, UNSETTLED, "CHAIN_THREAD"]);
/** A next range is nearly always there: a backfill reads ahead. */
const SOON_MS = 20;
const SETTLE_AGAIN_MS = 60_000;
/** Also after a look that took long: so much of the interval is rested. */
const REST_SHARE_MIN = 0.5;

/**
 * Follows the chain until the signal aborts, or, with `once`, until the head is reached. @returns which of both it was
 */
export async function run(
  keeper: Bookkeeper,
  chain: ChainPort,
  clock: Clock,
  signal: AbortSignal,
  options: RunOptions,
): Promise<"stopped" | "reached"> {
  let identified = false;
  let failures = 0;
  const heads = new LooksAtHead();
  let lastSuccessMs = clock.nowMs();
  const late = new DayRevaluation(keeper.store, (days) => options.onValued?.(days));
  const rates = new ShareRates(keeper.store, clock);
  const { settle: settles, ...others } = options;
  const settling = new SettlingRests(settles);
  const silence = new Silence(keeper.store);
  const watchdog = new Watchdog(chain, clock, options.stallMs?.() ?? Number.POSITIVE_INFINITY);
  while (!signal.aborted) {
    const lookedMs = clock.nowMs();
    options.requireLedger?.();
    try {
      if (!identified) await requireChain(keeper, chain, signal);
      identified = true;
      const step = await settling.step(lookedMs, (settle) =>
        converge(keeper, chain, signal, {
          ...others,
          ...settle,
          turn: (waiting) => clock.sleep(0, waiting),
          soon: (waiting) => clock.sleep(SOON_MS, waiting).catch(() => {}),
          onCommit: (committed, head) => {
            lastSuccessMs = clock.nowMs(); // A backfill may take days: each commit is a success.
            failures = 0;
            watchdog.progressed();
            options.onCommit?.(committed, head);
          },
        }),
      );
      failures = 0;
      lastSuccessMs = clock.nowMs();
      clearHalt(keeper, step);
      silence.ended();
      watchdog.look(step, keeper.store.blocks.tip()?.number);
      options.onLook?.();
      if (!step.more) await readRates(rates, keeper, chain, signal);
      late.tick(keeper.programme);
      options.onStep?.(step);
      // Whoever waits for the end of it waits as long as for a node.
      if (options.once && settling.waitedMs(lastSuccessMs) >= options.giveUpMs())
        throw new LpLedgerError("transient", UNSETTLED, SETTLING_WAITS);
      const looksAtHead = heads.look(step, reached(keeper, step, options.until));
      // The second look at the head is what finds out how much of the ledger is final.
      if (options.once && looksAtHead === 2) return "reached";
      const isHurried = options.once && step.settling !== "waits";
      const goOn = step.settling === "more" || step.more || (isHurried && (looksAtHead === 1 || step.finalPending));
      if (step.verdict === "forked" || goOn) continue;
      await rest(options, clock, clock.nowMs() - lookedMs, signal);
    } catch (error) {
      if (signal.aborted) return "stopped";
      if (!(error instanceof LpLedgerError) || error.kind !== "transient" || ENDINGS.has(error.code)) throw error;
      const silentMs = clock.nowMs() - lastSuccessMs;
      silence.lasts(silentMs, error);
      if (silentMs >= options.giveUpMs()) giveUp(error, silentMs, options.once);
      // Whatever answers next may be another chain behind the same URL.
      identified = false;
      const waitMs = backoffMs(failures);
      failures += 1;
      options.onLook?.();
      options.onRetry?.(error, waitMs);
      await clock.sleep(waitMs, signal).catch(() => {}); // The loop's condition sees the abort.
    }
  }
  return "stopped";
}

/** @throws the failure; but a full disk is waited out, and readers are served, unless somebody waits for the end */
function giveUp(error: LpLedgerError, silentMs: number, once: boolean): void {
  if (error.code !== "DISK_FULL") throw gaveUp(error, silentMs);
  if (once) throw error;
}

/** Counts looks that found nothing left to follow, one after another. */
class LooksAtHead {
  #count = 0;
  #wasSound: boolean | undefined;

  /** A look that falls behind says nothing of what is final, and the ones before it do not count with it. */
  look({ verdict, settling, finalPending }: Step, isThere: boolean): number {
    const isSound = verdict === "known" || verdict === "extends";
    if (!isThere || isSound !== this.#wasSound) this.#count = 0;
    if (isThere && settling === "done" && !finalPending) this.#count += 1;
    this.#wasSound = isSound;
    return this.#count;
  }
}

/** Until the next look is due, after one that took so long. */
async function rest(options: RunOptions, clock: Clock, tookMs: number, signal: AbortSignal): Promise<void> {
  const intervalMs = options.pollIntervalMs();
  const restMs = Math.max(intervalMs * REST_SHARE_MIN, intervalMs - Math.max(0, tookMs));
  await (options.rest?.(restMs, signal) ?? clock.sleep(restMs, signal));
}

async function readRates(rates: ShareRates, keeper: Bookkeeper, chain: ChainPort, signal: AbortSignal): Promise<void> {
  if (chain.call === undefined) return;
  const ask = chain.call.bind(chain);
  await rates.tick(keeper.programme, { blocksAt: (...args) => chain.blocksAt(...args), ask }, signal);
}

/**
 * Settling that waits for another endpoint is tried again now and then: each try asks for all there is to settle next.
 */
class SettlingRests {
  readonly #options: Pick<ConvergeOptions, "settle">;
  #sinceMs: number | undefined;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(settle: ConvergeOptions["settle"]) {
    this.#options = settle === undefined ? {} : { settle };
  }

  /** Makes a step with settling, or without where that rests. */
  async step(nowMs: number, make: (settle: Pick<ConvergeOptions, "settle">) => Promise<Step>): Promise<Step> {
    if (this.#sinceMs !== undefined && nowMs - this.#triedMs < SETTLE_AGAIN_MS)
      return { ...(await make({})), settling: "waits" };
    const step = await make(this.#options);
    this.#sinceMs = step.settling === "waits" ? (this.#sinceMs ?? nowMs) : undefined;
    this.#triedMs = nowMs;
    return step;
  }

  /** For how long nothing could be settled. */
  waitedMs(nowMs: number): number {
    return this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs;
  }
}

/** Sees a head that moves while nothing is committed: looks that succeed and bring nothing are no health. */
class Watchdog {
  readonly #chain: ChainPort;
  readonly #clock: Clock;
  readonly #stallMs: number;
  #sinceMs: number;
  #head: number | undefined;
  #moved = false;
  #rotated = false;

  constructor(chain: ChainPort, clock: Clock, stallMs: number) {
    this.#chain = chain;
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#sinceMs = clock.nowMs();
  }

  progressed(): void {
    this.#sinceMs = this.#clock.nowMs();
    this.#moved = false;
    this.#rotated = false;
  }

  look({ head, verdict, settling }: Step, tip: number | undefined): void {
    this.#moved ||= this.#head !== undefined && head > this.#head;
    this.#head = head;
    if (settling === "more" || (verdict === "known" && head === tip) || !this.#moved) {
      this.progressed();
      return;
    }
    const silentMs = this.#clock.nowMs() - this.#sinceMs;
    if (silentMs < this.#stallMs) return;
    const seconds = Math.round(silentMs / 1000);
    if (this.#rotated) {
      throw new LpLedgerError("transient", STALLED, `the head moves, but nothing could be committed for ${seconds} s`, {
        hint: "the endpoints answer, but nothing comes of it: look at lp-ledger status and at the nodes, then start again",
      });
    }
    this.#rotated = true;
    this.#sinceMs = this.#clock.nowMs();
    this.#chain.rotate?.(`nothing could be committed for ${seconds} s while the head moved`);
  }
}

function reached(keeper: Bookkeeper, step: Step, until: number | undefined): boolean {
  const tip = keeper.store.blocks.tip()?.number ?? startBlockOf(keeper.programme) - 1;
  return step.verdict !== "forked" && tip >= Math.min(step.head, until ?? step.head);
}

function clearHalt(keeper: Bookkeeper, step: Step): void {
  const { store } = keeper;
  const halted = store.config.get("halted");
  if (step.verdict === "behind" || halted === undefined || halted === null) return;
  store.write(() => store.config.set("halted", null, store.nowIso()));
}
