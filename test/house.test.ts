import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (name: string): string => readFileSync(`${ROOT}${name}`, "utf8");

interface Service {
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly build?: { readonly target: string };
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
}

describe("the image", () => {
  const lines = read("Dockerfile").split("\n");

  it("runs as a numeric user that is not root, in its last stage too", () => {
    const last = lines.slice(lines.findIndex((line) => line.includes("AS runtime")));
    expect(last.filter((line) => line.startsWith("USER"))).toEqual(["USER 10001:10001"]);
    expect(lines.filter((line) => line.startsWith("FROM")).length).toBeGreaterThan(2);
  });

  it("checks its health without curl, by a command that exists", () => {
    const text = lines.join("\n");
    expect(text).toMatch(
      /HEALTHCHECK[^\n]*\\\n\s+CMD \["node", "\/app\/dist\/src\/main.js", "status", "--max-age", "600"\]/,
    );
    expect(text).not.toMatch(/curl|wget/);
  });

  it("copies only what exists and what .dockerignore lets through", () => {
    const allowed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const copied = lines
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(" ").slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const name of copied) {
      expect(existsSync(`${ROOT}${name}`), name).toBe(true);
      expect(allowed, name).toContain(name);
    }
  });
});

describe("the compose file", () => {
  const compose = parse(read("docker-compose.yml")) as {
    services: Record<string, Service>;
    volumes: object;
    secrets: object;
  };

  it("has the daemon, a local anvil, Prometheus and Grafana, all but the first behind profiles", () => {
    expect(Object.keys(compose.services)).toEqual(["lp-ledger", "anvil", "prometheus", "grafana"]);
    expect(compose.services["lp-ledger"]?.profiles).toBeUndefined();
    expect([compose.services["anvil"]?.profiles, compose.services["prometheus"]?.profiles]).toEqual([
      ["anvil"],
      ["prometheus"],
    ]);
  });

  it("gives no service a writable root, a capability or a port on all interfaces", () => {
    for (const service of Object.values(compose.services)) {
      expect([service.read_only, service.cap_drop]).toEqual([true, ["ALL"]]);
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });

  it("builds stages that exist, and mounts what is declared or lies in the repository", () => {
    for (const { build, volumes = [], secrets = [] } of Object.values(compose.services)) {
      if (build !== undefined) expect(read("Dockerfile")).toContain(`AS ${build.target}\n`);
      for (const volume of volumes) {
        const [source = ""] = volume.split(":");
        expect(source.startsWith("./") ? existsSync(`${ROOT}${source}`) : source in compose.volumes, volume).toBe(true);
      }
      for (const secret of secrets) expect(secret in compose.secrets).toBe(true);
    }
  });
});

describe("the project's text", () => {
  const skipped = /(?:^|\/)(?:node_modules|dist|coverage|\.git|secrets)(?:\/|$)|\.sqlite|^\.env$/;
  const files = readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((name) => !skipped.test(name));

  it("names no path of a machine and no registry host", () => {
    const own = "test/house.test.ts";
    const pattern = /\/(?:work|home|root|Users)\/[a-z]|registry\.npmjs|deb\.debian|ghcr\.io|docker\.io/;
    const offenders = files.filter((name) => name !== own && pattern.test(read(name)));
    expect(offenders).toEqual([]);
  });

  it("knows every command and exit code the README speaks of", () => {
    const readme = read("README.md");
    for (const command of ["start", "check", "status", "verify", "rebuild", "export positions"])
      expect(readme).toContain(`lp-ledger ${command}`);
    for (const code of [0, 64, 70, 75, 76, 78]) expect(readme).toMatch(new RegExp(`\\| ${code} +\\|`));
  });

  it("has a contributing guide of two pages at most, with decisions behind it", () => {
    expect(read("CONTRIBUTING.md").split(/\s+/).length).toBeLessThan(1000);
    expect(files.filter((name) => name.startsWith("docs/decisions/")).length).toBeGreaterThanOrEqual(5);
  });
});
