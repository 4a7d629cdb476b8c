import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { migrate } from "../src/store/migrate.ts";

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
        return `## ${name}\n\n${type === "view" ? "A view.\n\n" : ""}\`\`\`sql\n${[sql, ...indexes].join(";\n")};\n\`\`\`\n`;
      });
    return `# The database\n\nMade from \`migrations/\` by \`npm run schema\`. What users may rely on is said in the README; all columns are here. Raw amounts are decimal text, values are integers scaled by \`quote.decimals\`, times are ISO-8601 UTC of blocks.\n\n${sections.join("\n")}`;
  } finally {
    db.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL("../docs/schema.md", import.meta.url), schemaPage());
