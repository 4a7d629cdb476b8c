import { ContractReader } from "../chain/contracts/contract-reader.ts";
import type { EndpointListener } from "../chain/endpoint.ts";
import type { FollowedChain } from "../chain/followed-chain.ts";
import { wakeOnNewHeads } from "../chain/new-heads.ts";
import type { Rpc } from "../chain/rpc/rpc.ts";
import type { RemoteChain } from "../chain/thread/remote-chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { AddressLookup } from "../daemon/address-lookup.ts";
import { type RunOptions, run } from "../daemon/run.ts";
import { Sampling } from "../daemon/sampling.ts";
import { Silence } from "../daemon/silence.ts";
import { Upkeep } from "../daemon/upkeep.ts";
import { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Logger } from "../log.ts";
import type { OperatorSettings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { applyProgramme } from "./apply-programme.ts";
import { scheduledBackups } from "./backup-schedule.ts";
import type { ChainThread } from "./chain-thread.ts";
import { warnOfFeeds } from "./check-feeds.ts";
import { answering, type Context, chainOf, chainPlanOf, expectedOf, type Io, operatorSettingsOf } from "./context.ts";
import { crossCheckBatching } from "./cross-check-batching.ts";
import { EndpointRecord } from "./endpoint-record.ts";
import { type Traffic, trafficOf } from "./endpoint-traffic.ts";
import type { HttpThread } from "./http-thread.ts";
import { sha256, systemClock } from "./platform.ts";
import { Progress } from "./progress.ts";
import { WakeableSleep } from "./wakeable-sleep.ts";

/** Cross-checking looks at the head after so many ranges. */
const CROSS_CHECK_RANGES_MAX = 50;
const HTTP_EVERY_MS = 1_000;
const EXIT_DEEP_REORG = 76;

/** What the daemon is wired to: opened and begun by whoever starts it, and ended by them. */
export interface DaemonParts {
  readonly context: Context;
  readonly store: Store;
  readonly rpcs: readonly [Rpc, ...Rpc[]];
  /** The thread in which nodes are asked; they are asked in this one without it. */
  readonly thread: ChainThread | undefined;
  readonly http: HttpThread | undefined;
  readonly io: Io;
  readonly log: Logger;
  /** Until the head is reached. */
  readonly once: boolean;
  readonly acceptDeepReorg: Hash | undefined;
}

/** How it is told to stop, and tells what it began to. */
interface Stop {
  readonly signal: AbortSignal;
  abort(): void;
}

/** One daemon on one open ledger: follows the chain, and does what is due beside that whenever it has caught up. */
export class DaemonProcess {
  readonly #parts: DaemonParts;
  readonly #stop: Stop;
  readonly #progress: Progress;
  readonly #backups: ReturnType<typeof scheduledBackups>;
  readonly #sampling: Sampling;
  readonly #lookup: AddressLookup;
  readonly #upkeep: Upkeep;
  readonly #hints = new WakeableSleep(systemClock);
  readonly #patience = crossCheckBatching(systemClock);
  #chain: FollowedChain | RemoteChain | undefined;
  #switches = 0;
  #toldHttpMs = 0;

  constructor(parts: DaemonParts, stop: Stop) {
    const { context, store, io, log } = parts;
    this.#parts = parts;
    this.#stop = stop;
    this.#progress = new Progress(io, log, systemClock);
    this.#backups = scheduledBackups(context, store, log);
    this.#sampling = this.#newSampling();
    const behind: FollowedChain["behind"] = async (...args) => (await this.#chain?.behind(...args)) ?? [];
    this.#lookup = new AddressLookup(store, behind, systemClock);
    const stuck = "a reader keeps the write-ahead log from being emptied: find what holds a transaction open";
    this.#upkeep = new Upkeep(store, systemClock, { onStuckReader: (walBytes) => log.warn({ walBytes }, stuck) });
  }

  /** Returns why it ended, once nothing of it runs any more. @throws what it cannot go on after */
  async run(): Promise<"reached" | "stopped"> {
    const { context, store, log, rpcs, once } = this.#parts;
    const { settings, programme } = context;
    const { signal } = this.#stop;
    if (settings.wsUrl !== undefined && !once)
      void wakeOnNewHeads(settings.wsUrl, this.#hints.wake, systemClock, signal);
    log.info(
      { chainId: programme.chainId, pools: programme.pools.length, tip: store.blocks.tip()?.number },
      "starting",
    );
    this.#settings(); // A setting that cannot be is told before anything begins.
    let ended: "reached" | "stopped" = "stopped";
    try {
      const reader = new ContractReader((await answering(rpcs, settings, programme, signal)).rpc);
      await this.#applyProgramme(reader);
      await warnOfFeeds(reader, programme, log, signal);
      if (!signal.aborted) ended = await this.#followToTheEnd();
    } catch (error) {
      const isStopped = signal.aborted && (error as { name?: unknown }).name === "AbortError";
      if (!isStopped) {
        await this.#serveUntilSignal(error);
        throw error;
      } // Else it was told to stop while a node was waited for.
    } finally {
      this.#stop.abort();
      await Promise.all([this.#backups.settled(), this.#sampling.settled(), this.#lookup.settled()]);
    }
    this.#progress.end();
    const requests = this.#traffic().reduce((sum, each) => sum + each.requests, 0);
    log.info({ tip: store.blocks.tip()?.number, requests }, "stopped");
    return ended;
  }

  /** Makes the ledger follow the programme file as it is now. */
  async #applyProgramme(reader: ContractReader): Promise<void> {
    const { context, store, log } = this.#parts;
    const silence = new Silence(store);
    const patience = {
      reader,
      signal: this.#stop.signal,
      giveUpMs: () => this.#settings().giveUpMs,
      onRetry: (error: LpLedgerError, waitMs: number, silentMs: number) => {
        silence.lasts(silentMs, error);
        this.#progress.retrying(error, waitMs);
      },
    };
    await applyProgramme(context, store, log, patience, async (keeper, pools, until) => {
      await this.#follow(keeper, pools, { once: true, ...(until === undefined ? {} : { until }) });
    });
  }

  #followToTheEnd(): ReturnType<typeof run> {
    const { store, context } = this.#parts;
    return this.#follow(new Bookkeeper(store, context.programme, sha256), context.programme, {
      onCommit: (committed, head) => {
        this.#progress.committed(committed, head);
        this.#care(false);
      },
      onStep: (step) => {
        this.#progress.stepped(step, store.blocks.tip()?.number);
        if ((step.verdict === "known" || step.verdict === "extends") && !step.more) this.#upkeep.reachedHead();
        this.#care(step.verdict !== "forked");
      },
    });
  }

  /** Follows some pools into a ledger, which may be one beside the daemon's own. */
  #follow(keeper: Bookkeeper, pools: Programme, more: Partial<RunOptions>): ReturnType<typeof run> {
    const { context, store, log, once, acceptDeepReorg } = this.#parts;
    const { settings } = context;
    const chain = this.#chainFor(keeper.store, pools);
    const record = new EndpointRecord(store, chain, systemClock);
    this.#chain = chain;
    return run(keeper, chain, systemClock, this.#stop.signal, {
      pollIntervalMs: () => this.#settings().pollIntervalMs,
      giveUpMs: () => this.#settings().giveUpMs,
      stallMs: () => this.#settings().stallMs,
      once,
      quarantine: settings.quarantine,
      ...(settings.settling ? { settle: this.#crossChecking(once || more.once === true) } : {}),
      ...(acceptDeepReorg === undefined ? {} : { acceptDeepReorg }),
      onCommit: (committed, head) => this.#progress.committed(committed, head),
      onStep: (step) => this.#progress.stepped(step, store.blocks.tip()?.number),
      onValued: (days) => log.info({ days }, "days got their values from prices that were imported"),
      onRetry: (error, waitMs) => {
        this.#tellHttp();
        this.#progress.retrying(error, waitMs);
      },
      ...more,
      requireLedger: () => store.file.requireThere(),
      onLook: () => record.keep(),
      rest: (ms, signal) => this.#hints.rest(ms, signal),
    });
  }

  #chainFor(store: Store, pools: Programme): FollowedChain | RemoteChain {
    const { context, rpcs, thread, log } = this.#parts;
    const { settings } = context;
    const told: EndpointListener = {
      onSwitch: (from, to, reason) => {
        this.#switches += 1;
        log.warn({ from, to, reason }, "another endpoint is used from here on");
      },
      onUnauthenticated: (endpoint, reason) =>
        log.warn({ endpoint, reason }, "block times of this endpoint are compared between readings, not proven"),
      onRefused: (endpoint, reason) => log.error({ endpoint, reason }, "an endpoint is left alone for minutes"),
    };
    if (thread === undefined) return chainOf(rpcs, settings, pools, store, told);
    return thread.follow(chainPlanOf(settings, pools, store), () => expectedOf(store, pools), told);
  }

  #crossChecking(isToTheHead: boolean): NonNullable<RunOptions["settle"]> {
    const { log } = this.#parts;
    const patience = this.#patience;
    return {
      get blocksMin() {
        return isToTheHead ? 1 : patience.blocks();
      },
      rangesMax: CROSS_CHECK_RANGES_MAX,
      onRepair: (repairs) =>
        log.error({ repairs }, "A SECOND READING DIFFERED: what the node had left out is repaired"),
    };
  }

  #newSampling(): Sampling {
    const { context, store, log } = this.#parts;
    const { settings, programme } = context;
    const unanswered = "the node does not answer about the settled block: these positions are not compared";
    return new Sampling(
      store,
      programme,
      {
        blocksAt: async (...args) => (await this.#chain?.blocksAt(...args)) ?? [],
        ask: async (...args) => (await this.#chain?.call(...args)) ?? [],
      },
      {
        size: () => this.#settings().verifySample,
        random: Math.random,
        quarantine: settings.quarantine,
        onDiffers: ({ message, hint, facts }) => log.error({ ...facts, hint }, message),
        onUnanswered: (questions) => log.debug({ questions }, unanswered),
      },
      systemClock,
    );
  }

  /**
   * Halted with HTTP on, the process keeps serving what it has until it is signalled; then it ends with the error's
   * code.
   */
  async #serveUntilSignal(error: unknown): Promise<void> {
    const { http, store, log } = this.#parts;
    const { signal } = this.#stop;
    if (!(error instanceof LpLedgerError) || http === undefined || signal.aborted) return;
    // Where the file is gone there is nothing to serve.
    const isHalted = error.kind === "invariant" && error.code !== "FILE_GONE";
    if (!isHalted && error.exitCode !== EXIT_DEEP_REORG) return;
    const { code, message } = error;
    store.write(() => store.config.set("halted", { code, message }, store.nowIso()));
    log.error({ reason: message }, "HALTED: nothing is written any more; HTTP goes on until a signal");
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  #settings(): OperatorSettings {
    return operatorSettingsOf(this.#parts.context.settings, this.#parts.store);
  }

  /** What is due beside following the chain; most of it only once that has caught up. */
  #care(hasCaughtUp: boolean): void {
    const { signal } = this.#stop;
    this.#tellHttp();
    this.#upkeep.tick();
    if (this.#parts.once) return;
    this.#backups.tick(signal, hasCaughtUp);
    if (!hasCaughtUp) return;
    this.#sampling.tick(signal);
    this.#lookup.tick(signal);
  }

  #traffic(): readonly Traffic[] {
    const { rpcs, thread } = this.#parts;
    return trafficOf(rpcs, thread === undefined ? [] : (this.#chain?.health() ?? []));
  }

  #tellHttp(): void {
    const { http, store } = this.#parts;
    const nowMs = systemClock.nowMs();
    if (http === undefined || nowMs - this.#toldHttpMs < HTTP_EVERY_MS) return;
    this.#toldHttpMs = nowMs;
    const { count, ms } = store.written;
    http.tell({ endpoints: this.#traffic(), switches: this.#switches, commits: count, commitSeconds: ms / 1000 });
  }
}
