import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The version of this package, built or not. */
export function versionOf(): string {
  const files = ["../../package.json", "../../../package.json"].map((path) => new URL(path, import.meta.url));
  const file = files.find((each) => existsSync(fileURLToPath(each)));
  return file === undefined ? "unknown" : (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
