import { cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../../src/cli/commands.ts";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { programmeLedger } from "../support/programme-ledger.ts";

const NOBODY = `0x${"9".repeat(40)}`;
const TOKEN = `0x${"0".repeat(38)}b1`;

let folder = "";
let settings: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  const { place, ledger } = await programmeLedger();
  ledger.close();
  folder = mkdtempSync(join(tmpdir(), "lp-ledger-test-"));
  cpSync(dirname(place.database), folder, { recursive: true });
  settings = { DATABASE: join(folder, basename(place.database)), PROGRAMME: join(folder, basename(place.programme)) };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}, answer?: string) {
  let [out, talk] = ["", ""];
  const code = await runCli(argv, {
    env: { ...settings, ...env },
    cwd: folder,
    isTerminal: false,
    fetch: () => Promise.reject(new Error("no network here")),
    post: () => Promise.reject(new Error("no network here")),
    out: (text) => {
      out += text;
    },
    talk: (text) => {
      talk += text;
    },
    ask: async () => answer,
    onSignal: () => () => {},
    exit: () => {
      throw new Error("it must not exit");
    },
  });
  return { code, out, talk };
}

/** A file in the test's folder. @returns its path */
function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** What somebody does wrong, the exit code that says of which kind it is, and what they must read. */
interface Mistake {
  readonly argv: readonly string[];
  readonly env?: () => Readonly<Record<string, string>>;
  readonly code: 64 | 75 | 78;
  readonly says: readonly string[];
  /** What must not be read anywhere. */
  readonly hides?: string;
}

const COMMAND_LINE: readonly Mistake[] = [
  { argv: ["statsu"], code: 64, says: ["unknown command 'statsu'", "stats, status"] },
  { argv: ["status", "--jsno"], code: 64, says: ["unknown option '--jsno'", "--json"] },
  { argv: ["status", "--env-file", "x"], code: 64, says: ["unknown option '--env-file'"] },
  { argv: ["provider"], code: 64, says: ["missing required argument 'address'"] },
  { argv: ["provider", "0x12"], code: 64, says: ["an address of 20 bytes", '"0x12"'] },
  { argv: ["provider", NOBODY, "--days", "x"], code: 64, says: ["--days", "a number of days", '"x"'] },
  { argv: ["days", "--from", "2026-02-30"], code: 64, says: ["--from", "YYYY-MM-DD", '"2026-02-30"'] },
  { argv: ["days", "--pool", "0x12"], code: 64, says: ["--pool", "20 bytes or its id of 32", '"0x12"'] },
  { argv: ["days", "--csv", "--json"], code: 64, says: ["--csv and --json exclude each other"] },
  { argv: ["export", "pools", "--format", "xml"], code: 64, says: ["--format", "jsonl, csv", "xml"] },
  { argv: ["status", "--max-age", "soon"], code: 64, says: ["--max-age", "seconds", '"soon"'] },
  { argv: ["at"], code: 64, says: ["either --block or --date"] },
  { argv: ["at", "--block", "-1"], code: 64, says: ["--block", "a block number", '"-1"'] },
  { argv: ["start", "--accept-deep-reorg", "0x12"], code: 64, says: ["a block hash of 32 bytes", '"0x12"'] },
  { argv: ["rewards", "show", "--epoch", "0"], code: 64, says: ["an epoch, counted from 1", '"0"'] },
  { argv: ["rewards", "export", "--format", "xls"], code: 64, says: ["merkle, merkl, safe", "xls"] },
  { argv: ["pool", "refetch", NOBODY], code: 64, says: ["--reason"] },
  { argv: ["rewards", "finalize"], code: 64, says: ["epoch 1 was not made final", "--yes"] },
  { argv: ["pool", "--json"], code: 64, says: ["lacks the name of what it shall do"] },
  { argv: ["restore"], code: 64, says: ["name the backup to restore, or ask for --latest"] },
  { argv: ["diff", "1", "tomorrow"], code: 64, says: ["tomorrow", "neither a block number nor a file"] },
];

