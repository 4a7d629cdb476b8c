import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LONGEST = 120;
const OUTSIDE = new Set(["node_modules", "dist", "coverage", ".git"]);

function filesUnder(folder: string, ends: RegExp): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (OUTSIDE.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path, ends) : entry.isFile() && ends.test(entry.name) ? [path] : [];
  });
}

/** Lines of prose in Markdown: neither code, nor tables, nor links that cannot be broken. */
function proseOf(markdown: string): readonly string[] {
  let isCode = false;
  return markdown.split("\n").map((line) => {
    if (/^ *(```|~~~)/.test(line)) isCode = !isCode;
    return isCode || /^ *(\||!\[|#|<)/.test(line) || !line.trim().includes(" ") ? "" : line;
  });
}

function commentsOf(code: string): readonly string[] {
  return code.split("\n").map((line) => (/^\s*(\*|\/\/ (?!biome-ignore)|\/\*\*)/.test(line) ? line : ""));
}

function tooLong(files: readonly string[], linesOf: (text: string) => readonly string[]): readonly string[] {
  return files.flatMap((file) =>
    linesOf(readFileSync(file, "utf8")).flatMap((line, i) =>
      line.length > LONGEST ? [`${relative(ROOT, file)}:${i + 1}`] : [],
    ),
  );
}

describe("prose", () => {
  it(`has no line of more than ${LONGEST} characters in Markdown`, () => {
    const files = filesUnder(ROOT, /\.md$/);
    expect(files.length).toBeGreaterThan(20);
    expect(tooLong(files, proseOf)).toEqual([]);
  });

  it(`has none in a comment`, () => {
    const files = ["src", "test", "simulate", "bench", "demo", "config", "dashboard"].flatMap((folder) =>
      filesUnder(join(ROOT, folder), /\.tsx?$/),
    );
    expect(tooLong(files, commentsOf)).toEqual([]);
    expect(tooLong([fileURLToPath(import.meta.url)], () => [`// ${"x ".repeat(LONGEST)}`]).length).toBe(1);
  });

  it("uses no word that the glossary retired", () => {
    const table = readFileSync(join(ROOT, "docs/glossary.md"), "utf8").split("## Retired")[1] ?? "";
    const retired = [...table.matchAll(/^\| (`.*?) \| /gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word),
    );
    expect(retired.length).toBeGreaterThan(20);
    const found = filesUnder(join(ROOT, "src"), /\.ts$/).flatMap((file) => {
      const text = readFileSync(file, "utf8");
      return retired
        .filter((word) => new RegExp(`\\b${word}\\b`).test(text))
        .map((word) => `${relative(ROOT, file)}: ${word}`);
    });
    expect(found).toEqual([]);
  });
});
