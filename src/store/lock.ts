import Database from "better-sqlite3";
import { LpLedgerError } from "../core/errors.ts";

/**
 * One writer per database: an exclusive transaction on `<database>.lock`, held for life. The operating system frees it
 * when the process dies, however it dies.
 * @throws LOCKED (exit 75) while another process holds it.
 */
export function takeLock(databasePath: string): { release(): void } {
  const lock = new Database(`${databasePath}.lock`, { timeout: 0 });
  try {
    lock.exec("begin exclusive");
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== "SQLITE_BUSY") throw error;
    throw new LpLedgerError("transient", "LOCKED", `another lp-ledger process writes to ${databasePath}`, {
      hint: "stop it first, or give this one another DATABASE; a lock dies with its process and is never stale",
    });
  }
  return {
    release: () => {
      lock.close();
    },
  };
}
