import { existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LpLedgerError } from "../../src/core/errors.ts";
import { OpenFile, realPathOf, requireOneName } from "../../src/store/file/file.ts";
import { openForOperator, openForReading, openForWriting } from "../../src/store/lifecycle/open.ts";
import { Store } from "../../src/store/store.ts";
import { atEnd, temporaryFolder } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

function codeOf(run: () => unknown): string {
  try {
    run();
    return "nothing thrown";
  } catch (error) {
    if (error instanceof LpLedgerError) return error.code;
    throw error;
  }
}

/** A ledger that stays open for the test. */
function opened(path: string): void {
  const { close } = openForWriting(path);
  atEnd(close);
}

describe("a ledger's file", () => {
  it.each(["before", "after"])("is locked whatever link leads to it, made %s the file", (when) => {
    const folder = temporaryFolder();
    const path = join(folder, "ledger.sqlite");
    mkdirSync(join(folder, "elsewhere"));
    const link = join(folder, "elsewhere", "linked.sqlite");
    const far = join(folder, "far.sqlite");
    const make = (): void => {
      symlinkSync("../ledger.sqlite", link);
      symlinkSync(link, far);
    };
    if (when === "before") make();
    opened(when === "before" ? far : path);
    if (when === "after") make();
    for (const name of [path, link, far]) expect(codeOf(() => openForWriting(name))).toBe("LOCKED");
    expect(existsSync(`${path}-wal`)).toBe(true);
    expect([existsSync(`${link}-wal`), existsSync(`${far}.lock`)]).toEqual([false, false]);
    openForReading(far).close();
  });

  it("has one name: hard links, and a mount of it alone, are refused, and nothing is written", () => {
    const folder = temporaryFolder();
    const path = join(folder, "ledger.sqlite");
    openForWriting(path).close();
    linkSync(path, join(folder, "other.sqlite"));
    expect(codeOf(() => openForWriting(path))).toBe("TWO_NAMES");
    expect(codeOf(() => openForWriting(join(folder, "other.sqlite")))).toBe("TWO_NAMES");
    expect(codeOf(() => openForReading(path))).toBe("TWO_NAMES");
    expect(codeOf(() => openForOperator(join(folder, "other.sqlite")))).toBe("TWO_NAMES");
    rmSync(join(folder, "other.sqlite"));
    openForWriting(path).close();
    const spaced = join(folder, "my ledger.sqlite");
    const mounts = (at: string): string =>
      `36 35 98:0 / /mnt rw,noatime shared:1 - ext3 /dev/root rw\n37 35 98:0 /l ${at} rw - ext3 /dev/root rw\n`;
    expect(codeOf(() => requireOneName(spaced, mounts(folder)))).toBe("nothing thrown");
    expect(codeOf(() => requireOneName(spaced, mounts(spaced.replace(" ", "\\040"))))).toBe("TWO_NAMES");
  });

  it("is found where it is not there yet, and links that lead nowhere are no loop", () => {
    const folder = temporaryFolder();
    symlinkSync(join(folder, "b"), join(folder, "a"));
    symlinkSync(join(folder, "a"), join(folder, "b"));
    expect(realPathOf(join(folder, "new.sqlite"))).toBe(join(folder, "new.sqlite"));
    expect(realPathOf("/no/such/folder/x.sqlite")).toBe("/no/such/folder/x.sqlite");
    expect(["a", "b"].map((name) => join(folder, name))).toContain(realPathOf(join(folder, "a")));
  });

  it.each([
    ["moved", (path: string) => renameSync(path, `${path}.away`)],
    ["deleted", (path: string) => rmSync(path)],
    [
      "replaced",
      (path: string) => {
        writeFileSync(`${path}.new`, "");
        renameSync(`${path}.new`, path);
      },
    ],
  ])("that is %s while it is open is missed", (_, change) => {
    const path = join(temporaryFolder(), "ledger.sqlite");
    const { db, close } = openForWriting(path);
    const store = new Store(db, stillClock);
    expect(codeOf(() => store.file.requireThere())).toBe("nothing thrown");
    change(path);
    expect([store.file.isThere, codeOf(() => store.file.requireThere())]).toEqual([false, "FILE_GONE"]);
    expect(codeOf(() => new OpenFile(path).requireThere())).toBe("nothing thrown");
    close();
  });
});
