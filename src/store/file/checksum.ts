import { hash } from "node:crypto";

const SEPARATOR = "\u001f";

/**
 * Sixteen hex digits over a row's other columns, in their order. SQLite has no checksums of its own, so a flipped
 * byte in a value is found by nothing else.
 */
export function rowChecksum(cells: readonly (string | number | bigint | null)[]): string {
  const text = cells.map((cell) => (cell === null ? "" : String(cell))).join(SEPARATOR);
  return hash("sha256", text).slice(0, 16);
}
