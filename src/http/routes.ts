import { z } from "zod";
import { isDay } from "../core/day.ts";
import { shownAddress } from "../core/keccak.ts";
import { dayTotals, poolRows, rankedProviders } from "../store/queries/lists.ts";
import { type PositionLine, positionLines } from "../store/queries/positions.ts";
import { statsOf } from "../store/queries/query.ts";
import { tierCounts } from "../store/queries/reward-inputs.ts";
import { HttpProblem, type RequestSnapshot, valueIn } from "./answer.ts";
import {
  findingCursor,
  findingPlace,
  pageOf,
  poolCursor,
  poolDayCursor,
  positionCursor,
  type RowKey,
  rankCursor,
} from "./cursors.ts";
import { epochOf, epochsPage, rewardsPage, storedEpoch } from "./epochs.ts";
import { daysPage, linesAt, positionsPage, providerOf } from "./provider.ts";
import { statusAnswer } from "./status.ts";

/** One question of the API: its path, what it takes, and its answer. */
export interface Route {
  readonly path: string;
  readonly summary: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** `next` asks for the following page. */
  answer(
    reading: RequestSnapshot,
    asked: Readonly<Record<string, unknown>>,
  ): { readonly data: unknown; readonly next?: string | null };
}

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address of 20 bytes")
  .transform((text) => text.toLowerCase());
const day = z.string().refine(isDay, "a UTC day as YYYY-MM-DD");
const whole = (max: number, min = 0) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max));
export const LIMIT_DEFAULT = 100;
export const LIMIT_MAX = 1_000;
const page = {
  limit: whole(LIMIT_MAX, 1).optional().describe(`rows a page, at most ${LIMIT_MAX} (default ${LIMIT_DEFAULT})`),
  after: z.string().max(300).optional().describe("the answer's `next`, to go on"),
};
const NOTHING = z.strictObject({});

/** Gives one route its types: what the schemas take is what the answer gets. */
function route<P extends z.ZodRawShape, Q extends z.ZodRawShape>(
  path: string,
  summary: string,
  params: P,
  query: Q,
  answer: (
    reading: RequestSnapshot,
    asked: z.output<z.ZodObject<P>> & z.output<z.ZodObject<Q>>,
  ) => { readonly data: unknown; readonly next?: string | null },
): Route {
  return {
    path,
    summary,
    params: Object.keys(params).length === 0 ? NOTHING : z.strictObject(params),
    query: z.strictObject(query),
    answer: answer as Route["answer"],
  };
}

