import { ContractReader } from "../chain/contracts/contract-reader.ts";
import type { EndpointsTold } from "../chain/endpoints.ts";
import type { FollowedChain } from "../chain/followed-chain.ts";
import { wakeOnNewHeads } from "../chain/new-heads.ts";
import { secretsOf } from "../chain/rpc/redact.ts";
import type { RemoteChain } from "../chain/thread/remote-chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { toHash } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { AddressLookup } from "../daemon/address-lookup.ts";
import { type RunOptions, run } from "../daemon/run.ts";
import { Sampling } from "../daemon/sampling.ts";
import { ScheduledBackups } from "../daemon/scheduled-backups.ts";
import { Silence } from "../daemon/silence.ts";
import { Upkeep } from "../daemon/upkeep.ts";
import { Bookkeeper } from "../ledger/bookkeeper.ts";
import { createLogger, type Logger, readableLine } from "../log.ts";
import { type Follow, takeUp } from "../runtime/apply-programme.ts";
import { ChainThread } from "../runtime/chain-thread.ts";
import { warnOfFeeds } from "../runtime/check-feeds.ts";
import {
  answering,
  backupPlanOf,
  backupsOf,
  type CommonOptions,
  chainOf,
  chainPlanOf,
  contextOf,
  expectedOf,
  type Io,
  operatorSettingsOf,
  rpcsOf,
  upgradeText,
  withNewOrOld,
} from "../runtime/context.ts";
import { settlePatience } from "../runtime/cross-check-batching.ts";
import { EndpointRecord } from "../runtime/endpoint-record.ts";
import { type Traffic, trafficOf } from "../runtime/endpoint-traffic.ts";
import { HttpThread, httpDataOf } from "../runtime/http-thread.ts";
import { keepHeapSmall, sha256, systemClock } from "../runtime/platform.ts";
import { Progress } from "../runtime/progress.ts";
import { stopOnSignal } from "../runtime/stop-on-signal.ts";
import { inspectElsewhere } from "../runtime/verify-in-subprocess.ts";
import { Hints } from "../runtime/wakeable-sleep.ts";
import type { Settings } from "../settings.ts";
import type { Backup } from "../store/lifecycle/backup.ts";
import type { Store } from "../store/store.ts";

export interface StartOptions extends CommonOptions {
  readonly once?: boolean;
  readonly acceptDeepReorg?: string;
}

/** Settling looks at the head after so many ranges. */
const SETTLE_RANGES_MAX = 50;
const TELL_EVERY_MS = 1_000;

