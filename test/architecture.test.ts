import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SRC = join(ROOT, "src");

/** Which room may import which; a path is a permission. A file directly in src is a room of its own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ["cli"],
  cli: ["daemon", "http", "chain", "prices", "distribution", "store", "config", "settings", "log", "core"],
  config: ["core"],
  settings: ["config", "core"],
  log: ["core"],
  daemon: ["store", "core"],
  http: ["store", "core"],
  chain: ["core"],
  prices: ["core"],
  distribution: ["core"],
  store: ["core"],
  core: [],
};

/** Packages each room may use; `node:` modules count as packages. */
const MAY_USE: Readonly<Record<string, RegExp>> = {
  main: /^node:(fs|readline\/promises)$/,
  cli: /^(commander|csv-parse\/sync|node:(child_process|crypto|fs|http|https|path|stream|stream\/promises|url|v8|worker_threads|zlib))$/,
  config: /^(zod|node:fs)$/,
  settings: /^(dotenv|node:(fs|path))$/,
  log: /^pino$/,
  daemon: /^$/,
  chain: /^(viem(\/utils)?|p-queue|node:buffer)$/,
  store: /^(better-sqlite3|node:(crypto|fs|path))$/,
  core: /^@noble\/hashes\/(sha3|utils)\.js$/,
  prices: /^$/,
  http: /^(hono(\/streaming)?|@hono\/node-server|prom-client|zod|node:(crypto|fs|net|timers\/promises))$/,
  distribution: /^(viem|@openzeppelin\/merkle-tree)$/,
};

/** What core must not touch: clocks, randomness, the process, the network. */
const FORBIDDEN_IN_CORE =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bprocess\.|\bfetch\(|\bcrypto\.|\bperformance\./;

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

function filesUnder(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function roomOf(file: string): string {
  const [first = ""] = relative(SRC, file).split("/");
  return first.replace(/\.ts$/, "");
}

/** Static, side-effect, re-exporting and dynamic imports. */
function importsOf(file: string, text: string): readonly Import[] {
  const pattern =
    /(?:import|export)\s[^;]*?\sfrom\s+["']([^"']+)["']|import\s+["']([^"']+)["']|import\(\s*["'`]([^"'`]+)["'`]|require\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(pattern)].map((match) => ({
    file: relative(ROOT, file),
    room: roomOf(file),
    target: match[1] ?? match[2] ?? match[3] ?? match[4] ?? "",
  }));
}

/** Why an import breaks the law, or undefined. */
function objection({ file, room, target }: Import): string | undefined {
  const allowed = MAY_IMPORT[room];
  if (allowed === undefined) return `${file}: no room is called ${room}`;
  if (!target.startsWith("."))
    return MAY_USE[room]?.test(target) ? undefined : `${file}: ${room} may not use ${target}`;
  const path = resolve(dirname(join(ROOT, file)), target);
  if (path.startsWith(join(ROOT, "abi")))
    return ["core", "chain"].includes(room) ? undefined : `${file}: ${room} reads abi`;
  if (!path.startsWith(SRC)) return `${file}: ${target} lies outside src`;
  const other = roomOf(path);
  return other === room || allowed.includes(other) ? undefined : `${file}: ${room} may not import ${other}`;
}

const FILES = filesUnder(SRC).map((file) => ({ file, text: readFileSync(file, "utf8") }));

describe("the architecture", () => {
  it("lets each room import only what its path permits", () => {
    expect(FILES.length).toBeGreaterThan(30);
    expect(
      FILES.flatMap(({ file, text }) => importsOf(file, text))
        .map(objection)
        .filter((each) => each !== undefined),
    ).toEqual([]);
  });

  it("would object to an import that breaks the law, however it is written", () => {
    const file = join(SRC, "core/bad.ts");
    const bad = [
      'import { x } from "../store/open.ts";',
      'import "../chain/rpc.ts";',
      'export { y } from "../cli/start.ts";',
      'const z = await import("../daemon/run.ts");',
      'import { readFileSync } from "node:fs";',
      'import {\n  long,\n} from "better-sqlite3";',
    ];
    for (const text of bad) expect(importsOf(file, text).map(objection)[0], text).toBeDefined();
    const daemon = join(SRC, "daemon/bad.ts");
    expect(importsOf(daemon, 'import { Rpc } from "../chain/rpc.ts";').map(objection)[0]).toBeDefined();
  });

  it("has no clock, randomness or I/O in core", () => {
    const offenders = FILES.filter(({ file, text }) => roomOf(file) === "core" && FORBIDDEN_IN_CORE.test(text));
    expect(offenders.map(({ file }) => file)).toEqual([]);
  });

  it("has no import cycles", () => {
    const graph = new Map(
      FILES.map(({ file, text }) => [
        file,
        importsOf(file, text)
          .filter(({ target }) => target.startsWith("."))
          .map(({ target }) => resolve(dirname(file), target)),
      ]),
    );
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file))
        throw new Error(`cycle: ${[...path, file].map((each) => relative(ROOT, each)).join(" -> ")}`);
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of graph.keys()) visit(file, []);
  });

  it("keeps files short, and free of loose ends and default exports", () => {
    const long = FILES.filter(({ text }) => text.split("\n").length > 300);
    expect(long.map(({ file }) => file)).toEqual([]);
    const loose = FILES.filter(({ text }) =>
      /\b(TODO|FIXME|XXX)\b|: any\b|as any\b|@ts-(ignore|expect-error)|export default/.test(text),
    );
    expect(loose.map(({ file }) => file)).toEqual([]);
  });

  it("names no file a drawer", () => {
    const drawers = FILES.filter(({ file }) => /\/(utils?|helpers?|manager|common|data|info|index)\.ts$/.test(file));
    expect(drawers.map(({ file }) => file)).toEqual([]);
  });
});
