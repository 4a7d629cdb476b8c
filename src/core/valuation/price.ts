import { divFloor } from "../amm/amounts.ts";
import { sqrtRatioAtTick } from "../amm/ticks.ts";
import { E18, formatPriceE18 } from "../decimal.ts";
import { LpLedgerError } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Feed, Pool, PriceSource, Programme } from "../programme/programme.ts";
import type { DayRate } from "./share-rate.ts";

const Q192 = 1n << 192n;
const Q112 = 1n << 112n;

/**
 * A pool's own averages of a day, over the seconds in which it had a price: those with active liquidity, or reserves.
 */
export type PoolMeans =
  | {
      readonly kind: "ticks";
      readonly seconds: number;
      readonly meanTick: number;
      /**
       * The lowest tick at or below which the price stood for at least half of them; null of a day that an older
       * version closed.
       */
      readonly medianTick: number | null;
    }
  | {
      readonly kind: "reserves";
      readonly seconds: number;
      /** Sums of (UQ112.112 price x seconds): token0 in token1, token1 in token0. */
      readonly price0Seconds: bigint;
      readonly price1Seconds: bigint;
      readonly reserve0Seconds: bigint;
      readonly reserve1Seconds: bigint;
      readonly supplySeconds: bigint;
      /**
       * The reserves at the median price, token0 in token1; null without a price, and of a day that an older version
       * closed.
       */
      readonly median: Reserves | null;
    }
  | {
      readonly kind: "shares";
      /** With a known value. */
      readonly seconds: number;
      readonly supplySeconds: bigint;
      readonly amountsSeconds: readonly bigint[];
      /** Sum of (value of a share, scaled by 1e36, x seconds). */
      readonly valueSecondsE36: bigint;
    };

export interface Reserves {
  readonly reserve0: bigint;
  readonly reserve1: bigint;
}

/** The mean tick of a span, rounded towards minus infinity as Uniswap's OracleLibrary does. */
export function meanTickOf(tickSeconds: bigint, seconds: number): number {
  return Number(divFloor(tickSeconds, BigInt(seconds)));
}

/**
 * How a pool's states of a day become one price: by default the median, which takes half of its priced seconds to move.
 */
export type Averaging = Pick<PriceSource & { readonly kind: "pool" }, "average" | "minSeconds">;

/**
 * Whole units of the other token per whole unit of `side`'s token, scaled by 1e18 and floored; null without a price for
 * `minSeconds` at least. The two directions of a median follow from one state.
 */
export function poolPriceE18(
  pool: Pool,
  side: 0 | 1,
  means: PoolMeans,
  { average, minSeconds }: Averaging,
): bigint | null {
  if (means.seconds === 0 || means.seconds < minSeconds || means.kind === "shares") return null;
  const [base, quote] = [pool.tokens[side], pool.tokens[1 - side]];
  if (base?.decimals == null || quote?.decimals == null) return null;
  const scale = 10n ** BigInt(base.decimals) * E18;
  const unit = 10n ** BigInt(quote.decimals);
  const isMedian = average === "median";
  if (means.kind === "ticks") {
    const tick = (isMedian ? means.medianTick : null) ?? means.meanTick;
    const squared = sqrtRatioAtTick(tick) ** 2n;
    return side === 0 ? (squared * scale) / (Q192 * unit) : (Q192 * scale) / (squared * unit);
  }
  if (isMedian && means.median !== null) {
    const { reserve0, reserve1 } = means.median;
    return side === 0 ? (reserve1 * scale) / (reserve0 * unit) : (reserve0 * scale) / (reserve1 * unit);
  }
  const sum = side === 0 ? means.price0Seconds : means.price1Seconds;
  return (sum * scale) / (Q112 * BigInt(means.seconds) * unit);
}

/** Prices of one day by token, in quote units per whole token scaled by 1e18, with where each came from. */
export type DayPrices = ReadonlyMap<Address, DayPrice>;

export interface DayPrice {
  readonly priceE18: bigint;
  readonly source: string;
}

/** Ways in which a price comes from outside the chain; one that was revised goes before every source. */
export type ImportedPrices = "imported" | "coingecko" | "defillama" | "revised";

/** What a day can be priced with beside its pools' means. */
export interface KnownPrices {
  broughtIn(token: Address, kind: ImportedPrices): DayPrice | undefined;
  /** Base units of its asset that a whole share was worth; undefined while nobody has said. */
  rateOf(token: Address): DayRate | undefined;
  /** A feed's mean of the day, in what its answers are counted in. */
  feedOf(feed: Feed): DayPrice | undefined;
  /** Prices that the day has already: they stay as they are. */
  readonly kept?: DayPrices;
}

