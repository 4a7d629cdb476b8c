import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/runtime/platform.ts";
import {
  backupFromOutside,
  backupFromWriter,
  backupProblems,
  listBackups,
  pruneBackups,
  readBackup,
} from "../../src/store/lifecycle/backup.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { openForReading } from "../../src/store/lifecycle/open.ts";
import { newestGood, restore } from "../../src/store/lifecycle/restore.ts";
import { codeOf } from "../support/code-of.ts";
import { dumpOf } from "../support/dump.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";

const signal = new AbortController().signal;

/** A ledger with life in it, and a folder for its backups; each backup is a minute younger than the last. */
async function setUp(blocks = 60) {
  const folder = temporaryFolder();
  const chain = new FakeChain({ secondsPerBlock: 4000 });
  chain.grow(blocks, 5);
  const path = join(folder, "ledger.sqlite");
  const ledger = new TestLedger(chain.fetch, { path });
  await ledger.settle();
  let minute = 0;
  const where = {
    folder: join(folder, "backups"),
    sha256,
    nowIso: () => new Date(Date.UTC(2026, 0, 1, 0, minute++)).toISOString().replace(".000", ""),
  };
  const skipped: string[] = [];
  const plan = {
    databasePath: path,
    sha256,
    nowIso: () => "2026-02-02T00:00:00Z",
    onSkip: (path: string) => void skipped.push(path),
  };
  return { folder, chain, path, ledger, where, plan, skipped };
}