const NOT_THERE: readonly Mistake[] = [
  { argv: ["provider", NOBODY], code: 64, says: [NOBODY, "never provided liquidity"] },
  { argv: ["days", "--provider", NOBODY], code: 64, says: [NOBODY, "never provided liquidity"] },
  { argv: ["days", "--pool", NOBODY], code: 64, says: ["does not follow pool", NOBODY] },
  { argv: ["export", "balances"], code: 64, says: ['no public table "balances"', "provider_balances"] },
  { argv: ["at", "--block", "99999999"], code: 64, says: ["block 99999999", "tip, block 70"] },
  { argv: ["at", "--date", "2031-01-01"], code: 64, says: ["2031-01-01", "tip, block 70"] },
  { argv: ["at", "--date", "2020-01-01"], code: 64, says: ["holds nothing at the end of 2020-01-01"] },
  { argv: ["diff", "1", "99999999"], code: 64, says: ["block 99999999 is not over"] },
  { argv: ["rewards", "show", "--epoch", "77"], code: 64, says: ["no epoch 77", "has 3"] },
  { argv: ["config", "get", "speed"], code: 64, says: ['no key "speed"', "poll_interval_ms"] },
  { argv: ["config", "set", "pol_interval_ms", "50"], code: 64, says: ['"pol_interval_ms"', "poll_interval_ms"] },
  { argv: ["pool", "drop", NOBODY, "--reason", "x"], code: 64, says: ["does not follow pool", NOBODY] },
  { argv: ["wrapper", "drop", NOBODY, "--reason", "x"], code: 64, says: ["knows no wrapper", NOBODY] },
  { argv: ["restore", "none.sqlite"], code: 64, says: ["no backup", "none.sqlite"] },
  {
    argv: ["restore", "--latest"],
    env: () => ({ BACKUP_DIR: join(folder, "no-backups") }),
    code: 64,
    says: ["there is no good backup in", "no-backups"],
  },
  { argv: ["backup", "verify", "none.sqlite"], code: 64, says: ["no backup", "none.sqlite"] },
];

const nowhere = (): Readonly<Record<string, string>> => ({ DATABASE: join(folder, "nowhere", "none.sqlite") });
const missing = (): Readonly<Record<string, string>> => ({ DATABASE: join(folder, "none.sqlite") });

const CONFIGURATION: readonly Mistake[] = [
  ...["status", "optimize", "rebuild", "tiers", "prices missing", "audit list", "export all --to made"].map((line) => ({
    argv: line.split(" "),
    env: missing,
    code: 78 as const,
    says: ["there is no database at", "none.sqlite", "lp-ledger start"],
  })),
  { argv: ["status"], env: nowhere, code: 78, says: ["there is no database at", "nowhere"] },
  { argv: ["status"], env: () => ({ DATABASE: folder }), code: 78, says: ["it is a folder"] },
  {
    argv: ["status"],
    env: () => ({ DATABASE: file("text.sqlite", "a text, and no database, whatever its name says") }),
    code: 78,
    says: ["is not a SQLite database"],
  },
  {
    argv: ["start"],
    env: () => {
      const path = join(folder, "two.sqlite");
      if (!existsSync(path)) {
        openForWriting(path).close();
        linkSync(path, join(folder, "two-again.sqlite"));
      }
      return { DATABASE: path, RPC_URL: "http://127.0.0.1:1/" };
    },
    code: 78,
    says: ["one of 2 names", "two.sqlite"],
  },
  {
    argv: ["status"],
    env: () => ({ RPC_URL_FILE: "https://node.example/v3/0123456789abcdef" }),
    code: 78,
    says: ["RPC_URL_FILE: expected a readable file", "a URL, not shown"],
    hides: "0123456789abcdef",
  },
  {
    argv: ["status"],
    env: () => ({ DEFILLAMA_URL: "htps://pro.example/0123456789abcdef" }),
    code: 78,
    says: ["DEFILLAMA_URL: expected an http:// or https:// URL", "not shown"],
    hides: "0123456789abcdef",
  },
  {
    argv: ["check", "--offline"],
    env: () => ({
      PROGRAMME: file(
        "url.json",
        JSON.stringify({ chainId: 1, pools: [], rpcUrl: "https://u:pw@node.example/v3/0123456789abcdef" }),
      ),
    }),
    code: 78,
    says: ["rpcUrl: expected no such key", "https://node.example/..."],
    hides: "0123456789abcdef",
  },
  {
    argv: ["check", "--offline"],
    env: () => ({ PROGRAMME: join(folder, "none.json") }),
    code: 78,
    says: ["none.json", "a readable file"],
  },
  {
    argv: ["check", "--offline"],
    env: () => ({ PROGRAMME: file("cut.json", "{\n") }),
    code: 78,
    says: ["expected JSON", "line 2", "cut off"],
  },
  {
    argv: ["check", "--offline"],
    env: () => ({ PROGRAMME: file("comma.json", '{\n "chainId": 1,\n}') }),
    code: 78,
    says: ["expected JSON", "line 3"],
  },
  {
    argv: ["check", "--offline"],
    env: () => ({ PROGRAMME: file("wide.json", Buffer.from("\ufeff{}", "utf16le")) }),
    code: 78,
    says: ["UTF-16", "save it again as UTF-8"],
  },
  {
    argv: ["check", "--offline"],
    env: () => ({ PROGRAMME: file("key.json", '{"chainID": 1}') }),
    code: 78,
    says: ["chainID: expected no such key"],
  },
  { argv: ["start"], code: 78, says: ["RPC_URL is not set", "RPC_URL_FILE"] },
  { argv: ["start"], env: () => ({ RPC_URL: "127.0.0.1:8545" }), code: 78, says: ["RPC_URL: expected an http://"] },
  {
    argv: ["status"],
    env: () => ({ RPC_URLS: "a=http://127.0.0.1:1/ a=http://127.0.0.1:2/" }),
    code: 78,
    says: ["RPC_URLS: expected each id once"],
  },
  { argv: ["status"], env: () => ({ LOG_LEVEL: "loud" }), code: 78, says: ["LOG_LEVEL", "debug, info", '"loud"'] },
  { argv: ["status"], env: () => ({ HTTP_PORT: "web" }), code: 78, says: ["HTTP_PORT", "a port", '"web"'] },
  { argv: ["status"], env: () => ({ POLL_INTERVAL_MS: "0" }), code: 78, says: ["POLL_INTERVAL_MS", "20 to", '"0"'] },
  { argv: ["status", "--settings", "none.env"], code: 78, says: ["--settings: expected a readable file"] },
  {
    argv: ["status", "--settings", "typed.env"],
    env: () => {
      file("typed.env", "DATABSE=x\n");
      return {};
    },
    code: 78,
    says: ["DATABSE: expected DATABASE", "an unknown variable"],
  },
  {
    argv: ["config", "set", "poll_interval_ms", "fast"],
    code: 78,
    says: ["poll_interval_ms", "milliseconds", '"fast"', "nothing was changed"],
  },
  {
    argv: ["diff", "older.sqlite", "10"],
    env: () => {
      file("older.sqlite", gunzipSync(readFileSync(new URL("../fixtures/schema-12.sqlite.gz", import.meta.url))));
      return {};
    },
    code: 78,
    says: ["schema 12", "DATABASE=COPY lp-ledger rebuild"],
  },
  { argv: ["prices", "import", "none.csv"], code: 78, says: ["none.csv", "a readable file"] },
  {
    argv: ["prices", "revise", "why", "--token", NOBODY, "--date", "2026-01-02"],
    code: 78,
    says: ["--token", "a token that the programme file prices", NOBODY, "nothing was changed"],
  },
  {
    argv: ["prices", "import", "wrong.csv"],
    env: () => {
      file("wrong.csv", `token,date,price\n${TOKEN},2026-13-01,1`);
      return {};
    },
    code: 78,
    says: ["line 2.date", "a day like 2026-01-31", '"2026-13-01"', "nothing of it was"],
  },
];

