import { readdirSync, readFileSync } from "node:fs";
import type { Database } from "better-sqlite3";
import { invariant, LpLedgerError } from "../../core/errors.ts";
import { recomputeStateDigests } from "./recompute-digests.ts";

/** "LPLG": marks a SQLite file as ours. */
export const APPLICATION_ID = 0x4c504c47;

const MIGRATIONS = new URL("../../../migrations/", import.meta.url);

/** What a migration does that SQL cannot say. */
const AFTER: ReadonlyMap<number, (db: Database) => void> = new Map([[14, recomputeStateDigests]]);

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The numbered SQL files this build knows, ascending. */
export function knownMigrations(): readonly Migration[] {
  return readdirSync(MIGRATIONS)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort()
    .map((name) => ({
      version: Number(name.slice(0, 4)),
      name,
      sql: readFileSync(new URL(name, MIGRATIONS), "utf8"),
    }));
}

/**
 * Refuses files that are not ours or newer than this build.
 * @returns the schema version the file is at; 0 for an empty file.
 */
export function checkSchema(db: Database, path: string): number {
  const applicationId = db.pragma("application_id", { simple: true });
  const applied = Number(db.pragma("user_version", { simple: true }));
  const tables = db.prepare("select count(*) from sqlite_schema").pluck().get();
  if (applicationId !== APPLICATION_ID && (tables !== 0 || applicationId !== 0)) {
    throw new LpLedgerError("usage", "NOT_OURS", `${path} is a SQLite database of another program`, {
      hint: "give lp-ledger a DATABASE of its own; nothing was written",
    });
  }
  const known = knownMigrations().at(-1)?.version ?? 0;
  if (applied > known) {
    throw new LpLedgerError(
      "usage",
      "SCHEMA_NEWER",
      `the database ${path} is at schema ${applied}, this build knows ${known}`,
      { hint: "run the newer lp-ledger, or restore an older backup" },
    );
  }
  return applied;
}

/** Brings a database to the newest schema, one transaction per migration. */
export function migrate(db: Database, path: string, atEnd: () => void = () => {}): void {
  const applied = checkSchema(db, path);
  // A table that others refer to is made anew under their feet; that they still fit is checked before the commit.
  db.pragma("foreign_keys = off");
  try {
    runAll(db, applied, atEnd);
  } finally {
    db.pragma("foreign_keys = on");
  }
}

function runAll(db: Database, applied: number, atEnd: () => void): void {
  const newest = knownMigrations().at(-1)?.version;
  for (const { version, sql } of knownMigrations()) {
    if (version <= applied) continue;
    const run = db.transaction(() => {
      db.exec(sql);
      AFTER.get(version)?.(db);
      const orphans = db.pragma("foreign_key_check") as unknown[];
      invariant(
        orphans.length === 0,
        "MIGRATION_ORPHANS",
        `migration ${version} leaves ${orphans.length} rows that refer to nothing`,
      );
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma(`user_version = ${version}`);
      if (version === newest) atEnd();
    });
    run.immediate();
  }
}
