import type { Day } from "../core/day.ts";
import { type LpLedgerError, notThere } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { nextThreshold } from "../core/rewards/tiers.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { type CommonOptions, contextOf, type Io, settingsOf, withReader } from "../runtime/context.ts";
import {
  type Cell,
  type DayRow,
  dayRows,
  type ProviderStatus,
  PUBLIC_TABLES,
  providerStatus,
  statsOf,
  tableRows,
} from "../store/queries/query.ts";
import { csvLine, jsonAnswer, jsonLine, requireOneFormat, scaled, sparkline, writeLines } from "./table.ts";
import { thresholdText } from "./tiers.ts";

export interface ProviderOptions extends CommonOptions {
  readonly days: number;
}

/** One provider: what it holds, and its newest days with a small chart. */
export async function provider(io: Io, address: Address, options: ProviderOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const found = await withReader(settings, async (store) => providerStatus(store.db, address, options.days));
  if (found === undefined) {
    throw noProvider(address);
  }
  if (options.json) {
    io.out(jsonAnswer({ ...found, decimals: programme.quote.decimals }));
    return;
  }
  const values = found.days.map((day) => day.value);
  const lines = [
    `provider     ${address}`,
    `value        ${scaled(found.totalLiquidity, programme)}, as of ${found.lastUpdated}`,
    `weighted     ${scaled(found.weightedLiquidity, programme)} (${tierName(found.tier)})`,
    ...tierLines(found, programme),
    `first seen   ${found.firstSeen}`,
    `positions    ${found.positions.length} open`,
    ...found.positions.map((each) => {
      const range = each.tickLower === null ? "shares" : `${each.position} [${each.tickLower}, ${each.tickUpper})`;
      return `  ${each.pool}  ${range}  ${each.liquidity}${each.via === null ? "" : `  via ${each.via}${each.credited ? "" : ", which is excluded: it counts for nobody"}`}`;
    }),
    `days         ${found.days.length === 0 ? "none closed yet" : `${found.days[0]?.date} to ${found.days.at(-1)?.date}  ${sparkline(values)}`}`,
    ...found.days.map((day) => `  ${day.date}  ${scaled(day.value, programme).padStart(24)}`),
  ];
  io.out(`${lines.join("\n")}\n`);
}

function tierName(tier: number | null): string {
  return tier === null ? "tier unknown" : tier === 0 ? "no tier" : `tier ${tier}`;
}

/** Since when it is in its tier, and what the next one asks for. */
function tierLines({ tier, tierChanges, streakDays }: ProviderStatus, programme: Programme): readonly string[] {
  const { rules } = programme;
  if (rules === null || tier === null) return [];
  const next = streakDays === null ? null : nextThreshold(rules.tiers, tier, streakDays);
  const since = tierChanges.at(-1)?.date;
  return [
    `tier         ${tierName(tier)}${since === undefined ? "" : ` since ${since}`}, day ${streakDays ?? 0} of its streak`,
    ...(next === null ? [] : [`next         ${thresholdText(next, programme)}`]),
  ];
}

export interface DaysOptions extends CommonOptions {
  readonly provider?: Address;
  readonly pool?: Address;
  readonly from?: Day;
  readonly to?: Day;
  readonly csv?: boolean;
}

const DAY_FIELDS = [
  "date",
  "provider_address",
  "pool_address",
  "protocol",
  "liquidity_amount",
  "token_amounts",
  "seconds_open",
  "seconds_in_range",
] as const satisfies readonly (keyof DayRow)[];

/** Daily balances, streamed in order of day, provider and pool. */
export async function days(io: Io, options: DaysOptions): Promise<void> {
  requireOneFormat(options);
  const { settings, programme } = contextOf(io, options);
  const line = (row: DayRow): string => {
    const cells: readonly Cell[] = DAY_FIELDS.map((field) => row[field]);
    if (options.csv) return csvLine(cells);
    if (options.json) return jsonLine(DAY_FIELDS, cells);
    const inRange = row.seconds_in_range === null ? "" : `  ${row.seconds_in_range} s in range`;
    return `${row.date}  ${row.provider_address}  ${row.pool_address}  ${scaled(row.liquidity_amount, programme).padStart(24)}${inRange}\n`;
  };
  await withReader(settings, async (store) => {
    const { pool, provider: of } = options;
    if (pool !== undefined && !withDiscovered(store, programme).pools.some(({ address }) => address === pool))
      throw notThere(
        "NO_POOL",
        `the ledger does not follow pool ${pool}`,
        "lp-ledger export pools lists those it does",
      );
    if (of !== undefined && providerStatus(store.db, of, 0) === undefined) throw noProvider(of);
    if (options.csv) io.out(csvLine(DAY_FIELDS));
    writeLines(io.out, dayRows(store.db, options), line);
  });
}

function noProvider(address: Address): LpLedgerError {
  return notThere(
    "NO_PROVIDER",
    `${address} never provided liquidity in this programme`,
    "pools, position managers and the zero address are not providers; look at lp-ledger export positions",
  );
}

/** Providers, tiers and totals. */
export async function stats(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const found = await withReader(settings, async (store) => statsOf(store.db));
  if (options.json) {
    io.out(jsonAnswer({ ...found, decimals: programme.quote.decimals }));
    return;
  }
  const lines = [
    `providers   ${found.providers}${found.unpriced === 0 ? "" : `, of whom ${found.unpriced} hold something without a price`}`,
    `total       ${scaled(found.totalLiquidity, programme)}`,
    `weighted    ${scaled(found.weightedLiquidity, programme)}`,
    ...found.tiers.map(
      (tier) =>
        `${tierName(tier.tier).padEnd(11)} ${tier.providers} providers, ${scaled(tier.totalLiquidity, programme)}`,
    ),
  ];
  io.out(`${lines.join("\n")}\n`);
}

export interface ExportOptions extends CommonOptions {
  readonly format: "jsonl" | "csv";
}

/** A public table in canonical order: two ledgers of the same chain write the same bytes. */
export async function exportTable(io: Io, table: string, options: ExportOptions): Promise<void> {
  if (!Object.hasOwn(PUBLIC_TABLES, table)) {
    const hint = `one of positions, ${Object.keys(PUBLIC_TABLES).join(", ")}`;
    throw notThere("NO_TABLE", `there is no public table ${JSON.stringify(table)}`, hint);
  }
  const settings = settingsOf(io, options);
  await withReader(settings, async (store) => {
    const { columns, rows } = tableRows(store.db, table);
    if (options.format === "csv") io.out(csvLine(columns));
    writeLines(io.out, rows(), (row) => (options.format === "csv" ? csvLine(row) : jsonLine(columns, row)));
  });
}
