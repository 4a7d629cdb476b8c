import { type Address, ONE_ADDRESS, ZERO_ADDRESS } from "../hex.ts";
import type { Rules } from "./rules.ts";

/** A name in the table of protocols (`core/decode/protocols.ts`). */
export type ProtocolName = string;

/** Whether one contract holds all pools of a protocol, which tells them apart by ids. */
export function isSingleton(protocol: ProtocolName): boolean {
  return protocol === "uniswap-v4";
}

/** What a pool's state consists of: a pair's reserves, a price with ticks, or a share token that is worth something. */
export type PoolForm = "reserves" | "ticks" | "shares";

export interface Token {
  /** Zero for the chain's own coin. */
  readonly address: Address;
  readonly symbol: string;
  /** Null of a token that only a factory named: it can have no price. */
  readonly decimals: number | null;
}

/** Known peculiarities of a pool that switch an identity off, by configuration and never in silence. */
export type Caveat =
  | "fee-on-transfer"
  | "no-locked-minimum"
  | "other-protocol-fee"
  | "share-value-may-fall"
  | "hook-holds-value"
  | "rebasing-token"
  | "other-share-flow";

/** How a share is valued: by its value in one token, or by its part of every token the pool holds. */
export type Valuation = { readonly by: "share-value"; readonly token: number } | { readonly by: "balances" };

export type WrapperKind =
  | "staking-rewards"
  | "masterchef"
  | "masterchef-v2"
  | "curve-gauge-v1"
  | "curve-gauge"
  | "uniswap-v3-staker";

/** A contract that holds liquidity for others; its users are credited instead of it. */
export interface Wrapper {
  readonly address: Address;
  readonly kind: WrapperKind;
  /** Whose shares it holds; null for one that holds position NFTs of any pool. */
  readonly pool: Address | null;
  /** Whose position NFTs it holds; null for one that holds shares. */
  readonly manager: Address | null;
  /** By which number its logs name those shares. */
  readonly pid: bigint | null;
  /** The wrapper it puts them into again. */
  readonly inside: Address | null;
  /** Its users are not credited for what they have through it. */
  readonly excluded: boolean;
}

export interface Pool {
  readonly address: Address;
  readonly protocol: ProtocolName;
  readonly form: PoolForm;
  /** In the order of the pool. */
  readonly tokens: readonly [Token, ...Token[]];
  /** A block not after the pool's creation. */
  readonly startBlock: number;
  /** The contracts whose logs tell of the pool: mostly itself; a singleton, or a share token beside it. */
  readonly contracts: readonly Address[];
  /** The ERC-20 whose transfers are the ledger; null for concentrated liquidity. */
  readonly shareToken: Address | null;
  readonly valuation: Valuation;
  /** Positions of one owner and range are told apart by a salt (Uniswap V4). */
  readonly salted: boolean;
  /** Position managers of a pool with ticks; empty for share-token pools. */
  readonly managers: readonly Address[];
  readonly caveats: readonly Caveat[];
  /** Accounts of wrappers that hold this pool's shares: below zero at most within a transaction. */
  readonly wrapperHomes: readonly string[];
  /** Null for a pool that the programme names itself. */
  readonly discovered: Discovered | null;
}

/** Which factory made a pool, in which block and at whose time; older versions kept no time. */
export interface Discovered {
  readonly factory: Address;
  readonly block: number;
  readonly timeSec?: number;
}

/** A contract that makes pools: those it makes from its start block on are followed as they come. */
export interface Factory {
  readonly address: Address;
  readonly protocol: ProtocolName;
  readonly startBlock: number;
  /** Tokens whose symbol and decimals are known. */
  readonly tokens: readonly Token[];
  /** Of a pool's two tokens, how many must be among those. */
  readonly match: "both" | "either" | "any";
  /** Only pools of these fees; all where it is empty. */
  readonly fees: readonly number[];
  readonly managers: readonly Address[];
  readonly caveats: readonly Caveat[];
  /** Pools of its that are not followed. */
  readonly except: readonly Address[];
  /** Caveats that only some of its pools have besides. */
  readonly poolCaveats: ReadonlyMap<Address, readonly Caveat[]>;
}

/** How often in a day a share's contract is asked what it is worth, and how much of a rise a day believes. */
export interface RateRules {
  /** Evenly spaced from midnight on. */
  readonly samples: number;
  readonly risePerDayBp: number;
}

export const RATE_SAMPLES = 24;
/** One percent a day: far more than interest, far less than a donation that pays. */
export const RATE_RISE_BP = 100;

/**
 * So long a pool must have had a price in a day, where its source does not say otherwise: one block's price is
 * anybody's.
 */
export const PRICED_SEC_MIN = 3_600;

/**
 * `fixed`: quote units per whole token, scaled by 1e18. `pool`: the pool's own price in its other token, averaged over
 * a day.
 * `imported`: what an operator imported for the day. `rate`: what the share's own contract converts a whole share to,
 * in an asset that has a price. `chainlink`: the time-weighted mean of what a feed answered. `coingecko`, `defillama`:
 * what these services were asked for once and answered.
 */
