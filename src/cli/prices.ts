import { basename, resolve } from "node:path";
import { configError, type Problem } from "../config/problems.ts";
import { readUserFile } from "../config/user-file.ts";
import { type Day, daysAfter, isDay, nextDay } from "../core/day.ts";
import { parsePriceE18 } from "../core/decimal.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { type CommonOptions, contextOf, type Io, withOperator, withReader } from "../runtime/context.ts";
import type { ImportedPrice } from "../store/prices.ts";
import { PRICE_FIELDS, type PriceRow, readPriceFile } from "./price-file.ts";
import { jsonAnswer } from "./table.ts";

const NOTHING_ADDED = "mend the file and bring it in again: nothing of it was";

/** Brings prices in from a CSV or JSON file: all of it, or with any mistake nothing. */
export async function pricesImport(io: Io, file: string, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const what = `the price file ${file}`;
  const rows = readPriceFile(readUserFile(resolve(io.cwd, file), what), what);
  const problems: Problem[] = [];
  const prices = rows.flatMap((row) => priceOf(row, `import ${basename(file)}`, programme, problems));
  const seen = new Map<string, bigint>();
  for (const [i, { token, date, priceE18 }] of problems.length > 0 ? [] : prices.entries()) {
    const before = seen.get(`${token} ${date}`);
    if (before !== undefined && before !== priceE18)
      problems.push({
        field: `${rows[i]?.place}.price`,
        expected: `one price for ${token} on ${date}`,
        found: `${rows[i]?.cells["price"]}`,
      });
    seen.set(`${token} ${date}`, priceE18);
  }
  if (problems.length > 0) throw configError(what, problems, NOTHING_ADDED);
  const added = await withOperator(settings, async (store) =>
    store.write(() => {
      const conflicts = prices.flatMap((price, i): readonly Problem[] => {
        const known = store.prices.broughtIn(price.token, price.date, "imported");
        if (known === undefined || known.priceE18 === price.priceE18) return [];
        const expected = `the price that was imported before for ${price.token} on ${price.date}`;
        return [{ field: `${rows[i]?.place}.price`, expected, found: String(rows[i]?.cells["price"]) }];
      });
      if (conflicts.length > 0) throw configError(what, conflicts, NOTHING_ADDED);
      return prices.filter((price) => store.prices.add(price, store.nowIso())).length;
    }),
  );
  const known = prices.length - added;
  io.out(options.json ? jsonAnswer({ added, known }) : `${added} prices added, ${known} were there already\n`);
}

export interface ReviseOptions extends CommonOptions {
  readonly token: Address;
  readonly date: Day;
  readonly to?: Day;
  readonly price?: string;
}

/**
 * Changes what final days were priced with, and keeps why; without a price they are priced anew by the sources of the
 * file.
 */
export async function pricesRevise(io: Io, reason: string, options: ReviseOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const { token, date: first, to = first } = options;
  const priceE18 = options.price === undefined ? undefined : parsePriceE18(options.price);
  const problems: Problem[] = [];
  const problem = (field: string, expected: string, found: string): number => problems.push({ field, expected, found });
  if (reason.trim() === "") problem("reason", "why the price is changed: it stays beside it", "nothing");
  if (!programme.prices.has(token)) problem("--token", "a token that the programme file prices", token);
  if (to < first) problem("--to", `a day not before ${first}`, to);
  if (options.price !== undefined && (priceE18 ?? 0n) <= 0n)
    problem("--price", 'decimal text above zero like "1.05" with at most 18 places', options.price);
  const { days, paid } = await withOperator(settings, async (store) =>
    store.write(() => {
      const last = daysAfter(to, 1);
      const days: Day[] = [];
      const open = store.prices.firstOpenDay();
      for (let day = first; day < last && problems.length === 0; day = nextDay(day)) {
        if (store.days.closedBlockOf(day) === undefined || day >= open)
          problem("--date", "days that are closed and final", day);
        days.push(day);
      }
      if (problems.length > 0) throw configError("the revision", problems, "nothing was changed");
      for (const date of days) store.revisions.add({ token, date, priceE18, reason }, store.nowIso());
      const paid = store.rewards
        .epochs()
        .filter(({ state, record }) => state === "final" && record.first <= to && record.end > first)
        .map(({ record }) => record.epoch);
      return { days, paid };
    }),
  );
  if (options.json) io.out(jsonAnswer({ token, days, price: options.price ?? null, finalEpochs: paid }));
  else
    io.out(
      `${days.length} ${days.length === 1 ? "day" : "days"} revised: a running daemon applies it at once, else the next start\n`,
    );
  if (paid.length > 0)
    io.talk(
      `final epochs ${paid.join(", ")} lie in these days: they stay as they are, and calculating them again will differ\n`,
    );
}

/** Tokens and closed days that a row waits for. */
export async function pricesMissing(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const missing = await withReader(settings, async (store) => {
    const { pools } = withDiscovered(store, programme);
    return store.prices.unpricedDays().flatMap((date) => {
      const known = store.prices.ofDay(date);
      const held = new Set(store.prices.rowsOf(date, "unpriced").map(({ pool }) => pool));
      const tokens = new Set(pools.filter(({ address }) => held.has(address)).flatMap((pool) => pool.tokens));
      const unknown = [...new Set([...tokens].map(({ address }) => address))].filter((token) => !known.has(token));
      return unknown.sort().map((token) => ({ token, date }));
    });
  });
  if (options.json) io.out(jsonAnswer(missing));
  else for (const { token, date } of missing) io.out(`${date}  ${token}\n`);
  if (missing.length === 0 && !options.json) io.talk("no price is missing\n");
}

function priceOf(
  { place, cells: row }: PriceRow,
  source: string,
  programme: Programme,
  problems: Problem[],
): readonly ImportedPrice[] {
  const before = problems.length;
  const problem = (field: string, expected: string): void => {
    const found = row[field] === undefined ? "nothing" : JSON.stringify(row[field]);
    problems.push({ field: `${place}.${field}`, expected, found });
  };
  const { token, date, price } = row;
  const priceE18 = typeof price === "string" ? parsePriceE18(price) : undefined;
  const address = typeof token === "string" && /^0x[0-9a-fA-F]{40}$/.test(token) ? toAddress(token) : undefined;
  const imports = address && programme.prices.get(address)?.some(({ kind }) => kind === "imported");
  if (address === undefined) problem("token", "an address");
  else if (imports !== true) problem("token", "a token that the programme file prices by imported");
  if (typeof date !== "string" || !isDay(date)) problem("date", "a day like 2026-01-31");
  if (priceE18 === undefined) problem("price", 'decimal text like "1.05" with at most 18 places');
  else if (priceE18 === 0n) problem("price", "a price above zero");
  for (const name of Object.keys(row))
    if (!(PRICE_FIELDS as readonly string[]).includes(name)) problem(name, "no such key");
  if (problems.length > before || address === undefined || priceE18 === undefined) return [];
  return [{ kind: "imported", token: address, date: date as Day, priceE18, source }];
}
