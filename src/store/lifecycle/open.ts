import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { isoOf } from "../../core/day.ts";
import { LpLedgerError } from "../../core/errors.ts";
import { realPathOf, requireOneName } from "../file/file.ts";
import { takeLock } from "../file/lock.ts";
import { checkSchema, knownMigrations, migrate } from "../file/migrate.ts";
import { cannotOpen, translated } from "../file/sqlite-errors.ts";
import { checkpointAfter, WAL_PAGES } from "../file/upkeep.ts";
import { type BackupFolder, backupFromOutside } from "./backup.ts";
import { finishRestore } from "./restore.ts";

/** The first SQLite without the WAL-reset corruption bug. */
const SQLITE_MIN = [3, 51, 3] as const;

/** A schema that was brought up to date by opening the ledger. */
export interface Upgrade {
  readonly from: number;
  readonly to: number;
  /** The copy that was made and checked before; null where none was asked for. */
  readonly backup: string | null;
}

export interface OpenDatabase {
  readonly db: Database.Database;
  readonly upgrade?: Upgrade;
  close(): void;
}

/**
 * Opens (and creates or migrates) a ledger for writing; holds the writer's lock until `close`. Before a migration a
 * verified backup is made in `backups`.
 */
export function openForWriting(named: string, backups?: BackupFolder): OpenDatabase {
  const path = realPathOf(named);
  requireOneName(path);
  const lock = takeLock(path);
  let db: Database.Database | undefined;
  let upgrade: Upgrade | undefined;
  try {
    finishRestore(path);
    db = connect(path, false);
    upgrade = upgradeOf(db, path, backups);
    db.pragma("journal_mode = wal");
    db.pragma("synchronous = normal");
    db.pragma("cache_size = -8000"); // Half of what the driver takes: no slower (decision 17).
    db.pragma("journal_size_limit = 67108864");
    checkpointAfter(db, WAL_PAGES);
    const startedMs = Date.now();
    const made = db;
    migrate(db, path, () => {
      if (upgrade !== undefined) recordUpgrade(made, upgrade, startedMs);
    });
  } catch (error) {
    db?.close();
    lock.release();
    throw translated(error, path);
  }
  const opened = db;
  return {
    db: opened,
    ...(upgrade === undefined ? {} : { upgrade }),
    close: () => {
      try {
        opened.pragma("optimize");
      } catch {
        // Closing must not fail on a full or failing disk: what was committed stands, and statistics can wait.
      }
      opened.close();
      lock.release();
    },
  };
}

/** Opens a ledger for reading beside a running writer; refuses files that do not exist or are at another schema. */
export function openForReading(path: string): OpenDatabase {
  return openBeside(path, true);
}

/**
 * Opens a ledger for short writes to an operator's tables beside a running writer, which it neither needs nor stops.
 */
export function openForOperator(path: string): OpenDatabase {
  return openBeside(path, false);
}

/** @throws NO_DATABASE where there is none, nor one that is being restored */
export function requireDatabase(path: string): void {
  if (existsSync(path) || existsSync(`${path}.restore-pending`)) return;
  throw new LpLedgerError("usage", "NO_DATABASE", `there is no database at ${path}`, {
    hint: "run lp-ledger start first, or set DATABASE to the file you mean",
  });
}

function openBeside(named: string, readonly: boolean): OpenDatabase {
  const path = realPathOf(named);
  requireOneName(path); // Beside another name's -wal file it would read what is old, and write what is lost.
  if (existsSync(`${path}.restore-pending`)) {
    throw new LpLedgerError("transient", "RESTORING", `a restore of ${path} was begun and not finished`, {
      hint: "wait for it, or run lp-ledger restore or start: either finishes it",
    });
  }
  requireDatabase(path);
  const db = connect(path, readonly);
  try {
    const applied = checkSchema(db, path);
    const known = knownMigrations().at(-1)?.version ?? 0;
    if (applied < known) {
      throw new LpLedgerError("usage", "SCHEMA_OLDER", `the database ${path} is at schema ${applied}, not ${known}`, {
        hint: "run lp-ledger start once: it migrates the file",
      });
    }
  } catch (error) {
    db.close();
    throw translated(error, path);
  }
  return { db, close: () => db.close() };
}

/** A file that is about to be migrated is copied and checked first. */
function upgradeOf(db: Database.Database, path: string, backups: BackupFolder | undefined): Upgrade | undefined {
  const from = checkSchema(db, path);
  const to = knownMigrations().at(-1)?.version ?? 0;
  if (from === 0 || from >= to) return undefined;
  return { from, to, backup: backups === undefined ? null : backupFromOutside(db, backups).path };
}

function recordUpgrade(db: Database.Database, upgrade: Upgrade, startedMs: number): void {
  const startedAt = isoOf(Math.floor(startedMs / 1000));
  const seconds = Math.max(0, Date.now() - startedMs) / 1000;
  db.prepare("insert into maintenance_runs (kind, started_at, seconds, outcome) values ('upgrade', ?, ?, ?)").run(
    startedAt,
    seconds,
    JSON.stringify(upgrade),
  );
}

function connect(path: string, readonly: boolean): Database.Database {
  let db: Database.Database;
  try {
    db = new Database(path, { readonly, timeout: 5000 });
  } catch (error) {
    throw cannotOpen(path, error);
  }
  try {
    requireVersion(db);
    db.pragma("user_version"); // The first read: a file that is no database fails here.
    db.pragma("foreign_keys = on");
    db.pragma("cell_size_check = on");
    db.pragma("trusted_schema = off");
    db.pragma("mmap_size = 0");
    db.pragma("temp_store = memory");
    return db;
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code === "SQLITE_NOTADB") {
      throw new LpLedgerError("usage", "NOT_A_DATABASE", `${path} is not a SQLite database`, {
        hint: "move it away or set DATABASE to another path; nothing was written",
      });
    }
    throw translated(error, path);
  }
}

function requireVersion(db: Database.Database): void {
  const version = String(db.prepare("select sqlite_version()").pluck().get());
  const parts = version.split(".").map(Number);
  const older = SQLITE_MIN.findIndex((min, i) => (parts[i] ?? 0) !== min);
  if (older >= 0 && (parts[older] ?? 0) < (SQLITE_MIN[older] ?? 0)) {
    throw new LpLedgerError(
      "usage",
      "SQLITE_TOO_OLD",
      `SQLite ${version} can corrupt WAL files; 3.51.3 is the oldest safe one`,
      {
        hint: "run npm ci again: the lockfile names a better-sqlite3 that carries a newer SQLite",
      },
    );
  }
}
