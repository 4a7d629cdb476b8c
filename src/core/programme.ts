import { type Address, ONE_ADDRESS, ZERO_ADDRESS } from "./hex.ts";

export type ProtocolName = "uniswap-v2" | "uniswap-v3";

export interface Token {
  readonly address: Address;
  readonly symbol: string;
  readonly decimals: number;
}

/** Known peculiarities of a pool that switch an identity off, by configuration and never in silence. */
export type Caveat = "fee-on-transfer" | "no-locked-minimum" | "other-protocol-fee";

export interface Pool {
  readonly address: Address;
  readonly protocol: ProtocolName;
  /** In the order of the pool: token0, token1. */
  readonly tokens: readonly [Token, Token];
  /** A block not after the pool's creation. */
  readonly startBlock: number;
  /** Position managers of a Uniswap V3 pool; empty for share-token pools. */
  readonly managers: readonly Address[];
  readonly caveats: readonly Caveat[];
}

/** `fixed`: quote units per whole token, scaled by 1e18. `pool`: the pool's own time-weighted price in its other token. */
export type PriceSource =
  | { readonly kind: "fixed"; readonly priceE18: bigint }
  | { readonly kind: "pool"; readonly pool: Address };

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
  readonly prices: ReadonlyMap<Address, PriceSource>;
}

/** The first block any pool of the programme may have logs in. */
export function startBlockOf(programme: Programme): number {
  return Math.min(...programme.pools.map((pool) => pool.startBlock));
}

/** Every address whose logs the ledger reads: pools and their managers, ascending. */
export function addressesOf(programme: Programme): readonly Address[] {
  const all = new Set<Address>();
  for (const pool of programme.pools) {
    all.add(pool.address);
    for (const each of pool.managers) all.add(each);
  }
  return [...all].sort();
}

/** Addresses that keep accounts but are never providers: zero, one, pools and position managers. */
export function specialAddresses(programme: Programme): ReadonlySet<Address> {
  return new Set<Address>([ZERO_ADDRESS, ONE_ADDRESS, ...addressesOf(programme)]);
}
