import { PROTOCOLS, protocolOf } from "../core/decode/protocols.ts";
import { WRAPPERS } from "../core/decode/wrappers.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { Factory, Feed, Programme, Wrapper } from "../core/programme/programme.ts";
import { canBePriced } from "../core/valuation/value.ts";
import { stakedManagersOf, wrapperOf } from "./build.ts";
import { type Problem, show } from "./problems.ts";
import { ruleProblems } from "./rules.ts";
import type { PoolFile, ProgrammeFile } from "./schema.ts";

/** What a schema cannot say: how the parts of a programme must fit each other. */
export function relationProblems(programme: Programme, file: ProgrammeFile): readonly Problem[] {
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
  const managers = stakedManagersOf(file);
  problems.push(
    ...(file.wrappers ?? []).flatMap((each, i) => wrapperProblems(programme, wrapperOf(each, managers), managers, i)),
  );
  for (const source of [...programme.prices.values()].flat()) {
    const asset = source.kind === "rate" ? source.asset : source.kind === "chainlink" ? source.feed.asset : null;
    if (asset !== null) decimals.set(asset.address, asset.decimals ?? 0);
  }
  problems.push(...ruleProblems(file, programme.quote.decimals), ...unpricedProblems(programme));
  problems.push(...priceProblems(programme, decimals));
  return problems;
}

/** Sources of prices must have what they need. `decimals`: of every token that is known. */
function priceProblems(programme: Programme, decimals: ReadonlyMap<Address, number>): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [of, sources] of programme.prices) {
    if (!decimals.has(of)) problems.push({ field: `prices.${of}`, expected: "a token of a followed pool", found: of });
    // A day takes what there is when it is closed: what comes later would count or not by chance.
    const late = sources.findIndex(({ kind }) => !["fixed", "pool", "chainlink"].includes(kind));
    const after = sources.findLast(
      ({ kind }, i) => late >= 0 && i > late && ["fixed", "pool", "chainlink"].includes(kind),
    );
    if (after !== undefined)
      problems.push({
        field: `prices.${of}`,
        expected: `${after.kind} before ${sources[late]?.kind}, which is told only after a day is closed`,
        found: sources.map(({ kind }) => kind).join(", "),
      });
    for (const source of sources) {
      if (source.kind === "chainlink") problems.push(...feedProblems(programme, source.feed, `prices.${of}.chainlink`));
      if (source.kind === "defillama" && programme.quote.symbol.toUpperCase() !== "USD")
        problems.push({
          field: `prices.${of}.defillama`,
          expected: "a programme that counts in USD, as DefiLlama does",
          found: programme.quote.symbol,
        });
      if (source.kind !== "pool") continue;
      const from = programme.pools.find((each) => each.address === source.pool);
      const holds = from?.tokens.some((one) => one.address === of) ?? false;
      const priced = from !== undefined && protocolOf(from).prices === true;
      if (holds && priced) continue;
      const known = [...PROTOCOLS.values()].filter(({ prices }) => prices).map(({ name }) => name);
      const expected = holds
        ? `a pool whose state is a price: ${known.join(", ")}`
        : `a pool among "pools" that holds this token${madeByFactory(programme)}`;
      problems.push({ field: `prices.${of}.pool`, expected, found: source.pool });
    }
  }
  return problems;
}

/** What a factory makes has no entry to point at, unless it is given one. */
function madeByFactory({ factories }: Programme): string {
  return factories.length === 0
    ? ""
    : "; one that a factory makes may be named there as well, before a ledger follows it";
}

/** Rewards wait for prices, so each token that decides a value must have a source of one. */
function unpricedProblems(programme: Programme): readonly Problem[] {
  if (programme.rules?.rewards == null) return [];
  return programme.pools
    .filter((pool) => !canBePriced(programme, pool))
    .map(({ address, tokens }) => ({
      field: "prices",
      expected: `a source of a price for every token of pool ${address}: rewards wait for it`,
      found: `none for ${tokens
        .filter(({ address: of }) => !programme.prices.has(of))
        .map(({ symbol }) => symbol)
        .join(", ")}`,
    }));
}

/** Phases follow each other, and only the last one is in force. */
function feedProblems({ pools }: Programme, { aggregators }: Feed, field: string): readonly Problem[] {
  return aggregators.flatMap(({ address, fromBlock, toBlock }, i) => {
    const before = aggregators[i - 1];
    const problem = (of: string, expected: string, found: unknown): Problem => ({
      field: `${field}.aggregators.${i}.${of}`,
      expected,
      found: show(found),
    });
    return [
      ...(before !== undefined && fromBlock <= (before.toBlock ?? Number.POSITIVE_INFINITY)
        ? [problem("fromBlock", "a block after the toBlock of the phase before", fromBlock)]
        : []),
      ...(toBlock !== null && toBlock < fromBlock ? [problem("toBlock", `at least ${fromBlock}`, toBlock)] : []),
      ...(pools.some(({ contracts }) => contracts.includes(address))
        ? [problem("address", "an aggregator, not a followed pool", address)]
        : []),
    ];
  });
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
  const ofProtocol = known.join(" or ") || "none";
  for (const each of caveats) if (!known.includes(each)) problem("caveats", ofProtocol, each);
  for (const [pool, own] of factory.poolCaveats) {
    for (const each of own) if (!known.includes(each)) problem(`poolCaveats.${pool}`, ofProtocol, each);
    // Whether a pool with such a hook is followed is decided when it is made, for all of them.
    if (own.includes("hook-holds-value")) problem(`poolCaveats.${pool}`, "that one among caveats", "hook-holds-value");
    if (factory.except.includes(pool)) problem(`poolCaveats.${pool}`, "no pool of except", pool);
  }
  tokens.forEach(({ address: token, decimals: of }, j) => {
    const before = decimals.get(token);
    if (before !== undefined && before !== of)
      problem(`tokens.${j}.decimals`, `${before}, as elsewhere in this file`, of);
    if (before === undefined) decimals.set(token, of ?? 0);
  });
  return problems;
}

function wrapperProblems(
  programme: Programme,
  wrapper: Wrapper,
  managers: readonly Address[],
  i: number,
): readonly Problem[] {
  const { kind, address, pool, manager, pid, inside } = wrapper;
  const protocol = WRAPPERS.get(kind);
  const problems: Problem[] = [];
  const problem = (field: string, expected: string, found: unknown): void => {
    problems.push({ field: `wrappers.${i}.${field}`, expected, found: found === null ? "nothing" : `${found}` });
  };
  if (protocol?.tokens === true) {
    if (pool !== null) problem("pool", "no such key: it holds positions of any pool", pool);
    if (inside !== null) problem("inside", "no such key: position NFTs are staked once", inside);
    const named = managers.join(" or ") || "a position manager that a pool or factory of the file names";
    if (manager === null || !managers.includes(manager))
      problem("manager", `the one whose NFTs it holds: ${named}`, manager);
  } else {
    if (manager !== null) problem("manager", "no such key: it holds shares", manager);
    const followed = programme.pools.find((each) => each.address === pool);
    if (followed === undefined || followed.shareToken === null)
      problem("pool", `a pool among "pools" with shares${madeByFactory(programme)}`, pool);
  }
  if ((protocol?.pid === true) !== (pid !== null))
    problem("pid", protocol?.pid === true ? "the number its logs name the shares by" : "no such key", pid);
  const same = programme.wrappers.filter((each) => each.address === address);
  // A claim is known by its user and wrapper alone: two numbers of one chef for the same shares could not be told
  // apart.
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
