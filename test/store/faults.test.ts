import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import type { LpLedgerError } from "../../src/core/errors.ts";
import { run } from "../../src/daemon/run.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { openForReading, openForWriting } from "../../src/store/lifecycle/open.ts";
import { dumpOf } from "../support/dump.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { atEnd, openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

const LIMITS = { blocksStart: 5, blocksMax: 5 };

describe("power loss", () => {
  it("leaves an exact earlier state, wherever the write-ahead log was cut, 500 times", async () => {
    const folder = temporaryFolder();
    const chain = new FakeChain({ secondsPerBlock: 3000 });
    chain.grow(20, 3);
    const path = join(folder, "ledger.sqlite");
    const ledger = new TestLedger(chain.fetch, { path, limits: LIMITS });
    await ledger.settle();
    ledger.store.db.pragma("wal_checkpoint(truncate)");
    // From here on everything is in the write-ahead log alone; after each commit the state it stands for is noted.
    ledger.store.db.pragma("wal_autocheckpoint = 0");
    const states = new Set<string>([ledger.dump()]);
    for (let i = 0; i < 25; i++) {
      if (i % 7 === 3) chain.reorg(chain.head.number - 3, 5, 50 + i);
      else chain.grow(2, 50 + i);
      await ledger.step({ onCommit: () => void states.add(ledger.dump()) });
      states.add(ledger.dump());
    }
    const [main, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
    const random = seeded(17);
    const copy = join(folder, "cut.sqlite");
    const seen = new Set<string>();
    for (let trial = 0; trial < 500; trial++) {
      writeFileSync(copy, main);
      const damaged = Buffer.from(wal);
      const at = Math.floor(random() * wal.length);
      const kind = trial % 3;
      if (kind === 1) damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      if (kind === 2) damaged.fill(0, at, at + 4096);
      writeFileSync(`${copy}-wal`, kind === 0 ? damaged.subarray(0, at) : damaged);
      const { store, close } = openStore(copy);
      const dump = dumpOf(store);
      expect(states.has(dump)).toBe(true);
      seen.add(dump);
      if (trial % 25 === 0) expect(problemsOf(store.db, sha256)).toEqual([]);
      close();
    }
    expect(seen.size).toBeGreaterThan(10);
  });
});

describe("SIGKILL", () => {
  it("at any statement of a commit that undoes and redoes leaves the state before it or the one after it", async () => {
    const runner = fileURLToPath(new URL("../support/kill-in-commit.ts", import.meta.url));
    const folder = temporaryFolder();
    const base = join(folder, "base.sqlite");
    const chain = new FakeChain({ secondsPerBlock: 20_000 });
    const ledger = new TestLedger(chain.fetch, { path: base });
    for (let i = 0; i < 14; i++) {
      chain.grow(1, 5);
      await ledger.step();
    }
    const before = ledger.dump();
    ledger.close();
    chain.reorg(12, 4, 6);
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    const path = join(folder, "killed.sqlite");
    let kills = 0;
    for (let statement = 1; ; statement++) {
      for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
      copyFileSync(base, path);
      const child = spawn(process.execPath, ["--import", "tsx", runner, path, `${statement}`], {
        stdio: ["ignore", "inherit", "inherit"],
      });
      const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
      const { store, close } = openStore(path);
      const dump = dumpOf(store);
      close();
      if (signal !== "SIGKILL") {
        expect([code, dump === straight.dump()]).toEqual([0, true]);
        break;
      }
      kills += 1;
      expect(dump).toBe(before);
    }
    expect(kills).toBeGreaterThan(40);
  }, 900_000); // A process for each statement.
});

describe("a full disk", () => {
  it("stops the writing with a code of its own, damages nothing, lets readers read, and is over when there is room", async () => {
    const path = join(temporaryFolder(), "ledger.sqlite");
    const chain = new FakeChain({ secondsPerBlock: 3000 });
    chain.grow(300, 4);
    const ledger = new TestLedger(chain.fetch, { path, limits: LIMITS });
    const { db } = ledger.store;
    await ledger.step({ until: 20 });
    const pages = Number(db.pragma("page_count", { simple: true }));
    db.pragma(`max_page_count = ${pages + 5}`);
    const error = (await ledger.settle().catch((each: unknown) => each)) as LpLedgerError;
    expect(error).toMatchObject({ code: "DISK_FULL", kind: "transient", exitCode: 74 });
    expect(db.inTransaction).toBe(false);
    const reader = openForReading(path);
    expect(reader.db.prepare("select count(*) from lp_events").pluck().get()).toBeGreaterThan(0);
    reader.close();
    expect(problemsOf(db, sha256)).toEqual([]);
    const tip = ledger.store.blocks.tip()?.number ?? 0;
    expect(tip).toBeGreaterThan(0);
    expect(tip).toBeLessThan(300);

    // The daemon waits it out, longer than it would wait for a node, and goes on by itself.
    const retried: string[] = [];
    let nowMs = stillClock.nowMs();
    const clock = { ...stillClock, nowMs: () => nowMs };
    const stop = new AbortController();
    const options = {
      pollIntervalMs: () => 1000,
      giveUpMs: () => 10_000,
      onRetry: (each: LpLedgerError) => {
        retried.push(each.code);
        nowMs += 60_000;
        if (retried.length === 5) db.pragma("max_page_count = 1073741823");
      },
      onStep: () => {
        if (ledger.store.blocks.tip()?.number === 300) stop.abort();
      },
    };
    // Whoever waits for the end of it is told within the same time as of a node.
    const once = run(ledger.keeper, ledger.chain, clock, stop.signal, { ...options, once: true });
    await expect(once).rejects.toMatchObject({ code: "DISK_FULL", exitCode: 74 });
    expect(retried.splice(0)).toEqual(["DISK_FULL"]);
    expect(await run(ledger.keeper, ledger.chain, clock, stop.signal, { ...options, once: false })).toBe("stopped");
    expect(retried).toEqual(Array(5).fill("DISK_FULL"));
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    expect(ledger.dump()).toBe(straight.dump());
  });
});

describe("a damaged file", () => {
  const damages: { it: string; damage: (bytes: Buffer) => Buffer; code: RegExp }[] = [
    { it: "cut in half", damage: (bytes) => bytes.subarray(0, bytes.length / 2), code: /CORRUPT/ },
    {
      it: "with its first pages zeroed",
      damage: (bytes) => Buffer.from(bytes).fill(0, 4096, 4096 * 12),
      code: /CORRUPT/,
    },
    { it: "with a broken header", damage: (bytes) => Buffer.from(bytes).fill(0x41, 0, 16), code: /NOT_A_DATABASE/ },
  ];
  for (const { it: name, damage, code } of damages) {
    it(`${name} is named, and never written to`, async () => {
      const folder = temporaryFolder();
      const chain = new FakeChain();
      chain.grow(60, 3);
      const whole = join(folder, "whole.sqlite");
      const ledger = new TestLedger(chain.fetch, { path: whole });
      await ledger.settle();
      ledger.close();
      const path = join(folder, "damaged.sqlite");
      copyFileSync(whole, path);
      writeFileSync(path, damage(readFileSync(path)));
      const before = readFileSync(path);
      let seen = "nothing thrown";
      try {
        const opened = new TestLedger(chain.fetch, { path });
        seen = problemsOf(opened.store.db, sha256).length > 0 ? "CORRUPT" : "sound";
        opened.close();
      } catch (error) {
        seen = (error as LpLedgerError).code;
      }
      expect(seen).toMatch(code);
      expect(readFileSync(path).equals(before)).toBe(true);
    });
  }
});

describe("two writers", () => {
  it("started at the same instant, 100 times: exactly one runs", async () => {
    const folder = temporaryFolder();
    openForWriting(join(folder, "ledger.sqlite")).close();
    const runner = fileURLToPath(new URL("../support/race-lock.ts", import.meta.url));
    const [one, two] = [0, 1].map(() =>
      spawn(process.execPath, ["--import", "tsx", runner, join(folder, "ledger.sqlite")], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    if (one === undefined || two === undefined) throw new Error("two racers");
    for (const child of [one, two]) atEnd(() => void child.kill("SIGKILL"));
    const answer = async (child: typeof one): Promise<string> => String((await once(child.stdout, "data"))[0]).trim();
    expect(await Promise.all([answer(one), answer(two)])).toEqual(["ready", "ready"]);
    for (let round = 0; round < 100; round++) {
      const both = Promise.all([answer(one), answer(two)]);
      for (const child of [one, two]) child.stdin.write("take\n");
      expect((await both).sort()).toEqual(["LOCKED", "held"]);
      const released = Promise.all([answer(one), answer(two)]);
      for (const child of [one, two]) child.stdin.write("release\n");
      expect(await released).toEqual(["released", "released"]);
    }
  });
});