export type PriceSource =
  | { readonly kind: "fixed"; readonly priceE18: bigint }
  | { readonly kind: "imported" }
  | ({ readonly kind: "rate"; readonly asset: Token } & RateRules)
  | { readonly kind: "chainlink"; readonly feed: Feed }
  | { readonly kind: "coingecko"; readonly id: string; readonly distanceSecMax: number }
  | {
      readonly kind: "defillama";
      readonly coin: string;
      readonly distanceSecMax: number;
      readonly confidenceMinE18: bigint;
    }
  | {
      readonly kind: "pool";
      readonly pool: Address;
      readonly average: "median" | "mean";
      /** A day in which the pool had a price for less is not priced by it. */
      readonly minSeconds: number;
    };

/** A Chainlink feed: who answered when, and how its answers are read. */
export interface Feed {
  /** The published address, which emits nothing itself. */
  readonly proxy: Address | null;
  readonly aggregators: readonly Aggregator[];
  readonly decimals: number;
  /** A day with a longer silence is not priced. */
  readonly staleAfterSec: number;
  /** What answers are counted in; null for the quote. */
  readonly asset: Token | null;
}

/** One phase of a feed, both blocks included; null while it is in force. */
export interface Aggregator {
  readonly address: Address;
  readonly fromBlock: number;
  readonly toBlock: number | null;
}

export interface Finality {
  /** Blocks below the head that count as final where the node does not know `finalized`. */
  readonly fallbackDepth: number;
  /** Never final before this many blocks, whatever the node says. */
  readonly minDepth: number;
}

/** What one ledger follows: one chain, its pools, and how their liquidity is priced. */
export interface Programme {
  readonly chainId: number;
  readonly quote: { readonly symbol: string; readonly decimals: number };
  readonly finality: Finality;
  readonly pools: readonly Pool[];
  readonly factories: readonly Factory[];
  readonly wrappers: readonly Wrapper[];
  /** By token, the sources of its price in order of preference: the first that has one for the day counts. */
  readonly prices: ReadonlyMap<Address, readonly PriceSource[]>;
  /**
   * Questions, as `address function()`, that contracts do not answer and whose answers the programme's author looked
   * up.
   */
  readonly confirmed: ReadonlySet<string>;
  /** Tiers and rewards; null where the programme has neither. */
  readonly rules: Rules | null;
  /** Contracts that hold liquidity for others and were dropped: what they hold is nobody's. */
  readonly dropped?: ReadonlySet<Address>;
}

/** The first block any pool of the programme may have logs in. */
export function startBlockOf(programme: Programme): number {
  const starts = [...programme.pools, ...programme.factories].map(({ startBlock }) => startBlock);
  return Math.min(...starts, ...aggregatorsOf(programme).map(({ fromBlock }) => fromBlock));
}

/**
 * The aggregators of all Chainlink feeds, each once, with the earliest block any feed wants of it; ascending by
 * address.
 */
export function aggregatorsOf({ prices }: Pick<Programme, "prices">): readonly Aggregator[] {
  const all = new Map<Address, Aggregator>();
  for (const source of [...prices.values()].flat()) {
    if (source.kind !== "chainlink") continue;
    for (const each of source.feed.aggregators) {
      const known = all.get(each.address);
      if (known === undefined || each.fromBlock < known.fromBlock) all.set(each.address, each);
    }
  }
  return [...all.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Every address whose logs the ledger reads: pools, their managers and wrappers, factories and feeds, ascending. */
export function addressesOf(programme: Programme): readonly Address[] {
  const all = contractsOf(programme);
  for (const { address } of aggregatorsOf(programme)) all.add(address);
  return [...all].sort();
}

/**
 * Addresses that keep accounts but are never providers: zero, one, pools, position managers and wrappers. A feed's
 * aggregator holds nothing for others: it comes and goes with the feed's phases, and who was paid must not depend on
 * that.
 */
export function specialAddresses(programme: Programme): Set<Address> {
  const special = contractsOf(programme).add(ZERO_ADDRESS).add(ONE_ADDRESS);
  for (const each of programme.dropped ?? []) special.add(each);
  return special;
}

/** Pools, their managers and wrappers, and factories. */
function contractsOf({ pools, factories, wrappers }: Programme): Set<Address> {
  const all = new Set<Address>();
  for (const pool of pools) for (const each of [...pool.contracts, ...pool.managers]) all.add(each);
  for (const { address, managers } of factories) for (const each of [address, ...managers]) all.add(each);
  for (const { address } of wrappers) all.add(address);
  return all;
}

/** Whether the users of a wrapper are credited for what they have in a pool; "" for nobody in between. */
export type IsCredited = (pool: string, via: string | undefined) => boolean;

/** Users are not credited where their wrapper, or one that it lies inside, is excluded. */
export function creditedBy({ wrappers }: Pick<Programme, "wrappers">): IsCredited {
  return creditedUnless(wrappers);
}

/** The same by no more of each wrapper than it takes. */
export function creditedUnless(
  wrappers: readonly {
    readonly address: string;
    readonly pool: string | null;
    readonly inside: string | null;
    readonly excluded: boolean;
  }[],
): IsCredited {
  const excluded = new Set<string>();
  const isExcluded = ({ excluded: own, inside, pool }: (typeof wrappers)[number]): boolean =>
    own || wrappers.some((each) => each.address === inside && each.pool === pool && isExcluded(each));
  for (const each of wrappers) if (isExcluded(each)) excluded.add(`${each.address} ${each.pool ?? "any"}`);
  if (excluded.size === 0) return () => true;
  return (pool, via) => !via || !(excluded.has(`${via} ${pool}`) || excluded.has(`${via} any`));
}
