import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { REGRESSIONS } from "./regressions.ts";
import { type Outcome, simulate } from "./simulation.ts";

const USAGE = `npm run simulate [-- --seeds 2000] [--from 1] [--twice] [--json]

Plays the whole daemon on a simulated chain, nodes, disk and clock, once for each seed: reorgs, nodes that lie, lag and
fail, kills, power losses. A seed replays exactly. --twice plays each seed two times and compares their traces.
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    twice: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    /** Of a worker: which part of the seeds is its own. */
    part: { type: "string" },
    /** Stop at the first failure. */
    "stop-early": { type: "boolean", default: false },
  },
});
const [seeds, from] = [Number(values.seeds), Number(values.from)];

if (values.help) process.stdout.write(USAGE);
else if (!Number.isInteger(seeds) || !Number.isInteger(from) || seeds < 1) {
  process.stderr.write(USAGE);
  process.exitCode = 64;
} else if (values.part !== undefined) await work(Number(values.part), workers());
else await lead();

function workers(): number {
  return Math.min(availableParallelism(), seeds);
}

/** The seeds asked for, and with many of them those that failed once. */
function allSeeds(): readonly number[] {
  const range = Array.from({ length: seeds }, (_, i) => from + i);
  const failed = [...REGRESSIONS.keys()].filter((seed) => seed < from || seed >= from + seeds);
  return seeds < 100 ? range : [...failed, ...range];
}

/** A worker: its share of the seeds, each outcome told to the leader. */
async function work(part: number, parts: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lp-ledger-simulate-"));
  try {
    for (const seed of allSeeds().filter((_, i) => i % parts === part)) {
      const outcome = await simulate(seed, join(folder, `${seed}`));
      const again = values.twice ? await simulate(seed, join(folder, `${seed}-again`)) : outcome;
      const failure =
        outcome.failure ?? (again.trace === outcome.trace ? null : "the same seed took another course the second time");
      process.send?.({ ...outcome, failure });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    process.disconnect?.();
  }
}

async function lead(): Promise<void> {
  const startedMs = performance.now();
  const main = fileURLToPath(import.meta.url);
  const argv = process.argv.slice(2);
  let [passed, failed, commits, virtualSeconds] = [0, 0, 0, 0];
  const counts = new Map<string, number>();
  const ends = Array.from({ length: workers() }, (_, part) => {
    const child = fork(main, [...argv, "--part", `${part}`]);
    child.on("message", (outcome: Outcome) => {
      commits += outcome.commits;
      virtualSeconds += outcome.virtualSeconds;
      for (const [what, count] of Object.entries(outcome.counts)) counts.set(what, (counts.get(what) ?? 0) + count);
      if (outcome.failure === null) passed += 1;
      else {
        failed += 1;
        process.stderr.write(`seed ${outcome.seed}: ${outcome.failure}\n`);
        if (values["stop-early"]) for (const each of children) each.kill("SIGKILL");
      }
    });
    return child;
  });
  const children = ends;
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve) => {
          child.once("exit", (code, signal) => {
            if (code !== 0 && !(values["stop-early"] && signal === "SIGKILL")) {
              failed += 1;
              process.stderr.write(`a worker ended with ${code ?? signal}\n`);
            }
            resolve();
          });
        }),
    ),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const summary = {
    seedsPerSecond: Math.round(((passed + failed) / seconds) * 10) / 10,
    commits,
    virtualHours: Math.round(virtualSeconds / 3600),
    counts: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  if (values.json) process.stdout.write(`${JSON.stringify({ passed, failed, ...summary })}\n`);
  else {
    for (const [what, count] of Object.entries(summary.counts)) process.stdout.write(`${what.padEnd(48)} ${count}\n`);
    process.stdout.write(
      `${summary.seedsPerSecond} seeds/s, ${commits} commits checked, ${summary.virtualHours} hours of virtual time\n`,
    );
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
}
