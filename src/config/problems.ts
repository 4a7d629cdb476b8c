import type { z } from "zod";
import { PROTOCOLS } from "../core/decode/protocols.ts";
import { LpLedgerError } from "../core/errors.ts";

/** One thing wrong with the configuration. */
export interface Problem {
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** Every problem of a source at once, as one usage error. */
export function configError(
  source: string,
  problems: readonly Problem[],
  hint = "correct all of them, then run lp-ledger check",
): LpLedgerError {
  const lines = problems.map(({ field, expected, found }) => `  ${field}: expected ${expected}, found ${found}`);
  return new LpLedgerError(
    "usage",
    "CONFIG",
    `${source} has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${lines.join("\n")}`,
    {
      facts: { problems },
      hint,
    },
  );
}

/** A zod issue in our words: field, expectation, value. Unions are reported by their best-fitting branch. */
export function problemsOf(issue: z.core.$ZodIssue, json: unknown): readonly Problem[] {
  const field = issue.path.map(String).join(".") || "(file)";
  const found = show(valueAt(json, issue.path));
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        field: [...issue.path.map(String), key].join("."),
        expected: "no such key",
        found: show(valueAt(json, [...issue.path, key])),
      }));
    case "invalid_union": {
      if (issue.errors.length === 0)
        return [{ field: `${field}`, expected: `a known protocol: ${[...PROTOCOLS.keys()].join(", ")}`, found }];
      const value = valueAt(json, issue.path);
      if (issue.path[0] === "prices" && (typeof value !== "object" || value === null))
        return [
          {
            field,
            expected:
              'a source like {"fixed": "1.05"}, {"pool": ...}, {"chainlink": ...}, {"coingecko": ...}, {"defillama": ...}, {"rate": ...} or {"imported": true}, or a list of them',
            found,
          },
        ];
      const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
      return best.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, json));
    }
    case "invalid_type":
      return [{ field, expected: `${issue.expected}`, found }];
    case "invalid_key":
      return [{ field, expected: "an address as its key", found: show(issue.path.at(-1)) }];
    case "too_small":
      return [{ field, expected: `at least ${issue.minimum}${entries(issue)}`, found: counted(issue, json) }];
    case "too_big":
      return [{ field, expected: `at most ${issue.maximum}${entries(issue)}`, found: counted(issue, json) }];
    case "invalid_value":
      return [{ field, expected: issue.values.map((value) => JSON.stringify(value)).join(" or "), found }];
    default:
      return [{ field, expected: issue.message, found }];
  }
}

function entries({ origin }: { readonly origin: string }): string {
  return origin === "array" ? " entries" : "";
}

/** The number of entries where that is what is wrong, else the value. */
function counted(
  { origin, path }: { readonly origin: string; readonly path: readonly PropertyKey[] },
  json: unknown,
): string {
  const value = valueAt(json, path);
  return origin === "array" && Array.isArray(value) ? `${value.length}` : show(value);
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], json);
}

/** A text in which URLs are cut after their host: what follows, and a user before it, may be a key. */
function withoutKeys(text: string): string {
  return text.replace(/\b([a-z]+:\/\/)(?:[^\s"'/@]*@)?([^\s"'/?#]*)[^\s"']*/gi, "$1$2/...");
}

/** A value as a problem shows it. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  return withoutKeys(JSON.stringify(value) ?? String(value)).slice(0, 120);
}
