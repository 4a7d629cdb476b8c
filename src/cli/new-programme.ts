import { questionName } from "../chain/contracts/contract-facts.ts";
import { protocolOf } from "../core/decode/protocols.ts";
import type { Address } from "../core/hex.ts";
import { checksummed, shownAddress } from "../core/keccak.ts";
import type { Found } from "./found-pool.ts";

export const SCHEMA_FILE = "programme.schema.json";
const DOLLARS = /^(USDC|USDT|DAI|USDC\.e|USDbC)$/;

/** Whether a token calls itself by the name of a dollar. */
export function isDollar({ symbol }: { readonly symbol: string }): boolean {
  return DOLLARS.test(symbol);
}

/**
 * The programme file of some pools, and the tokens whose price is still to be found: dollars count as one, every other
 * token as its pool with a priced one says.
 */
export function newProgramme(chainId: number, pools: readonly Found[], rules: object) {
  const tokens = pools.flatMap((pool) => pool.tokens);
  const prices = new Map<Address, object>();
  for (const token of tokens) if (isDollar(token)) prices.set(token.address, { fixed: "1" });
  for (let before = -1; before < prices.size; ) {
    before = prices.size;
    for (const { address, protocol, tokens: own } of pools) {
      const [a, b] = own;
      if (a === undefined || b === undefined || protocolOf({ protocol }).prices !== true) continue;
      const source = { pool: shownAddress(address) };
      if (prices.has(a.address) && !prices.has(b.address)) prices.set(b.address, source);
      else if (prices.has(b.address) && !prices.has(a.address)) prices.set(a.address, source);
    }
  }
  // Rewards wait for the price of every token.
  const unpriced = tokens.filter(({ address }) => !prices.has(address));
  if ("rewards" in rules) for (const { address } of unpriced) prices.set(address, { imported: true });
  const told = tokens.filter(({ isConfirmed }) => isConfirmed);
  const confirmed = [...new Set(told.map(({ address }) => questionName(address, "decimals")))];
  const programme = {
    $schema: `./${SCHEMA_FILE}`,
    chainId,
    quote: { symbol: "USD", decimals: 6 },
    pools: pools.map(({ protocol, address, tokens: own, startBlock, shareToken, managers, poolManager }) => ({
      protocol,
      address: shownAddress(address),
      tokens: own.map((token) => ({
        address: checksummed(token.address),
        symbol: token.symbol,
        decimals: token.decimals,
      })),
      startBlock,
      ...(poolManager === null ? {} : { poolManager: checksummed(poolManager) }),
      ...(shareToken === null ? {} : { shareToken: checksummed(shareToken) }),
      ...(managers === undefined ? {} : { managers: managers.map(checksummed) }),
    })),
    ...(confirmed.length === 0 ? {} : { confirmed }),
    prices: Object.fromEntries([...prices].map(([address, source]) => [checksummed(address), source])),
    ...rules,
  };
  return { programme, unpriced: [...new Map(unpriced.map((token) => [token.address, token])).values()] };
}
