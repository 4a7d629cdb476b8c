import { formatPriceE18 } from "../decimal.ts";
import {
  aggregatorsOf,
  creditedUnless,
  type IsCredited,
  isSingleton,
  type Pool,
  PRICED_SEC_MIN,
  type PriceSource,
  type Programme,
  RATE_RISE_BP,
  RATE_SAMPLES,
} from "./programme.ts";
import { NEGLIGIBLE_BP, type RewardRules, type Rules } from "./rules.ts";

/** A pool's part that its recorded history rests on. */
export interface FollowedPool {
  readonly address: string;
  readonly protocol: string;
  readonly startBlock: number;
  readonly managers: readonly string[];
  /** Where they are others than the pool itself. */
  readonly contracts?: readonly string[];
}

/** A programme's parts that a ledger rests on, in one canonical form; the hash of its JSON names the programme. */
export interface CanonicalProgramme {
  readonly chainId: number;
  readonly pools: readonly FollowedPool[];
  /** Factories and which of their pools are followed; left out where there are none. */
  readonly factories?: readonly { readonly address: string; readonly [more: string]: unknown }[];
  /** Wrappers and for whom they hold; left out where there are none. */
  readonly wrappers?: readonly { readonly address: string; readonly kind: string; readonly [more: string]: unknown }[];
  /** What values rest on; a change is taken up by a rebuild. */
  readonly valuation: {
    readonly quote: Programme["quote"];
    readonly tokens: readonly Pool["tokens"][number][];
    readonly prices: readonly {
      readonly token: string;
      readonly fixed?: string;
      readonly pool?: string;
      readonly imported?: true;
      readonly rate?: string;
      readonly chainlink?: object;
      readonly coingecko?: object;
      readonly defillama?: object;
    }[];
    /** Wrappers whose users are not credited. */
    readonly excluded?: readonly string[];
    /** How shares are valued, by pool. */
    readonly shares?: readonly { readonly pool: string; readonly by: string; readonly token?: number }[];
    /** What stood in range is valued, too. */
    readonly inRange?: true;
  };
  /** Feeds that are listened to, by aggregator. */
  readonly feeds?: readonly { readonly address: string; readonly fromBlock: number }[];
  /** Tiers and rewards; a change is taken up at the next start, finalised epochs stay what they are. */
  readonly rules?: object;
}

/** Orders everything by address, so that equal programmes have equal JSON. */
export function canonicalProgramme(programme: Programme): CanonicalProgramme {
  const named = programme.pools.filter(({ discovered }) => discovered === null);
  const tokens = new Map(
    [...named, ...programme.factories].flatMap((pool) => pool.tokens).map((token) => [token.address, token]),
  );
  const byAddress = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number => (a < b ? -1 : 1);
  const shares = named
    .filter(({ form }) => form === "shares")
    .map(({ address: pool, valuation }) => ({ pool, ...valuation }));
  const inOrder = [...programme.factories].sort((a, b) => (a.address < b.address ? -1 : 1));
  const factories = inOrder.map(({ tokens, except, poolCaveats: _, ...factory }) => ({
    ...factory,
    // Left out where it says what every programme said before there was another.
    ...(except.length === 0 ? {} : { except }),
    // A pool is followed by whether its tokens are known, whatever they are called.
    tokens: tokens.map(({ address }) => address),
  }));
  // Where the programme names one position manager only, a staker's is known without being said.
  const managers = new Set(
    [...named, ...programme.factories].flatMap((each) => (isSingleton(each.protocol) ? [] : each.managers)),
  );
  const wrappers = programme.wrappers.map(({ address, kind, pool, manager, pid, inside }) => ({
    address,
    kind,
    pool,
    inside,
    pid: pid === null ? null : `${pid}`,
    ...(manager === null || managers.size === 1 ? {} : { manager }),
  }));
  const excluded = programme.wrappers
    .filter(({ excluded: is }) => is)
    .map(({ address, pool }) => (pool === null ? address : `${address} of ${pool}`));
  const feeds = aggregatorsOf(programme).map(({ address, fromBlock }) => ({ address, fromBlock }));
  return {
    chainId: programme.chainId,
    pools: named.map(({ address, protocol, startBlock, managers, contracts }) => ({
      address,
      protocol,
      startBlock,
      managers,
      ...(contracts.some((each) => each !== address) ? { contracts } : {}),
    })),
    ...(factories.length === 0 ? {} : { factories }),
    ...(wrappers.length === 0 ? {} : { wrappers }),
    valuation: {
      quote: programme.quote,
      tokens: [...tokens].sort(byAddress).map(([, token]) => token),
      prices: [...programme.prices]
        .sort(byAddress)
        .flatMap(([token, sources]) => sources.map((source) => ({ token, ...sourceOf(source) }))),
      ...(shares.length === 0 ? {} : { shares }),
      ...(excluded.length === 0 ? {} : { excluded }),
      ...(programme.rules?.rewards?.weighting === "in-range" ? { inRange: true } : {}),
    },
    ...(feeds.length === 0 ? {} : { feeds }),
    ...(programme.rules === null ? {} : { rules: canonicalRules(programme.rules) }),
  };
}

