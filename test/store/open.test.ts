import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openForReading, openForWriting } from "../../src/store/lifecycle/open.ts";
import { codeOf } from "../support/code-of.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { atEnd, openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";

describe("a ledger file", () => {
  it("has the schema that is written down", () => {
    const { store } = openStore(join(temporaryFolder(), "l.sqlite"));
    const objects = store.db
      .prepare("select sql from sqlite_schema where sql is not null order by type, name")
      .pluck()
      .all() as string[];
    expect(objects.join(";\n\n")).toMatchSnapshot();
  });

  it("is set up as a ledger needs it", () => {
    const { store } = openStore(join(temporaryFolder(), "l.sqlite"));
    const pragma = (name: string) => store.db.pragma(name, { simple: true });
    expect([
      pragma("journal_mode"),
      pragma("foreign_keys"),
      pragma("trusted_schema"),
      pragma("mmap_size"),
      pragma("user_version"),
    ]).toEqual(["wal", 1, 0, 0, 18]);
    expect(pragma("application_id")).toBe(0x4c504c47);
  });

  it("of another program is refused, and left as it was", () => {
    const path = join(temporaryFolder(), "other.sqlite");
    const other = new Database(path);
    other.exec("create table notes (text text)");
    other.close();
    const before = readFileSync(path);
    expect(codeOf(() => openForWriting(path))).toBe("NOT_OURS");
    expect(codeOf(() => openForReading(path))).toBe("NOT_OURS");
    expect(readFileSync(path)).toEqual(before);
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it("that is no database is refused, and left as it was", () => {
    const path = join(temporaryFolder(), "text.sqlite");
    writeFileSync(
      path,
      "this is no database, it is a text that is longer than a header of a database would be. ".repeat(20),
    );
    const before = readFileSync(path);
    expect(codeOf(() => openForWriting(path))).toBe("NOT_A_DATABASE");
    expect(readFileSync(path)).toEqual(before);
  });

  it("of a newer schema is refused", () => {
    const path = join(temporaryFolder(), "newer.sqlite");
    openForWriting(path).close();
    const db = new Database(path);
    db.pragma("user_version = 99");
    db.close();
    expect(codeOf(() => openForWriting(path))).toBe("SCHEMA_NEWER");
    expect(codeOf(() => openForReading(path))).toBe("SCHEMA_NEWER");
  });

  it("that does not exist, or in a folder that does not, is named plainly", () => {
    const folder = temporaryFolder();
    expect(codeOf(() => openForReading(join(folder, "none.sqlite")))).toBe("NO_DATABASE");
    expect(codeOf(() => openForWriting(join(folder, "no", "folder.sqlite")))).toBe("CANNOT_OPEN");
  });

  it("has one writer: a second is refused, and the lock dies with its process", async () => {
    const path = join(temporaryFolder(), "l.sqlite");
    const holder = fileURLToPath(new URL("../support/hold-lock.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", holder, path], { stdio: ["ignore", "pipe", "inherit"] });
    atEnd(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    expect(codeOf(() => openForWriting(path))).toBe("LOCKED");
    expect(codeOf(() => openForReading(path).close())).toBe("nothing thrown");
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    expect(codeOf(() => openForWriting(path).close())).toBe("nothing thrown");
  });
});

describe("a write", () => {
  it("is all or nothing: an error rolls back and surfaces unchanged", () => {
    const { store } = openStore(join(temporaryFolder(), "l.sqlite"));
    const failure = new Error("in the middle");
    const run = () =>
      store.write(() => {
        store.config.set("last_processed_block", 5, store.nowIso());
        throw failure;
      });
    expect(run).toThrow(failure);
    expect(store.config.get("last_processed_block")).toBeUndefined();
  });

  it("inside another, or one that awaits, is a bug that stops", () => {
    const { store } = openStore(join(temporaryFolder(), "l.sqlite"));
    expect(codeOf(() => store.write(() => store.write(() => 1)))).toBe("NESTED_WRITE");
    expect(codeOf(() => store.write(async () => store.config.set("last_processed_block", 5, store.nowIso())))).toBe(
      "ASYNC_WRITE",
    );
    expect(store.config.get("last_processed_block")).toBeUndefined();
  });
});

describe("what users may rely on", () => {
  const TABLES: Readonly<Record<string, string>> = {
    program_config: "key value updated_at",
    processed_blocks: "block_number block_hash parent_hash block_timestamp processed_at event_count state_digest",
    pools: "pool_address protocol tokens start_block metadata",
    lp_events:
      "block_number log_index block_hash transaction_hash block_timestamp pool_address protocol event provider_address position_id liquidity_delta args",
    pool_states: "pool_address block_number block_timestamp",
    positions: "pool_address position_id provider_address tick_lower tick_upper liquidity opened_block updated_block",
    provider_balances:
      "provider_address total_liquidity weighted_liquidity current_tier first_seen_date last_updated metadata",
    daily_balances: "provider_address date pool_address protocol liquidity_amount",
    token_prices: "token_address date price source observed_at",
    audit_findings: "block_number log_index identity pool_address expected actual resolution",
  };

  it("is there under its name, with its columns", () => {
    const { store } = openStore(join(temporaryFolder(), "l.sqlite"));
    for (const [table, columns] of Object.entries(TABLES)) {
      const found = store.db.prepare("select name from pragma_table_info(?)").pluck().all(table);
      for (const column of columns.split(" ")) expect(found, `${table}.${column}`).toContain(column);
    }
  });

  it("holds for a ledger with life in it: values sum, digests chain, special addresses are no providers", async () => {
    const chain = new FakeChain({ secondsPerBlock: 3000 });
    chain.grow(200, 12);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const { db } = ledger.store;
    const one = (sql: string) => db.prepare(sql).pluck().get();
    expect(one("select count(*) from daily_balances")).toBeGreaterThan(20);
    expect(one("select count(*) from daily_balances where liquidity_amount is null")).toBe(0);
    expect(one("select count(distinct current_tier) from provider_balances")).toBe(1);
    expect(one("select count(*) from provider_balances where total_liquidity is not weighted_liquidity")).toBe(0);
    const special = [
      ...ledger.keeper.programme.pools.flatMap((pool) => [pool.address, ...pool.managers]),
      `0x${"0".repeat(40)}`,
    ];
    for (const table of ["provider_balances", "daily_balances"]) {
      const providers = db.prepare(`select distinct provider_address from ${table}`).pluck().all();
      for (const address of special) expect(providers).not.toContain(address);
    }
    expect(one("select count(*) from accounts where kind = 'holder' and liquidity like '-%'")).toBe(0);
    const sums = db.prepare("select pool_address, kind, liquidity from accounts").all() as {
      pool_address: string;
      liquidity: string;
    }[];
    const totals = new Map<string, bigint>();
    for (const row of sums) totals.set(row.pool_address, (totals.get(row.pool_address) ?? 0n) + BigInt(row.liquidity));
    expect([...totals.values()]).toEqual([0n, 0n]);
    expect(
      one(
        "select count(*) from lp_events join processed_blocks using (block_number) where lp_events.block_hash <> processed_blocks.block_hash",
      ),
    ).toBe(0);
    expect(
      one(
        "select count(*) from processed_blocks where event_count <> (select count(*) from lp_events where lp_events.block_number = processed_blocks.block_number)",
      ),
    ).toBe(0);
    expect(one("pragma integrity_check")).toBe("ok");
    expect(db.pragma("foreign_key_check")).toEqual([]);
  });
});
