import { parsePriceE18 } from "../core/decimal.ts";
import { protocolOf } from "../core/decode/protocols.ts";
import { homeOf, WRAPPERS } from "../core/decode/wrappers.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { Factory, Finality, Pool, PriceSource, Programme, Token, Wrapper } from "../core/programme/programme.ts";
import { isSingleton, PRICED_SEC_MIN, RATE_RISE_BP, RATE_SAMPLES } from "../core/programme/programme.ts";
import { rulesOf } from "./rules.ts";
import type { FactoryFile, PoolFile, PriceSourceFile, ProgrammeFile, TokenFile, WrapperFile } from "./schema.ts";

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

/** The programme that a file of the right shape says. */
export function programmeOf(file: ProgrammeFile): Programme {
  const known = FINALITY.get(file.chainId) ?? FINALITY_UNKNOWN;
  const managers = stakedManagersOf(file);
  const wrappers = (file.wrappers ?? []).map((each) => wrapperOf(each, managers));
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
    confirmed: new Set((file.confirmed ?? []).map((each) => each.replace(/^0x\w+/, (hex) => hex.toLowerCase()))),
    rules: rulesOf(file, file.chainId, file.quote.decimals ?? 6),
  };
}

function sourceOf(source: PriceSourceFile): PriceSource {
  if ("fixed" in source) return { kind: "fixed", priceE18: parsePriceE18(source.fixed) ?? 0n };
  if ("pool" in source) {
    const { pool, average = "median", minSeconds = PRICED_SEC_MIN } = source;
    return { kind: "pool", pool: toPoolId(pool), average, minSeconds };
  }
  if ("imported" in source) return { kind: "imported" };
  if ("rate" in source) {
    const { asset, samples = RATE_SAMPLES, rateRisePerDayBp: risePerDayBp = RATE_RISE_BP } = source.rate;
    return { kind: "rate", asset: tokenOf(asset), samples, risePerDayBp };
  }
  if ("coingecko" in source) {
    const { id, maxDistanceSeconds: distanceSecMax = DISTANCE_SEC_MAX } = source.coingecko;
    return { kind: "coingecko", id, distanceSecMax };
  }
  if ("defillama" in source) {
    const { coin, maxDistanceSeconds: distanceSecMax = DISTANCE_SEC_MAX, minConfidence = "0.9" } = source.defillama;
    return { kind: "defillama", coin, distanceSecMax, confidenceMinE18: parsePriceE18(minConfidence) ?? 0n };
  }
  const { proxy, aggregators, decimals, staleAfterSeconds: staleAfterSec, asset } = source.chainlink;
  return {
    kind: "chainlink",
    feed: {
      proxy: proxy === undefined ? null : toAddress(proxy),
      aggregators: aggregators.map((each) => ({
        ...each,
        address: toAddress(each.address),
        toBlock: each.toBlock ?? null,
      })),
      decimals,
      staleAfterSec,
      asset: asset === undefined ? null : tokenOf(asset),
    },
  };
}

const DISTANCE_SEC_MAX = 3_600;

function tokenOf(file: TokenFile): Token {
  return { ...file, address: toAddress(file.address) };
}

function factoryOf(file: FactoryFile): Factory {
  return {
    protocol: file.protocol,
    address: toAddress(file.address),
    startBlock: file.startBlock,
    tokens: file.tokens.map(tokenOf),
    match: file.match ?? "both",
    fees: file.fees ?? [],
    managers: (file.managers ?? []).map(toAddress).sort(),
    caveats: file.caveats ?? [],
    except: (file.except ?? []).map(toPoolId).sort(),
    poolCaveats: new Map(Object.entries(file.poolCaveats ?? {}).map(([pool, caveats]) => [toPoolId(pool), caveats])),
  };
}

/** The position managers whose NFTs a staker can hold: those of pools with ticks that are contracts of their own. */
export function stakedManagersOf({
  pools,
  factories = [],
}: Pick<ProgrammeFile, "pools" | "factories">): readonly Address[] {
  const all = [...(pools as readonly PoolFile[]), ...factories].filter((each) => !isSingleton(each.protocol));
  return [...new Set(all.flatMap(({ managers = [] }) => managers).map(toAddress))];
}

export function wrapperOf(file: WrapperFile, managers: readonly Address[]): Wrapper {
  const [only, ...others] = WRAPPERS.get(file.kind)?.tokens === true ? managers : [];
  const manager = file.manager === undefined ? undefined : toAddress(file.manager);
  return {
    manager: manager ?? (others.length === 0 ? (only ?? null) : null),
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
  const [first, ...others] = file.tokens.map(tokenOf);
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
    salted: isSingleton(protocol.name),
    managers: (file.managers ?? []).map(toAddress).sort(),
    caveats: file.caveats ?? [],
  };
}
