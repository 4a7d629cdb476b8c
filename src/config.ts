import { readFileSync } from "node:fs";
import { checksumAddress } from "viem";
import { z } from "zod";
import { PROTOCOLS, protocolOf } from "./core/decode/protocols.ts";
import type { Protocol } from "./core/decode/reading.ts";
import { homeOf, WRAPPERS } from "./core/decode/wrappers.ts";
import { LpLedgerError } from "./core/errors.ts";
import { type Address, toAddress, toPoolId } from "./core/hex.ts";
import { parsePriceE18, pricingOrder } from "./core/price.ts";
import type {
  Caveat,
  Factory,
  Finality,
  Pool,
  PriceSource,
  Programme,
  ProtocolName,
  Valuation,
  Wrapper,
  WrapperKind,
} from "./core/programme.ts";

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

const poolId = z
  .string()
  .refine((text) => /^0x[0-9a-fA-F]{64}$/.test(text), "a pool's id: 32 bytes as 0x and 64 hex digits")
  .meta({ pattern: "^0x[0-9a-fA-F]{64}$" });

const CAVEATS: Readonly<Record<Caveat, string>> = {
  "fee-on-transfer":
    "a token takes a fee, so reserves may move by less than a log says (V2-2 and V2-4 are not checked)",
  "other-protocol-fee": "a fork whose protocol fee is not a sixth of the growth (V2-5 is not checked)",
  "no-locked-minimum":
    "the pair was born without the locked 1000 shares, as by a migrator (the first mint is not checked)",
  "share-value-may-fall":
    "a rate oracle, a rebasing token or a loss can lower the value of a share (C5 is not checked)",
  "rebasing-token":
    "a token's balances change by themselves, so the pool may hold less than its logs say (V3-7 and V3-8 are not checked)",
  "other-share-flow":
    "shares of a deposit or withdrawal are issued or redeemed at another time or address (S-1 is not checked)",
  "hook-holds-value": "the pool's hook may hold value outside positions: only positions are counted, knowingly",
};

/** A pool of one protocol as its authors write it; what it may say follows from the protocol's line in the table. */
function poolSchema(protocol: Protocol) {
  const [min, max] = protocol.tokens;
  const { caveats, valuations } = protocol;
  return z.strictObject({
    protocol: z.literal(protocol.name),
    address: protocol.singleton ? poolId : address,
    tokens: (min === max
      ? z.tuple(Array(min).fill(token) as [typeof token])
      : z.array(token).min(min).max(max)
    ).describe("in the pool's order"),
    startBlock: z.int().min(0).describe("a block not after the pool's creation"),
    ...(protocol.singleton ? { poolManager: address.describe("the contract that holds the pool") } : {}),
    ...(protocol.ownShareToken ? { shareToken: address.describe("the ERC-20 whose holders are the providers") } : {}),
    ...(protocol.managers === undefined
      ? {}
      : {
          managers: z
            .array(address)
            .describe("position managers whose NFTs hold positions in this pool; [] if there are none"),
        }),
    ...(valuations.length < 2
      ? {}
      : {
          valuation: z
            .enum(valuations as readonly string[] as [string, ...string[]])
            .optional()
            .describe(
              "share-value: a share is worth the pool's virtual price in valueToken (the default); balances: its part of every token that the pool holds by its logs",
            ),
        }),
    ...(max > 1 && valuations.includes("share-value")
      ? { valueToken: address.optional().describe("the token a share's value is counted in (default: the first)") }
      : {}),
    ...(caveats.length === 0
      ? {}
      : {
          caveats: z
            .array(z.enum(caveats as readonly string[] as [string, ...string[]]))
            .optional()
            .describe(caveats.map((each) => `${each}: ${CAVEATS[each]}`).join("; ")),
        }),
  });
}

