import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./mutants.ts";

// Tests the simulator: puts each deliberate bug into a copy of the source, and plays seeds until one fails. A bug that
// no seed notices is a failure of the simulator.
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: { seeds: { type: "string", default: "2000" }, only: { type: "string" } },
});
let [passed, failed] = [0, 0];
for (const mutant of MUTANTS.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
  const seed = await firstSeedThatNotices(mutant);
  if (seed === null) failed += 1;
  else passed += 1;
  process.stdout.write(`${seed === null ? "NOT NOTICED" : `seed ${seed}`.padEnd(11)}  ${mutant.name}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
if (failed > 0) process.exitCode = 1;

async function firstSeedThatNotices({ file, from, to, name }: Mutant): Promise<string | null> {
  const copy = mkdtempSync(join(tmpdir(), "lp-ledger-mutant-"));
  try {
    for (const folder of ["src", "simulate", "test/support", "demo", "migrations", "abi", "config", "package.json"])
      cpSync(join(ROOT, folder), join(copy, folder), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const source = readFileSync(join(copy, file), "utf8");
    if (source.split(from).length !== 2)
      throw new Error(`"${name}" does not fit ${file}: its text is not there exactly once`);
    writeFileSync(
      join(copy, file),
      source.replace(from, () => to),
    );
    const argv = ["--import", "tsx", join(copy, "simulate/main.ts"), "--stop-early", "--seeds", values.seeds];
    const child = spawn(process.execPath, argv, { cwd: copy, stdio: ["ignore", "ignore", "pipe"] });
    let talk = "";
    child.stderr.on("data", (chunk: Buffer) => {
      talk += chunk.toString();
    });
    await once(child, "close");
    return /^seed (\d+): /m.exec(talk)?.[1] ?? null;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
