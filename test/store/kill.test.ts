import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/runtime/platform.ts";
import {
  type Backup,
  backupFromOutside,
  backupFromWriter,
  backupProblems,
  listBackups,
} from "../../src/store/lifecycle/backup.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { dumpOf } from "../support/dump.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";

const RUNNER = fileURLToPath(new URL("../support/kill-at-step.ts", import.meta.url));
const STEPS_MAX = 220;

interface Trial {
  readonly mode: "restore" | "migrate" | "backup-by-writer" | "backup-from-outside";
  readonly databasePath: string;
  /** The backup to restore, or the folder for backups. */
  readonly folder: string;
}

/** Kills the same work at its first step, its second, ... until it ends by itself; two at a time. */
async function killAtEach(prepare: () => Trial, check: (trial: Trial, finished: boolean) => void): Promise<number> {
  for (let step = 1; step <= STEPS_MAX; step += 2) {
    const trials = [prepare(), prepare()];
    const ends = await Promise.all(trials.map((trial, i) => runKilled(trial, step + i)));
    ends.forEach((finished, i) => {
      check(trials[i] as Trial, finished);
    });
    const at = ends.indexOf(true);
    if (at >= 0) return step + at - 1;
  }
  throw new Error(`it has more than ${STEPS_MAX} steps`);
}

/** Whether it came to its end. */
async function runKilled({ mode, databasePath, folder }: Trial, step: number): Promise<boolean> {
  const argv = ["--import", "tsx", RUNNER, mode, databasePath, folder, `${step}`];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "inherit", "inherit"] });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL") expect(code).toBe(0);
  return signal !== "SIGKILL";
}

/** A ledger with a backup, and what it was at the backup and is now. */
async function filled() {
  const folder = temporaryFolder();
  const path = join(folder, "ledger.sqlite");
  const chain = new FakeChain({ secondsPerBlock: 4000 });
  chain.grow(20, 5);
  const ledger = new TestLedger(chain.fetch, { path });
  await ledger.settle();
  const where = { folder: join(folder, "backups"), sha256, nowIso: () => "2026-01-01T00:00:00Z" };
  const made = await backupFromWriter(ledger.store.db, where, new AbortController().signal);
  const then = ledger.dump();
  chain.grow(10, 8);
  await ledger.settle();
  const now = ledger.dump();
  ledger.close();
  return { path, where, made, then, now };
}

/** A copy of a ledger in a folder of its own. */
function copyOf(path: string): string {
  const copy = join(temporaryFolder(), "ledger.sqlite");
  copyFileSync(path, copy);
  return copy;
}

describe("SIGKILL at any step", () => {
  it("of a restore is finished by whoever opens the ledger next", async () => {
    const { path, made, then, now } = await filled();
    const kills = await killAtEach(
      () => ({ mode: "restore", databasePath: copyOf(path), folder: made.path }),
      ({ databasePath }, finished) => {
        const { store } = openStore(databasePath);
        expect(finished ? [then] : [then, now]).toContain(dumpOf(store));
        expect(problemsOf(store.db, sha256)).toEqual([]);
      },
    );
    expect(kills).toBeGreaterThan(10);
  });

  it.each(["backup-by-writer", "backup-from-outside"] as const)(
    "of a %s leaves the ledger as it was, whole backups alone, and room for the next",
    async (mode) => {
      const { path, now } = await filled();
      const kills = await killAtEach(
        () => ({ mode, databasePath: copyOf(path), folder: join(temporaryFolder(), "backups") }),
        ({ databasePath, folder }, finished) => {
          const backups = listBackups(folder, (unreadable) => expect.fail(`${unreadable} cannot be read`));
          expect(backups.length).toBeLessThanOrEqual(1);
          if (finished) expect(backups.length).toBe(1);
          for (const backup of backups) expect(backupProblems(backup, sha256)).toEqual([]);
          const { store } = openStore(databasePath);
          expect(dumpOf(store)).toBe(now);
          const where = { folder, sha256, nowIso: () => "2026-03-03T00:00:00Z" };
          const next: Backup = backupFromOutside(store.db, where);
          expect(backupProblems(next, sha256)).toEqual([]);
        },
      );
      expect(kills).toBeGreaterThan(8);
    },
  );

  it("of a migration leaves a file that the next start migrates", async () => {
    const old = join(temporaryFolder(), "old.sqlite");
    writeFileSync(old, gunzipSync(readFileSync(new URL("../fixtures/schema-2.sqlite.gz", import.meta.url))));
    const straight = copyOf(old);
    openForWriting(straight).close();
    const expected = dumpOf(openStore(straight).store);
    const kills = await killAtEach(
      () => ({ mode: "migrate", databasePath: copyOf(old), folder: join(temporaryFolder(), "backups") }),
      ({ databasePath, folder }) => {
        for (const backup of listBackups(folder)) expect(backupProblems(backup, sha256)).toEqual([]);
        const { store } = openStore(databasePath);
        expect(dumpOf(store)).toBe(expected);
        expect(problemsOf(store.db, sha256)).toEqual([]);
      },
    );
    expect(kills).toBeGreaterThan(20);
  });
});