/** Whose users are credited by the programme that a ledger follows. */
export function creditedByCanonical({ wrappers = [], valuation }: CanonicalProgramme): IsCredited {
  const excluded = new Set(valuation.excluded ?? []);
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return creditedUnless(
    wrappers.map(({ address, ...more }) => {
      const pool = text(more["pool"]);
      const isOut = excluded.has(pool === null ? address : `${address} of ${pool}`);
      return { address, pool, inside: text(more["inside"]), excluded: isOut };
    }),
  );
}

function sourceOf(source: PriceSource) {
  if (source.kind === "fixed") return { fixed: formatPriceE18(source.priceE18) };
  if (source.kind === "rate") {
    const { asset, samples, risePerDayBp } = source;
    return {
      rate: asset.address,
      ...(samples === RATE_SAMPLES ? {} : { samples }),
      ...(risePerDayBp === RATE_RISE_BP ? {} : { risePerDayBp }),
    };
  }
  if (source.kind === "pool") {
    const { pool, average, minSeconds } = source;
    return {
      pool,
      ...(average === "median" ? {} : { average }),
      ...(minSeconds === PRICED_SEC_MIN ? {} : { minSeconds }),
    };
  }
  if (source.kind === "imported") return { imported: true as const };
  if (source.kind === "chainlink") {
    const { asset, proxy: _, ...feed } = source.feed;
    return { chainlink: { ...feed, asset: asset?.address ?? null } };
  }
  const { kind, ...asked } = source;
  return { [kind]: textual(asked) };
}

/** The rules as JSON values, amounts as text. */
export function canonicalRules(rules: Rules): object {
  const { rewards, tiers } = rules;
  const { basis, ...others } = tiers;
  return textual({
    ...rules,
    // Left out where it says what every programme said before there was another.
    tiers: basis === "address" ? others : tiers,
    rewards: rewards === null ? null : canonicalRewards(rewards),
  });
}

/** In the order in which it always was: what is hashed is its text. */
function canonicalRewards({ negligibleBp, excludedPools, ...rewards }: RewardRules): object {
  return {
    ...rewards,
    excluded: [...rewards.excluded].sort(),
    ...(negligibleBp === NEGLIGIBLE_BP ? {} : { negligibleBp }),
    ...(excludedPools.length === 0 ? {} : { excludedPools }),
  };
}

/** The inverse of `canonicalRules`: the rules as they were when an epoch was made final. */
export function rulesFrom(canonical: object): Rules {
  const { schedule, tiers, rewards } = canonical as {
    readonly schedule: Rules["schedule"];
    readonly tiers: Textual<Rules["tiers"]>;
    readonly rewards: Textual<NonNullable<Rules["rewards"]>> | null;
  };
  return {
    schedule,
    tiers: {
      ...tiers,
      basis: tiers.basis ?? "address",
      minimum: BigInt(tiers.minimum),
      levels: tiers.levels.map((level) => ({ ...level, value: BigInt(level.value) })),
    },
    rewards: rewards && {
      ...rewards,
      tokens: rewards.tokens.map(({ minimumPayout, cap, ...token }) => ({
        ...token,
        minimumPayout: BigInt(minimumPayout),
        cap: cap === null ? null : BigInt(cap),
      })),
      epochs: rewards.epochs.map((epoch) => ({ ...epoch, budgets: epoch.budgets.map(BigInt) })),
      excluded: new Set(rewards.excluded),
      negligibleBp: rewards.negligibleBp ?? NEGLIGIBLE_BP,
      excludedPools: rewards.excludedPools ?? [],
    },
  };
}

/** A type as JSON keeps it: integers as text, sets as lists. */
type Textual<T> = T extends bigint
  ? string
  : T extends ReadonlySet<infer Each>
    ? readonly Each[]
    : T extends string | number | boolean | null
      ? T
      : { readonly [Key in keyof T]: Textual<T[Key]> };

/** A copy in which integers are decimal text. */
export function textual<T extends object>(value: T): object {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? `${each}` : each)));
}
