import { rmSync } from "node:fs";
import { ContractReader } from "../chain/calls.ts";
import { secretsOf } from "../chain/redact.ts";
import { configError, type Problem } from "../config.ts";
import { LpLedgerError } from "../core/errors.ts";
import { toHash } from "../core/hex.ts";
import type { Pool, Programme } from "../core/programme.ts";
import { addPools } from "../daemon/add-pools.ts";
import { adoptProgramme, compareProgramme, onlyPools, withoutPools } from "../daemon/adopt.ts";
import { Bookkeeper } from "../daemon/bookkeeper.ts";
import { rebuild } from "../daemon/rebuild.ts";
import { type RunOptions, run } from "../daemon/run.ts";
import { ScheduledBackups } from "../daemon/scheduled-backups.ts";
import { Upkeep } from "../daemon/upkeep.ts";
import { createLogger, type Logger, readableLine } from "../log.ts";
import type { Settings } from "../settings.ts";
import type { Backup } from "../store/backup.ts";
import { openForWriting } from "../store/open.ts";
import { Store } from "../store/store.ts";
import { startBlockProblem } from "./check.ts";
import { EndpointRecord } from "./endpoint-record.ts";
import { inspectElsewhere } from "./inspect-elsewhere.ts";
import { sha256, systemClock } from "./platform.ts";
import { Progress } from "./progress.ts";
import {
  answering,
  backupPlanOf,
  backupsOf,
  type CommonOptions,
  type Context,
  chainOf,
  contextOf,
  type Io,
  operatorSettingsOf,
  patiently,
  rpcsOf,
  withWriter,
} from "./wiring.ts";

export interface StartOptions extends CommonOptions {
  readonly once?: boolean;
  readonly acceptDeepReorg?: string;
}

/** Settling costs about one request for so many blocks, and looks at the head after so many ranges. */
const SETTLE_BLOCKS_MIN = 64;
const SETTLE_RANGES_MAX = 50;
const GRACE_MS = 10_000;

