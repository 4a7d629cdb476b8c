import { LpLedgerError } from "../core/errors.ts";

/** Exit code of a full disk: nothing is lost, and the daemon goes on by itself once there is room. */
export const EXIT_DISK_FULL = 74;

/**
 * What a failure of SQLite means, in our words; anything else comes back unchanged. A full disk has rolled the
 * transaction back and may pass; a damaged file must never be written again.
 */
export function translated(error: unknown, path: string): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return error;
  const message = `${(error as Error).message} (${code})`;
  if (code === "SQLITE_FULL") {
    return new LpLedgerError("transient", "DISK_FULL", `there is no room left for ${path}: ${message}`, {
      exitCode: EXIT_DISK_FULL,
      hint: "make room on the disk: nothing was lost, reads go on, and the daemon continues by itself",
    });
  }
  if (code.startsWith("SQLITE_READONLY")) {
    return new LpLedgerError("usage", "READ_ONLY", `${path} cannot be written: ${message}`, {
      hint: "check the owner and the mount of the file and its folder; nothing was written",
    });
  }
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
