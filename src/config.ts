import { programmeOf } from "./config/build.ts";
import { configError, problemsOf } from "./config/problems.ts";
import { relationProblems } from "./config/relations.ts";
import { programmeSchema } from "./config/schema.ts";
import { parseUserJson, readUserFile } from "./config/user-file.ts";
import type { Programme } from "./core/programme/programme.ts";
import { pricingOrder } from "./core/valuation/price.ts";

/** Reads and checks the programme file. @throws CONFIG with every problem at once. */
export function readProgramme(path: string): Programme {
  const what = `the programme file ${path}`;
  return parseProgramme(parseUserJson(readUserFile(path, what), what), what);
}

export function parseProgramme(json: unknown, source: string): Programme {
  const parsed = programmeSchema.safeParse(json, { reportInput: true });
  if (!parsed.success)
    throw configError(
      source,
      parsed.error.issues.flatMap((issue) => problemsOf(issue, json)),
    );
  const programme = programmeOf(parsed.data);
  const problems = relationProblems(programme, parsed.data);
  if (problems.length > 0) throw configError(source, problems);
  pricingOrder(programme);
  return programme;
}
