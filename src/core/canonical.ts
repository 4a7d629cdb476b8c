import { formatPriceE18 } from "./price.ts";
import type { Pool, Programme } from "./programme.ts";

/** A pool's part that its recorded history rests on. */
export interface FollowedPool {
  readonly address: string;
  readonly protocol: string;
  readonly startBlock: number;
  readonly managers: readonly string[];
}

/** A programme's parts that a ledger rests on, in one canonical form; the hash of its JSON names the programme. */
export interface CanonicalProgramme {
  readonly chainId: number;
  readonly pools: readonly FollowedPool[];
  /** What values rest on; a change is taken up by a rebuild. */
  readonly valuation: {
    readonly quote: Programme["quote"];
    readonly tokens: readonly Pool["tokens"][number][];
    readonly prices: readonly { readonly token: string; readonly fixed?: string; readonly pool?: string }[];
  };
}

/** Orders everything by address, so that equal programmes have equal JSON. */
export function canonicalProgramme(programme: Programme): CanonicalProgramme {
  const tokens = new Map(programme.pools.flatMap((pool) => pool.tokens).map((token) => [token.address, token]));
  const byAddress = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number => (a < b ? -1 : 1);
  return {
    chainId: programme.chainId,
    pools: programme.pools.map(({ address, protocol, startBlock, managers }) => ({
      address,
      protocol,
      startBlock,
      managers,
    })),
    valuation: {
      quote: programme.quote,
      tokens: [...tokens].sort(byAddress).map(([, token]) => token),
      prices: [...programme.prices]
        .sort(byAddress)
        .map(([token, source]) =>
          source.kind === "fixed" ? { token, fixed: formatPriceE18(source.priceE18) } : { token, pool: source.pool },
        ),
    },
  };
}
