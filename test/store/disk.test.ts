import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { atEnd, TestLedger, temporaryFolder } from "../support/ledger.ts";

const support = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

/** Whether this system lets us mount a small file system of our own, in a namespace that ends with its process. */
const canMount = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).status === 0;

describe("a small file system of its own", () => {
  it.skipIf(!canMount)("full: stops before harm, reads on, goes on by itself; read-only: refused by name", async () => {
    const folder = temporaryFolder();
    const command = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" --import tsx "$3" "$1"';
    const argv = ["-rm", "sh", "-c", command, "sh", folder, process.execPath, support("small-disk.ts")];
    const seen = JSON.parse(execFileSync("unshare", argv, { encoding: "utf8", maxBuffer: 2 ** 26 }));
    expect(seen.codes).toEqual(["DISK_FULL"]);
    expect(seen.tipWhenFull).toBeGreaterThan(0);
    expect(seen.tipWhenFull).toBeLessThan(seen.head);
    expect(seen.readWhenFull).toBe(`0 problems at block ${seen.tipWhenFull}`);
    const chain = new FakeChain({ secondsPerBlock: 4000 });
    chain.grow(150, 5);
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    expect(seen.dump).toBe(straight.dump());
    for (const refusal of seen.readOnly)
      expect(refusal).toMatch(/^READ_ONLY_FILE_SYSTEM: .* lies on a read-only file system .*nothing was written/);
    expect(seen.files).toEqual(["ledger.sqlite", "ledger.sqlite.lock"]);
  });
});

describe("a file of another user", () => {
  it("is refused with its owner and mode, and left as it was", () => {
    const folder = join(temporaryFolder(), "theirs");
    mkdirSync(folder);
    chmodSync(join(folder, ".."), 0o755);
    const path = join(folder, "ledger.sqlite");
    openForWriting(path).close();
    const before = readFileSync(path);
    chmodSync(path, 0o444);
    chmodSync(folder, 0o555);
    atEnd(() => chmodSync(folder, 0o755));
    const out = execFileSync(process.execPath, ["--import", "tsx", support("foreign-owner.ts"), path], {
      encoding: "utf8",
    });
    for (const refusal of JSON.parse(out) as string[])
      expect(refusal).toMatch(
        /^NO_PERMISSION: this user may not write .*belongs to user \d+ with mode \d+, this is user/,
      );
    expect(readFileSync(path)).toEqual(before);
  });
});
