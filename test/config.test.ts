import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { schemaText } from "../src/config/json-schema.ts";
import type { Problem } from "../src/config/problems.ts";
import { SETTINGS } from "../src/config/setting-list.ts";
import { parseProgramme, readProgramme } from "../src/config.ts";
import type { LpLedgerError } from "../src/core/errors.ts";
import { readSettings } from "../src/settings.ts";
import { temporaryFolder } from "./support/ledger.ts";
import { addressOf } from "./support/logs.ts";
import { MANAGER, PAIR, POOL, TOKENS, worldProgramme } from "./support/world.ts";

function problemsOf(run: () => unknown): readonly Problem[] {
  try {
    run();
  } catch (error) {
    const { facts, exitCode } = error as LpLedgerError;
    expect(exitCode).toBe(78);
    return facts["problems"] as readonly Problem[];
  }
  return [];
}

const fieldsOf = (run: () => unknown): readonly string[] => problemsOf(run).map((problem) => problem.field);
const parse = (json: unknown) => () => parseProgramme(json, "the test's programme");
const token = (address: string, more: object = {}) => ({ address, symbol: "T", decimals: 18, ...more });

describe("a programme file", () => {
  it("is read as it is meant", () => {
    const programme = parseProgramme(worldProgramme(), "the test's programme");
    expect(programme.quote).toEqual({ symbol: "USD", decimals: 6 });
    expect(programme.pools.map((pool) => pool.managers)).toEqual([[], [MANAGER]]);
    expect(programme.prices.get(programme.pools[0]?.tokens[0].address as never)).toEqual([
      { kind: "fixed", priceE18: 2n * 10n ** 18n },
    ]);
  });

  it("with many mistakes is refused with all of them at once, each with field, expectation and value", () => {
    const json = {
      chainId: 0,
      quote: { symbol: "USD", decimals: 9 },
      colour: "blue",
      pools: [
        {
          protocol: "uniswap-v2",
          address: "0x123",
          tokens: [token(TOKENS[0]), token(TOKENS[1], { decimals: "18" })],
          startBlock: -1,
          managers: [],
        },
        { protocol: "uniswap-v3", address: POOL, tokens: [token(TOKENS[0])], startBlock: 1 },
      ],
      prices: { [TOKENS[0]]: { fixed: 1 } },
    };
    const problems = problemsOf(parse(json));
    expect(problems.map((problem) => problem.field)).toEqual(
      expect.arrayContaining([
        "chainId",
        "quote.decimals",
        "colour",
        "pools.0.address",
        "pools.0.tokens.1.decimals",
        "pools.0.startBlock",
        "pools.0.managers",
        "pools.1.tokens",
        "pools.1.managers",
      ]),
    );
    expect(problems.some((problem) => problem.field.startsWith(`prices.${TOKENS[0]}`))).toBe(true);
    for (const { expected, found } of problems) expect([expected, found].every((text) => text !== "")).toBe(true);
    const decimals = problems.find((problem) => problem.field === "quote.decimals");
    expect(decimals).toEqual({ field: "quote.decimals", expected: "at most 8", found: "9" });
  });

  it.each([
    [
      "an unknown protocol",
      {
        pools: [{ protocol: "uniswap-v9", address: PAIR, tokens: [token(TOKENS[0]), token(TOKENS[1])], startBlock: 1 }],
      },
      "pools.0.protocol",
    ],
    ["no pool at all", { pools: [] }, "pools"],
    [
      "tokens in the wrong order",
      {
        pools: [{ protocol: "uniswap-v2", address: PAIR, tokens: [token(TOKENS[1]), token(TOKENS[0])], startBlock: 1 }],
        prices: {},
      },
      "pools.0.tokens",
    ],
    [
      "a wrong checksum",
      {
        pools: [
          {
            protocol: "uniswap-v2",
            address: "0x186cF879186986A20aADFb7eAD50e3C20cb26CeD",
            tokens: [token(TOKENS[0]), token(TOKENS[1])],
            startBlock: 1,
          },
        ],
        prices: {},
      },
      "pools.0.address",
    ],
    ["a price of an unknown token", { prices: { [addressOf(9)]: { fixed: "1" } } }, `prices.${addressOf(9)}`],
    [
      "a price from a pool that is not followed",
      { prices: { [TOKENS[0]]: { pool: addressOf(9) } } },
      `prices.${TOKENS[0]}.pool`,
    ],
    [
      "what was held and one multiplier for all days",
      { tiers: { minimum: "1", levels: [{ week: 1, multiplierBp: 10_000 }], retroactive: true, basis: "held" } },
      "tiers.basis",
    ],
    ["a price with an exponent", { prices: { [TOKENS[0]]: { fixed: "1e3" } } }, `prices.${TOKENS[0]}`],
  ])("with %s names the field", (_name, more, field) => {
    expect(fieldsOf(parse(worldProgramme(more)))).toEqual(expect.arrayContaining([expect.stringContaining(field)]));
  });

  it("with one token in two decimals, or one pool twice, is refused", () => {
    const [pair, pool] = worldProgramme()["pools"] as Record<string, unknown>[];
    const other = { ...pool, tokens: [token(TOKENS[0], { decimals: 6 }), token(TOKENS[1])] };
    expect(fieldsOf(parse(worldProgramme({ pools: [pair, other] })))).toEqual(["pools.1.tokens.0.decimals"]);
    expect(fieldsOf(parse(worldProgramme({ pools: [pair, pair, pool] })))).toEqual(["pools.1.address"]);
  });

  it("with wrappers and factories that cannot be is refused, each problem by its field", () => {
    const [share, other] = [PAIR, `0x${"7".repeat(40)}`];
    const chef = { kind: "masterchef", address: `0x${"8".repeat(40)}`, pool: share };
    const inside = (at: string, of: string) => ({ kind: "curve-gauge", address: at, pool: share, inside: of });
    const wrappers = [
      chef,
      { kind: "staking-rewards", address: `0x${"1".repeat(40)}`, pool: other },
      { kind: "staking-rewards", address: `0x${"2".repeat(40)}`, pool: POOL },
      { kind: "uniswap-v3-staker", address: `0x${"3".repeat(40)}`, pool: share },
      { kind: "curve-gauge", address: `0x${"4".repeat(40)}`, pool: share, pid: 3 },
      inside(`0x${"5".repeat(40)}`, `0x${"6".repeat(40)}`),
      inside(`0x${"6".repeat(40)}`, `0x${"5".repeat(40)}`),
      inside(`0x${"a".repeat(40)}`, other),
    ];
    expect([...fieldsOf(parse(worldProgramme({ wrappers })))].sort()).toEqual([
      "wrappers.0.pid",
      "wrappers.1.pool",
      "wrappers.2.pool",
      "wrappers.3.pool",
      "wrappers.4.pid",
      "wrappers.5.inside",
      "wrappers.6.inside",
      "wrappers.7.inside",
    ]);
    expect(fieldsOf(parse(worldProgramme({ pools: [], prices: {} })))).toEqual(["pools"]);
    const factory = { protocol: "curve", address: other, startBlock: 1, tokens: [] };
    expect(fieldsOf(parse(worldProgramme({ factories: [factory] })))).toEqual(["factories.0.protocol"]);
    const factories = [
      { ...factory, protocol: "uniswap-v2", fees: [500], managers: [other], caveats: ["hook-holds-value"] },
      { ...factory, protocol: "uniswap-v3", tokens: [token(TOKENS[0], { decimals: 6 })] },
      { ...factory, protocol: "uniswap-v3", address: `0x${"8".repeat(40)}`, tokens: [token(TOKENS[0])], managers: [] },
    ];
    expect([...fieldsOf(parse(worldProgramme({ factories })))].sort()).toEqual([
      "factories.0.address",
      "factories.0.caveats",
      "factories.0.fees",
      "factories.0.managers",
      "factories.0.tokens",
      "factories.1.address",
      "factories.1.tokens.0.decimals",
    ]);
    const twice = [
      { ...chef, pid: 1 },
      { ...chef, pid: 2 },
    ];
    expect([...fieldsOf(parse(worldProgramme({ wrappers: twice })))]).toEqual([
      "wrappers.0.address",
      "wrappers.1.address",
    ]);
  });

  it("of shares names its value token among its tokens, and prices nothing by a pool without a price", () => {
    const tokens = [token(TOKENS[0]), token(TOKENS[1])];
    const pool = { protocol: "curve-ng", address: PAIR, tokens, startBlock: 1 };
    const made = (more: object, prices: object = {}) =>
      parse(worldProgramme({ pools: [{ ...pool, ...more }], prices }));
    expect(fieldsOf(made({ valueToken: MANAGER }))).toEqual(["pools.0.valueToken"]);
    expect(fieldsOf(made({ valuation: "guess" }))).toEqual(["pools.0.valuation"]);
    expect(fieldsOf(made({ managers: [] }))).toEqual(["pools.0.managers"]);
    expect(fieldsOf(made({}, { [TOKENS[0]]: { pool: PAIR } }))).toEqual([`prices.${TOKENS[0]}.pool`]);
    expect(fieldsOf(made({ protocol: "erc20", tokens: [token(TOKENS[0])] }))).toEqual(["pools.0.tokens.0.address"]);
    expect(made({ tokens: [...tokens].reverse(), valuation: "balances" })).not.toThrow(); // In the pool's own order.
  });

  it("that cannot be read or is no JSON says so", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "bad.json"), "{ pools: ");
    expect(fieldsOf(() => readProgramme(join(folder, "bad.json")))).toEqual(["(file)"]);
    expect(fieldsOf(() => readProgramme(join(folder, "none.json")))).toEqual(["(file)"]);
  });

  it("has a JSON schema for editors that is the one we check by", () => {
    const path = fileURLToPath(new URL("../config/programme.schema.json", import.meta.url));
    expect(readFileSync(path, "utf8")).toBe(schemaText());
  });

  it("comes with an example that is valid", () => {
    const path = fileURLToPath(new URL("../config/programme.example.json", import.meta.url));
    expect(readProgramme(path).pools.length).toBeGreaterThan(1);
  });
});

