import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { readProgramme } from "../config.ts";
import { LpLedgerError } from "../core/errors.ts";
import { backupPlanOf, backupsOf, type CommonOptions, type Io, settingsOf, withReader } from "../runtime/context.ts";
import { sha256 } from "../runtime/platform.ts";
import type { Settings } from "../settings.ts";
import { realPathOf } from "../store/file/file.ts";
import {
  type Backup,
  backupFromOutside,
  backupProblems,
  damaged,
  listBackups,
  pruneBackups,
  readBackup,
} from "../store/lifecycle/backup.ts";
import { newestGood, restore as restoreLedger } from "../store/lifecycle/restore.ts";

/** Makes a verified backup now, beside a running daemon or without one. */
export async function backup(io: Io, options: CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const made = await withReader(settings, async (store) => backupFromOutside(store.db, backupsOf(settings)));
  io.out(options.json ? `${JSON.stringify(made)}\n` : `${textOf(made)}\nverified\n`);
}

/** Lists the finished backups, newest first. */
export async function listAll(io: Io, options: CommonOptions): Promise<void> {
  const backups = listBackups(settingsOf(io, options).backupFolder, (path, reason) =>
    io.talk(`WARNING: ${path} is left out: ${reason}\n`),
  );
  for (const each of backups) io.out(options.json ? `${JSON.stringify(each)}\n` : `${textOf(each)}\n`);
  if (backups.length === 0 && !options.json) io.talk("no backups yet\n");
}

/** Checks one backup, or all of them; any that is damaged ends with code 70. */
export async function verifyBackups(io: Io, file: string | undefined, options: CommonOptions): Promise<void> {
  const bad: string[] = [];
  const all = (): readonly Backup[] =>
    listBackups(settingsOf(io, options).backupFolder, (path, reason) => void bad.push(`${path}: ${reason}`));
  const backups = file === undefined ? all() : [readBackup(resolve(io.cwd, file))];
  for (const each of backups) {
    const problems = backupProblems(each, sha256);
    if (problems.length > 0) bad.push(`${each.path}: ${problems.join("; ")}`);
    io.out(
      options.json
        ? `${JSON.stringify({ path: each.path, problems })}\n`
        : `${each.path}: ${problems.join("; ") || "good"}\n`,
    );
  }
  if (backups.length === 0 && bad.length === 0 && !options.json) io.talk("no backups yet\n");
  if (bad.length > 0)
    throw damaged(`${bad.length} backups`, bad, "make a new one with lp-ledger backup, and look at the disk");
}

/** Removes what the settings no longer want kept. */
export async function prune(io: Io, options: CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const removed = await withReader(settings, async (store) =>
    pruneBackups(backupsOf(settings), store.config.get("ledger_id"), backupPlanOf(settings, store)),
  );
  if (options.json) io.out(`${JSON.stringify({ removed: removed.map((each) => each.path) })}\n`);
  else io.out(`${removed.map((each) => `removed ${each.path}\n`).join("")}${removed.length} removed\n`);
}

export interface RestoreOptions extends CommonOptions {
  readonly latest?: boolean;
}

/** Puts a backup in the place of the ledger; the old file is kept aside. */
export async function restore(io: Io, file: string | undefined, options: RestoreOptions): Promise<void> {
  if ((file === undefined) === (options.latest !== true)) {
    throw new LpLedgerError("usage", "RESTORE_WHAT", "name the backup to restore, or ask for --latest", {
      exitCode: 64,
    });
  }
  const settings = settingsOf(io, options);
  const plan = {
    ...backupsOf(settings),
    databasePath: realPathOf(settings.databasePath),
    ledgerId: await ledgerIdOf(settings),
    onSkip: (path: string, problems: readonly string[]) =>
      io.talk(`WARNING: the backup ${path} is damaged and passed over: ${problems.join("; ")}\n`),
  };
  const chosen = file === undefined ? newestGood(settings.backupFolder, plan) : readBackup(resolve(io.cwd, file));
  requireSameChain(settings, chosen);
  const aside = restoreLedger(chosen, plan);
  const { blockNumber, createdAt } = chosen.manifest;
  if (options.json) io.out(`${JSON.stringify({ restored: chosen.path, blockNumber, aside })}\n`);
  else
    io.out(
      `restored ${chosen.path} of ${createdAt}, block ${blockNumber ?? "none"}\n${aside === null ? "" : `the old file is now ${aside}\n`}lp-ledger start goes on from there, after comparing its tip with the chain\n`,
    );
}

/** The id of the ledger that is to be replaced; undefined where its file is gone or cannot tell. */
async function ledgerIdOf(settings: Settings): Promise<string | undefined> {
  try {
    return await withReader(settings, async (store) => store.config.get("ledger_id"));
  } catch {
    return undefined; // It may be the very damage that is to be mended.
  }
}

/** A backup of another chain is never put in place of this ledger. */
function requireSameChain(settings: Settings, { path, manifest }: Backup): void {
  if (!existsSync(settings.programmePath)) return;
  const { chainId } = readProgramme(settings.programmePath);
  if (manifest.chainId === null || manifest.chainId === chainId) return;
  throw new LpLedgerError(
    "usage",
    "WRONG_CHAIN",
    `${path} follows chain ${manifest.chainId}, the programme file names chain ${chainId}`,
    {
      hint: "restore a backup of this chain, or use the programme file of the other",
    },
  );
}

function textOf({ path, manifest }: Backup): string {
  const { createdAt, blockNumber, bytes, stateDigest } = manifest;
  return `${createdAt}  block ${blockNumber ?? "none"}  ${(bytes / 2 ** 20).toFixed(1)} MB  ${stateDigest?.slice(0, 12) ?? "-"}  ${path}`;
}
