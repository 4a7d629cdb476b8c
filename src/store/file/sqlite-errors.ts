import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { LpLedgerError } from "../../core/errors.ts";

/** Exit code of a full disk: nothing is lost, and the daemon goes on by itself once there is room. */
export const EXIT_DISK_FULL = 74;

/**
 * What a failure of SQLite means, in our words; anything else comes back unchanged. A full disk has rolled the
 * transaction back and may pass; a damaged file must never be written again.
 */
export function translated(error: unknown, path: string): unknown {
  if (isDriverFault(error)) return driverFault(error);
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return error;
  const message = `${(error as Error).message} (${code})`;
  if (code === "SQLITE_FULL") {
    return new LpLedgerError("transient", "DISK_FULL", `there is no room left for ${path}: ${message}`, {
      exitCode: EXIT_DISK_FULL,
      hint: "make room on the disk: nothing was lost, reads go on, and the daemon continues by itself",
    });
  }
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN")) return cannotOpen(path, error);
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new LpLedgerError("invariant", "CORRUPT", `${path} is damaged: ${message}`, {
      hint: "do not write to it again: lp-ledger restore --latest puts the newest good backup in its place and keeps this file aside",
    });
  }
  if (code.startsWith("SQLITE_IOERR")) {
    return new LpLedgerError("transient", "DISK_ERROR", `the disk failed under ${path}: ${message}`, {
      exitCode: EXIT_DISK_FULL,
      hint: "look at the disk and the system's log; the last commit stands",
    });
  }
  if (code.startsWith("SQLITE_BUSY")) {
    return new LpLedgerError("transient", "BUSY", `${path} is busy: ${message}`, {
      hint: "another process holds a long transaction on the file; it is tried again",
    });
  }
  return error;
}

/** A file that SQLite cannot open or write, for a reason of the file system, which is asked for it. */
export function cannotOpen(path: string, cause: unknown): LpLedgerError {
  if (isDriverFault(cause)) return driverFault(cause);
  const folder = dirname(path);
  if (!existsSync(folder)) {
    return new LpLedgerError("usage", "CANNOT_OPEN", `cannot open the database ${path}: there is no folder ${folder}`, {
      hint: "make the folder, or set DATABASE to another path",
    });
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    return new LpLedgerError("usage", "CANNOT_OPEN", `cannot open the database ${path}: it is a folder`, {
      hint: "set DATABASE to a file, such as one in that folder",
    });
  }
  const places = [folder, ...["", "-wal", "-shm", ".lock"].map((suffix) => `${path}${suffix}`).filter(existsSync)];
  for (const place of places) {
    const code = refusalOf(place);
    if (code === "EROFS") {
      return new LpLedgerError("usage", "READ_ONLY_FILE_SYSTEM", `${place} lies on a read-only file system`, {
        hint: "mount it writable, or copy the file elsewhere: even reading a ledger needs its -shm file; nothing was written",
      });
    }
    if (code !== undefined) {
      const { uid, mode } = statSync(place);
      const found = `it belongs to user ${uid} with mode ${(mode & 0o777).toString(8)}, this is user ${process.getuid?.()}`;
      return new LpLedgerError("usage", "NO_PERMISSION", `this user may not write ${place}: ${found}`, {
        hint: "run lp-ledger as the owner of the file and its folder; nothing was written",
      });
    }
  }
  return new LpLedgerError("usage", "CANNOT_OPEN", `cannot open the database ${path}: ${(cause as Error).message}`, {
    hint: "check that it is a file, and that this user may write there; nothing was written",
  });
}

/** Of SQLite itself come codes of its own; all else that opening a database throws is of the module that holds it. */
function isDriverFault(cause: unknown): boolean {
  const { code, message = "" } = cause as { code?: unknown; message?: string };
  return (
    code === "ERR_DLOPEN_FAILED" || code === "MODULE_NOT_FOUND" || /bindings file|NODE_MODULE_VERSION/.test(message)
  );
}

function driverFault(cause: unknown): LpLedgerError {
  const [what] = (cause as Error).message.split("\n");
  return new LpLedgerError("usage", "DRIVER", `the SQLite driver better-sqlite3 cannot be loaded: ${what}`, {
    hint: `run npm rebuild better-sqlite3, or npm ci again: it must be built for this Node.js, ${process.version}; no database was touched`,
  });
}

/** Why this process may not read and write a place; undefined where it may. */
function refusalOf(place: string): string | undefined {
  try {
    accessSync(place, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