/** What any pool's entry holds, whatever its protocol. */
interface PoolFile {
  readonly protocol: ProtocolName;
  readonly address: string;
  readonly tokens: readonly z.infer<typeof token>[];
  readonly startBlock: number;
  readonly poolManager?: string;
  readonly shareToken?: string;
  readonly managers?: readonly string[];
  readonly valuation?: Valuation["by"];
  readonly valueToken?: string;
  readonly caveats?: readonly Caveat[];
}

type PoolSchema = ReturnType<typeof poolSchema>;
const pool = z.discriminatedUnion("protocol", [...PROTOCOLS.values()].map(poolSchema) as [PoolSchema, ...PoolSchema[]]);

const factory = z.strictObject({
  protocol: z.enum(
    [...PROTOCOLS.values()].filter(({ factories }) => factories).map(({ name }) => name) as [string, ...string[]],
  ),
  address: address.describe("the factory; of Uniswap V4 the PoolManager"),
  startBlock: z.int().min(0).describe("a block not after the factory's creation: pools made before are not followed"),
  tokens: z.array(token).describe("tokens whose symbol and decimals are known; others can have no price"),
  match: z
    .enum(["both", "either", "any"])
    .optional()
    .describe("how many of a pool's tokens must be among those: both (the default), either, or any pool at all"),
  fees: z.array(z.int().min(0)).min(1).optional().describe("only pools of these fees, as their logs say them"),
  managers: z
    .array(address)
    .optional()
    .describe("position managers whose NFTs hold positions in these pools; pools with ticks must say, if only []"),
  caveats: z
    .array(z.enum(Object.keys(CAVEATS) as [Caveat, ...Caveat[]]))
    .optional()
    .describe("of all its pools"),
});

const wrapper = z.strictObject({
  kind: z.enum([...WRAPPERS.keys()] as [WrapperKind, ...WrapperKind[]]),
  address,
  pool: address.optional().describe("whose shares it holds; not of a staker of position NFTs"),
  pid: z.int().min(0).optional().describe("the number under which a MasterChef knows those shares"),
  inside: address.optional().describe("the wrapper it puts them into again, as a pool of gauge receipts does"),
  exclude: z.boolean().optional().describe("do not credit its users: what they hold through it counts for nobody"),
});

const priceSource = z.union([
  z.strictObject({
    fixed: z
      .string()
      .refine((text) => parsePriceE18(text) !== undefined, 'a decimal price like "1.05" with at most 18 places')
      .describe("quote units per whole token"),
  }),
  z.strictObject({
    pool: address.or(poolId).describe("a followed pool of this token: its time-weighted price of the day"),
  }),
  z.strictObject({
    rate: z
      .strictObject({ asset: token })
      .describe(
        "of an ERC-4626 share: what its contract converts it to at each day's last block; the asset needs a price",
      ),
  }),
  z.strictObject({ imported: z.literal(true).describe("what lp-ledger prices import brought in for the day") }),
]);

