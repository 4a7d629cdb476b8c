import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { errorsPage } from "../config/write-errors-page.ts";
import { schemaPage } from "../config/write-schema-page.ts";
import { RECOMPUTED } from "../src/chain/header-check.ts";
import { ERROR_PAGES } from "../src/core/error-codes.ts";
import { METRICS } from "../src/http/metrics.ts";
import { ROUTES } from "../src/http/routes.ts";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

describe("the documentation", () => {
  it("has the database as the migrations make it", () => {
    expect(read("docs/schema.md")).toBe(schemaPage());
  });

  it("has a page for every error code that there is, and for no other", () => {
    expect(read("docs/errors.md")).toBe(errorsPage());
    const root = new URL("../src/", import.meta.url);
    const code = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.endsWith("error-codes.ts"))
      .map((path) => readFileSync(new URL(path, root), "utf8"))
      .join("\n");
    expect(Object.keys(ERROR_PAGES).filter((each) => !code.includes(`"${each}"`))).toEqual([]);
  });

  it("names every route of the API and every metric with what it says", () => {
    const text = read("docs/http.md");
    for (const { path } of ROUTES) expect(text).toContain(`\`${path}\``);
    for (const [name, help] of Object.entries(METRICS)) expect(text).toContain(`| \`${name}\` | ${help} |`);
  });

  it("names every chain whose headers must hash to their blocks", () => {
    const text = read("docs/block-times.md");
    const ids = [...text.matchAll(/^\| .* \| ([0-9, ]+) \|$/gm)].flatMap(([, cell = ""]) =>
      cell.split(", ").map(Number),
    );
    expect(ids.sort()).toEqual([...RECOMPUTED].sort());
  });

  it("links to nothing that is not there", () => {
    for (const page of ["README.md", "docs/rewards.md", "docs/http.md", "docs/block-times.md", "CONTRIBUTING.md"])
      for (const [, target = ""] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g))
        expect([page, target, existsSync(new URL(target, new URL(`../${page}`, import.meta.url)))]).toEqual([
          page,
          target,
          true,
        ]);
  });
});
