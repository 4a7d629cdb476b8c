import { LpLedgerError } from "../core/errors.ts";
import { escapeUnseen, plainText } from "../core/plain-text.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { Cell } from "../store/queries/query.ts";

/** A value of the ledger in whole quote units, exact. */
export function scaled(value: bigint | null, { quote }: Pick<Programme, "quote">): string {
  if (value === null) return "not priced";
  const text = value.toString().padStart(quote.decimals + 1, "0");
  const whole = text.slice(0, text.length - quote.decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  return quote.decimals === 0 ? `${whole} ${quote.symbol}` : `${whole}.${text.slice(-quote.decimals)} ${quote.symbol}`;
}

/** A row as one line of JSON; integers beyond 2^53 as text, so that no reader rounds them. */
export function jsonLine(columns: readonly string[], row: readonly Cell[]): string {
  const entries = columns.map((column, i): [string, string | number | null] => {
    const cell = row[i] ?? null;
    if (typeof cell !== "bigint") return [column, cell];
    return [column, Number.isSafeInteger(Number(cell)) ? Number(cell) : cell.toString()];
  });
  return `${escapeUnseen(JSON.stringify(Object.fromEntries(entries)))}\n`;
}

/**
 * A row as one line of RFC 4180 CSV; cells that begin as a formula does, and are no number, are made text for
 * spreadsheets.
 */
export function csvLine(row: readonly Cell[]): string {
  return `${row.map(csvCell).join(",")}\r\n`;
}

function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell !== "string") return cell.toString();
  const shown = plainText(cell);
  const isComputed = /^[\s=+\-@\uff1d\uff0b\uff0d\uff20]/.test(cell) || /^[=+\-@]/.test(shown);
  const text = isComputed && !/^[+-]?\d+(\.\d+)?$/.test(cell) ? `'${shown}` : shown;
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const LINES_PER_WRITE = 500;

/** An answer as one line of JSON, amounts as text. */
export function jsonAnswer(answer: object): string {
  const text = JSON.stringify(answer, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  return `${escapeUnseen(text)}\n`;
}

/** Writes one line a row in blocks, so that neither memory nor system calls grow with their number. */
export function writeLines<T>(out: (text: string) => void, rows: Iterable<T>, lineOf: (row: T) => string): void {
  let block: string[] = [];
  for (const row of rows) {
    block.push(lineOf(row));
    if (block.length < LINES_PER_WRITE) continue;
    out(block.join(""));
    block = [];
  }
  out(block.join(""));
}

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** A small chart of values, one character each; a gap where a value is not known. */
export function sparkline(values: readonly (bigint | null)[]): string {
  const highest = values.reduce<bigint>((high, value) => (value !== null && value > high ? value : high), 0n);
  return values
    .map((value) => (value === null ? "·" : (BARS[highest === 0n ? 0 : Number((value * 7n) / highest)] ?? "▁")))
    .join("");
}

/** Two ways of output exclude each other. */
export function requireOneFormat(options: { readonly csv?: boolean; readonly json?: boolean }): void {
  if (options.csv && options.json) {
    throw new LpLedgerError("usage", "ONE_FORMAT", "--csv and --json exclude each other", { exitCode: 64 });
  }
}
