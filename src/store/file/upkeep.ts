import { existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import { LpLedgerError } from "../../core/errors.ts";

/** Pages in the write-ahead log after which it is copied into the file: what was not copied, a power cut may take. */
export const WAL_PAGES = 1_000;
/** The same in a backfill, where it is only fetched again: commits touch many of the same pages (decision 17). */
export const WAL_PAGES_BEHIND = 8_000;

/** Sets after how many pages, on this connection. */
export function checkpointAfter(db: Database, pages: number): void {
  db.pragma(`wal_autocheckpoint = ${pages}`);
}

/** Bytes in the write-ahead log beside a database. */
export function walBytes(db: Database): number {
  const path = `${db.name}-wal`;
  return existsSync(path) ? statSync(path).size : 0;
}

/** Copies the write-ahead log into the file and empties it; false where a reader stands in the way. */
export function truncateWal(db: Database): boolean {
  const [result] = db.pragma("wal_checkpoint(truncate)") as { busy: number }[];
  return result?.busy === 0;
}

/**
 * Compacts the whole file (VACUUM). Needs as much room again, which is checked first; the caller holds the lock.
 */
export function vacuum(db: Database): { readonly bytesBefore: number; readonly bytesAfter: number } {
  const bytesBefore = statSync(db.name).size;
  const { bavail, bsize } = statfsSync(dirname(db.name));
  const free = bavail * bsize;
  const needed = 2 * bytesBefore; // The copy, and the write-ahead log it goes through.
  if (free < needed) {
    throw new LpLedgerError(
      "usage",
      "NO_ROOM",
      `optimizing ${db.name} needs ${megabytes(needed)} of free disk, there are ${megabytes(free)}`,
      {
        hint: "make room, or leave it: the ledger works without",
      },
    );
  }
  db.exec("vacuum");
  db.pragma("optimize = 0x10002");
  truncateWal(db);
  return { bytesBefore, bytesAfter: statSync(db.name).size };
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}

/** File systems on which SQLite's shared memory and locks do not hold, by the number statfs gives (Linux magic.h). */
const UNSAFE_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xfe534d42, "SMB2"],
  [0xff534d42, "CIFS"],
  [0x01021997, "9P"],
  [0x65735546, "FUSE"],
  [0x6a656a63, "virtiofs"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
]);

/** The name of an unsafe file system behind a `statfs` type, or undefined. */
export function unsafeFileSystem(type: number): string | undefined {
  return UNSAFE_FILE_SYSTEMS.get(type >>> 0);
}

/** Refuses a database on a network or FUSE file system: write-ahead logging corrupts there sooner or later. */
export function requireSafeFileSystem(path: string, typeOf: (folder: string) => number): void {
  const name = unsafeFileSystem(typeOf(dirname(path)));
  if (name === undefined) return;
  throw new LpLedgerError(
    "usage",
    "UNSAFE_FILE_SYSTEM",
    `${path} lies on ${name}, where SQLite's locks and shared memory do not hold`,
    {
      hint: "put DATABASE on a local disk; ALLOW_UNSAFE_FILE_SYSTEM=1 takes the risk",
    },
  );
}

/** The type of the file system a folder lies on. */
export function fileSystemType(folder: string): number {
  return statfsSync(folder).type;
}

/** Refreshes what the query planner knows of the tables. */
export function optimizeQueries(db: Database): void {
  db.pragma("optimize");
}
