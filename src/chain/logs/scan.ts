import { isAscii } from "node:buffer";
import { LogScan } from "./log-scan.ts";
import type { ScannedList } from "./scanned-list.ts";

const BEGIN = '"result":[{"';

/** The body of an answer without its logs. */
export interface Scanned {
  /** As text, with `[i]` in the place of list i. */
  readonly text: string;
  readonly lists: readonly ScannedList[];
}

/**
 * Takes lists of logs out of the body of an answer before it is parsed: as objects full of text they cost more than all
 * that is done with them. Only what is written as nodes write it is taken, without white space, escapes, upper case,
 * nulls or removed logs: a list in which anything else occurs is left to the parser, whole. `most`: how many lists were
 * asked for.
 */
export function scanLogs(body: Buffer, most: number): Scanned {
  const lists: ScannedList[] = [];
  const parts: string[] = [];
  let [taken, next] = [0, 0];
  for (let tries = 0; tries < most; tries++) {
    const found = body.indexOf(BEGIN, next);
    if (found < 0) break;
    const start = found + BEGIN.indexOf("[");
    const scan = new LogScan(body, start);
    const list = scan.list();
    next = found + 1;
    if (list === undefined) continue;
    parts.push(textOf(body.subarray(taken, start)), `[${lists.length}]`);
    lists.push(list);
    taken = scan.at;
    next = taken;
  }
  parts.push(textOf(body.subarray(taken)));
  return { text: parts.join(""), lists };
}

/** Which list stood in the place of a result; no list of logs looks like its mark. */
export function markOf(result: unknown): number | undefined {
  const [mark] = Array.isArray(result) && result.length === 1 ? result : [];
  return typeof mark === "number" ? mark : undefined;
}

/** What a node says is nearly always plain ASCII, which is taken over as it is, without a check of each character. */
function textOf(part: Buffer): string {
  return isAscii(part) ? part.toString("latin1") : part.toString("utf8");
}
