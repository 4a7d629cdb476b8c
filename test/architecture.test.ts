import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SRC = join(ROOT, "src");

const CORE = ["core", "core/amm", "core/programme", "core/accounting", "core/valuation", "core/decode", "core/rewards"];
const STORE = ["store", "store/file", "store/queries", "store/lifecycle"];
const CHAIN = ["chain", "chain/logs", "chain/rpc", "chain/contracts", "chain/thread"];

/**
 * Which room may import which; a path is a permission. A file directly in src is a room of its own. Later ones stand on
 * earlier ones.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  "core/amm": ["core"],
  "core/programme": ["core"],
  "core/accounting": ["core", "core/amm", "core/programme"],
  "core/valuation": ["core", "core/amm", "core/programme"],
  "core/decode": ["core", "core/amm", "core/programme", "core/accounting", "core/valuation"],
  "core/rewards": ["core", "core/programme", "core/valuation"],
  log: ["core"],
  config: CORE,
  settings: ["config", "core"],
  prices: ["core"],
  distribution: ["core", "core/amm", "core/rewards"],
  "chain/logs": ["core"],
  "chain/rpc": ["core", "chain/logs"],
  "chain/contracts": ["core", "core/amm", "core/programme", "chain/logs", "chain/rpc"],
  chain: [...CORE, "chain/logs", "chain/rpc", "chain/contracts"],
  "chain/thread": [...CORE, "chain", "chain/logs"],
  "store/file": ["core", "core/accounting"],
  store: [...CORE, "store/file"],
  "store/queries": [...CORE, "store"],
  "store/lifecycle": ["core", "core/accounting", "core/programme", "store", "store/file"],
  ledger: [...CORE, ...STORE],
  daemon: [...CORE, ...STORE, "ledger"],
  http: [...CORE, "store", "store/queries"],
  runtime: [...CORE, ...STORE, ...CHAIN, "ledger", "daemon", "http", "distribution", "config", "settings", "log"],
  cli: [
    ...CORE,
    ...STORE,
    ...CHAIN,
    ...["ledger", "daemon", "http", "runtime", "prices", "distribution", "config", "settings", "log"],
  ],
  main: ["cli", "runtime"],
};

/** Packages each room may use; `node:` modules count as packages. */
const MAY_USE: Readonly<Record<string, RegExp>> = {
  main: /^node:(fs|readline\/promises)$/,
  cli: /^(commander|csv-parse\/sync|node:(child_process|crypto|fs|http|https|path|stream|stream\/promises|url|v8|worker_threads|zlib))$/,
  runtime:
    /^(commander|node:(child_process|crypto|fs|http|https|path|stream|stream\/promises|url|v8|worker_threads|zlib))$/,
  config: /^(zod|node:fs)$/,
  settings: /^(dotenv|node:(fs|path))$/,
  log: /^pino$/,
  ledger: /^$/,
  daemon: /^$/,
  chain: /^(viem(\/utils)?|p-queue|node:buffer)$/,
  store: /^(better-sqlite3|node:(crypto|fs|path))$/,
  core: /^@noble\/hashes\/(sha3|utils)\.js$/,
  prices: /^$/,
  http: /^(hono(\/streaming)?|@hono\/node-server|prom-client|zod|node:(crypto|fs|net|timers\/promises))$/,
  distribution: /^(viem|@openzeppelin\/merkle-tree)$/,
};

/** What the ledger must not do: facts go in and one transaction comes out, between which nothing else may happen. */
const WAITING = /\b(await|async|Promise)\b/;

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
  const path = relative(SRC, file);
  return path.includes("/") ? dirname(path) : path.replace(/\.ts$/, "");
}

const houseOf = (room: string): string => room.split("/")[0] ?? room;

/** Without comments. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
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
    return MAY_USE[houseOf(room)]?.test(target) ? undefined : `${file}: ${room} may not use ${target}`;
  const path = resolve(dirname(join(ROOT, file)), target);
  if (path.startsWith(join(ROOT, "abi")))
    return ["core", "chain"].includes(houseOf(room)) ? undefined : `${file}: ${room} reads abi`;
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
    const decoder = join(SRC, "core/decode/bad.ts");
    expect(importsOf(decoder, 'import { x } from "../rewards/split.ts";').map(objection)[0]).toBeDefined();
    const daemon = join(SRC, "daemon/bad.ts");
    expect(importsOf(daemon, 'import { Rpc } from "../chain/rpc/rpc.ts";').map(objection)[0]).toBeDefined();
  });

  it("has no clock, randomness or I/O in core", () => {
    const offenders = FILES.filter(
      ({ file, text }) => houseOf(roomOf(file)) === "core" && FORBIDDEN_IN_CORE.test(text),
    );
    expect(offenders.map(({ file }) => file)).toEqual([]);
  });

  it("waits for nothing where the ledger is written", () => {
    const ledger = FILES.filter(({ file }) => roomOf(file) === "ledger");
    expect(ledger.length).toBeGreaterThan(20);
    expect(ledger.filter(({ text }) => WAITING.test(codeOf(text))).map(({ file }) => relative(ROOT, file))).toEqual([]);
    expect(WAITING.test(codeOf("/** May not await. */ const x = await y;"))).toBe(true);
    expect(WAITING.test(codeOf("/** May not await. */ const x = y;"))).toBe(false);
  });

  it("speaks SQL in the store alone", () => {
    const speaking = /\b(?:db|database)\.(?:prepare|exec|pragma)\(/;
    const offenders = FILES.filter(
      ({ file, text }) => houseOf(roomOf(file)) !== "store" && speaking.test(codeOf(text)),
    );
    expect(offenders.map(({ file }) => relative(ROOT, file))).toEqual([]);
    expect(speaking.test('store.db.prepare("select 1")')).toBe(true);
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
