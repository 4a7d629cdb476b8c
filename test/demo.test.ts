import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./support/ledger.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

it("the demo survives its reorg, its kill and its restart, is right in every position, and keeps what it is asked to keep", async () => {
  const folder = join(temporaryFolder(), "kept");
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "demo/main.ts", "--json", "--seed", "5", "--keep", folder],
    { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
  );
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.resume();
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code).toBe(0);
  const summary = JSON.parse(out.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  expect(Object.keys(summary)).toEqual([
    "events",
    "postings",
    "providers",
    "reorgs",
    "restarts",
    "positionsChecked",
    "positionsWrong",
    "stateDigest",
    "epochsFinal",
    "rewardsPaid",
    "merkleRoot",
    "elapsedMs",
  ]);
  expect(summary).toMatchObject({ reorgs: 1, restarts: 2, positionsWrong: 0, epochsFinal: 2, rewardsPaid: "50000" });
  expect(summary["merkleRoot"]).toMatch(/^0x[0-9a-f]{64}$/);
  expect(summary["positionsChecked"]).toBeGreaterThan(20);
  expect(summary["stateDigest"]).toMatch(/^[0-9a-f]{64}$/);
  expect(existsSync(join(folder, "ledger.sqlite")) && existsSync(join(folder, "programme.json"))).toBe(true);
});

it("the demo serves its dashboard until it is interrupted, where that is asked for", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", "demo/main.ts", "--json", "--open"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.resume();
  const closed = new Promise((resolve) => child.once("close", resolve));
  const url = await new Promise<string | undefined>((resolve) => {
    let told = "";
    child.stderr.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      const found = /the dashboard is at (http:\/\/127\.0\.0\.1:\d+\/?)/.exec(told)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => resolve(undefined));
  });
  const page = await fetch(url ?? "http://127.0.0.1:1/");
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("<html")]);
  child.kill("SIGINT");
  expect(await closed).toBe(0);
});