/** Resolves every configured price of a day by its sources in order; a token none of them prices stays unpriced. */
export function pricesOfDay(
  programme: Programme,
  meansOf: (pool: Pool) => PoolMeans | undefined,
  { broughtIn, rateOf, feedOf, kept }: KnownPrices,
): DayPrices {
  const prices = new Map<Address, DayPrice>(kept ?? []);
  const priceBy = (token: Address, source: PriceSource): DayPrice | undefined => {
    if (source.kind === "fixed") return { priceE18: source.priceE18, source: "fixed" };
    if (source.kind === "imported" || source.kind === "coingecko" || source.kind === "defillama")
      return broughtIn(token, source.kind);
    if (source.kind === "chainlink") {
      const [mean, asset] = [feedOf(source.feed), source.feed.asset];
      if (mean === undefined || asset === null) return mean;
      return inAsset(mean.priceE18, prices.get(asset.address), `${mean.source} in ${asset.address}`);
    }
    if (source.kind === "rate") {
      const [rate, asset] = [rateOf(token), prices.get(source.asset.address)];
      if (rate === undefined || source.asset.decimals === null) return undefined;
      const unit = 10n ** BigInt(source.asset.decimals);
      // What it may not rise to yet is named where the price is.
      const held = rate.rate < rate.median ? `, held below ${formatPriceE18((rate.median * E18) / unit)}` : "";
      return inAsset((rate.rate * E18) / unit, asset, `rate in ${source.asset.address}${held}`);
    }
    const pool = programme.pools.find((each) => each.address === source.pool);
    const means = pool && meansOf(pool);
    if (pool === undefined || means === undefined) return undefined;
    const side = pool.tokens[0].address === token ? 0 : 1;
    const other = prices.get(pool.tokens[1 - side]?.address ?? token);
    const inOther = poolPriceE18(pool, side, means, source);
    return inOther === null ? undefined : inAsset(inOther, other, `pool ${pool.address}`);
  };
  for (const { token, sources } of pricingOrder(programme)) {
    if (prices.has(token)) continue;
    const revised = broughtIn(token, "revised");
    if (revised !== undefined) prices.set(token, revised);
    if (revised !== undefined) continue;
    for (const source of sources) {
      const price = priceBy(token, source);
      if (price === undefined) continue;
      prices.set(token, price);
      break;
    }
  }
  return prices;
}

/** What is worth so much of an asset, where that has a price; never a price of zero. */
function inAsset(amountE18: bigint, asset: DayPrice | undefined, source: string): DayPrice | undefined {
  const priceE18 = asset === undefined ? 0n : (amountE18 * asset.priceE18) / E18;
  return priceE18 > 0n ? { priceE18, source } : undefined;
}

/** The tokens another token's source rests on, by the programme. */
function assetsOf({ pools }: Programme, token: Address, source: PriceSource): readonly Address[] {
  if (source.kind === "rate") return [source.asset.address];
  if (source.kind === "chainlink") return source.feed.asset === null ? [] : [source.feed.asset.address];
  if (source.kind !== "pool") return [];
  const pool = pools.find((each) => each.address === source.pool);
  const other = pool?.tokens.find((each) => each.address !== token);
  return other === undefined ? [] : [other.address];
}

/** Some tokens and all whose price may rest on theirs. */
export function dependentTokens(programme: Programme, tokens: ReadonlySet<Address>): ReadonlySet<Address> {
  const all = new Set(tokens);
  for (const { token, sources } of pricingOrder(programme))
    if (sources.some((source) => assetsOf(programme, token, source).some((each) => all.has(each)))) all.add(token);
  return all;
}

/**
 * The tokens in an order in which each price rests only on earlier ones.
 * @throws PRICE_CIRCLE when pools price each other in a circle.
 */
export function pricingOrder(
  programme: Programme,
): readonly { readonly token: Address; readonly sources: readonly PriceSource[] }[] {
  const order: { token: Address; sources: readonly PriceSource[] }[] = [];
  const state = new Map<Address, "open" | "done">();
  const visit = (token: Address, path: readonly Address[]): void => {
    const sources = programme.prices.get(token);
    if (sources === undefined || state.get(token) === "done") return;
    if (state.get(token) === "open") {
      throw new LpLedgerError(
        "usage",
        "PRICE_CIRCLE",
        `the prices rest on each other: ${[...path, token].join(" -> ")}`,
        {
          hint: "give one of these tokens a fixed price or another pool",
        },
      );
    }
    state.set(token, "open");
    for (const source of sources)
      for (const asset of assetsOf(programme, token, source)) visit(asset, [...path, token]);
    state.set(token, "done");
    order.push({ token, sources });
  };
  for (const token of programme.prices.keys()) visit(token, []);
  return order;
}
