import type { Clock } from "../core/chain.ts";
import {
  type Backup,
  type BackupFolder,
  backupFromWriter,
  listBackups,
  pruneBackups,
  type Retention,
} from "../store/lifecycle/backup.ts";
import type { Store } from "../store/store.ts";

export interface BackupPlan extends Retention {
  /** Zero: never. */
  readonly intervalSec: number;
}

export interface BackupSchedule {
  /** As the operator wants it now; asked each time. */
  plan(): BackupPlan;
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
  /** When the newest was made, or where there is none, when this began. */
  #lastMs: number;
  #hasOne: boolean;
  #notBeforeMs = 0;
  #running: Promise<void> | undefined;

  constructor(store: Store, where: BackupFolder, schedule: BackupSchedule, clock: Clock) {
    this.#store = store;
    this.#where = where;
    this.#schedule = schedule;
    this.#clock = clock;
    const ledgerId = store.config.get("ledger_id");
    const newest = listBackups(where.folder).find(({ manifest }) => manifest.ledgerId === ledgerId);
    this.#hasOne = newest !== undefined;
    // Its age is that by the wall's clock; from then on the steady one counts.
    const ageMs = newest === undefined ? 0 : Math.max(0, clock.wallMs() - Date.parse(newest.manifest.createdAt));
    this.#lastMs = clock.nowMs() - ageMs;
  }

  /**
   * Called after each commit and each look at the chain; begins a backup where one is due and none is being made. A
   * ledger without any gets its first as soon as it has caught up, or after one interval of a long backfill.
   */
  tick(signal: AbortSignal, caughtUp: boolean): void {
    const plan = this.#schedule.plan();
    const now = this.#clock.nowMs();
    const due = now >= this.#lastMs + plan.intervalSec * 1000 || (caughtUp && !this.#hasOne);
    if (plan.intervalSec === 0 || this.#running !== undefined || !due || now < this.#notBeforeMs) return;
    this.#running = this.#make(plan, signal).finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for a backup that is being made; abort the signal given to `tick` to make that short. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #make(plan: BackupPlan, signal: AbortSignal): Promise<void> {
    const startedMs = this.#clock.nowMs();
    const startedAt = this.#store.nowIso();
    try {
      const backup = await backupFromWriter(this.#store.db, this.#where, signal);
      const removed = pruneBackups(this.#where, this.#store.config.get("ledger_id"), plan, backup);
      this.#lastMs = startedMs;
      this.#hasOne = true;
      const seconds = (this.#clock.nowMs() - startedMs) / 1000;
      const outcome = { path: backup.path, bytes: backup.manifest.bytes, removed: removed.length };
      this.#store.write(() => this.#store.insertMaintenance({ kind: "backup", startedAt, seconds, outcome }));
      this.#schedule.onBackup(backup, removed);
    } catch (error) {
      this.#notBeforeMs = startedMs + Math.min(RETRY_AFTER_MS, plan.intervalSec * 1000);
      if (!signal.aborted) this.#schedule.onFailure(error);
    }
  }
}
