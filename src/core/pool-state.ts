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

/** Equal exactly for equal states. */
export function fingerprint(state: PoolState | undefined): string {
  if (state === undefined) return "";
  if (state.kind === "ticks") return `${state.sqrtPriceX96} ${state.tick} ${state.liquidity} ${state.amounts}`;
  if (state.kind === "shares") return `${state.supply} ${state.amounts} ${state.shareValueE36}`;
  return `${state.reserve0} ${state.reserve1} ${state.supply}`;
}
