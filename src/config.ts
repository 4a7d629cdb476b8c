import { readFileSync } from "node:fs";
import { checksumAddress } from "viem";
import { z } from "zod";
import { LpLedgerError } from "./core/errors.ts";
import { type Address, toAddress } from "./core/hex.ts";
import { parsePriceE18, pricingOrder } from "./core/price.ts";
import type { Finality, Pool, PriceSource, Programme } from "./core/programme.ts";

/** One thing wrong with the configuration. */
export interface Problem {
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** Every problem of a source at once, as one usage error. */
export function configError(source: string, problems: readonly Problem[]): LpLedgerError {
  const lines = problems.map(({ field, expected, found }) => `  ${field}: expected ${expected}, found ${found}`);
  return new LpLedgerError("usage", "CONFIG", `${source} has ${problems.length} problem(s):\n${lines.join("\n")}`, {
    facts: { problems },
    hint: "mend them all and run lp-ledger check",
  });
}

const address = z
  .string()
  .refine((text) => /^0x[0-9a-fA-F]{40}$/.test(text), "20 bytes as 0x and 40 hex digits")
  .refine(
    (text) => [text.toLowerCase(), checksumAddress(text.toLowerCase() as Address)].includes(text),
    "an address in lower case or with its EIP-55 checksum",
  )
  .meta({ pattern: "^0x[0-9a-fA-F]{40}$" });

const token = z.strictObject({
  address,
  symbol: z.string().min(1).max(32),
  decimals: z.int().min(0).max(36),
});

const poolBase = {
  address,
  tokens: z.tuple([token, token]).describe("token0 and token1, in the pool's order"),
  startBlock: z.int().min(0).describe("a block not after the pool's creation"),
};

const pool = z.discriminatedUnion("protocol", [
  z.strictObject({
    protocol: z.literal("uniswap-v2"),
    ...poolBase,
    caveats: z
      .array(z.enum(["fee-on-transfer", "no-locked-minimum", "other-protocol-fee"]))
      .optional()
      .describe(
        "fee-on-transfer: a token takes a fee, so reserves may move by less than a log says (V2-2 and V2-4 are not checked); other-protocol-fee: a fork whose protocol fee is not a sixth of the growth (V2-5 is not checked); no-locked-minimum: the pair was born without the locked 1000 shares, as by a migrator (the first mint is not checked)",
      ),
  }),
  z.strictObject({
    protocol: z.literal("uniswap-v3"),
    ...poolBase,
    managers: z
      .array(address)
      .describe("position managers whose NFTs hold positions in this pool; [] if there are none"),
  }),
]);

const price = z.union([
  z.strictObject({
    fixed: z
      .string()
      .refine((text) => parsePriceE18(text) !== undefined, 'a decimal price like "1.05" with at most 18 places')
      .describe("quote units per whole token"),
  }),
  z.strictObject({ pool: address.describe("a followed pool of this token: its time-weighted price of the day") }),
]);

/** The programme file, as its authors write it; `config/programme.schema.json` is made from this. */
export const programmeSchema = z.strictObject({
  $schema: z.string().optional(),
  chainId: z.int().min(1),
  quote: z
    .strictObject({ symbol: z.string().min(1).max(32), decimals: z.int().min(0).max(8).optional() })
    .describe("the currency values are shown in; decimals scale them to integers (default 6)"),
  finality: z
    .strictObject({ fallbackDepth: z.int().min(0).optional(), minDepth: z.int().min(0).optional() })
    .optional()
    .describe("blocks below the head: fallbackDepth where the node has no finalized block, minDepth in any case"),
  pools: z.array(pool).min(1),
  prices: z.record(address, price).optional().describe("by token address"),
});

type ProgrammeFile = z.infer<typeof programmeSchema>;

/** Depths by chain id: measured or documented finality; unknown chains wait longer and trust the tag less. */
const FINALITY: ReadonlyMap<number, Finality> = new Map([
  [1, { fallbackDepth: 96, minDepth: 0 }],
  [10, { fallbackDepth: 900, minDepth: 0 }],
  [56, { fallbackDepth: 256, minDepth: 0 }],
  [100, { fallbackDepth: 64, minDepth: 0 }],
  [137, { fallbackDepth: 256, minDepth: 256 }],
  [8453, { fallbackDepth: 900, minDepth: 0 }],
  [42161, { fallbackDepth: 6000, minDepth: 0 }],
  [43114, { fallbackDepth: 1, minDepth: 0 }],
]);
const FINALITY_UNKNOWN: Finality = { fallbackDepth: 256, minDepth: 64 };

/** Reads and checks the programme file. @throws CONFIG with every problem at once. */
export function readProgramme(path: string): Programme {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw configError(`the programme file ${path}`, [
      { field: "(file)", expected: "a readable JSON file", found: (error as Error).message },
    ]);
  }
  return parseProgramme(json, `the programme file ${path}`);
}

