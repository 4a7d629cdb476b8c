import type { Log, LogBytes } from "./chain.ts";

/** The bytes of a log that is there as text, which must be lower-case hex; undefined where a topic has another length. */
export function bytesOf({ topics, data, transactionHash }: Log): LogBytes | undefined {
  const words = topics.slice(1);
  if (words.some((topic) => topic.length !== 66) || data.length % 2 !== 0) return undefined;
  const text = `${words.map((topic) => topic.slice(2)).join("")}${data.slice(2)}`;
  const end = text.length / 2;
  const view = new DataView(new ArrayBuffer(end));
  for (let i = 0; i < end; i++) view.setUint8(i, Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
  const hex = (at: number, length: number): string => text.slice(2 * at, 2 * (at + length));
  return { view, start: 0, end, topicCount: topics.length, topic0: topics[0], transaction: transactionHash, hex };
}

/** The first topic, which says what a log is about; no text is made of the others. */
export function topicOf(log: Log): string | undefined {
  return log.bytes === undefined ? log.topics[0] : log.bytes.topic0;
}

/** The logs of a block, transaction by transaction. */
export function* transactionsOf(logs: readonly Log[]): Generator<readonly Log[]> {
  let begin = 0;
  for (let i = 1; i <= logs.length; i++) {
    const [before, log] = [logs[i - 1], logs[i]];
    if (before !== undefined && log !== undefined && isSameTransaction(before, log)) continue;
    yield logs.slice(begin, i);
    begin = i;
  }
}

function isSameTransaction(a: Log, b: Log): boolean {
  if (a.bytes !== undefined && b.bytes !== undefined) return a.bytes.transaction === b.bytes.transaction;
  return a.transactionHash === b.transactionHash;
}
