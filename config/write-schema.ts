import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { schemaText } from "../src/config/json-schema.ts";

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("programme.schema.json", import.meta.url), schemaText());
}
