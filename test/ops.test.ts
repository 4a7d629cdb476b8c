import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRICS } from "../src/http/metrics.ts";

const read = (name: string): string => readFileSync(new URL(`../ops/${name}`, import.meta.url), "utf8");
const named = (text: string): readonly string[] => [...new Set(text.match(/lp_ledger_\w+/g))];

describe("what is there for operations", () => {
  it.each(["alerts.yml", "grafana-dashboard.json"])("in %s asks only for metrics that there are", (name) => {
    expect(named(read(name)).filter((each) => METRICS[each] === undefined)).toEqual([]);
    expect(named(read(name)).length).toBeGreaterThan(8);
  });

  it("has alert rules that Prometheus itself accepts", () => {
    const { groups } = parse(read("alerts.yml")) as {
      groups: { rules: { alert: string; annotations: { summary: string } }[] }[];
    };
    for (const { alert, annotations } of groups.flatMap(({ rules }) => rules))
      expect([alert, annotations.summary.length > 0]).toEqual([alert, true]);
    const checked = spawnSync(
      "promtool",
      ["check", "rules", fileURLToPath(new URL("../ops/alerts.yml", import.meta.url))],
      { encoding: "utf8" },
    );
    if ((checked.error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return; // Debian's prometheus package carries it; CI installs it.
    expect([checked.status, checked.stderr]).toEqual([0, ""]);
  });

  it("has a Prometheus configuration that loads the rules and asks the daemon", () => {
    const config = parse(read("prometheus.yml")) as {
      rule_files: string[];
      scrape_configs: { job_name: string; metrics_path?: string }[];
    };
    expect(config.rule_files).toEqual(["alerts.yml"]);
    expect(config.scrape_configs.map(({ job_name }) => job_name)).toContain("lp-ledger");
  });

  it("has a compose profile that loads rules, data source and dashboard from files that there are", () => {
    const compose = parse(readFileSync(new URL("../docker-compose.yml", import.meta.url), "utf8")) as {
      services: Record<string, { volumes?: string[]; profiles?: string[] }>;
    };
    const mounted = ["prometheus", "grafana"]
      .flatMap((name) => compose.services[name]?.volumes ?? [])
      .filter((each) => each.startsWith("./"));
    expect(mounted).toHaveLength(5);
    for (const each of mounted)
      expect([each, existsSync(new URL(`../${each.split(":")[0]}`, import.meta.url))]).toEqual([each, true]);
  });

  it("has a dashboard whose panels have places of their own", () => {
    const { panels } = JSON.parse(read("grafana-dashboard.json")) as { panels: { id: number; gridPos: object }[] };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size).toBe(panels.length);
  });

  it("has a unit that restarts on nothing that needs a person", () => {
    expect(read("lp-ledger.service")).toContain("RestartPreventExitStatus=64 70 72 76 78");
  });
});
