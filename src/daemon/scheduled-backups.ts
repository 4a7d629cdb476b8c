import type { Clock } from "../core/chain.ts";
import {
  type Backup,
  type BackupFolder,
  backupFromWriter,
  listBackups,
  pruneBackups,
  type Retention,
} from "../store/backup.ts";
import type { Store } from "../store/store.ts";

export interface BackupSchedule extends Retention {
  /** Zero: never. */
  readonly intervalSec: number;
  onBackup(backup: Backup, removed: readonly Backup[]): void;
  onFailure(error: unknown): void;
}

const RETRY_AFTER_MS = 600_000;

/** Makes a backup from the writer's own connection whenever one is due, while the ledger goes on committing. */
export class ScheduledBackups {
  readonly #store: Store;
  readonly #where: BackupFolder;
  readonly #schedule: BackupSchedule;
  readonly #clock: Clock;
  #dueMs: number;
  #running: Promise<void> | undefined;

  constructor(store: Store, where: BackupFolder, schedule: BackupSchedule, clock: Clock) {
    this.#store = store;
    this.#where = where;
    this.#schedule = schedule;
    this.#clock = clock;
    const newest = listBackups(where.folder)[0];
    this.#dueMs = newest === undefined ? 0 : Date.parse(newest.manifest.createdAt) + schedule.intervalSec * 1000;
  }

  /** Called after each step; begins a backup where one is due and none is being made. */
  tick(signal: AbortSignal): void {
    const { intervalSec } = this.#schedule;
    if (intervalSec === 0 || this.#running !== undefined || this.#clock.nowMs() < this.#dueMs) return;
    this.#running = this.#make(signal).finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for a backup that is being made; abort the signal given to `tick` to make that short. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #make(signal: AbortSignal): Promise<void> {
    const startedMs = this.#clock.nowMs();
    const startedAt = this.#store.nowIso();
    try {
      const backup = await backupFromWriter(this.#store.db, this.#where, signal);
      const removed = pruneBackups(this.#where, this.#schedule, backup);
      this.#dueMs = startedMs + this.#schedule.intervalSec * 1000;
      const seconds = (this.#clock.nowMs() - startedMs) / 1000;
      const outcome = { path: backup.path, bytes: backup.manifest.bytes, removed: removed.length };
      this.#store.write(() => this.#store.insertMaintenance({ kind: "backup", startedAt, seconds, outcome }));
      this.#schedule.onBackup(backup, removed);
    } catch (error) {
      this.#dueMs = startedMs + Math.min(RETRY_AFTER_MS, this.#schedule.intervalSec * 1000);
      if (!signal.aborted) this.#schedule.onFailure(error);
    }
  }
}
