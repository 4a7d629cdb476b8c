import type { Log, LogBytes } from "./chain.ts";
import type { Sha256 } from "./digest.ts";
import { bytesOf, WORD_BYTES } from "./log-bytes.ts";

/** Equal exactly when two readings of a block brought the same logs, byte for byte. Logs must be in log order. */
export function contentOf(sha256: Sha256, logs: readonly Log[]): string {
  const parts: LogBytes[] = [];
  let lines = "";
  // Neighbours are mostly of one kind: what their lines end with is made once.
  let before: Log | undefined;
  let ending = "";
  for (const log of logs) {
    const bytes = bytesOf(log);
    if (bytes === undefined) {
      // No node's answer comes so far: each word of it was checked.
      lines += `${log.logIndex} ${log.address} ${log.transactionHash} ${log.topics.join(",")} ${log.data}\n`;
      continue;
    }
    const last = parts.at(-1);
    if (last === undefined || log.address !== before?.address || !isSameKind(bytes, last))
      ending = ` ${log.address} ${bytes.topicCount} ${bytes.topic0 ?? ""} ${bytes.end - bytes.start}\n`;
    lines += `${log.logIndex}${ending}`;
    parts.push(bytes);
    before = log;
  }
  return sha256(lines + sha256(joined(parts))).slice(0, 32);
}

function isSameKind(a: LogBytes, b: LogBytes): boolean {
  return a.topic0 === b.topic0 && a.topicCount === b.topicCount && a.end - a.start === b.end - b.start;
}

/** The logs' bytes, each from its transaction's hash on; as they lie, where they lie one after another. */
function joined(parts: readonly LogBytes[]): Uint8Array {
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined) return new Uint8Array();
  const isOneStretch = parts.every(
    ({ view, start }, i) => i === 0 || (view === parts[i - 1]?.view && start - WORD_BYTES === parts[i - 1]?.end),
  );
  if (isOneStretch) return stretch(first.view, first.start, last.end);
  const all = new Uint8Array(parts.reduce((sum, { start, end }) => sum + end - start + WORD_BYTES, 0));
  let at = 0;
  for (const { view, start, end } of parts) {
    all.set(stretch(view, start, end), at);
    at += end - start + WORD_BYTES;
  }
  return all;
}

/** From the word before a place up to another. */
function stretch(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start - WORD_BYTES, end - start + WORD_BYTES);
}
