import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commandsPage } from "../config/write-commands-page.ts";
import { errorsPage } from "../config/write-errors-page.ts";
import { schemaPage } from "../config/write-schema-page.ts";
import { RECOMPUTED } from "../src/chain/header-check.ts";
import { readProgramme } from "../src/config.ts";
import { ERROR_PAGES } from "../src/core/error-codes.ts";
import { METRICS } from "../src/http/metrics.ts";
import { ROUTES } from "../src/http/routes.ts";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

describe("the documentation", () => {
  it("has the database as the migrations make it", () => {
    expect(read("docs/schema.md")).toBe(schemaPage());
  });

  it("has every command with its options, as the commands themselves say", () => {
    expect(read("docs/commands.md")).toBe(commandsPage());
  });

  it("has examples that are programmes, each named by the README", () => {
    const readme = read("README.md");
    const names = readdirSync(new URL("../examples/", import.meta.url)).sort();
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of [...names.map((each) => `examples/${each}`), "config/threshold-arbitrum.json"]) {
      const programme = readProgramme(new URL(`../${name}`, import.meta.url).pathname);
      expect([name, programme.pools.length + programme.factories.length > 0]).toEqual([name, true]);
      expect(readme).toContain(`](${name})`);
    }
  });

  it("has a README of 150 lines at most, and an index of everything in docs/", () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(151);
    const index = read("docs/README.md");
    for (const page of readdirSync(new URL("../docs/", import.meta.url)))
      if (page.endsWith(".md") && page !== "README.md") expect(index).toContain(`](${page})`);
    const decisions = read("docs/decisions/README.md");
    for (const page of readdirSync(new URL("../docs/decisions/", import.meta.url)))
      if (page !== "README.md") expect(decisions).toContain(`](${page})`);
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

  it("names no file of the source that is not there", () => {
    const folder = new URL("../", import.meta.url);
    const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (path) => path.endsWith(".md") && !/(^|\/)(node_modules|dist)\/|CHANGELOG/.test(path),
    );
    const rooms = /`((?:src\/)?(?:cli|runtime|daemon|ledger|chain|store|core|http|prices|distribution)\/[\w/-]+\.ts)`/g;
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(rooms)].map(([, path = ""]) => [page, path] as const),
    );
    expect(named.length).toBeGreaterThan(15);
    for (const [page, path] of named)
      expect([page, path, existsSync(new URL(`src/${path.replace(/^src\//, "")}`, folder))]).toEqual([
        page,
        path,
        true,
      ]);
  });

  it("links to nothing that is not there", () => {
    const folder = new URL("../", import.meta.url);
    const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (path) => path.endsWith(".md") && !/(^|\/)(node_modules|dist)\//.test(path),
    );
    expect(pages.length).toBeGreaterThan(30);
    for (const page of pages)
      for (const [, target = ""] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g))
        expect([page, target, existsSync(new URL(target, new URL(`../${page}`, import.meta.url)))]).toEqual([
          page,
          target,
          true,
        ]);
  });
});
