import type { Log, LogBytes } from "./chain.ts";
import { WORD_BYTES } from "./word.ts";

/**
 * A log's bytes; of one that is there as text, which must be lower-case hex, undefined where a word has another length.
 */
export function bytesOf(log: Log): LogBytes | undefined {
  return log.bytes ?? bytesOfText(log);
}

function bytesOfText({ topics, data, transactionHash }: Log): LogBytes | undefined {
  const words = [transactionHash, ...topics.slice(1)];
  if (words.some((word) => word.length !== 2 + 2 * WORD_BYTES) || data.length % 2 !== 0) return undefined;
  const text = `${words.map((word) => word.slice(2)).join("")}${data.slice(2)}`;
  const end = text.length / 2;
  const view = new DataView(new ArrayBuffer(end));
  for (let i = 0; i < end; i++) view.setUint8(i, Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
  const hex = (at: number, length: number): string => text.slice(2 * at, 2 * (at + length));
  const start = WORD_BYTES;
  return { view, start, end, topicCount: topics.length, topic0: topics[0], transaction: transactionHash, hex };
}

/** The first topic, which says what a log is about; no text is made of the others. */
export function topicOf(log: Log): string | undefined {
  return log.bytes === undefined ? log.topics[0] : log.bytes.topic0;
}

/** Where the transaction of the log at a place ends in the logs of a block. */
export function endOfTransaction(logs: readonly Log[], begin: number): number {
  for (let i = begin + 1; i < logs.length; i++) {
    const [before, log] = [logs[i - 1], logs[i]];
    if (before === undefined || log === undefined || !isSameTransaction(before, log)) return i;
  }
  return logs.length;
}

function isSameTransaction(a: Log, b: Log): boolean {
  if (a.bytes !== undefined && b.bytes !== undefined) return a.bytes.transaction === b.bytes.transaction;
  return a.transactionHash === b.transactionHash;
}
