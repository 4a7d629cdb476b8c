import { type Io, settingsOf, withReader } from "../runtime/context.ts";
import { positionLines } from "../store/queries/positions.ts";
import type { ExportOptions } from "./query.ts";
import { csvLine, writeLines } from "./table.ts";

const FIELDS = ["pool", "protocol", "position", "provider", "tickLower", "tickUpper", "liquidity"] as const;

/** Prints every open account as one line, JSON or CSV, in canonical order. */
export async function exportPositions(io: Io, { format, ...options }: ExportOptions): Promise<void> {
  const settings = settingsOf(io, options);
  await withReader(settings, async (store) => {
    if (format === "csv") io.out(csvLine(FIELDS));
    writeLines(io.out, positionLines(store.db), (line) =>
      format === "csv" ? csvLine(FIELDS.map((field) => line[field])) : `${JSON.stringify(line)}\n`,
    );
  });
}
