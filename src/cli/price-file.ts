import { CsvError, parse } from "csv-parse/sync";
import { configError, show } from "../config/problems.ts";
import { parseUserJson } from "../config/user-file.ts";
import type { LpLedgerError } from "../core/errors.ts";

export const PRICE_FIELDS = ["token", "date", "price"] as const;
/** What spreadsheets put between cells. */
const SEPARATORS = [",", ";", "\t"] as const;

/** A line as the parser tells it with its number. */
interface Line {
  readonly info: { readonly lines: number };
  readonly record: readonly string[];
}

export interface PriceRow {
  /** Where it stands in its file, for a person. */
  readonly place: string;
  readonly cells: Readonly<Record<string, unknown>>;
}

/** The rows of a file of prices: a JSON list of objects, or a table with a heading. @throws CONFIG with the place */
export function readPriceFile(text: string, source: string): readonly PriceRow[] {
  return /^\s*[[{]/.test(text) ? ofJson(text, source) : ofTable(text, source);
}

function ofJson(text: string, source: string): readonly PriceRow[] {
  // A number in JSON would be a float before anybody could look at it: prices are text.
  const json = parseUserJson(text, source);
  if (!Array.isArray(json)) throw wrong(source, "(file)", "a list of objects", show(json));
  return json.map((row: unknown, i) => {
    const place = `row ${i + 1}`;
    if (typeof row !== "object" || row === null || Array.isArray(row))
      throw wrong(source, place, `an object with ${PRICE_FIELDS.join(", ")}`, show(row));
    return { place, cells: row as PriceRow["cells"] };
  });
}

function ofTable(text: string, source: string): readonly PriceRow[] {
  const heading = text.split(/\r?\n/).find((line) => line.trim() !== "") ?? "";
  const separator = SEPARATORS.find((each) => heading.includes(each)) ?? ",";
  let lines: readonly Line[];
  try {
    const how = {
      delimiter: separator,
      trim: true,
      skip_empty_lines: true,
      info: true,
      relax_column_count: true,
    };
    lines = parse(text, how) as unknown as readonly Line[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw wrong(source, `line ${String(error["lines"] ?? 1)}`, "cells, each whole or within quotes", error.message);
  }
  const [first, ...rows] = lines;
  const names = first?.record ?? [];
  if (PRICE_FIELDS.some((name) => !names.includes(name)) || names.length !== PRICE_FIELDS.length)
    throw wrong(source, "line 1", `a JSON list, or the heading ${PRICE_FIELDS.join(",")}`, heading.slice(0, 80));
  return rows.map(({ info, record }) => {
    const place = `line ${info.lines}`;
    if (record.length !== names.length) throw wrong(source, place, `${names.length} cells`, `${record.length}`);
    return { place, cells: Object.fromEntries(names.map((name, i) => [name, record[i]])) };
  });
}

function wrong(source: string, field: string, expected: string, found: string): LpLedgerError {
  return configError(source, [{ field, expected, found }]);
}
