import { sqrtRatioAtTick, type TickRange } from "./ticks.ts";

const Q96 = 1n << 96n;

/** Base units of each token of a pool, in its order. */
export type Amounts = readonly bigint[];
export type Rounding = "up" | "down";

/** Floor of the quotient of non-negative integers is what bigint division gives; this is the ceiling. */
export function divCeil(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/** Floor towards minus infinity, for signed numerators. */
export function divFloor(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  return numerator % denominator !== 0n && numerator < 0n !== denominator < 0n ? quotient - 1n : quotient;
}

function amount0(liquidity: bigint, sqrtA: bigint, sqrtB: bigint, rounding: Rounding): bigint {
  const product = liquidity * Q96 * (sqrtB - sqrtA);
  return rounding === "up" ? divCeil(divCeil(product, sqrtB), sqrtA) : product / sqrtB / sqrtA;
}

function amount1(liquidity: bigint, sqrtA: bigint, sqrtB: bigint, rounding: Rounding): bigint {
  const product = liquidity * (sqrtB - sqrtA);
  return rounding === "up" ? divCeil(product, Q96) : product / Q96;
}

export interface PoolPrice {
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
}

/**
 * Token base units behind `liquidity` in `range` at a pool's price. A deposit rounds up, a withdrawal down
 * (Uniswap V3 SqrtPriceMath: two divisions for token0, in this order).
 */
export function amountsOf(
  liquidity: bigint,
  range: TickRange,
  price: PoolPrice,
  rounding: Rounding,
): readonly [bigint, bigint] {
  const lower = sqrtRatioAtTick(range.tickLower);
  const upper = sqrtRatioAtTick(range.tickUpper);
  if (price.tick < range.tickLower) return [amount0(liquidity, lower, upper, rounding), 0n];
  if (price.tick >= range.tickUpper) return [0n, amount1(liquidity, lower, upper, rounding)];
  return [
    amount0(liquidity, price.sqrtPriceX96, upper, rounding),
    amount1(liquidity, lower, price.sqrtPriceX96, rounding),
  ];
}
