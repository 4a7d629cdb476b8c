import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { knownMigrations } from "../../src/store/file/migrate.ts";
import { backupProblems, listBackups, readBackup } from "../../src/store/lifecycle/backup.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { openForReading, openForWriting } from "../../src/store/lifecycle/open.ts";
import { codeOf } from "../support/code-of.ts";
import { dumpOf } from "../support/dump.ts";
import { openStore, temporaryFolder, testProgramme } from "../support/ledger.ts";

const newest = knownMigrations().at(-1)?.version ?? 0;

/** What says how much days were worth. */
const VALUED = ["days", "pool_days", "token_prices", "daily_balances", "provider_balances", "provider_days"];

/** A filled file as the release with this schema left it. */
function fixture(schema: number) {
  const folder = temporaryFolder();
  const path = join(folder, "ledger.sqlite");
  // Schema 1 is schema 2 without the one table that the second migration adds.
  const stored = Math.max(schema, 2);
  writeFileSync(path, gunzipSync(readFileSync(new URL(`../fixtures/schema-${stored}.sqlite.gz`, import.meta.url))));
  if (schema === 1) {
    const db = new Database(path);
    db.exec("drop table maintenance_runs; pragma user_version = 1");
    db.close();
  }
  return { path, where: { folder: join(folder, "backups"), sha256, nowIso: () => "2026-01-01T00:00:00Z" } };
}

describe("a migration", () => {
  it.each(knownMigrations().map(({ version }) => [version]))(
    "from schema %i keeps everything in a filled file, and a verified backup precedes it",
    (schema) => {
      const { path, where } = fixture(schema);
      const old = new Database(path);
      const facts = factsOf(old);
      const digest = "select state_digest from processed_blocks order by block_number desc limit 1";
      const tipDigest = old.prepare(digest).pluck().get();
      old.close();
      expect(facts["lp_events"]).toMatchObject({ count: 30 });
      if (schema < newest) expect(codeOf(() => openForReading(path))).toBe("SCHEMA_OLDER");
      const { upgrade, close } = openForWriting(path, where);
      close();
      const made = listBackups(where.folder);
      expect(made.map(({ manifest }) => manifest.schema)).toEqual(schema < newest ? [schema] : []);
      for (const { path } of made) expect(backupProblems(readBackup(path), sha256)).toEqual([]);
      const { store } = openStore(path);
      // It is told, and written down.
      const expected = schema < newest ? { from: schema, to: newest, backup: made[0]?.path } : undefined;
      expect(upgrade).toEqual(expected);
      const runs = store.db.prepare("select outcome from maintenance_runs where kind = 'upgrade'").pluck().all();
      expect(runs.map((run) => JSON.parse(String(run)))).toEqual(expected === undefined ? [] : [expected]);
      expect(factsOf(store.db)).toEqual(facts);
      expect(store.db.prepare(digest).pluck().get()).toBe(tipDigest);
      expect(problemsOf(store.db, sha256)).toEqual([]);
      expect(schemaOf(store.db)).toEqual(schemaOf(openStore(join(temporaryFolder(), "new.sqlite")).store.db));
      // What the release had derived is what this build derives from the same events; days are valued by another rule
      // since schema 15.
      const otherwise = schema < 15 ? VALUED : [];
      const before = dumpOf(store, otherwise);
      store.write(() => rebuild(store, testProgramme(), sha256, new Set()));
      expect(dumpOf(store, otherwise)).toBe(before);
      const valued = dumpOf(store);
      store.write(() => rebuild(store, testProgramme(), sha256, new Set()));
      expect(dumpOf(store)).toBe(valued);
    },
  );

  it("is not begun where the backup before it fails", () => {
    const { path, where } = fixture(2);
    const before = new Database(path);
    before.exec("update accounts set liquidity = '12345' where account_id = 2");
    before.close();
    expect(codeOf(() => openForWriting(path, where))).toBe("DAMAGED");
    const db = new Database(path, { readonly: true });
    expect(db.pragma("user_version", { simple: true })).toBe(2);
    db.close();
  });
});

/** How many rows each table of the first release has, and their hash, by the columns it had. */
function factsOf(db: Database.Database): Readonly<Record<string, unknown>> {
  const columns: Readonly<Record<string, string>> = {
    lp_events: "block_number, log_index, pool_address, event, provider_address, liquidity_delta, args",
    pool_states: "pool_address, block_number, tick, liquidity, reserve0, reserve1",
    postings: "block_number, log_index, leg, account_id, delta, balance_after",
    daily_balances: "date, provider_address, pool_address, liquidity_amount, token_seconds, liquidity_seconds",
    provider_balances: "provider_address, total_liquidity, first_seen_date",
    processed_blocks: "block_number, block_hash",
  };
  const facts = Object.entries(columns).map(([table, names]) => {
    const rows = db.prepare(`select ${names} from ${table} order by ${names}`).raw().all();
    return [table, { count: rows.length, hash: sha256(JSON.stringify(rows)) }] as const;
  });
  return Object.fromEntries(facts);
}

function schemaOf(db: Database.Database): unknown {
  return db
    .prepare("select type, name, sql from sqlite_schema where name not like 'sqlite_stat%' order by type, name")
    .all();
}