/** Follows the chain until it is told to stop, or with `--once` until the head is reached. */
export async function start(io: Io, options: StartOptions): Promise<void> {
  const context = contextOf(io, options);
  const rpcs = rpcsOf(io, context.settings);
  const { settings, programme } = context;
  const log = createLogger({
    level: settings.logLevel,
    secrets: settings.endpoints.flatMap(({ url }) => secretsOf(url)),
    write: (line) => io.talk(io.isTerminal ? readableLine(line) : line),
  });
  const stop = stopOnSignal(io);
  try {
    await withWriter(settings, async (store) => {
      const progress = new Progress(io, log, systemClock);
      const backups = scheduleOf(store, settings, log);
      const upkeep = new Upkeep(store, systemClock, {
        onStuckReader: (bytes) =>
          log.warn(
            { walBytes: bytes },
            "a reader keeps the write-ahead log from being emptied: find what holds a transaction open",
          ),
      });
      const care = (caughtUp: boolean): void => {
        upkeep.tick();
        if (options.once !== true) backups.tick(stop.signal, caughtUp);
      };
      const follow = (keeper: Bookkeeper, pools: Programme, more: Partial<RunOptions>): Promise<void> => {
        const chain = chainOf(rpcs, settings, pools, keeper.store, {
          onSwitch: (from, to, reason) => log.warn({ from, to, reason }, "another endpoint is used from here on"),
          onRefused: (endpoint, reason) => log.error({ endpoint, reason }, "an endpoint is left alone for minutes"),
        });
        const record = new EndpointRecord(store, chain, systemClock);
        return run(keeper, chain, systemClock, stop.signal, {
          pollIntervalMs: () => operatorSettingsOf(settings, store).pollIntervalMs,
          giveUpMs: () => operatorSettingsOf(settings, store).giveUpMs,
          once: options.once === true,
          onCommit: (committed, head) => progress.committed(committed, head),
          ...(settings.settling
            ? {
                settle: {
                  blocksMin: options.once === true || more.once === true ? 1 : SETTLE_BLOCKS_MIN,
                  rangesMax: SETTLE_RANGES_MAX,
                  onRepair: (repairs) =>
                    log.error({ repairs }, "A SECOND READING DIFFERED: what the node had left out is repaired"),
                },
              }
            : {}),
          onStep: (step) => progress.stepped(step, store.blocks.tip()?.number),
          onRetry: (error, waitMs) => progress.retrying(error, waitMs),
          ...(options.acceptDeepReorg === undefined ? {} : { acceptDeepReorg: toHash(options.acceptDeepReorg) }),
          ...more,
          onLook: () => record.keep(),
          stallMs: () => operatorSettingsOf(settings, store).stallMs,
        });
      };
      log.info(
        { chainId: programme.chainId, pools: programme.pools.length, tip: store.blocks.tip()?.number },
        "starting",
      );
      const followTo: Follow = (keeper, pools, until) =>
        follow(keeper, pools, { once: true, ...(until === undefined ? {} : { until }) });
      operatorSettingsOf(settings, store); // A setting that cannot be is told before anything begins.
      await takeUp(
        context,
        store,
        log,
        new ContractReader((await answering(rpcs, settings, programme, stop.signal)).rpc),
        followTo,
        () => stop.signal.aborted,
      );
      if (!stop.signal.aborted) {
        const keeper = new Bookkeeper(store, programme, sha256);
        try {
          await follow(keeper, programme, {
            onCommit: (committed, head) => {
              progress.committed(committed, head);
              care(false);
            },
            onStep: (step) => {
              progress.stepped(step, store.blocks.tip()?.number);
              care(step.verdict !== "forked");
            },
          });
        } finally {
          stop.abort();
          await backups.settled();
        }
      }
      progress.end();
      log.info(
        { tip: store.blocks.tip()?.number, requests: rpcs.reduce((sum, rpc) => sum + rpc.requests, 0) },
        "stopped",
      );
    });
  } finally {
    stop.end();
  }
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

type Follow = (keeper: Bookkeeper, pools: Programme, until?: number) => Promise<void>;

/** Makes the ledger follow the programme file: stores a first one, fetches the history of added pools. */
async function takeUp(
  { settings, programme }: Context,
  store: Store,
  log: Logger,
  reader: ContractReader,
  follow: Follow,
  stopped: () => boolean,
): Promise<void> {
  const { kind, added } = compareProgramme(store, programme);
  if (kind === "same") return;
  if (kind === "revalued") {
    throw new LpLedgerError(
      "usage",
      "PROGRAMME_REVALUED",
      "the prices, quote or tokens of the programme file are not those the ledger was valued with",
      {
        hint: "run lp-ledger rebuild: it values the whole history anew (paid rewards stay as they are), then start again",
      },
    );
  }
  await requireBirth(
    reader,
    kind === "new" ? programme.pools : programme.pools.filter((pool) => added.has(pool.address)),
  );
  const tip = store.blocks.tip();
  const late = programme.pools.filter((pool) => added.has(pool.address) && pool.startBlock <= (tip?.number ?? -1));
  if (kind === "new" || late.length === 0) {
    store.write(() => {
      adoptProgramme(store, programme, sha256);
      if (tip !== undefined) rebuild(store, programme, sha256, added);
    });
    return;
  }
  log.info({ pools: [...added] }, "fetching the history of added pools");
  const path = `${settings.databasePath}.adding`;
  const plan = {
    main: new Bookkeeper(store, withoutPools(programme, added), sha256),
    added: onlyPools(programme, added),
    sha256,
    openSide: () => openSide(path, onlyPools(programme, added)),
    follow,
    stopped,
    adopt: () => adoptProgramme(store, programme, sha256),
  };
  const rebuilt = await addPools(plan, programme);
  if (rebuilt === undefined) return;
  log.info({ events: rebuilt.events, stateDigest: rebuilt.stateDigest }, "added pools and rebuilt");
}

/** A pool must be followed from its birth: one that already existed before its start block is refused. */
async function requireBirth(reader: ContractReader, pools: readonly Pool[]): Promise<void> {
  const { signal } = new AbortController();
  const problems: Problem[] = [];
  for (const pool of pools) {
    const before =
      pool.startBlock === 0
        ? false
        : await patiently(() => reader.hasCode(pool.address, pool.startBlock - 1, signal)).catch(() => null);
    if (before === true) problems.push(startBlockProblem(pool));
  }
  if (problems.length > 0) throw configError("the programme file, compared with the chain,", problems);
}

/** Opens the side ledger; one that was begun for other pools is begun again. */
function openSide(path: string, pools: Programme): ReturnType<Parameters<typeof addPools>[0]["openSide"]> {
  const discard = (): void => {
    for (const suffix of ["", "-wal", "-shm", ".lock", ".lock-journal"]) rmSync(`${path}${suffix}`, { force: true });
  };
  let opened = openForWriting(path);
  let store = new Store(opened.db, systemClock);
  const kind = store.config.get("programme") === undefined ? "new" : kindOf(store, pools);
  if (kind !== "new" && kind !== "same") {
    opened.close();
    discard();
    opened = openForWriting(path);
    store = new Store(opened.db, systemClock);
  }
  if (kind !== "same") store.write(() => adoptProgramme(store, pools, sha256));
  let open = true;
  const close = (): void => {
    if (open) opened.close();
    open = false;
  };
  return {
    path,
    store,
    close,
    discard: () => {
      close();
      discard();
    },
  };
}

function kindOf(store: Store, pools: Programme): string {
  try {
    return compareProgramme(store, pools).kind;
  } catch {
    return "other";
  }
}

/** The first signal ends gracefully within a bound, the second at once. */
function stopOnSignal(io: Io): { readonly signal: AbortSignal; abort(): void; end(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const unlisten = io.onSignal((name) => {
    if (controller.signal.aborted) io.exit(130);
    io.talk(`${name}: ending after the commit in progress, within ${GRACE_MS / 1000} s; once more ends at once\n`);
    timer = setTimeout(() => io.exit(75), GRACE_MS);
    controller.abort();
  });
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    end: () => {
      unlisten();
      clearTimeout(timer);
    },
  };
}
