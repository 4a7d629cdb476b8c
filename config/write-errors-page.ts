import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_PAGES } from "../src/core/error-codes.ts";
import { wrapped } from "./wrapped.ts";

const INTRODUCTION =
  "Made from `src/core/error-codes.ts` by `npm run schema`. A message ends with its code; with `--json` it is " +
  "`error.code`. What the exit codes mean is said in the README.";

/** Every error code: what happened, and what to do. */
export function errorsPage(): string {
  const sections = Object.entries(ERROR_PAGES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, [happened, todo]]) =>
      [`## ${code}`, wrapped(`What happened: ${happened}.`), `${wrapped(`What to do: ${todo}.`)}\n`].join("\n\n"),
    );
  return `# Errors\n\n${wrapped(INTRODUCTION)}\n\n${sections.join("\n")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL("../docs/errors.md", import.meta.url), errorsPage());
