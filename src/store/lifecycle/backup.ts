import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import type { Sha256 } from "../../core/accounting/digest.ts";
import { LpLedgerError, notThere } from "../../core/errors.ts";
import { freePath, publish, publishText, sha256OfFile } from "../file/files.ts";
import { translated } from "../file/sqlite-errors.ts";
import { type FileFacts, factsOf, problemsOf } from "./inspect.ts";

/** What stands beside a backup, as JSON: what it is a state of, and how to know that it is whole. */
export interface Manifest extends FileFacts {
  readonly format: "lp-ledger-backup-1";
  readonly createdAt: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Backup {
  readonly path: string;
  readonly manifest: Manifest;
}

export interface BackupFolder {
  readonly folder: string;
  readonly sha256: Sha256;
  /** ISO-8601 UTC wall-clock time. */
  nowIso(): string;
  /** Checks a copy elsewhere, so that a daemon need not stand still meanwhile; without it, it is done here. */
  inspect?(path: string, signal: AbortSignal): Promise<Inspection>;
}

/** What a check of a whole file found, and the hash of its bytes. */
export interface Inspection {
  readonly problems: readonly string[];
  readonly sha256: string;
}

const PART = /^making-(\d+)\.part$/;
const NAME = /^ledger-\d{8}T\d{6}Z-\d+(?:-\d+)?\.sqlite$/;

/** Copies the ledger from its own writer's connection while that goes on committing. */
export async function backupFromWriter(
  db: Database.Database,
  where: BackupFolder,
  signal: AbortSignal,
): Promise<Backup> {
  const part = partIn(where);
  try {
    await db.backup(part, {
      progress: () => {
        signal.throwIfAborted();
        return 2_000;
      },
    });
    const facts = settle(part);
    const inspection =
      where.inspect === undefined ? inspectHere(part, where.sha256) : await where.inspect(part, signal);
    return finish(part, where, facts, inspection);
  } catch (error) {
    removeDatabase(part);
    throw error;
  }
}

/**
 * Copies the ledger from another process: `VACUUM INTO`, since the online copy never ends while somebody else writes.
 */
export function backupFromOutside(db: Database.Database, where: BackupFolder): Backup {
  const part = partIn(where);
  try {
    copyWhole(db, part);
    return finish(part, where, settle(part), inspectHere(part, where.sha256));
  } catch (error) {
    removeDatabase(part);
    throw error;
  }
}

/** Copies a ledger as it is at this moment into a file that does not exist yet, compactly. */
export function copyWhole(db: Database.Database, path: string): void {
  try {
    db.prepare("vacuum into ?").run(path);
  } catch (error) {
    throw translated(error, path);
  }
}

/** A name of this process's own for an unfinished copy; what dead processes left behind goes. */
function partIn({ folder }: BackupFolder): string {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const pid = Number(PART.exec(name)?.[1]);
    if (pid === process.pid || (pid > 0 && !isAlive(pid))) removeDatabase(join(folder, name));
  }
  return join(folder, `making-${process.pid}.part`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** A finished copy that was not checked yet: what it is a state of. */
function settle(part: string): FileFacts {
  const copy = new Database(part);
  try {
    copy.pragma("journal_mode = delete");
    return factsOf(copy);
  } finally {
    copy.close();
  }
}

/** Everything that is wrong with a ledger file, found in this process and at once. */
function inspectHere(path: string, sha256: Sha256): Inspection {
  const db = new Database(path, { readonly: true });
  try {
    return { problems: problemsOf(db, sha256), sha256: sha256OfFile(path) };
  } finally {
    db.close();
  }
}

/** Gives a copy that was found good, and its manifest, their names. */
function finish(part: string, where: BackupFolder, facts: FileFacts, { problems, sha256 }: Inspection): Backup {
  if (problems.length > 0) throw damaged(part, problems, "the ledger itself is damaged: restore an older backup");
  const createdAt = where.nowIso();
  const stem = `ledger-${createdAt.replaceAll(/[-:]/g, "")}-${facts.blockNumber ?? 0}`;
  const path = freePath(join(where.folder, stem), ".sqlite");
  const file = basename(path);

  const { size: bytes } = statSync(part);
  const manifest: Manifest = { format: "lp-ledger-backup-1", createdAt, file, bytes, sha256, ...facts };
  publish(part, path);
  publishText(`${path}.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  return { path, manifest };
}

/**
 * The finished backups of a folder, newest first. Files without a manifest were never finished and do not count; those
 * whose manifest cannot be read are told to `onUnreadable` and left out: one bad file must not hide the good ones.
 */
export function listBackups(
  folder: string,
  onUnreadable: (path: string, reason: string) => void = () => {},
): readonly Backup[] {
  if (!existsSync(folder)) return [];
  const backups: Backup[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!NAME.test(name) || !existsSync(`${path}.json`)) continue;
    try {
      backups.push(readBackup(path));
    } catch (error) {
      onUnreadable(path, (error as Error).message);
    }
  }
  const order = ({ manifest, path }: Backup): string => `${manifest.createdAt} ${path}`;
  return backups.sort((a, b) => (order(a) < order(b) ? 1 : -1));
}

/** A backup with its manifest. @throws NO_MANIFEST where there is none, or it is not one of ours. */
export function readBackup(path: string): Backup {
  if (!existsSync(path))
    throw notThere("NO_BACKUP", `there is no backup ${path}`, "lp-ledger backup list shows those that there are");
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(readFileSync(`${path}.json`, "utf8")) as Partial<Manifest> | null;
  } catch (error) {
    throw new LpLedgerError(
      "usage",
      "NO_MANIFEST",
      `the backup ${path} has no readable manifest: ${(error as Error).message}`,
      {
        hint: "a backup is two files, FILE and FILE.json; lp-ledger backup list shows those that are whole",
      },
    );
  }
  const ours = manifest?.format === "lp-ledger-backup-1" && !Number.isNaN(Date.parse(manifest.createdAt ?? ""));
  if (ours) return { path, manifest: manifest as Manifest };
  throw new LpLedgerError("usage", "NO_MANIFEST", `${path}.json is no manifest of the format lp-ledger-backup-1`, {
    hint: "lp-ledger backup list shows the backups that are whole",
  });
}

/** Everything that is wrong with a backup: bytes, hash, and the database itself against its manifest. */
export function backupProblems({ path, manifest }: Backup, sha256: Sha256): readonly string[] {
  if (!existsSync(path)) return ["the file is gone"];
  const { size } = statSync(path);
  if (size !== manifest.bytes) return [`it has ${size} bytes, its manifest says ${manifest.bytes}`];
  if (sha256OfFile(path) !== manifest.sha256) return ["its bytes are not those its manifest was written for (sha256)"];
  const db = new Database(path, { readonly: true });
  try {
    const facts = factsOf(db);
    const differing = (Object.keys(facts) as (keyof FileFacts)[]).filter((key) => facts[key] !== manifest[key]);
    if (differing.length > 0) return [`its manifest differs from the file in ${differing.join(", ")}`];
    return problemsOf(db, sha256);
  } finally {
    db.close();
  }
}

export interface Retention {
  /** Backups beyond the newest so many go. */
  readonly keep: number;
  /** Backups older than this go, whatever their number. */
  readonly maxAgeSec: number;
}

/**
 * Removes what retention no longer wants of one ledger's backups, but never its newest that is good, and never another
 * ledger's. `known` was just found good.
 * @returns what went.
 */
export function pruneBackups(
  where: BackupFolder,
  ledgerId: string | undefined,
  retention: Retention,
  known?: Backup,
): readonly Backup[] {
  const backups = listBackups(where.folder).filter(({ manifest }) => manifest.ledgerId === ledgerId);
  const oldest = Date.parse(where.nowIso()) - retention.maxAgeSec * 1000;
  const unwanted = backups.filter((backup, i) => i >= retention.keep || Date.parse(backup.manifest.createdAt) < oldest);
  if (unwanted.length === 0) return [];
  const lastGood = backups.find(
    (backup) => backup.path === known?.path || backupProblems(backup, where.sha256).length === 0,
  );
  const removed = unwanted.filter((backup) => backup !== lastGood);
  for (const { path } of removed) {
    rmSync(`${path}.json`, { force: true }); // The manifest first: without it the file no longer counts.
    rmSync(path, { force: true });
  }
  return removed;
}

/** The error for a copy or backup that is not whole. */
export function damaged(path: string, problems: readonly string[], hint: string): LpLedgerError {
  return new LpLedgerError("invariant", "DAMAGED", `${path} is damaged: ${problems.join("; ")}`, {
    hint,
    facts: { problems },
  });
}

/** Removes a database file with everything SQLite puts beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${suffix}`, { force: true });
}
