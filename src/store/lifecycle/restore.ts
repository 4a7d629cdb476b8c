import { copyFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Sha256 } from "../../core/accounting/digest.ts";
import { LpLedgerError, notThere } from "../../core/errors.ts";
import { freePath, publishText, sync } from "../file/files.ts";
import { takeLock } from "../file/lock.ts";
import { type Backup, backupProblems, damaged, listBackups, removeDatabase } from "./backup.ts";

/** What a restore that was cut off by a crash still has to do. */
interface Pending {
  readonly aside: string;
}

export interface RestorePlan {
  readonly databasePath: string;
  /** Whose backups to look for; undefined where the file can no longer tell. */
  readonly ledgerId?: string | undefined;
  readonly sha256: Sha256;
  nowIso(): string;
  /** Told, loudly, why a backup was passed over. */
  onSkip(path: string, problems: readonly string[]): void;
}

const pendingPath = (databasePath: string): string => `${databasePath}.restore-pending`;
const restoringPath = (databasePath: string): string => `${databasePath}.restoring`;

/**
 * The newest backup that is good; damaged newer ones are passed over with a word. @throws NO_BACKUP where none is good.
 */
export function newestGood(folder: string, plan: RestorePlan): Backup {
  const all = listBackups(folder, (path, reason) => plan.onSkip(path, [reason]));
  const ledgers = new Set(all.flatMap(({ manifest }) => manifest.ledgerId ?? []));
  if (plan.ledgerId === undefined && ledgers.size > 1) {
    throw new LpLedgerError("usage", "SEVERAL_LEDGERS", `${folder} holds backups of ${ledgers.size} ledgers`, {
      hint: "name the file to restore: lp-ledger backup list --json shows the ledgerId of each",
    });
  }
  const wanted = plan.ledgerId ?? [...ledgers][0];
  for (const backup of all.filter(({ manifest }) => (manifest.ledgerId ?? wanted) === wanted)) {
    const problems = backupProblems(backup, plan.sha256);
    if (problems.length === 0) return backup;
    plan.onSkip(backup.path, problems);
  }
  const hint = "lp-ledger backup makes one; without any, start with an empty DATABASE: the chain is the source";
  throw notThere("NO_BACKUP", `there is no good backup in ${folder}`, hint);
}

/**
 * Puts a backup in the place of a ledger. Checks it first, refuses while a daemon holds the lock, and keeps the old
 * file with all that belongs to it aside. A crash anywhere is finished by the next process that opens the ledger.
 * @returns where the old file is now, or null where there was none.
 */
export function restore(backup: Backup, plan: RestorePlan): string | null {
  const { databasePath, sha256 } = plan;
  const problems = backupProblems(backup, sha256);
  if (problems.length > 0)
    throw damaged(backup.path, problems, "nothing was changed; lp-ledger restore --latest takes the newest good one");
  const lock = takeLock(databasePath);
  try {
    finishRestore(databasePath);
    // Never a name that is taken: what was kept aside before is kept.
    const aside = freePath(`${databasePath}.replaced-${plan.nowIso().replaceAll(/[-:]/g, "")}`);
    const hadOne = existsSync(databasePath);
    removeDatabase(restoringPath(databasePath));
    copyFileSync(backup.path, restoringPath(databasePath));
    sync(restoringPath(databasePath));
    publishText(pendingPath(databasePath), JSON.stringify({ aside } satisfies Pending));
    finishRestore(databasePath);
    return hadOne ? aside : null;
  } finally {
    lock.release();
  }
}

/**
 * Does what is left of a restore that was begun; nothing where none was. The caller holds the lock. The new file is
 * whole before the first step, and each step can be done twice.
 */
export function finishRestore(databasePath: string): void {
  if (!existsSync(pendingPath(databasePath))) return;
  const { aside } = JSON.parse(readFileSync(pendingPath(databasePath), "utf8")) as Pending;
  if (existsSync(restoringPath(databasePath))) {
    for (const suffix of ["", "-wal", "-shm"]) {
      // A write-ahead log must never stand beside a database that it does not belong to.
      if (existsSync(`${databasePath}${suffix}`)) renameSync(`${databasePath}${suffix}`, `${aside}${suffix}`);
    }
    renameSync(restoringPath(databasePath), databasePath);
    sync(dirname(databasePath));
  }
  rmSync(pendingPath(databasePath));
  sync(dirname(databasePath));
}
