import type { Amounts } from "../amm/amounts.ts";

/** Running state of a Uniswap V2 pair. `before` is the reserve pair of the sync before the newest. */
export interface ReservesBook {
  supply: bigint;
  reserves: readonly [bigint, bigint] | null;
  before: readonly [bigint, bigint] | null;
  /** Shares minted, transfer by transfer, and burned since the newest Mint or Burn log. */
  issued: bigint[];
  redeemed: bigint;
  /** The locked minimum was minted since then: the shares that follow are the pair's first. */
  isFirst: boolean;
  /** What swaps paid in fees that leave the pair, since the last one was compared with the reserves. */
  fees: readonly [bigint, bigint];
  /** Product of the reserves after the newest Mint or Burn; null until one was read by these books. */
  kLast: bigint | null;
}

/** Running state of a pool whose share token is followed and whose value is told by other logs. */
export interface SharesBook {
  supply: bigint;
  amounts: Amounts | null;
  shareValueE36: bigint | null;
  /** Until then the value of a share may fall, as the pool itself has announced; -1 where it never did. */
  fallsUntilSec: number;
  /** When the pool last told its invariant; 0 before the first time. */
  sampledSec: number;
}
