import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What the build reads; a folder's own time tells of files that are gone. */
const SOURCES = [
  "src",
  "abi",
  "config",
  "migrations",
  "dashboard",
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
];

/** Tests run the built program, too: it is built first where anything was edited since. */
export function setup(): void {
  const built = join(ROOT, "dist/src/main.js");
  if (existsSync(built) && statSync(built).mtimeMs >= Math.max(...SOURCES.map((each) => newest(join(ROOT, each)))))
    return;
  execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT, stdio: "inherit" });
}

function newest(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
