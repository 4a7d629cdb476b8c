import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

/**
 * Real data that lies beside the project on some machines; undefined elsewhere, and the check that reads it is skipped.
 */
export function sharedFile(name: string): string | undefined {
  const path = `${FOLDER}${name}`;
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** A folder of it. */
export function sharedFolder(name: string): string | undefined {
  const path = `${FOLDER}${name}`;
  return existsSync(path) ? path : undefined;
}
