import type { Log, LogBytes } from "./chain.ts";
import type { Sha256 } from "./digest.ts";
import { bytesOf, WORD_BYTES } from "./log-bytes.ts";

/** Equal exactly when two readings of a block brought the same logs, byte for byte. Logs must be in log order. */
export function contentOf(sha256: Sha256, logs: readonly Log[]): string {
  const parts: LogBytes[] = [];
  let lines = "";
  // Neighbours are mostly of one kind, and lie one after another: what their lines end with is made once.
  let before: Log | undefined;
  let last: LogBytes | undefined;
  let ending = "";
  let isOneStretch = true;
  for (const log of logs) {
    const bytes = bytesOf(log);
    if (bytes === undefined) {
      // No node's answer comes so far: each word of it was checked.
      lines += `${log.logIndex} ${log.address} ${log.transactionHash} ${log.topics.join(",")} ${log.data}\n`;
      continue;
    }
    if (last === undefined || log.address !== before?.address || !isSameKind(bytes, last))
      ending = ` ${log.address} ${bytes.topicCount} ${bytes.topic0 ?? ""} ${bytes.end - bytes.start}\n`;
    lines += `${log.logIndex}${ending}`;
    if (last !== undefined && !isNext(bytes, last)) isOneStretch = false;
    parts.push(bytes);
    before = log;
    last = bytes;
  }
  return sha256(lines + sha256(isOneStretch ? stretch(parts[0], last) : joined(parts))).slice(0, 32);
}

function isSameKind(a: LogBytes, b: LogBytes): boolean {
  return a.topic0 === b.topic0 && a.topicCount === b.topicCount && a.end - a.start === b.end - b.start;
}

/** Whether it lies right behind the one before. */
function isNext({ view, start }: LogBytes, before: LogBytes): boolean {
  return view === before.view && start - WORD_BYTES === before.end;
}

/** The bytes of logs that lie one after another, from the first one's transaction's hash on. */
function stretch(first: LogBytes | undefined, last: LogBytes | undefined): Uint8Array {
  if (first === undefined || last === undefined) return new Uint8Array();
  const { buffer, byteOffset } = first.view;
  return new Uint8Array(buffer, byteOffset + first.start - WORD_BYTES, last.end - first.start + WORD_BYTES);
}

/** The same of logs that lie anywhere. */
function joined(parts: readonly LogBytes[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { start, end }) => sum + end - start + WORD_BYTES, 0));
  let at = 0;
  for (const bytes of parts) {
    all.set(stretch(bytes, bytes), at);
    at += bytes.end - bytes.start + WORD_BYTES;
  }
  return all;
}