describe("settings", () => {
  it("come from the environment, an env file, or files that variables name", () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, ".env"), "RPC_URL=http://127.0.0.1:1/from-file\nDATABASE=from-file.sqlite\n");
    writeFileSync(join(cwd, "secret"), "http://127.0.0.1:1/from-secret\n");
    expect(readSettings({ env: {}, cwd }).endpoints[0]?.url).toBe("http://127.0.0.1:1/from-file");
    expect(readSettings({ env: { RPC_URL: "http://127.0.0.1:1/env" }, cwd }).endpoints[0]?.url).toBe(
      "http://127.0.0.1:1/env",
    );
    const settings = readSettings({ env: { RPC_URL_FILE: "secret", DATABASE: "x.sqlite" }, cwd });
    expect([settings.endpoints[0]?.url, settings.databasePath]).toEqual([
      "http://127.0.0.1:1/from-secret",
      join(cwd, "x.sqlite"),
    ]);
  });

  it("with mistakes are refused all at once, without showing a URL that may hold a key", () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, ".env"), "RPC_URLL=x\nPOLL_INTERVAL_MS=soon\n");
    const env = { RPC_URL: "ftp://user:s3cret@host/key", LOG_LEVEL: "loud", RANGE_BLOCKS_MAX: "0" };
    const problems = problemsOf(() => readSettings({ env, cwd }));
    expect(problems.map((problem) => problem.field).sort()).toEqual([
      "LOG_LEVEL",
      "POLL_INTERVAL_MS",
      "RANGE_BLOCKS_MAX",
      "RPC_URL",
      "RPC_URLL",
    ]);
    expect(JSON.stringify(problems)).not.toContain("s3cret");
  });

  it("are all shown in .env.example", () => {
    const example = readFileSync(fileURLToPath(new URL("../.env.example", import.meta.url)), "utf8");
    for (const { name } of SETTINGS) expect(example).toContain(`${name}=`);
  });
});
