import type { Address } from "../hex.ts";
import type { TickRange } from "./ticks.ts";

/** One thing the chain itself can be asked about a position; the answer is decimal text, or an address. */
export type ContractCall =
  | { readonly kind: "share-supply"; readonly token: Address }
  /** The supply without what the zero address has: some tokens keep in it what is sent there, others take it out. */
  | { readonly kind: "shares-held"; readonly token: Address }
  | { readonly kind: "shares"; readonly token: Address; readonly holder: Address }
  | { readonly kind: "active-liquidity"; readonly pool: Address }
  /** The price of a pool, as the square root that its contract keeps; zero before it has one. */
  | { readonly kind: "pool-price"; readonly pool: Address }
  | { readonly kind: "range-liquidity"; readonly pool: Address; readonly owner: Address; readonly range: TickRange }
  | { readonly kind: "balance"; readonly token: Address; readonly holder: Address }
  | {
      readonly kind: "owed";
      readonly pool: Address;
      readonly owner: Address;
      readonly range: TickRange;
      readonly side: 0 | 1;
    }
  | { readonly kind: "share-rate"; readonly token: Address; readonly shares: string }
  | {
      readonly kind: "singleton-active";
      readonly poolManager: Address;
      readonly pool: Address;
    }
  | {
      readonly kind: "singleton-liquidity";
      readonly poolManager: Address;
      readonly pool: Address;
      readonly owner: Address;
      readonly range: TickRange;
      readonly salt: string;
    }
  | { readonly kind: "singleton-token"; readonly manager: Address; readonly tokenId: string }
  | { readonly kind: "token-liquidity"; readonly manager: Address; readonly tokenId: string }
  /** The two tokens and the range of a position NFT. */
  | { readonly kind: "token-place"; readonly manager: Address; readonly tokenId: string }
  | { readonly kind: "token-owner"; readonly manager: Address; readonly tokenId: string }
  /** For whom a staker holds a position NFT; zero for nobody. */
  | { readonly kind: "staked-for"; readonly staker: Address; readonly tokenId: string };

/** A question in one line, for people. */
export function questionText(question: ContractCall): string {
  switch (question.kind) {
    case "share-supply":
    case "shares-held":
      return `${question.token} totalSupply()`;
    case "shares":
      return `${question.token} balanceOf(${question.holder})`;
    case "active-liquidity":
      return `${question.pool} liquidity()`;
    case "pool-price":
      return `${question.pool} slot0().sqrtPriceX96`;
    case "range-liquidity":
      return `${question.pool} positions(${question.owner}, ${question.range.tickLower}, ${question.range.tickUpper})`;
    case "balance":
      return `${question.token} balanceOf(${question.holder})`;
    case "owed": {
      const { tickLower, tickUpper } = question.range;
      return `${question.pool} positions(${question.owner}, ${tickLower}, ${tickUpper}).tokensOwed${question.side}`;
    }
    case "share-rate":
      return `${question.token} convertToAssets(${question.shares})`;
    case "singleton-active":
      return `${question.poolManager} liquidity of ${question.pool}`;
    case "singleton-liquidity": {
      const { tickLower, tickUpper } = question.range;
      return `${question.poolManager} position ${question.pool}, ${question.owner}, ${tickLower}, ${tickUpper}, ${question.salt}`;
    }
    case "singleton-token":
      return `${question.manager} getPositionLiquidity(${question.tokenId})`;
    case "token-liquidity":
      return `${question.manager} positions(${question.tokenId})`;
    case "token-place":
      return `${question.manager} positions(${question.tokenId}).token0, token1, tickLower, tickUpper`;
    case "token-owner":
      return `${question.manager} ownerOf(${question.tokenId})`;
    case "staked-for":
      return `${question.staker} deposits(${question.tokenId}).owner`;
  }
}
