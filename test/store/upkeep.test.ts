import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Upkeep } from "../../src/daemon/upkeep.ts";
import { fileSystemType, requireSafeFileSystem, truncateWal, vacuum, walBytes } from "../../src/store/file/upkeep.ts";
import { openForReading } from "../../src/store/lifecycle/open.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

describe("upkeep", () => {
  it("empties a large write-ahead log between commits, and says so when a reader stands in the way", () => {
    const path = join(temporaryFolder(), "ledger.sqlite");
    const { store } = openStore(path);
    let nowMs = stillClock.nowMs();
    const stuck: number[] = [];
    const upkeep = new Upkeep(
      store,
      { ...stillClock, nowMs: () => nowMs },
      { onStuckReader: (bytes) => stuck.push(bytes) },
    );
    const fill = (key: string): void => {
      // Straight into the file: what matters is the size of the log, not what is in it.
      store.db.pragma("wal_autocheckpoint = 0");
      store.write(() =>
        store.db
          .prepare("insert into program_config values (?, json_quote(hex(zeroblob(?))), 'x')")
          .run(key, 40 * 2 ** 20),
      );
    };
    fill("a");
    expect(walBytes(store.db)).toBeGreaterThan(64 * 2 ** 20);
    const reader = openForReading(path);
    const rows = reader.db.prepare("select key from program_config").iterate();
    rows.next();
    fill("b");
    upkeep.tick();
    expect(stuck.length).toBe(1);
    upkeep.tick();
    expect(stuck.length).toBe(1); // Not every step: once a minute.
    rows.return?.();
    reader.close();
    nowMs += 61_000;
    upkeep.tick();
    expect(walBytes(store.db)).toBe(0);
    nowMs += 3_600_000;
    upkeep.tick();
    expect(store.db.prepare("select kind from maintenance_runs").pluck().all()).toEqual(["optimize"]);
  });

  it("copies the write-ahead log less often until the head is reached", () => {
    const { store } = openStore(join(temporaryFolder(), "ledger.sqlite"));
    const pages = () => store.db.pragma("wal_autocheckpoint", { simple: true });
    expect(pages()).toBe(1_000);
    const upkeep = new Upkeep(store, stillClock, { onStuckReader: () => {} });
    upkeep.tick();
    expect(pages()).toBe(8_000);
    upkeep.reachedHead();
    expect(pages()).toBe(1_000);
    upkeep.tick();
    expect(pages()).toBe(1_000);
  });

  it("rewrites a file without holes and changes nothing in it", async () => {
    const chain = new FakeChain();
    chain.grow(120, 5);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const { db } = ledger.store;
    db.exec("create table junk (text text); insert into junk values (hex(zeroblob(3000000))); drop table junk");
    truncateWal(db);
    const before = ledger.dump();
    const { bytesBefore, bytesAfter } = vacuum(db);
    expect(bytesAfter).toBeLessThan(bytesBefore - 5_000_000);
    expect(ledger.dump()).toBe(before);
  });
});

describe("a file system", () => {
  it.each([
    [0x6969, /NFS/],
    [0xff534d42 | 0, /CIFS/],
    [0x65735546, /FUSE/],
    [0x01021997, /9P/],
  ])("of type %i is refused", (type, name) => {
    expect(() => requireSafeFileSystem("x/ledger.sqlite", () => type)).toThrow(name);
  });

  it("on a local disk is welcome", () => {
    expect(() => requireSafeFileSystem(join(temporaryFolder(), "ledger.sqlite"), fileSystemType)).not.toThrow();
    expect(() => requireSafeFileSystem("x/ledger.sqlite", () => 0xef53)).not.toThrow();
  });
});
