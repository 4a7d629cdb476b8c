import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./support/ledger.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const VITEST = join(createRequire(import.meta.url).resolve("vitest/package.json"), "../vitest.mjs");

it("a file of tests fails when it leaves a database, a server, a timer, a child or a thread open", () => {
  const outputFile = join(temporaryFolder(), "results.json");
  const args = ["run", "--config", "test/fixtures/left-open/vitest.config.ts", "--reporter=json"];
  const { status } = spawnSync(process.execPath, [VITEST, ...args, `--outputFile=${outputFile}`], {
    cwd: ROOT,
    stdio: "ignore",
  });
  expect(status).toBe(1);
  const { testResults } = JSON.parse(readFileSync(outputFile, "utf8")) as {
    testResults: readonly { name: string; message: string; assertionResults: readonly { status: string }[] }[];
  };
  // The tests themselves pass; what they leave behind is what fails.
  expect(testResults.flatMap((file) => file.assertionResults.map((each) => each.status))).toEqual(
    testResults.map(() => "passed"),
  );
  expect(testResults.map((file) => [basename(file.name), file.message.split(": ").at(-1)]).sort()).toEqual([
    ["child.leaky.ts", "a child process"],
    ["database.leaky.ts", "the database :memory:"],
    ["server.leaky.ts", "a server"],
    ["thread.leaky.ts", "a thread"],
    ["tidy.leaky.ts", ""],
    ["timer.leaky.ts", "a timer"],
  ]);
});
