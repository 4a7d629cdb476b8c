import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { MUTANTS } from "../simulate/mutants.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

describe("the simulator's deliberate bugs", () => {
  it("are at least 60, each of another name", () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(60);
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    "fit the source: %s",
    (_name, { file, from, to }) => {
      expect(readFileSync(join(ROOT, file), "utf8").split(from).length - 1).toBe(1);
      expect(to).not.toBe(from);
    },
  );
});
