import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./mutants.ts";

// Tests the simulator and the tests: puts each deliberate bug into a copy of the source, and plays seeds until one
// fails, or runs the test that must. A bug that nothing notices is a failure of theirs.
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: { seeds: { type: "string", default: "2000" }, only: { type: "string" } },
});
let [passed, failed] = [0, 0];
const COPIED = [
  ...["src", "simulate", "test", "demo", "migrations", "abi", "config", "docs", "dashboard"],
  ...["package.json", "tsconfig.json", "tsconfig.build.json"],
];
/** Tests that pass on the source as it is: only then does a failure notice anything. */
const sound = new Set<string>();
for (const mutant of MUTANTS.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
  const by = await noticedBy(mutant);
  if (by === null) failed += 1;
  else passed += 1;
  process.stdout.write(`${(by ?? "NOT NOTICED").padEnd(11)}  ${mutant.name}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
if (failed > 0) process.exitCode = 1;

/** The seed or the test that notices a bug; null where none does. */
async function noticedBy({ file, from, to, name, test, seed }: Mutant): Promise<string | null> {
  if (test !== undefined && !sound.has(test)) {
    if ((await inCopy((copy) => failureOf(copy, test))) !== null) throw new Error(`${test} fails without any bug`);
    sound.add(test);
  }
  return await inCopy(async (copy) => {
    const source = readFileSync(join(copy, file), "utf8");
    if (source.split(from).length !== 2)
      throw new Error(`"${name}" does not fit ${file}: its text is not there exactly once`);
    writeFileSync(
      join(copy, file),
      source.replace(from, () => to),
    );
    if (test !== undefined) return await failureOf(copy, test);
    const first = seed === undefined ? null : await seedThatFails(copy, ["--from", `${seed}`, "--seeds", "1"]);
    return first ?? (await seedThatFails(copy, ["--seeds", values.seeds]));
  });
}

async function inCopy<T>(work: (copy: string) => Promise<T>): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), "lp-ledger-mutant-"));
  try {
    for (const each of COPIED) cpSync(join(ROOT, each), join(copy, each), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function seedThatFails(copy: string, which: readonly string[]): Promise<string | null> {
  const argv = ["--import", "tsx", join(copy, "simulate/main.ts"), "--stop-early", ...which];
  const { talk } = await ended(argv, copy);
  const seed = /^seed (\d+): /m.exec(talk)?.[1];
  return seed === undefined ? null : `seed ${seed}`;
}

async function failureOf(copy: string, test: string): Promise<string | null> {
  // Some tests run the built program: a bug is built whether or not its types fit.
  const built = await ended(
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json", "--noCheck"],
    copy,
  );
  if (built.code !== 0) throw new Error(`the copy does not build: ${built.talk}`);
  cpSync(join(copy, "migrations"), join(copy, "dist/migrations"), { recursive: true });
  writeFileSync(join(copy, "vitest.config.ts"), "export default { test: { testTimeout: 300_000 } };\n");
  const { code } = await ended([join(ROOT, "node_modules/vitest/vitest.mjs"), "run", test], copy);
  return code === 0 ? null : "its test";
}

async function ended(
  argv: readonly string[],
  cwd: string,
): Promise<{ readonly code: number | null; readonly talk: string }> {
  const child = spawn(process.execPath, argv, { cwd, stdio: ["ignore", "ignore", "pipe"] });
  let talk = "";
  child.stderr.on("data", (chunk: Buffer) => {
    talk += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, talk };
}
