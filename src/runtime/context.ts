import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { Worker } from "node:worker_threads";
import type { EndpointListener, Expected } from "../chain/endpoint.ts";
import type { EndpointLimits } from "../chain/endpoint-health.ts";
import type { FollowedChain } from "../chain/followed-chain.ts";
import type { Fetch } from "../chain/rpc/body.ts";
import type { Rpc } from "../chain/rpc/rpc.ts";
import type { ChainPlan } from "../chain/thread/messages.ts";
import { readProgramme } from "../config.ts";
import { isoOf } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import { toHash } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { BackupPlan } from "../daemon/scheduled-backups.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { type OperatorSettings, operatorSettings, readSettings, type Settings } from "../settings.ts";
import { fileSystemType, requireSafeFileSystem } from "../store/file/upkeep.ts";
import type { BackupFolder } from "../store/lifecycle/backup.ts";
import {
  type OpenDatabase,
  openForOperator,
  openForReading,
  openForWriting,
  requireDatabase,
  type Upgrade,
} from "../store/lifecycle/open.ts";
import { Store } from "../store/store.ts";
import { endpointsOf, followedChain } from "./build-chain.ts";
import { sha256, systemClock } from "./platform.ts";

/** Everything a command may touch of the process it runs in. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isTerminal: boolean;
  /** For price services. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** For nodes. */
  readonly post: Fetch;
  /**
   * Begins the thread in which the daemon asks nodes, over the network whatever `post` is; without it there is none.
   */
  readonly beginChain?: () => Worker;
  out(text: string): void;
  talk(text: string): void;
  /** Asks whoever sits at the terminal; undefined where nobody does. */
  ask(question: string): Promise<string | undefined>;
  /** Calls back on each SIGINT or SIGTERM; returns how to stop listening. */
  onSignal(listener: (name: string) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): never;
}

/** Options every command has. */
export interface CommonOptions {
  readonly settings?: string;
  readonly json?: boolean;
}

export interface Context {
  readonly settings: Settings;
  readonly programme: Programme;
}

export function settingsOf(io: Io, options: CommonOptions): Settings {
  return readSettings({ env: io.env, cwd: io.cwd, envFile: options.settings });
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
    nowIso: () => isoOf(Math.floor(systemClock.wallMs() / 1000)),
  };
}

/**
 * Opens the ledger for writing, gives it to `use`, and closes it whatever happens. @throws NO_DATABASE where there is
 * none
 */
export async function withWriter<T>(io: Io, settings: Settings, use: (store: Store) => Promise<T>): Promise<T> {
  requireDatabase(settings.databasePath);
  return await withNewOrOld(settings, async (store, upgrade) => {
    if (upgrade !== undefined) io.talk(`${upgradeText(upgrade)}\n`);
    return await use(store);
  });
}

/** What opening a ledger did to its schema. */
export function upgradeText({ from, to, backup }: Upgrade): string {
  const where = backup === null ? "" : `; a copy from before is ${backup}`;
  return `the database was brought from schema ${from} to ${to}${where}`;
}

/** The same, and makes a ledger where there is none: only a start does. */
export async function withNewOrOld<T>(
  settings: Settings,
  use: (store: Store, upgrade: Upgrade | undefined) => Promise<T>,
): Promise<T> {
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

async function withStore<T>(
  opened: OpenDatabase,
  use: (store: Store, upgrade: Upgrade | undefined) => Promise<T>,
): Promise<T> {
  try {
    return await use(new Store(opened.db, systemClock), opened.upgrade);
  } finally {
    opened.close();
  }
}

/** The endpoints that RPC_URL and RPC_URLS name, in order of preference. @throws NO_RPC when they name none. */
export function rpcsOf(io: Io, settings: Settings): readonly [Rpc, ...Rpc[]] {
  const [first, ...more] = endpointsOf(settings, io.post);
  if (first !== undefined) return [first, ...more];
  throw new LpLedgerError("usage", "NO_RPC", "RPC_URL is not set", {
    hint: "put RPC_URL=http://... into .env, or name a file that holds it with RPC_URL_FILE",
  });
}

/** The chain as the daemon wants it, for the pools of one programme; endpoints must agree with what is stored. */
export function chainOf(
  rpcs: readonly Rpc[],
  settings: Settings,
  programme: Programme,
  store?: Store,
  told: EndpointListener = {},
): FollowedChain {
  if (store === undefined) {
    const { rangeBlocksMax: blocksMax, clockDriftSec } = settings;
    const plan = { programme, limits: new Map<string, EndpointLimits>(), blocksMax, clockDriftSec };
    return followedChain(rpcs, plan, told);
  }
  return followedChain(rpcs, chainPlanOf(settings, programme, store), told, () => expectedOf(store, programme));
}

/** What a chain in a thread of its own is begun with; the ledger knows pools and limits that the settings do not. */
export function chainPlanOf(settings: Settings, programme: Programme, store: Store): ChainPlan {
  const limits = new Map(
    (store.config.get("endpoints") ?? []).map(({ origin = "", blocksMax, ...known }) => {
      const { batchMax = null, alone = [], addressesMax = null, topicsMax = null, needsAddress = false } = known;
      const { stateLackedTo = null } = known;
      const filters = { addressesMax, topicsMax, needsAddress };
      return [origin, { blocksMax, batchMax, alone, ...filters, stateLackedTo }] as const;
    }),
  );
  const { rangeBlocksMax: blocksMax, clockDriftSec } = settings;
  return { programme: withDiscovered(store, programme), limits, blocksMax, clockDriftSec };
}

/** For commands that ask one endpoint: the first that answers as our chain, and the chain read through it alone. */
export async function answering(
  rpcs: readonly [Rpc, ...Rpc[]],
  settings: Settings,
  programme: Programme,
  signal: AbortSignal,
): Promise<{ readonly rpc: Rpc; readonly chain: FollowedChain }> {
  const [first, ...others] = rpcs;
  for (const rpc of others.length === 0 ? [] : rpcs) {
    const chain = chainOf([rpc], settings, programme);
    const seen = await chain.identity(signal).catch(() => undefined);
    if (seen?.chainId === programme.chainId) return { rpc, chain };
  }
  return { rpc: first, chain: chainOf([first], settings, programme) };
}

/** Chain, genesis and final block, as far as the ledger knows them. */
export function expectedOf({ config }: Store, programme: Programme): Expected {
  const [number, hash] = [config.get("final_block"), config.get("final_hash")];
  const genesis = config.get("chain")?.genesisHash;
  return {
    chainId: programme.chainId,
    genesisHash: genesis === undefined ? undefined : toHash(genesis),
    recomputes: config.get("endpoints")?.some(({ headers }) => headers === "authentic"),
    pin: number === undefined || hash === undefined ? undefined : { number, hash: toHash(hash) },
  };
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
