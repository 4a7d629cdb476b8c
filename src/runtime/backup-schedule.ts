import { ScheduledBackups } from "../daemon/scheduled-backups.ts";
import type { Logger } from "../log.ts";
import type { Backup } from "../store/lifecycle/backup.ts";
import type { Store } from "../store/store.ts";
import { backupPlanOf, backupsOf, type Context } from "./context.ts";
import { systemClock } from "./platform.ts";
import { inspectElsewhere } from "./verify-in-subprocess.ts";

/** Backups as the operator's settings plan them, told to the log. */
export function scheduledBackups({ settings }: Context, store: Store, log: Logger): ScheduledBackups {
  const schedule = {
    plan: () => backupPlanOf(settings, store),
    onBackup: ({ path, manifest }: Backup, removed: readonly Backup[]) =>
      log.info(
        { path, block: manifest.blockNumber, bytes: manifest.bytes, removed: removed.length },
        "backup made and verified",
      ),
    onFailure: (error: unknown) =>
      log.error({ reason: (error as Error).message }, "THE BACKUP FAILED; the ledger goes on, and it is tried again"),
  };
  const inspect = (path: string, signal: AbortSignal) => inspectElsewhere(path, signal);
  return new ScheduledBackups(store, { ...backupsOf(settings), inspect }, schedule, systemClock);
}