export function parseProgramme(json: unknown, source: string): Programme {
  const parsed = programmeSchema.safeParse(json, { reportInput: true });
  if (!parsed.success)
    throw configError(
      source,
      parsed.error.issues.flatMap((issue) => problemsOf(issue, json)),
    );
  const programme = programmeOf(parsed.data);
  const problems = relationProblems(programme, parsed.data);
  if (problems.length > 0) throw configError(source, problems);
  pricingOrder(programme);
  return programme;
}

function programmeOf(file: ProgrammeFile): Programme {
  const known = FINALITY.get(file.chainId) ?? FINALITY_UNKNOWN;
  const pools = file.pools.map((each): Pool => {
    const [token0, token1] = each.tokens.map((one) => ({ ...one, address: toAddress(one.address) }));
    if (token0 === undefined || token1 === undefined) throw new Error("unreachable: the schema asks for two tokens");
    return {
      address: toAddress(each.address),
      protocol: each.protocol,
      tokens: [token0, token1],
      startBlock: each.startBlock,
      managers: each.protocol === "uniswap-v3" ? each.managers.map(toAddress).sort() : [],
      caveats: each.protocol === "uniswap-v2" ? (each.caveats ?? []) : [],
    };
  });
  const prices = Object.entries(file.prices ?? {}).map(([of, source]): [Address, PriceSource] => [
    toAddress(of),
    "fixed" in source
      ? { kind: "fixed", priceE18: parsePriceE18(source.fixed) ?? 0n }
      : { kind: "pool", pool: toAddress(source.pool) },
  ]);
  return {
    chainId: file.chainId,
    quote: { symbol: file.quote.symbol, decimals: file.quote.decimals ?? 6 },
    finality: {
      fallbackDepth: file.finality?.fallbackDepth ?? known.fallbackDepth,
      minDepth: file.finality?.minDepth ?? known.minDepth,
    },
    pools: pools.sort((a, b) => (a.address < b.address ? -1 : 1)),
    prices: new Map(prices.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** What a schema cannot say: how the parts of a programme must fit each other. */
function relationProblems(programme: Programme, file: ProgrammeFile): readonly Problem[] {
  const problems: Problem[] = [];
  const decimals = new Map<Address, number>();
  const seen = new Set<Address>();
  file.pools.forEach((each, i) => {
    const at = toAddress(each.address);
    if (seen.has(at)) problems.push({ field: `pools.${i}.address`, expected: "each pool once", found: each.address });
    seen.add(at);
    const [token0, token1] = each.tokens.map((one) => toAddress(one.address));
    if (token0 !== undefined && token1 !== undefined && token0 >= token1) {
      problems.push({
        field: `pools.${i}.tokens`,
        expected: "token0 before token1, the lower address first",
        found: `${token0}, ${token1}`,
      });
    }
    each.tokens.forEach((one, j) => {
      const before = decimals.get(toAddress(one.address));
      if (before !== undefined && before !== one.decimals) {
        problems.push({
          field: `pools.${i}.tokens.${j}.decimals`,
          expected: `${before}, as in another pool of this token`,
          found: `${one.decimals}`,
        });
      }
      decimals.set(toAddress(one.address), one.decimals);
    });
  });
  for (const [of, source] of programme.prices) {
    if (!decimals.has(of)) problems.push({ field: `prices.${of}`, expected: "a token of a followed pool", found: of });
    if (source.kind !== "pool") continue;
    const from = programme.pools.find((each) => each.address === source.pool);
    const holds = from?.tokens.some((one) => one.address === of) ?? false;
    if (!holds)
      problems.push({
        field: `prices.${of}.pool`,
        expected: "a followed pool that holds this token",
        found: source.pool,
      });
  }
  return problems;
}

/** A zod issue in our words: field, expectation, value. Unions are reported by their best-fitting branch. */
function problemsOf(issue: z.core.$ZodIssue, json: unknown): readonly Problem[] {
  const field = issue.path.map(String).join(".") || "(file)";
  const found = show(valueAt(json, issue.path));
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        field: [...issue.path.map(String), key].join("."),
        expected: "no such key",
        found: show(valueAt(json, [...issue.path, key])),
      }));
    case "invalid_union": {
      if (issue.errors.length === 0)
        return [{ field: `${field}`, expected: "a known protocol: uniswap-v2 or uniswap-v3", found }];
      const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
      return best.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, json));
    }
    case "invalid_type":
      return [{ field, expected: `${issue.expected}`, found }];
    case "too_small":
      return [{ field, expected: `at least ${issue.minimum}`, found }];
    case "too_big":
      return [{ field, expected: `at most ${issue.maximum}`, found }];
    case "invalid_value":
      return [{ field, expected: issue.values.map((value) => JSON.stringify(value)).join(" or "), found }];
    default:
      return [{ field, expected: issue.message, found }];
  }
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], json);
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value)).slice(0, 120);
}
