import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import Database from "better-sqlite3";
import { sha256 } from "../../src/runtime/platform.ts";

// Makes a backup, restores one or migrates a ledger, and kills its own process with SIGKILL right before the Nth step:
// a change to the file system, a pragma, a statement that is executed, or a step of the online copy.
const [, , mode = "", databasePath = "", folder = "", step = ""] = process.argv;
let left = Number(step);
const count = (): void => {
  if (--left === 0) process.kill(process.pid, "SIGKILL");
};
for (const name of ["copyFileSync", "renameSync", "rmSync", "writeFileSync", "fsyncSync", "mkdirSync"] as const) {
  const original = fs[name] as (...args: unknown[]) => unknown;
  (fs as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
    count();
    return original(...args);
  };
}
syncBuiltinESMExports();

type Method = (this: unknown, ...args: unknown[]) => unknown;
const prototype = Database.prototype as unknown as Record<"pragma" | "exec" | "backup", Method>;
const { pragma, exec, backup } = prototype;
prototype.pragma = function counted(...args) {
  count();
  return pragma.apply(this, args);
};
prototype.exec = function counted(sql) {
  // A migration's statements one by one, so that it can be killed between any two of them.
  for (const statement of String(sql).split(/(?<=;)\s*\n/)) {
    count();
    exec.call(this, statement);
  }
  return this;
};
prototype.backup = function counted(path) {
  const progress = (): number => {
    count();
    return 10;
  };
  return backup.call(this, path, { progress });
};

const { backupFromOutside, backupFromWriter, readBackup } = await import("../../src/store/lifecycle/backup.ts");
const { openForReading, openForWriting } = await import("../../src/store/lifecycle/open.ts");
const { restore } = await import("../../src/store/lifecycle/restore.ts");
const where = { folder, sha256, nowIso: () => "2026-02-02T00:00:00Z" };
const { signal } = new AbortController();
if (mode === "restore") restore(readBackup(folder), { ...where, databasePath, onSkip: () => {} });
else if (mode === "migrate") openForWriting(databasePath, where).close();
else if (mode === "backup-by-writer") {
  const opened = openForWriting(databasePath);
  await backupFromWriter(opened.db, where, signal);
  opened.close();
} else backupFromOutside(openForReading(databasePath).db, where);
