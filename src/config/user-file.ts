import { readFileSync } from "node:fs";
import { configError } from "./problems.ts";

const BYTE_ORDER_MARK = "\ufeff";

/** The text of a file that a person wrote. @throws CONFIG where it cannot be read, or is no UTF-8 */
export function readUserFile(path: string, what: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw notRight(what, "a readable file", (error as Error).message);
  }
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (isWide) throw notRight(what, "text as UTF-8", "UTF-16: save it again as UTF-8");
  try {
    return withoutMark(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw notRight(what, "text as UTF-8", "bytes that are none");
  }
}

/** JSON as a person wrote it. @throws CONFIG with the place where it ends to be JSON */
export function parseUserJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notRight(what, "JSON", placed((error as Error).message, text));
  }
}

/** Programs that write tables put a mark before the first character. */
function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/** The engine's words with the line where they belong. */
function placed(message: string, text: string): string {
  const at = /at position (\d+)/.exec(message)?.[1];
  const position = at === undefined ? text.length : Number(at);
  const line = text.slice(0, position).split("\n").length;
  const isCut = text.trim() === "" || position >= text.trimEnd().length;
  return isCut ? `its end in line ${line}: it is empty or cut off` : `in line ${line}: ${message}`;
}

function notRight(what: string, expected: string, found: string) {
  return configError(what, [{ field: "(file)", expected, found }]);
}
