import type { Address } from "./hex.ts";
import type { TickRange } from "./ticks.ts";

/** One thing the chain itself can be asked about a position; the answer is decimal text, or an address. */
export type Question =
  | { readonly kind: "share-supply"; readonly pool: Address }
  | { readonly kind: "shares"; readonly pool: Address; readonly holder: Address }
  | { readonly kind: "active-liquidity"; readonly pool: Address }
  | { readonly kind: "range-liquidity"; readonly pool: Address; readonly owner: Address; readonly range: TickRange }
  | { readonly kind: "balance"; readonly token: Address; readonly holder: Address }
  | {
      readonly kind: "owed";
      readonly pool: Address;
      readonly owner: Address;
      readonly range: TickRange;
      readonly side: 0 | 1;
    }
  | { readonly kind: "token-liquidity"; readonly manager: Address; readonly tokenId: string }
  | { readonly kind: "token-owner"; readonly manager: Address; readonly tokenId: string };

/** A question in one line, for people. */
export function questionText(question: Question): string {
  switch (question.kind) {
    case "share-supply":
      return `${question.pool} totalSupply()`;
    case "shares":
      return `${question.pool} balanceOf(${question.holder})`;
    case "active-liquidity":
      return `${question.pool} liquidity()`;
    case "range-liquidity":
      return `${question.pool} positions(${question.owner}, ${question.range.tickLower}, ${question.range.tickUpper})`;
    case "balance":
      return `${question.token} balanceOf(${question.holder})`;
    case "owed": {
      const { tickLower, tickUpper } = question.range;
      return `${question.pool} positions(${question.owner}, ${tickLower}, ${tickUpper}).tokensOwed${question.side}`;
    }
    case "token-liquidity":
      return `${question.manager} positions(${question.tokenId})`;
    case "token-owner":
      return `${question.manager} ownerOf(${question.tokenId})`;
  }
}