/** Follows the chain until it is told to stop, or with `--once` until the head is reached. */
export async function start(io: Io, options: StartOptions): Promise<void> {
  const context = contextOf(io, options);
  const rpcs = rpcsOf(io, context.settings);
  const { settings, programme } = context;
  const { wsUrl } = settings;
  const log = createLogger({
    level: settings.logLevel,
    secrets: [...settings.endpoints.map(({ url }) => url), ...(wsUrl === undefined ? [] : [wsUrl])].flatMap(secretsOf),
    write: (line) => io.talk(io.isTerminal ? readableLine(line) : line),
  });
  const stop = stopOnSignal(io);
  const worker = io.beginChain?.();
  if (worker !== undefined) keepHeapSmall();
  const thread = worker && new ChainThread(settings, worker);
  let http: HttpThread | undefined;
  try {
    await withNewOrOld(settings, async (store, upgrade) => {
      if (upgrade !== undefined) log.warn({ ...upgrade }, upgradeText(upgrade));
      http = options.once === true ? undefined : await startHttp(settings, programme, log);
      let switches = 0;
      const progress = new Progress(io, log, systemClock);
      const backups = scheduleOf(store, settings, log);
      const upkeep = new Upkeep(store, systemClock, {
        onStuckReader: (bytes) =>
          log.warn(
            { walBytes: bytes },
            "a reader keeps the write-ahead log from being emptied: find what holds a transaction open",
          ),
      });
      const hints = new Hints(systemClock);
      if (wsUrl !== undefined && options.once !== true)
        void wakeOnNewHeads(wsUrl, hints.wake, systemClock, stop.signal);
      let followed: FollowedChain | RemoteChain | undefined;
      const sampling = new Sampling(
        store,
        programme,
        {
          blocksAt: async (...args) => (await followed?.blocksAt(...args)) ?? [],
          ask: async (...args) => (await followed?.ask(...args)) ?? [],
        },
        {
          size: () => operatorSettingsOf(settings, store).verifySample,
          random: Math.random,
          quarantine: settings.quarantine,
          onDiffers: ({ message, hint, facts }) => log.error({ ...facts, hint }, message),
          onUnanswered: (questions) =>
            log.debug(
              { questions },
              "the node does not answer about the settled block: these positions are not compared",
            ),
        },
        systemClock,
      );
      const lookup = new AddressLookup(store, async (...args) => (await followed?.behind(...args)) ?? [], systemClock);
      const traffic = (): readonly Traffic[] => trafficOf(rpcs, thread === undefined ? [] : (followed?.health() ?? []));
      let toldMs = 0;
      const tellHttp = (): void => {
        if (http === undefined || systemClock.nowMs() - toldMs < TELL_EVERY_MS) return;
        toldMs = systemClock.nowMs();
        http.tell({
          endpoints: traffic(),
          switches,
          commits: store.written.count,
          commitSeconds: store.written.ms / 1000,
        });
      };
      const care = (caughtUp: boolean): void => {
        tellHttp();
        upkeep.tick();
        if (options.once === true) return;
        backups.tick(stop.signal, caughtUp);
        if (!caughtUp) return;
        sampling.tick(stop.signal);
        lookup.tick(stop.signal);
      };
      const patience = settlePatience(systemClock);
      const follow = (keeper: Bookkeeper, pools: Programme, more: Partial<RunOptions>): ReturnType<typeof run> => {
        const told: EndpointsTold = {
          onSwitch: (from, to, reason) => {
            switches += 1;
            log.warn({ from, to, reason }, "another endpoint is used from here on");
          },
          onUnauthenticated: (endpoint, reason) =>
            log.warn({ endpoint, reason }, "block times of this endpoint are compared between readings, not proven"),
          onRefused: (endpoint, reason) => log.error({ endpoint, reason }, "an endpoint is left alone for minutes"),
        };
        const chain =
          thread?.follow(chainPlanOf(settings, pools, keeper.store), () => expectedOf(keeper.store, pools), told) ??
          chainOf(rpcs, settings, pools, keeper.store, told);
        const record = new EndpointRecord(store, chain, systemClock);
        followed = chain;
        return run(keeper, chain, systemClock, stop.signal, {
          pollIntervalMs: () => operatorSettingsOf(settings, store).pollIntervalMs,
          giveUpMs: () => operatorSettingsOf(settings, store).giveUpMs,
          once: options.once === true,
          onCommit: (committed, head) => progress.committed(committed, head),
          quarantine: settings.quarantine,
          ...(settings.settling
            ? {
                settle: {
                  get blocksMin() {
                    return options.once === true || more.once === true ? 1 : patience.blocks();
                  },
                  rangesMax: SETTLE_RANGES_MAX,
                  onRepair: (repairs) =>
                    log.error({ repairs }, "A SECOND READING DIFFERED: what the node had left out is repaired"),
                },
              }
            : {}),
          onStep: (step) => progress.stepped(step, store.blocks.tip()?.number),
          onValued: (days) => log.info({ days }, "days got their values from prices that were brought in"),
          onRetry: (error, waitMs) => {
            tellHttp();
            progress.retrying(error, waitMs);
          },
          ...(options.acceptDeepReorg === undefined ? {} : { acceptDeepReorg: toHash(options.acceptDeepReorg) }),
          ...more,
          requireLedger: () => store.file.requireThere(),
          onLook: () => record.keep(),
          rest: (ms, signal) => hints.rest(ms, signal),
          stallMs: () => operatorSettingsOf(settings, store).stallMs,
        });
      };
      log.info(
        { chainId: programme.chainId, pools: programme.pools.length, tip: store.blocks.tip()?.number },
        "starting",
      );
      const followTo: Follow = async (keeper, pools, until) => {
        await follow(keeper, pools, { once: true, ...(until === undefined ? {} : { until }) });
      };
      let ended = "stopped";
      operatorSettingsOf(settings, store); // A setting that cannot be is told before anything begins.
      try {
        const reader = new ContractReader((await answering(rpcs, settings, programme, stop.signal)).rpc);
        const silence = new Silence(store);
        const preflighting = {
          reader,
          signal: stop.signal,
          giveUpMs: () => operatorSettingsOf(settings, store).giveUpMs,
          onRetry: (error: LpLedgerError, waitMs: number, silentMs: number) => {
            silence.lasts(silentMs, error);
            progress.retrying(error, waitMs);
          },
        };
        await takeUp(context, store, log, preflighting, followTo);
        await warnOfFeeds(reader, programme, log, stop.signal);
        if (!stop.signal.aborted) {
          const keeper = new Bookkeeper(store, programme, sha256);
          ended = await follow(keeper, programme, {
            onCommit: (committed, head) => {
              progress.committed(committed, head);
              care(false);
            },
            onStep: (step) => {
              progress.stepped(step, store.blocks.tip()?.number);
              if ((step.verdict === "known" || step.verdict === "extends") && !step.more) upkeep.reachedHead();
              care(step.verdict !== "forked");
            },
          });
        }
      } catch (error) {
        // Told to stop while a node was waited for.
        if (!stop.signal.aborted || (error as { name?: unknown }).name !== "AbortError") {
          await servedUntilSignal(error, { http, store, log }, stop.signal);
          throw error;
        }
      } finally {
        stop.abort();
        await Promise.all([backups.settled(), sampling.settled(), lookup.settled()]);
      }
      progress.end();
      if (options.once === true && ended === "stopped")
        throw new LpLedgerError("transient", "STOPPED", "it was stopped before the head was reached", {
          hint: "start it again: nothing is lost, the ledger goes on from its last commit",
        });
      log.info(
        {
          tip: store.blocks.tip()?.number,
          requests: traffic().reduce((sum, { requests }) => sum + requests, 0),
        },
        "stopped",
      );
    });
  } finally {
    await Promise.all([http?.close(), thread?.close()]);
    stop.end();
  }
}