const ALL = [...COMMAND_LINE, ...NOT_THERE, ...CONFIGURATION];

describe("a mistake of an operator", () => {
  it.each(ALL.map((each) => [each.argv.join(" "), each] as const))(
    "%s: is told with what is meant",
    async (_, each) => {
      const { code, out, talk } = await run(each.argv, each.env?.());
      expect([code, out]).toEqual([each.code, ""]);
      for (const text of each.says) expect(talk).toContain(text);
      if (each.hides !== undefined) expect(`${out}${talk}`).not.toContain(each.hides);
      expect(talk).not.toMatch(/a bug|\n {4}at /);
    },
  );

  it.each(ALL.map((each) => [each.argv.join(" "), each] as const))(
    "%s: is JSON where that is wanted",
    async (_, each) => {
      const { code, talk } = await run([...each.argv, "--json"], each.env?.());
      expect(code).toBe(each.code);
      const { error } = JSON.parse(talk) as { error: { kind: string; code: string; message: string } };
      expect([error.kind, error.code.length > 2, error.message.length > 5]).toEqual(["usage", true, true]);
    },
  );

  it("of making an epoch final is asked about, with what is frozen", async () => {
    const states = async () =>
      (JSON.parse((await run(["rewards", "show", "--json"])).out) as { state: string }[]).map(({ state }) => state);
    for (const answer of ["", "n", "nein", "yep"]) {
      const { code, talk } = await run(["rewards", "finalize"], {}, answer);
      expect([code, talk.includes("to be made final"), talk.includes("RWD")]).toEqual([64, true, true]);
      expect(await states()).toEqual([]);
    }
    const { code, out } = await run(["rewards", "finalize"], {}, "y");
    expect([code, out.startsWith("epoch 1  2026-01-01 to before 2026-01-03  final")]).toEqual([0, true]);
    expect(await states()).toEqual(["final"]);
    // What is final already is only compared.
    expect((await run(["rewards", "finalize", "--epoch", "1"])).out).toContain("was final already");
  });

  it("makes no file where there was none", () => {
    expect(ALL.length).toBeGreaterThanOrEqual(50);
    for (const name of ["none.sqlite", "none.sqlite.lock", "nowhere", "made"])
      expect([name, existsSync(join(folder, name))]).toEqual([name, false]);
  });

  it("is none where a file of variables kept its quotes", async () => {
    const { code, out } = await run(["status", "--json"], {
      DATABASE: `"${settings["DATABASE"]}"`,
      LOG_LEVEL: "'info'",
    });
    expect([code, (JSON.parse(out) as { tip: { number: number } }).tip.number]).toEqual([0, 70]);
  });

  it.each(["--version", "-V"])("asks for the version by %s", async (flag) => {
    expect(await run([flag])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