const price = z.union([priceSource, z.array(priceSource).min(1).max(8)]);

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
  pools: z.array(pool),
  factories: z
    .array(factory)
    .optional()
    .describe("contracts that make pools: those they make are followed from their first block on"),
  wrappers: z
    .array(wrapper)
    .optional()
    .describe("contracts that hold liquidity for others (gauges, chefs, stakers): their users are credited instead"),
  prices: z
    .record(address, price)
    .optional()
    .describe("by token address: one source, or several in order of preference"),
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
  const wrappers = (file.wrappers ?? []).map(wrapperOf);
  const pools = (file.pools as readonly PoolFile[]).map(poolOf).map((pool) => {
    const inside = wrappers.filter((each) => each.pool === pool.address);
    return { ...pool, wrapperHomes: inside.map(homeOf), discovered: null };
  });
  const prices = Object.entries(file.prices ?? {}).map(([of, sources]): [Address, readonly PriceSource[]] => [
    toAddress(of),
    [sources].flat().map(sourceOf),
  ]);
  return {
    chainId: file.chainId,
    quote: { symbol: file.quote.symbol, decimals: file.quote.decimals ?? 6 },
    finality: {
      fallbackDepth: file.finality?.fallbackDepth ?? known.fallbackDepth,
      minDepth: file.finality?.minDepth ?? known.minDepth,
    },
    pools: pools.sort((a, b) => (a.address < b.address ? -1 : 1)),
    factories: (file.factories ?? []).map(factoryOf),
    wrappers: wrappers.sort((a, b) => (`${a.address}${a.pid}` < `${b.address}${b.pid}` ? -1 : 1)),
    prices: new Map(prices.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function sourceOf(source: z.infer<typeof priceSource>): PriceSource {
  if ("fixed" in source) return { kind: "fixed", priceE18: parsePriceE18(source.fixed) ?? 0n };
  if ("pool" in source) return { kind: "pool", pool: toPoolId(source.pool) };
  if (!("rate" in source)) return { kind: "imported" };
  return { kind: "rate", asset: { ...source.rate.asset, address: toAddress(source.rate.asset.address) } };
}

function factoryOf(file: z.infer<typeof factory>): Factory {
  return {
    protocol: file.protocol,
    address: toAddress(file.address),
    startBlock: file.startBlock,
    tokens: file.tokens.map((one) => ({ ...one, address: toAddress(one.address) })),
    match: file.match ?? "both",
    fees: file.fees ?? [],
    managers: (file.managers ?? []).map(toAddress).sort(),
    caveats: file.caveats ?? [],
  };
}

function wrapperOf(file: z.infer<typeof wrapper>): Wrapper {
  return {
    kind: file.kind,
    address: toAddress(file.address),
    pool: file.pool === undefined ? null : toAddress(file.pool),
    pid: file.pid === undefined ? null : BigInt(file.pid),
    inside: file.inside === undefined ? null : toAddress(file.inside),
    excluded: file.exclude ?? false,
  };
}

function poolOf(file: PoolFile): Omit<Pool, "wrapperHomes" | "discovered"> {
  const protocol = protocolOf(file);
  const [first, ...others] = file.tokens.map((one) => ({ ...one, address: toAddress(one.address) }));
  if (first === undefined) throw new Error("unreachable: the schema asks for a token");
  const address = toPoolId(file.address);
  const shareToken = file.shareToken === undefined ? address : toAddress(file.shareToken);
  const contracts =
    file.poolManager === undefined ? [...new Set([address, shareToken])] : [toAddress(file.poolManager)];
  const by = file.valuation ?? protocol.valuations[0] ?? "balances";
  const index = file.tokens.findIndex((one) => one.address.toLowerCase() === file.valueToken?.toLowerCase());
  return {
    address,
    protocol: file.protocol,
    form: protocol.form,
    tokens: [first, ...others],
    startBlock: file.startBlock,
    contracts,
    shareToken: protocol.form === "ticks" ? null : shareToken,
    valuation: by === "balances" ? { by } : { by, token: Math.max(0, index) },
    salted: protocol.singleton === true,
    managers: (file.managers ?? []).map(toAddress).sort(),
    caveats: file.caveats ?? [],
  };
}

/** What a schema cannot say: how the parts of a programme must fit each other. */
function relationProblems(programme: Programme, file: ProgrammeFile): readonly Problem[] {
  const problems: Problem[] = [];
  const decimals = new Map<Address, number>();
  const seen = new Set<Address>();
  (file.pools as readonly PoolFile[]).forEach((each, i) => {
    const at = toPoolId(each.address);
    if (seen.has(at)) problems.push({ field: `pools.${i}.address`, expected: "each pool once", found: each.address });
    seen.add(at);
    problems.push(...entryProblems(each, i));
    const [token0, token1] = each.tokens.map((one) => toAddress(one.address));
    const ordered = protocolOf(each).form !== "shares";
    if (ordered && token0 !== undefined && token1 !== undefined && token0 >= token1) {
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
  problems.push(
    ...programme.factories.flatMap((each, i) =>
      factoryProblems(programme, each, i, decimals, namesManagers(file, each)),
    ),
  );
  if (programme.pools.length + programme.factories.length === 0)
    problems.push({ field: "pools", expected: "at least 1 pool, or a factory", found: "[]" });
  problems.push(...(file.wrappers ?? []).flatMap((each, i) => wrapperProblems(programme, wrapperOf(each), i)));
  for (const source of [...programme.prices.values()].flat())
    if (source.kind === "rate") decimals.set(source.asset.address, source.asset.decimals ?? 0);
  for (const [of, sources] of programme.prices) {
    if (!decimals.has(of)) problems.push({ field: `prices.${of}`, expected: "a token of a followed pool", found: of });
    for (const source of sources) {
      if (source.kind !== "pool") continue;
      const from = programme.pools.find((each) => each.address === source.pool);
      const holds = from?.tokens.some((one) => one.address === of) ?? false;
      const priced = from !== undefined && protocolOf(from).prices === true;
      if (holds && priced) continue;
      const known = [...PROTOCOLS.values()].filter(({ prices }) => prices).map(({ name }) => name);
      const expected = holds
        ? `a pool whose state is a price: ${known.join(", ")}`
        : "a followed pool that holds this token";
      problems.push({ field: `prices.${of}.pool`, expected, found: source.pool });
    }
  }
  return problems;
}

function namesManagers({ factories = [] }: ProgrammeFile, { address: at }: Factory): boolean {
  return factories.some((each) => toAddress(each.address) === at && each.managers !== undefined);
}

/** How a factory's entry must fit its protocol and the pools; its tokens' decimals are known from then on. */
function factoryProblems(
  programme: Programme,
  factory: Factory,
  i: number,
  decimals: Map<Address, number>,
  named: boolean,
): readonly Problem[] {
  const { address: at, tokens, match, fees, managers, caveats } = factory;
  const { managers: manages, form, caveats: known } = protocolOf(factory);
  const problems: Problem[] = [];
  const problem = (field: string, expected: string, found: unknown): void => {
    problems.push({ field: `factories.${i}.${field}`, expected, found: show(found) });
  };
  if (programme.factories.filter((each) => each.address === at).length > 1) problem("address", "each factory once", at);
  if (tokens.length === 0 && match !== "any") problem("tokens", "at least 1 token, or match any", []);
  if (form !== "ticks" && fees.length > 0) problem("fees", "no such key: its logs name no fee", fees);
  if (manages !== undefined && !named) problem("managers", "the position managers, or [] if there are none", undefined);
  if (manages === undefined && managers.length > 0)
    problem("managers", "no such key: there are no position NFTs", managers);
  for (const each of caveats) if (!known.includes(each)) problem("caveats", known.join(" or ") || "none", each);
  tokens.forEach(({ address: token, decimals: of }, j) => {
    const before = decimals.get(token);
    if (before !== undefined && before !== of)
      problem(`tokens.${j}.decimals`, `${before}, as elsewhere in this file`, of);
    if (before === undefined) decimals.set(token, of ?? 0);
  });
  return problems;
}

function wrapperProblems(programme: Programme, wrapper: Wrapper, i: number): readonly Problem[] {
  const { kind, address, pool, pid, inside } = wrapper;
  const protocol = WRAPPERS.get(kind);
  const problems: Problem[] = [];
  const problem = (field: string, expected: string, found: unknown): void => {
    problems.push({ field: `wrappers.${i}.${field}`, expected, found: found === null ? "nothing" : `${found}` });
  };
  if (protocol?.tokens === true) {
    if (pool !== null) problem("pool", "no such key: it holds positions of any pool", pool);
    if (inside !== null) problem("inside", "no such key: position NFTs are staked once", inside);
  } else {
    const followed = programme.pools.find((each) => each.address === pool);
    if (followed === undefined || followed.shareToken === null) problem("pool", "a followed pool with shares", pool);
  }
  if ((protocol?.pid === true) !== (pid !== null))
    problem("pid", protocol?.pid === true ? "the number its logs name the shares by" : "no such key", pid);
  const same = programme.wrappers.filter((each) => each.address === address);
  // A claim is known by its user and wrapper alone: two numbers of one chef for the same shares could not be told apart.
  if (new Set(same.map((each) => each.pool)).size < same.length || new Set(same.map((each) => each.kind)).size > 1)
    problem("address", "each wrapper once for a pool, and of one kind", address);
  if (programme.pools.some(({ contracts }) => contracts.includes(address)))
    problem("address", "another contract than a followed pool", address);
  if (inside === null) return problems;
  const seen = new Set<Address>([address]);
  for (let at: Address | null = inside; at !== null; ) {
    const next: Wrapper | undefined = programme.wrappers.find((each) => each.address === at && each.pool === pool);
    if (next === undefined) problem("inside", "another wrapper of the same pool", at);
    else if (seen.has(at)) problem("inside", "wrappers that do not lie inside each other in a circle", at);
    if (next === undefined || seen.has(at)) break;
    seen.add(at);
    at = next.inside;
  }
  return problems;
}

/** How the parts of one pool's entry must fit each other. */
function entryProblems(each: PoolFile, i: number): readonly Problem[] {
  const problems: Problem[] = [];
  const tokens = each.tokens.map((one) => one.address.toLowerCase());
  if (each.valueToken !== undefined && !tokens.includes(each.valueToken.toLowerCase()))
    problems.push({ field: `pools.${i}.valueToken`, expected: "one of the pool's tokens", found: each.valueToken });
  if (each.protocol === "erc20" && tokens[0] !== each.address.toLowerCase())
    problems.push({
      field: `pools.${i}.tokens.0.address`,
      expected: `${each.address}, the token itself`,
      found: `${tokens[0]}`,
    });
  if (new Set(tokens).size < tokens.length)
    problems.push({ field: `pools.${i}.tokens`, expected: "each token once", found: tokens.join(", ") });
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
        return [{ field: `${field}`, expected: `a known protocol: ${[...PROTOCOLS.keys()].join(", ")}`, found }];
      const value = valueAt(json, issue.path);
      if (issue.path[0] === "prices" && (typeof value !== "object" || value === null))
        return [
          {
            field,
            expected:
              'a source like {"fixed": "1.05"}, {"pool": ...}, {"rate": ...} or {"imported": true}, or a list of them',
            found,
          },
        ];
      const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
      return best.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, json));
    }
    case "invalid_type":
      return [{ field, expected: `${issue.expected}`, found }];
    case "invalid_key":
      return [{ field, expected: "an address as its key", found: show(issue.path.at(-1)) }];
    case "too_small":
      return [{ field, expected: `at least ${issue.minimum}${entries(issue)}`, found: counted(issue, json) }];
    case "too_big":
      return [{ field, expected: `at most ${issue.maximum}${entries(issue)}`, found: counted(issue, json) }];
    case "invalid_value":
      return [{ field, expected: issue.values.map((value) => JSON.stringify(value)).join(" or "), found }];
    default:
      return [{ field, expected: issue.message, found }];
  }
}

function entries({ origin }: { readonly origin: string }): string {
  return origin === "array" ? " entries" : "";
}

/** The number of entries where that is what is wrong, else the value. */
function counted(
  { origin, path }: { readonly origin: string; readonly path: readonly PropertyKey[] },
  json: unknown,
): string {
  const value = valueAt(json, path);
  return origin === "array" && Array.isArray(value) ? `${value.length}` : show(value);
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], json);
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value)).slice(0, 120);
}