/** Begins the HTTP thread where a port is set; the file exists by now. */
async function startHttp(settings: Settings, programme: Programme, log: Logger): Promise<HttpThread | undefined> {
  const data = httpDataOf(settings, programme);
  if (data === undefined) return undefined;
  return HttpThread.start(data, {
    onListening: (url) => log.info({ url }, "answering over HTTP, read-only"),
    onRestart: (reason, waitMs) => log.error({ reason, waitMs }, "the HTTP thread was ended and is begun again"),
    onProblem: (problem) => log.error({ problem }, "a question over HTTP could not be answered"),
  });
}

/** Halted with HTTP on, the process keeps serving what it has until it is signalled; then it ends with the error's code. */
async function servedUntilSignal(
  error: unknown,
  { http, store, log }: { readonly http: HttpThread | undefined; readonly store: Store; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  // Where the file is gone there is nothing to serve.
  const halted = error instanceof LpLedgerError && error.kind === "invariant" && error.code !== "FILE_GONE";
  const deep = error instanceof LpLedgerError && error.exitCode === 76;
  if (http === undefined || signal.aborted || !(halted || deep)) return;
  const { code, message } = error;
  store.write(() => store.config.set("halted", { code, message }, store.nowIso()));
  log.error({ reason: message }, "HALTED: nothing is written any more; HTTP goes on until a signal");
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function scheduleOf(store: Store, settings: Settings, log: Logger): ScheduledBackups {
  const schedule = {
    plan: () => backupPlanOf(settings, store),
    onBackup: ({ path, manifest }: Backup, removed: readonly Backup[]) =>
      log.info(
        { path, block: manifest.blockNumber, bytes: manifest.bytes, removed: removed.length },
        "backup made and verified",
      ),
    onFailure: (error: unknown) =>
      log.error({ reason: (error as Error).message }, "THE BACKUP FAILED; the ledger goes on, and it is tried again"),
  };
  const where = {
    ...backupsOf(settings),
    inspect: (path: string, signal: AbortSignal) => inspectElsewhere(path, signal),
  };
  return new ScheduledBackups(store, where, schedule, systemClock);
}