/** Flips one byte of a file. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  writeFileSync(path, bytes);
}

describe("a backup", () => {
  it("made by the writer while it commits is one whole state, with a manifest that says which", async () => {
    const { chain, ledger, where } = await setUp();
    const making = backupFromWriter(ledger.store.db, where, signal);
    chain.grow(40, 6);
    await ledger.settle();
    const { path, manifest } = await making;
    expect(backupProblems({ path, manifest }, sha256)).toEqual([]);
    expect(manifest).toMatchObject({ format: "lp-ledger-backup-1", chainId: 31337, schema: 18 });
    const at = ledger.store.blocks.at(manifest.blockNumber ?? -1);
    expect([at?.hash, at?.stateDigest]).toEqual([manifest.blockHash, manifest.stateDigest]);
    expect(readdirSync(where.folder).sort()).toEqual([manifest.file, `${manifest.file}.json`]);
  });

  it("is checked where it is told to be, and is none where that check finds something or is cut short", async () => {
    const { ledger, where } = await setUp(20);
    const sha = "ab".repeat(32);
    const checked: string[] = [];
    const inspect = async (path: string) => {
      checked.push(path);
      return { problems: checked.length === 2 ? ["a page is gone"] : [], sha256: sha };
    };
    const made = await backupFromWriter(ledger.store.db, { ...where, inspect }, signal);
    expect(made.manifest.sha256).toBe(sha);
    await expect(backupFromWriter(ledger.store.db, { ...where, inspect }, signal)).rejects.toMatchObject({
      code: "DAMAGED",
    });
    const fails = { ...where, inspect: () => Promise.reject(new Error("told to stop")) };
    await expect(backupFromWriter(ledger.store.db, fails, signal)).rejects.toThrow("told to stop");
    expect(readdirSync(where.folder).length).toBe(2);
  });

  it("made from another process beside a writer equals the ledger", async () => {
    const { path, ledger, where } = await setUp();
    const reader = openForReading(path);
    const { path: copy } = backupFromOutside(reader.db, where);
    reader.close();
    const { store } = openStore(copy);
    expect(dumpOf(store)).toBe(ledger.dump());
  });

  it("that was cut off, or told to stop, leaves nothing that counts", async () => {
    const { ledger, where } = await setUp();
    const stop = new AbortController();
    stop.abort(new Error("told to stop"));
    await expect(backupFromWriter(ledger.store.db, where, stop.signal)).rejects.toThrow("told to stop");
    writeFileSync(join(where.folder, "making-999999999.part"), "left by a process that died");
    writeFileSync(join(where.folder, `making-${process.ppid}.part`), "being made by one that lives");
    writeFileSync(join(where.folder, "ledger-20260101T000000Z-5.sqlite"), "no manifest");
    expect(listBackups(where.folder)).toEqual([]);
    await backupFromWriter(ledger.store.db, where, signal);
    expect(readdirSync(where.folder).filter((name) => name.endsWith(".part"))).toEqual([`making-${process.ppid}.part`]);
  });

  it("is not made of a ledger that is damaged", async () => {
    const { ledger, where } = await setUp();
    ledger.store.db.exec(
      "update postings set delta = '1' where leg = 0 and block_number = (select max(block_number) from postings)",
    );
    await expect(backupFromWriter(ledger.store.db, where, signal)).rejects.toMatchObject({ code: "DAMAGED" });
    expect(readdirSync(where.folder)).toEqual([]);
  });

  const damages: { it: string; damage: (path: string) => void; problem: RegExp }[] = [
    { it: "a flipped byte", damage: (path) => flip(path, 40_000), problem: /sha256/ },
    { it: "a truncated file", damage: (path) => truncateSync(path, 20_000), problem: /bytes, its manifest says/ },
    {
      it: "a manifest of another state",
      damage: (path) =>
        writeFileSync(
          `${path}.json`,
          readFileSync(`${path}.json`, "utf8").replace(/"blockNumber": \d+/, '"blockNumber": 3'),
        ),
      problem: /differs from the file in blockNumber/,
    },
  ];
  for (const { it: name, damage, problem } of damages) {
    it(`with ${name} is found out`, async () => {
      const { ledger, where } = await setUp();
      const { path } = await backupFromWriter(ledger.store.db, where, signal);
      damage(path);
      expect(backupProblems(readBackup(path), sha256).join()).toMatch(problem);
    });
  }
});

describe("the digest check", () => {
  const changes: { it: string; sql: string }[] = [
    {
      it: "a posting's delta",
      sql: "update postings set delta = delta || '0' where block_number = (select min(block_number) from postings)",
    },
    {
      it: "a balance after a posting",
      sql: "update postings set balance_after = balance_after || '0' where block_number = (select max(block_number) from postings)",
    },
    {
      it: "an account's balance",
      sql: "update accounts set liquidity = liquidity || '0' where kind = 'holder' and liquidity <> '0'",
    },
    {
      it: "an account's provider",
      sql: "update accounts set provider_address = '0x' || substr(provider_address, 3) || '0' where account_id = 2",
    },
    {
      it: "a block's digest",
      sql: "update processed_blocks set state_digest = 'x' where block_number = (select max(block_number) from processed_blocks)",
    },
    {
      it: "a missing posting",
      sql: "delete from postings where block_number = (select max(block_number) from postings)",
    },
  ];
  for (const { it: name, sql } of changes) {
    it(`finds ${name} changed, which SQLite's own check does not`, async () => {
      const { ledger } = await setUp(30);
      const { db } = ledger.store;
      expect(problemsOf(db, sha256)).toEqual([]);
      db.exec(sql);
      expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
      expect(problemsOf(db, sha256).length).toBe(1);
    });
  }
});

describe("retention", () => {
  it("keeps the newest so many, and none beyond an age", async () => {
    const { ledger, where } = await setUp(20);
    for (let i = 0; i < 6; i++) await backupFromWriter(ledger.store.db, where, signal);
    const names = listBackups(where.folder).map((backup) => backup.manifest.createdAt);
    expect(names.length).toBe(6);
    pruneBackups(where, ledger.store.config.get("ledger_id"), { keep: 4, maxAgeSec: 1e9 });
    expect(listBackups(where.folder).map((backup) => backup.manifest.createdAt)).toEqual(names.slice(0, 4));
    pruneBackups(where, ledger.store.config.get("ledger_id"), { keep: 10, maxAgeSec: 240 });
    expect(listBackups(where.folder).length).toBeLessThan(4);
  });

  it("never removes the last good one, however old it is and however many damaged ones are newer", async () => {
    const { ledger, where } = await setUp(20);
    for (let i = 0; i < 4; i++) await backupFromWriter(ledger.store.db, where, signal);
    const backups = listBackups(where.folder);
    for (const { path } of backups.slice(0, 3)) flip(path, 30_000);
    pruneBackups(where, ledger.store.config.get("ledger_id"), { keep: 1, maxAgeSec: 1 });
    expect(listBackups(where.folder).map((backup) => backup.path)).toEqual([backups[3]?.path]);
  });
});

describe("a restore", () => {
  it("puts the state back, keeps the old file aside with all that belongs to it, and the ledger follows the chain again", async () => {
    const { chain, path, ledger, where, plan, folder } = await setUp();
    const made = await backupFromWriter(ledger.store.db, where, signal);
    const then = ledger.dump();
    chain.grow(20, 8);
    await ledger.settle();
    const now = ledger.dump();
    ledger.close();
    const aside = restore(made, plan);
    expect(aside).toBe(`${path}.replaced-20260202T000000Z`);
    expect(restore(made, plan)).toBe(`${aside}-2`); // A second one keeps what the first kept.
    expect(dumpOf(openStore(aside ?? "").store)).toBe(now);
    expect(readdirSync(folder).filter((name) => name.includes("restor"))).toEqual([]);
    const restored = new TestLedger(chain.fetch, { path });
    expect(restored.dump()).toBe(then);
    await restored.settle();
    expect(restored.dump()).toBe(now);
  });

  it("is refused while a writer holds the ledger, and for a damaged backup, and changes nothing", async () => {
    const { path, ledger, where, plan } = await setUp();
    const made = await backupFromWriter(ledger.store.db, where, signal);
    expect(codeOf(() => restore(made, plan))).toBe("LOCKED");
    ledger.close();
    const before = readFileSync(path);
    flip(made.path, 50_000);
    expect(codeOf(() => restore(made, plan))).toBe("DAMAGED");
    expect(readFileSync(path)).toEqual(before);
  });

  it("of the newest passes damaged ones over with a word", async () => {
    const { ledger, where, plan, skipped } = await setUp(20);
    for (let i = 0; i < 3; i++) await backupFromWriter(ledger.store.db, where, signal);
    const [newest, next] = listBackups(where.folder);
    flip(newest?.path ?? "", 30_000);
    expect(newestGood(where.folder, plan).path).toBe(next?.path);
    expect(skipped).toEqual([newest?.path]);
    // Nor may a manifest that cannot be read hide the good ones, or stop the daemon from making more.
    for (const text of ["", "null", "{}"]) {
      writeFileSync(`${newest?.path}.json`, text);
      expect(newestGood(where.folder, plan).path).toBe(next?.path);
      expect(listBackups(where.folder).length).toBe(2);
    }
    for (const { path } of listBackups(where.folder)) truncateSync(path, 100);
    expect(codeOf(() => newestGood(where.folder, plan))).toBe("NO_BACKUP");
  });
});

describe("a folder with backups of several ledgers", () => {
  it("is pruned for one of them alone, and restored from its own newest", async () => {
    const { ledger, where, plan } = await setUp(20);
    const other = await setUp(20);
    const shared = { ...other.where, folder: where.folder };
    for (let i = 0; i < 2; i++) await backupFromWriter(ledger.store.db, where, signal);
    const theirs = [];
    for (let i = 0; i < 3; i++) theirs.push(await backupFromWriter(other.ledger.store.db, shared, signal));
    const ledgerId = ledger.store.config.get("ledger_id");
    expect(other.ledger.store.config.get("ledger_id")).not.toBe(ledgerId);
    const removed = pruneBackups(where, ledgerId, { keep: 1, maxAgeSec: 1e9 });
    expect(removed.map(({ manifest }) => manifest.ledgerId)).toEqual([ledgerId]);
    const left = listBackups(where.folder).map(({ path }) => path);
    expect(left).toEqual(expect.arrayContaining(theirs.map(({ path }) => path)));
    expect(left.length).toBe(4);
    expect(newestGood(where.folder, { ...plan, ledgerId }).manifest.ledgerId).toBe(ledgerId);
    // Where the file to replace cannot tell which ledger it was, a person has to.
    expect(codeOf(() => newestGood(where.folder, plan))).toBe("SEVERAL_LEDGERS");
  });
});
