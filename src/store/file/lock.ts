import Database from "better-sqlite3";
import { LpLedgerError } from "../../core/errors.ts";
import { cannotOpen } from "./sqlite-errors.ts";

const PATIENCE_MS = 300;

/**
 * One writer per database: an exclusive transaction on `<database>.lock`, held for life. The operating system frees it
 * when the process dies, however it dies.
 * @throws LOCKED (exit 75) while another process holds it.
 */
export function takeLock(databasePath: string): { release(): void } {
  let lock: Database.Database | undefined;
  try {
    // With no patience at all, two that begin at the same instant can both be refused.
    lock = new Database(`${databasePath}.lock`, { timeout: PATIENCE_MS });
    lock.exec("begin exclusive");
  } catch (error) {
    lock?.close();
    if ((error as { code?: string }).code !== "SQLITE_BUSY") throw cannotOpen(`${databasePath}.lock`, error);
    throw new LpLedgerError("transient", "LOCKED", `another lp-ledger process writes to ${databasePath}`, {
      hint: "stop it first, or give this one another DATABASE; a lock dies with its process and is never stale",
    });
  }
  const held = lock;
  return {
    release: () => {
      held.close();
    },
  };
}
