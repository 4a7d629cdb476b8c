import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { sha256 } from "../../src/cli/platform.ts";

// Restores a backup, and kills its own process with SIGKILL right before the Nth change it makes to the file system.
const [, , backupPath = "", databasePath = "", step = ""] = process.argv;
let left = Number(step);
for (const name of ["copyFileSync", "renameSync", "rmSync", "writeFileSync", "fsyncSync"] as const) {
  const original = fs[name] as (...args: unknown[]) => unknown;
  (fs as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
    if (--left === 0) process.kill(process.pid, "SIGKILL");
    return original(...args);
  };
}
syncBuiltinESMExports();
const { readBackup } = await import("../../src/store/backup.ts");
const { restore } = await import("../../src/store/restore.ts");
restore(readBackup(backupPath), { databasePath, sha256, nowIso: () => "2026-02-02T00:00:00Z", onSkip: () => {} });