export const ROUTES: readonly Route[] = [
  route("/v1/status", "how the ledger stands", {}, {}, ({ store, counts }) => ({
    data: statusAnswer(store, counts()),
  })),
  route("/v1/stats", "providers, tiers and totals now", {}, {}, ({ store, programme }) => {
    const stats = statsOf(store.db);
    const { rules } = programme;
    const by = rules === null ? undefined : store.days.lastScheduled(rules);
    return {
      data: {
        providers: stats.providers,
        unpriced: stats.unpriced,
        totalLiquidity: valueIn(stats.totalLiquidity, programme),
        weightedLiquidity: valueIn(stats.weightedLiquidity, programme),
        tiers: stats.tiers.map((tier) => ({
          tier: tier.tier,
          multiplierBp:
            tier.tier === null
              ? null
              : tier.tier === 0
                ? 0
                : (rules?.tiers.levels[tier.tier - 1]?.multiplierBp ?? 10_000),
          providers: tier.providers,
          totalLiquidity: valueIn(tier.totalLiquidity, programme),
        })),
        tiersOn:
          by === undefined
            ? null
            : {
                date: by,
                tiers: tierCounts(store.db, by).map((each) => ({ ...each, value: valueIn(each.value, programme) })),
              },
      },
    };
  }),
  route(
    "/v1/pools",
    "the followed pools with their newest states",
    {},
    page,
    ({ store }, { limit = LIMIT_DEFAULT, after }) => {
      const rows = poolRows(store.db, poolCursor(after), limit);
      return {
        data: rows.map(({ tokens, pool, ...row }) => ({
          pool: shownAddress(pool),
          ...row,
          tokens: (JSON.parse(tokens) as { address: string; symbol: string; decimals: number | null }[]).map(
            (token) => ({
              ...token,
              address: shownAddress(token.address),
            }),
          ),
        })),
        next: rows.length < limit ? null : (rows.at(-1)?.pool ?? null),
      };
    },
  ),
  route(
    "/v1/providers",
    "providers, the largest first; `search` is the beginning of an address",
    {},
    {
      ...page,
      search: z
        .string()
        .regex(/^0x[0-9a-fA-F]{0,40}$/, "the beginning of an address")
        .optional(),
      tier: whole(1_000).optional(),
    },
    ({ store, programme }, { limit = LIMIT_DEFAULT, after, search = "0x", tier = null }) => {
      const rows = rankedProviders(store.db, { limit, after: rankCursor(after), search: search.toLowerCase(), tier });
      const last = rows.at(-1);
      return {
        data: rows.map((row) => ({
          provider: shownAddress(row.provider),
          totalLiquidity: valueIn(row.totalLiquidity, programme),
          weightedLiquidity: valueIn(row.weightedLiquidity, programme),
          tier: row.tier === null ? null : Number(row.tier),
          firstSeen: row.firstSeen,
          lastUpdated: row.lastUpdated,
        })),
        next: rows.length < limit || last === undefined ? null : `${last.totalLiquidity ?? -1n}.${last.provider}`,
      };
    },
  ),
  route(
    "/v1/providers/{address}",
    "one provider: balance, tier, its first 100 positions, 30 days, rewards",
    { address },
    {},
    (reading, { address: of }) => ({
      data: providerOf(reading, of),
    }),
  ),
  route(
    "/v1/providers/{address}/positions",
    "one provider's open positions, by pool",
    { address },
    page,
    (reading, { address: provider, limit = LIMIT_DEFAULT, after }) =>
      positionsPage(reading, { provider, limit, after }),
  ),
  route(
    "/v1/providers/{address}/days",
    "one provider's days by pool",
    { address },
    { ...page, from: day.optional(), to: day.optional() },
    (reading, { address: provider, limit = LIMIT_DEFAULT, after, from, to }) =>
      daysPage(reading, { provider, from, to, limit, after }),
  ),
  route(
    "/v1/days",
    "totals by day and pool",
    {},
    { ...page, from: day.optional(), to: day.optional() },
    ({ store, programme }, { from = "0000-00-00", to = "9999-99-99", limit = LIMIT_DEFAULT, after }) => {
      const rows = dayTotals(store.db, { from, to, after: poolDayCursor(after) }, limit);
      const last = rows.at(-1);
      return {
        data: rows.map((row) => ({
          ...row,
          pool: shownAddress(row.pool),
          providers: Number(row.providers),
          value: valueIn(row.value, programme),
        })),
        next: rows.length < limit || last === undefined ? null : `${last.date}.${last.pool}`,
      };
    },
  ),
  route("/v1/epochs", "reward epochs, calculated and final", {}, page, ({ store }, { limit = LIMIT_DEFAULT, after }) =>
    epochsPage(store, { limit, after }),
  ),
  route(
    "/v1/epochs/{n}",
    "one epoch: its rules, and what it gives of each token",
    { n: whole(100_000) },
    {},
    ({ store }, { n }) => ({
      data: epochOf(store, n),
    }),
  ),
  route(
    "/v1/epochs/{n}/rewards",
    "what an epoch gives each provider, by token and provider; `token`: only of this one",
    { n: whole(100_000) },
    { ...page, token: address.optional() },
    ({ store }, { n, token, limit = LIMIT_DEFAULT, after }) => rewardsPage(store, n, { token, limit, after }),
  ),
  route(
    "/v1/epochs/{n}/proofs/{address}",
    "a provider's Merkle proofs in a final epoch, or with `cumulative=1` in the totals up to it",
    { n: whole(100_000), address },
    { cumulative: z.enum(["0", "1"]).optional() },
    (reading, { n, address: provider, cumulative }) => {
      if (storedEpoch(reading.store, n).state !== "final")
        throw new HttpProblem(409, "Not final", `epoch ${n} is not final: nothing is paid by it yet`);
      return { data: reading.proofOf(n, provider, cumulative === "1") };
    },
  ),
  route(
    "/v1/positions",
    "open positions, now or at the end of an earlier block",
    {},
    { ...page, block: whole(Number.MAX_SAFE_INTEGER).optional() },
    ({ store }, { limit = LIMIT_DEFAULT, after, block }) => {
      const rows: PositionLine[] = [];
      for (const line of block === undefined
        ? positionLines(store.db, positionCursor(after))
        : linesAt(store, block, positionCursor(after))) {
        const last = rows.at(-1);
        if (rows.length === limit && last !== undefined) {
          const next = [last.pool.toLowerCase(), last.position ?? "", last.provider.toLowerCase()].join("~");
          return { data: rows, next };
        }
        rows.push({ ...line, pool: shownAddress(line.pool), provider: shownAddress(line.provider) });
      }
      return { data: rows, next: null };
    },
  ),
  route(
    "/v1/quarantines",
    "pools and wrappers of which nothing counts any more, and what did not hold",
    {},
    page,
    ({ store }, { limit = LIMIT_DEFAULT, after }) => {
      const shape = /^0x[0-9a-f]{40,64}~(0x[0-9a-f]{40})?$/;
      const keyOf = (each: { pool: string; wrapper: string | null }): RowKey => [each.pool, each.wrapper ?? ""];
      const told = pageOf(store.quarantines.told(), keyOf, shape, { limit, after });
      const data = told.data.map(({ pool, wrapper, ...each }) => ({
        ...{ pool: shownAddress(pool), wrapper: wrapper === null ? null : shownAddress(wrapper) },
        ...each,
      }));
      return { ...told, data };
    },
  ),
  route(
    "/v1/findings",
    "what the self-audit found, open and resolved",
    {},
    page,
    ({ store }, { limit = LIMIT_DEFAULT, after }) => {
      const found = store.findings.page(findingCursor(after), limit + 1);
      const data = found.slice(0, limit).map((each) => ({ ...each, pool: shownAddress(each.pool) }));
      const last = found[limit - 1];
      const next = last === undefined || found.length <= limit ? null : findingPlace(last);
      return { data, next };
    },
  ),
];
