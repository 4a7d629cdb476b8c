import { RPC_ERRORS } from "../src/chain/rpc/rpc-errors.ts";

/** What a node may do wrong to one request; each seed enables some of them. */
export const FAULTS = [
  "error-row",
  "http-429",
  "empty-body",
  "no-result",
  "null-result",
  "wrong-id",
  "answered-twice",
  "html",
  "truncated",
  "torn-batch",
  "reset",
  "hang",
  "drop-log",
  "drop-block",
  "removed-log",
  "pending-log",
  "duplicate-log",
  "shuffle",
  "same-index",
  "other-fork",
  "foreign-log",
  "older-head",
  "no-finality",
  "finality-backwards",
  "wrong-chain",
  "bloom-zero",
  "bloom-ones",
  "out-of-order",
  "no-headers",
  "receipts-short",
  "time-in-logs",
  "time-in-headers",
  "time-in-both",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Faults that make a ledger see what is not there, so that a halt with a finding is an honest outcome. */
export const LIES: ReadonlySet<Fault> = new Set([
  "drop-log",
  "drop-block",
  "same-index",
  "other-fork",
  "torn-batch",
  "receipts-short",
  "time-in-logs",
  "time-in-headers",
  "time-in-both",
]);

/** Ways in which a time is wrong: by hours, more and more, or counted in milliseconds. */
export const TIME_LIES: readonly ((timestampSec: number, blockNumber: number) => number)[] = [
  (timestampSec) => timestampSec + 39_600,
  (timestampSec) => timestampSec - 39_600,
  (timestampSec, blockNumber) => timestampSec + 60 * blockNumber,
  (timestampSec) => timestampSec * 1000,
];

export interface RawLog {
  readonly address: string;
  readonly blockNumber: string | null;
  readonly blockHash: string | null;
  readonly logIndex: string;
  readonly removed: boolean;
  readonly [more: string]: unknown;
}

/** Changes a list of logs as the fault says; `pick` chooses. */
export function spoilLogs(fault: Fault, logs: readonly RawLog[], pick: (n: number) => number): readonly RawLog[] {
  const at = pick(logs.length);
  const one = logs[at];
  if (one === undefined) return logs;
  switch (fault) {
    case "drop-log":
      return logs.filter((log) => log !== one);
    case "drop-block":
      return logs.filter((log) => log.blockNumber !== one.blockNumber);
    case "removed-log":
      return [...logs, { ...one, logIndex: "0x4d", removed: true }];
    case "pending-log":
      return [...logs, { ...one, logIndex: "0x4e", blockHash: null, blockNumber: null }];
    case "duplicate-log":
      return [...logs, { ...one }];
    case "shuffle":
      return [...logs].reverse();
    case "same-index":
      return [...logs, { ...one, data: `${String(one["data"]).slice(0, -1)}7` }];
    case "foreign-log":
      return [...logs, { ...one, address: `0x${"77".repeat(20)}`, logIndex: "0x4f" }];
    default:
      return logs;
  }
}

/** The blocks in which two lists of logs differ. */
export function changedBlocks(before: readonly RawLog[], after: readonly RawLog[]): readonly number[] {
  const kept = new Set(after);
  const had = new Set(before);
  const changed = [...before.filter((log) => !kept.has(log)), ...after.filter((log) => !had.has(log))];
  return [...new Set(changed.map((log) => Number(log.blockNumber ?? 0)))];
}

/** One row of the table of errors, as its provider would answer it. */
export function errorRow(pick: (n: number) => number): { readonly status: number; readonly error: object } {
  const row = RPC_ERRORS[pick(RPC_ERRORS.length)] as (typeof RPC_ERRORS)[number];
  return { status: row.http ?? 200, error: { code: row.code ?? -32000, message: row.example } };
}

/** An answer as it comes over HTTP. */
export interface Envelope {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Forms in which gateways and proxies answer instead of a node, for calls with these ids. */
export const ENVELOPES: readonly (readonly [name: string, answer: (ids: readonly number[]) => Envelope])[] = [
  ["error-without-id", () => json(200, { jsonrpc: "2.0", error: { code: 429, message: "Too Many Requests" } })],
  ["error-as-text", (ids) => json(200, { jsonrpc: "2.0", id: ids[0], error: "internal error" })],
  ["error-of-its-own", () => json(429, { message: "rate limit", limit: 1 })],
  ["key-refused-in-json", () => json(401, { error: "invalid api key" })],
  ["key-refused-in-text", () => ({ status: 403, text: "Forbidden" })],
  ["payment-required", () => ({ status: 402, text: "<html><body>Payment Required</body></html>" })],
  ["redirected", () => ({ status: 308, text: "", headers: { location: "https://elsewhere.invalid/" } })],
  ["too-deep", () => ({ status: 200, text: "[".repeat(50_000) })],
  ["not-utf8", () => ({ status: 200, text: "\u0000\ufffd\ufffd" })],
  ["other-version", (ids) => json(200, { jsonrpc: "1.0", id: ids[0], result: "0x1" })],
  [
    "result-of-another-shape",
    (ids) =>
      json(
        200,
        ids.map((id) => ({ jsonrpc: "2.0", id, result: { surprise: [1] } })),
      ),
  ],
];

function json(status: number, body: unknown): Envelope {
  return { status, text: JSON.stringify(body) };
}
