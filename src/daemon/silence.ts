import { isoOf } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import { EXIT_DISK_FULL } from "../store/file/sqlite-errors.ts";
import type { Store } from "../store/store.ts";

/** A node that is silent for so long is told of. */
const SILENT_AFTER_MS = 30_000;

/** Writes down that no node answers any more, and since when, for whoever asks how the ledger stands. */
export class Silence {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  lasts(silentMs: number, { message, code, exitCode }: LpLedgerError): void {
    const isOfDisk = code === "BUSY" || exitCode === EXIT_DISK_FULL;
    if (isOfDisk || silentMs < SILENT_AFTER_MS || this.#store.config.get("silent") != null) return;
    this.#keep({ since: isoOf(Date.parse(this.#store.nowIso()) / 1000 - Math.round(silentMs / 1000)), why: message });
  }

  ended(): void {
    if (this.#store.config.get("silent") != null) this.#keep(null);
  }

  #keep(silent: { readonly since: string; readonly why: string } | null): void {
    try {
      this.#store.write(() => this.#store.config.set("silent", silent, this.#store.nowIso()));
    } catch (error) {
      // A full disk is told of by itself.
      if (!(error instanceof LpLedgerError) || error.kind !== "transient") throw error;
    }
  }
}
