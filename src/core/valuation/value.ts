import { type Amounts, amountsOf } from "../amm/amounts.ts";
import type { PoolState } from "../amm/pool-state.ts";
import type { TickRange } from "../amm/ticks.ts";
import { E18, tenTo } from "../decimal.ts";
import type { Address } from "../hex.ts";
import type { Pool, Programme, Token } from "../programme/programme.ts";

/** A thousandth of what 63 bits hold: sums over a thousand absurd rows still fit. */
export const VALUE_MAX = ((1n << 63n) - 1n) / 1000n;

/**
 * The value of amounts of some tokens in quote units scaled by 10^quoteDecimals, floored once at the end; null where a
 * token with an amount has no price, or where the value is so large that sums of it would not fit the database's 63
 * bits: an absurd price of one pool must leave rows visibly unpriced, not stop the ledger. `amounts`: base units, or
 * base units x seconds; `per` divides every amount (86,400 for amounts x seconds of a day).
 */
export function valueOfAmounts(
  tokens: readonly Token[],
  amounts: Amounts,
  priceOf: (token: Address) => bigint | undefined,
  quoteDecimals: number,
  per = 1n,
): bigint | null {
  let decimalsMax = 0;
  for (const { decimals } of tokens) decimalsMax = Math.max(decimalsMax, decimals ?? 0);
  let sum = 0n;
  for (let i = 0; i < tokens.length; i++) {
    const [token, amount] = [tokens[i], amounts[i] ?? 0n];
    if (token === undefined || amount === 0n) continue;
    const price = priceOf(token.address);
    if (price === undefined || token.decimals === null) return null;
    sum += amount * price * tenTo(decimalsMax - token.decimals);
  }
  const value = (sum * tenTo(quoteDecimals)) / (tenTo(decimalsMax) * E18 * per);
  return value <= VALUE_MAX ? value : null;
}

export const E36 = 10n ** 36n;

/**
 * Token base units behind a balance at a pool's current state, rounded down as a withdrawal would be; null while
 * unknown.
 */
export function currentAmounts(pool: Pool, state: PoolState, balance: bigint, range: TickRange | null): Amounts | null {
  switch (state.kind) {
    case "ticks":
      return range === null ? [] : amountsOf(balance, range, state, "down");
    case "reserves":
      if (state.supply === 0n) return [];
      return [(balance * state.reserve0) / state.supply, (balance * state.reserve1) / state.supply];
    case "shares": {
      const { supply, amounts, shareValueE36 } = state;
      if (pool.valuation.by === "balances")
        return amounts === null || supply === 0n ? null : amounts.map((each) => (balance * each) / supply);
      return shareValueE36 === null ? null : inOneToken(pool, pool.valuation.token, (balance * shareValueE36) / E36);
    }
  }
}

/** The amounts of a pool's tokens where all is in one of them. */
export function inOneToken(pool: Pool, index: number, amount: bigint): Amounts {
  return pool.tokens.map((_, i) => (i === index ? amount : 0n));
}

/**
 * What the amounts of a day (base units x seconds, in the pool's order) are worth; null while a needed price is
 * unknown.
 */
export function valueOfDay(
  programme: Programme,
  pool: Pool,
  tokenSeconds: Amounts,
  priceOf: (token: Address) => bigint | undefined,
): bigint | null {
  return valueOfAmounts(pool.tokens, tokenSeconds, priceOf, programme.quote.decimals, 86_400n);
}

/** What a provider's share of a pool's day consists of: base units x seconds, in range only where that is kept. */
export interface DayAmounts {
  readonly tokenSeconds: Amounts;
  readonly inRangeTokenSeconds: Amounts | null;
}

/**
 * What a share of a pool's day is worth, whenever that is found out. Without a known value of the pool's shares that
 * day a price alone does not tell: then, and while a needed price is unknown, it is null and never zero.
 */
export function valueOfShare(
  programme: Programme,
  pool: Pool,
  { tokenSeconds, inRangeTokenSeconds: inRange }: DayAmounts,
  isValued: boolean,
  priceOf: (token: Address) => bigint | undefined,
): { readonly value: bigint | null; readonly inRangeValue: bigint | null } {
  return {
    value: isValued ? valueOfDay(programme, pool, tokenSeconds, priceOf) : null,
    inRangeValue: inRange === null ? null : valueOfDay(programme, pool, inRange, priceOf),
  };
}

/**
 * Whether every token that decides what a pool's positions are worth has a source of a price. Pools that only a factory
 * named may have none: they count for no tier and no reward, while in the programme's own pools a missing price is
 * waited for.
 */
export function canBePriced({ prices }: Pick<Programme, "prices">, pool: Pool): boolean {
  const { tokens, form, valuation } = pool;
  const needed = form === "shares" && valuation.by === "share-value" ? [tokens[valuation.token] ?? tokens[0]] : tokens;
  return needed.every(({ address, decimals }) => decimals !== null && prices.has(address));
}

const poolsByAddress = new WeakMap<readonly Pool[], ReadonlyMap<Address, Pool>>();

function poolsOf({ pools }: Programme): ReadonlyMap<Address, Pool> {
  let known = poolsByAddress.get(pools);
  if (known === undefined) {
    known = new Map(pools.map((pool) => [pool.address, pool]));
    poolsByAddress.set(pools, known);
  }
  return known;
}

/** What a provider's accounts are worth together, at the pools' states; null while a needed price is unknown. */
export function valueOfAccounts(
  programme: Programme,
  accounts: readonly { readonly pool: Address; readonly balance: bigint; readonly range: TickRange | null }[],
  stateOf: (pool: Address) => PoolState | undefined,
  priceOf: (token: Address) => bigint | undefined,
): bigint | null {
  const pools = poolsOf(programme);
  // Neighbours are mostly of one pool: what they hold of its tokens is summed first.
  const [tokens, amounts]: [Token[], bigint[]] = [[], []];
  let [last, first]: [Pool | undefined, number] = [undefined, 0];
  for (const { pool: address, balance, range } of accounts) {
    const [pool, state] = [pools.get(address), stateOf(address)];
    if (balance === 0n || pool === undefined || state === undefined) continue;
    const behind = currentAmounts(pool, state, balance, range);
    if (behind === null) return null;
    if (pool !== last) {
      [last, first] = [pool, amounts.length];
      for (const token of pool.tokens) {
        tokens.push(token);
        amounts.push(0n);
      }
    }
    for (let i = 0; i < pool.tokens.length; i++) amounts[first + i] = (amounts[first + i] ?? 0n) + (behind[i] ?? 0n);
  }
  return valueOfAmounts(tokens, amounts, priceOf, programme.quote.decimals);
}
