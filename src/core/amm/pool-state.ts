import type { Amounts, PoolPrice } from "./amounts.ts";

/**
 * What a pool's own logs said at the end of a block. `reserves`: a pair. `ticks`: concentrated liquidity; `amounts` are
 * what the pool holds by its logs, null where they do not tell. `shares`: share tokens of any other pool; `amounts` as
 * far as its logs tell, and `shareValueE36`, base units of the value token per base unit of a share, scaled by 1e36.
 */
export type PoolState =
  | { readonly kind: "reserves"; readonly reserve0: bigint; readonly reserve1: bigint; readonly supply: bigint }
  | ({
      readonly kind: "ticks";
      readonly liquidity: bigint;
      readonly amounts: readonly [bigint, bigint] | null;
    } & PoolPrice)
  | {
      readonly kind: "shares";
      readonly supply: bigint;
      readonly amounts: Amounts | null;
      readonly shareValueE36: bigint | null;
    };

/** Whether two states are the same in every part. */
export function isSameState(a: PoolState | undefined, b: PoolState | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === "ticks" && b.kind === "ticks")
    return (
      a.sqrtPriceX96 === b.sqrtPriceX96 &&
      a.tick === b.tick &&
      a.liquidity === b.liquidity &&
      sameAmounts(a.amounts, b.amounts)
    );
  if (a.kind === "shares" && b.kind === "shares")
    return a.supply === b.supply && a.shareValueE36 === b.shareValueE36 && sameAmounts(a.amounts, b.amounts);
  if (a.kind === "reserves" && b.kind === "reserves")
    return a.reserve0 === b.reserve0 && a.reserve1 === b.reserve1 && a.supply === b.supply;
  return false;
}

function sameAmounts(a: Amounts | null, b: Amounts | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
