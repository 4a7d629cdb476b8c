import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { migrate } from "../src/store/file/migrate.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Columns that came later stand at the end of another one's line, and their comments are lost: both come from the
 * migrations.
 */
function withLaterColumns(table: string, sql: string): string {
  let whole = sql;
  for (const { text } of migrations()) {
    const later = new RegExp(`^alter table ${table} add column ([^;]+);(?: -- (.*))?$`, "gm");
    for (const { 1: column = "", 2: comment = "" } of text.matchAll(later)) {
      const added = `, ${column}`;
      const at = whole.indexOf(added);
      if (at < 0) continue; // The table was made anew since, with the column in its place.
      const isLast = whole[at + added.length] !== ",";
      const without = `${whole.slice(0, at)}${isLast ? "," : ""}${whole.slice(at + added.length)}`;
      const end = without.indexOf("\n", at);
      const line = `\n  ${column}${isLast ? "" : ","}${comment === "" ? "" : ` -- ${comment}`}`;
      whole = end < 0 ? `${without}${line}` : without.slice(0, end) + line + without.slice(end);
    }
  }
  return whole;
}

function migrations(): readonly { readonly text: string }[] {
  const folder = new URL("../migrations/", import.meta.url);
  return readdirSync(folder)
    .sort()
    .map((file) => ({ text: readFileSync(new URL(file, folder), "utf8") }));
}

const INTRODUCTION =
  "Made from `migrations/` by `npm run schema`. What users may rely on is said in the README; all columns are here. " +
  "Each row of `lp_events` moves `abs(liquidity_delta)` of a position's liquidity. It leaves `from_side` and comes to " +
  "`to_side`; where `to_side` is null, to `provider_address` if the delta is positive, and back into `issuance` if it is " +
  "negative. A side is an address, `address@wrapper` for what a wrapper holds for an address, or `issuance`, which owes " +
  "what all others have. Where `from_side` is null nothing moved. Replayed in order of block and log, the sides of each " +
  "position are the rows of `accounts`. Raw amounts are decimal text, values are integers scaled by `quote.decimals`, " +
  "times are ISO-8601 UTC of blocks.";

/** The database as its migrations make it, table by table, with their comments. */
export function schemaPage(): string {
  const db = new Database(":memory:");
  try {
    migrate(db, ":memory:");
    const rows = db
      .prepare<[], { type: string; name: string; sql: string }>(
        "select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by type = 'index', type = 'view', name",
      )
      .all();
    const sections = rows
      .filter(({ type }) => type !== "index")
      .map(({ name, type, sql }) => {
        const indexes = rows
          .filter((each) => each.type === "index" && each.sql.includes(` on ${name} `))
          .map((each) => each.sql);
        const columns = type === "table" ? withLaterColumns(name, sql) : sql;
        return `## ${name}\n\n${type === "view" ? "A view.\n\n" : ""}\`\`\`sql\n${[columns, ...indexes].join(";\n")};\n\`\`\`\n`;
      });
    return `# The database\n\n${wrapped(INTRODUCTION)}\n\n${sections.join("\n")}`;
  } finally {
    db.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL("../docs/schema.md", import.meta.url), schemaPage());
