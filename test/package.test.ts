import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./support/ledger.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

it("the packed package runs in an empty folder, with its schema, its dashboard and nothing of development", () => {
  const folder = temporaryFolder();
  const run = (command: string, args: readonly string[], cwd: string): string =>
    execFileSync(command, [...args], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  // What npm test built is what is packed.
  const [packed] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], ROOT),
  ) as [{ filename: string; files: { path: string }[] }];
  const paths = packed.files.map(({ path }) => path);
  for (const each of [
    "dist/src/main.js",
    "dist/migrations/0001_ledger.sql",
    "dist/dashboard/index.html",
    "README.md",
    "LICENSE",
    "config/programme.schema.json",
  ])
    expect(paths).toContain(each);
  expect(paths.filter((path) => /^(test|demo|bench|simulate|dashboard|src)\//.test(path))).toEqual([]);
  const home = join(folder, "home");
  mkdirSync(home);
  writeFileSync(join(home, "package.json"), '{"name":"home","private":true}');
  run(
    "npm",
    ["install", "--no-audit", "--no-fund", "--prefer-offline", "--omit=dev", join(folder, packed.filename)],
    home,
  );
  const help = run("npx", ["--no-install", "lp-ledger", "--help"], home);
  for (const command of ["start", "rewards", "tiers", "prices"]) expect(help).toContain(command);
  expect(existsSync(join(home, "node_modules/lp-ledger/dist/dashboard/index.html"))).toBe(true);
  expect(readdirSync(join(home, "node_modules"))).not.toContain("vitest");
});
