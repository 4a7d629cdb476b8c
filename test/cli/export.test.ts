import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { PUBLIC_TABLES } from "../../src/store/queries/query.ts";
import { commandLine } from "../support/command-line.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";

async function filled() {
  const chain = new FakeChain({ secondsPerBlock: 4000 });
  chain.grow(60, 5);
  const path = join(temporaryFolder(), "ledger.sqlite");
  const ledger = new TestLedger(chain.fetch, { path });
  await ledger.settle();
  return { ledger, path, lpLedger: commandLine(path) };
}

describe("what is written", () => {
  it("onto a full disk ends with its code, and is no bug", async () => {
    const { path } = await filled();
    const full = openSync("/dev/full", "w");
    try {
      const main = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
      const { status, stderr } = spawnSync(process.execPath, [main, "export", "positions"], {
        env: { PATH: process.env["PATH"] ?? "", DATABASE: path },
        stdio: ["ignore", full, "pipe"],
        encoding: "utf8",
      });
      expect([status, stderr.includes("there is no room left"), stderr.includes("a bug")]).toEqual([74, true, false]);
    } finally {
      closeSync(full);
    }
  });
});

describe("lp-ledger export all", () => {
  it.each(["jsonl", "csv"])("writes every table as %s, compressed, with checksums, beside a writer", async (format) => {
    const { ledger, lpLedger } = await filled();
    const to = temporaryFolder();
    const { code, out } = await lpLedger(["export", "all", "--to", to, "--format", format, "--json"]);
    expect(code).toBe(0);
    const { path, blockNumber, stateDigest, files } = JSON.parse(out);
    const tip = ledger.store.blocks.tip();
    expect([blockNumber, stateDigest]).toEqual([tip?.number, tip?.stateDigest]);
    const names = [...Object.keys(PUBLIC_TABLES).map((table) => `${table}.${format}.gz`), "positions.jsonl.gz"];
    expect(readdirSync(to)).toEqual([path.slice(to.length + 1)]);
    expect(path).toMatch(/\/\d{4}-\d{2}-\d{2}-block-\d+$/);
    expect(readdirSync(path).sort()).toEqual([...names, "SHA256SUMS", "manifest.json"].sort());
    execFileSync("sha256sum", ["--check", "--status", "SHA256SUMS"], { cwd: path });
    for (const { file, rows } of files as { file: string; rows: number }[]) {
      const text = gunzipSync(readFileSync(join(path, file))).toString();
      const what = file.split(".")[0] ?? "";
      const single = await lpLedger(["export", what, ...(what === "positions" ? [] : ["--format", format])]);
      expect([file, text]).toEqual([file, single.out]);
      expect(text.split("\n").length - 1).toBe(rows + (format === "csv" && what !== "positions" ? 1 : 0));
    }
  });

  it("writes the same bytes for the same ledger, and never over an older one", async () => {
    const [a, b] = [await filled(), await filled()];
    const to = temporaryFolder();
    for (const { lpLedger } of [a, b]) expect((await lpLedger(["export", "all", "--to", to])).code).toBe(0);
    const [first = "", second = ""] = readdirSync(to).sort();
    expect(second).toBe(`${first}-2`);
    const sums = [first, second].map((name) => readFileSync(join(to, name, "SHA256SUMS"), "utf8"));
    expect(sums[1]).toBe(sums[0]);
  });
});
