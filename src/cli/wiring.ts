import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { FollowedChain } from "../chain/followed-chain.ts";
import { RANGE_LIMITS } from "../chain/ranges.ts";
import { type Fetch, Rpc } from "../chain/rpc.ts";
import { readProgramme } from "../config.ts";
import { isoOf } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme.ts";
import type { ChainPort } from "../daemon/chain-port.ts";
import type { BackupPlan } from "../daemon/scheduled-backups.ts";
import { type OperatorSettings, operatorSettings, readSettings, type Settings } from "../settings.ts";
import type { BackupFolder } from "../store/backup.ts";
import { type OpenDatabase, openForOperator, openForReading, openForWriting } from "../store/open.ts";
import { Store } from "../store/store.ts";
import { fileSystemType, requireSafeFileSystem } from "../store/upkeep.ts";
import { sha256, systemClock } from "./platform.ts";

/** Everything a command may touch of the process it runs in. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isTerminal: boolean;
  readonly fetch: Fetch;
  out(text: string): void;
  talk(text: string): void;
  /** Calls back on each SIGINT or SIGTERM; returns how to stop listening. */
  onSignal(listener: (name: string) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): never;
}

/** Options every command has. */
export interface CommonOptions {
  readonly envFile?: string;
  readonly json?: boolean;
}

export interface Context {
  readonly settings: Settings;
  readonly programme: Programme;
}

export function settingsOf(io: Io, options: CommonOptions): Settings {
  return readSettings({ env: io.env, cwd: io.cwd, envFile: options.envFile });
}

export function contextOf(io: Io, options: CommonOptions): Context {
  const settings = settingsOf(io, options);
  return { settings, programme: readProgramme(settings.programmePath) };
}

/** The folder of this deployment's backups. */
export function backupsOf(settings: Settings): BackupFolder {
  return {
    folder: settings.backupFolder,
    sha256,
    nowIso: () => isoOf(Math.floor(systemClock.nowMs() / 1000)),
  };
}

/** Opens the ledger for writing, gives it to `use`, and closes it whatever happens. */
export async function withWriter<T>(settings: Settings, use: (store: Store) => Promise<T>): Promise<T> {
  if (!settings.allowUnsafeFileSystem && existsSync(dirname(settings.databasePath))) {
    requireSafeFileSystem(settings.databasePath, fileSystemType);
  }
  return withStore(openForWriting(settings.databasePath, backupsOf(settings)), use);
}

/** The same, read-only, beside a running writer. */
export async function withReader<T>(settings: Settings, use: (store: Store) => Promise<T>): Promise<T> {
  return withStore(openForReading(settings.databasePath), use);
}

/** For short writes to an operator's tables, beside a running writer. */
export async function withOperator<T>(settings: Settings, use: (store: Store) => Promise<T>): Promise<T> {
  return withStore(openForOperator(settings.databasePath), use);
}

/** The operator's settings as they are now, whoever changed them last. */
export function operatorSettingsOf(settings: Settings, store: Store): OperatorSettings {
  return operatorSettings(settings, (key) => store.config.operator(key));
}

/** How often backups are due, and which are kept. */
export function backupPlanOf(settings: Settings, store: Store): BackupPlan {
  const {
    backupIntervalSec: intervalSec,
    backupKeep: keep,
    backupMaxAgeSec: maxAgeSec,
  } = operatorSettingsOf(settings, store);
  return { intervalSec, keep, maxAgeSec };
}

async function withStore<T>(opened: OpenDatabase, use: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await use(new Store(opened.db, systemClock));
  } finally {
    opened.close();
  }
}

/** The node that RPC_URL names. @throws NO_RPC when it names none. */
export function rpcOf(io: Io, settings: Settings): Rpc {
  if (settings.rpcUrl === undefined) {
    throw new LpLedgerError("usage", "NO_RPC", "RPC_URL is not set", {
      hint: "put RPC_URL=http://... into .env, or name a file that holds it with RPC_URL_FILE",
    });
  }
  return new Rpc({
    id: "rpc-1",
    url: settings.rpcUrl,
    fetch: io.fetch,
    clock: systemClock,
    timeoutMs: settings.rpcTimeoutMs,
    bodyBytesMax: settings.rpcBodyBytesMax,
  });
}

/** The chain as the daemon wants it, for the pools of one programme. */
export function chainOf(rpc: Rpc, settings: Settings, programme: Programme): ChainPort {
  const limits = { ...RANGE_LIMITS, blocksMax: settings.rangeBlocksMax };
  return new FollowedChain(rpc, programme, systemClock, Math.random, limits);
}

const PATIENCE_ATTEMPTS = 3;
const PATIENCE_MS = 500;

/** For commands that ask a node once: a passing failure is tried again before it is told. */
export async function patiently<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const passing = error instanceof LpLedgerError && error.kind === "transient";
      if (!passing || attempt === PATIENCE_ATTEMPTS) throw error;
      await systemClock.sleep(PATIENCE_MS * attempt, new AbortController().signal);
    }
  }
}
