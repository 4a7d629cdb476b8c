import { LpLedgerError } from "../../core/errors.ts";
import { type FailureKind, RPC_ERRORS } from "./rpc-errors.ts";

/** What a failure says of the request it answers. */
export interface Classified {
  readonly kind: FailureKind | "inconsistent" | "unreachable" | "unknown";
  /** Most blocks a range may have, both ends counted, as it is claimed. */
  readonly blocksMax?: number;
  /** Most calls a batch may have. */
  readonly callsMax?: number;
  /** Most addresses or topics a filter may have. */
  readonly filterMax?: number;
  /** A range that is said to do. */
  readonly hint?: { readonly from: number; readonly to: number };
}

/** Classifies a failed call by the table: by its text first, since codes and HTTP statuses mean many things. */
export function classify(error: LpLedgerError): Classified {
  switch (error.code) {
    case "RPC_ERROR":
      return classifyText(String(error.facts["text"] ?? ""), error.facts["code"], error.facts["status"]);
    case "RPC_RATE":
      return { kind: "rate" };
    case "RPC_TOO_LARGE":
      return { kind: "bisect" };
    case "RPC_TIMEOUT":
    case "RPC_BODY":
      return { kind: "transient" };
    case "RPC_UNREACHABLE":
      return { kind: "unreachable" };
    case "RPC_SHAPE":
    case "LOGS_INCONSISTENT":
      return { kind: "inconsistent" };
    case "NODE_BEHIND":
      return { kind: "behind" };
    default:
      return { kind: "unknown" };
  }
}

export function classifyText(text: string, code?: unknown, status?: unknown): Classified {
  for (const { kind, pattern, blocks } of RPC_ERRORS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const [first, second] = match.slice(1).map((group) => Number(group?.replaceAll(",", "")));
    if (kind === "range-hint") return { kind, hint: { from: first ?? Number.NaN, to: second ?? Number.NaN } };
    if (kind === "no-batch") return first === undefined || Number.isNaN(first) ? { kind } : { kind, callsMax: first };
    if (kind === "filter") return first === undefined || Number.isNaN(first) ? { kind } : { kind, filterMax: first };
    const claimed = blocks ?? (kind === "range-max-thousands" ? (first ?? 0) * 1000 : first);
    const isLimit = kind === "range-fixed" || kind === "range-max" || kind === "range-max-thousands";
    return isLimit && claimed !== undefined ? { kind, blocksMax: claimed } : { kind };
  }
  if (status === 429 || code === 429) return { kind: "rate" };
  if (status === 402) return { kind: "quota" };
  if (status === 401 || status === 403 || status === 407 || code === 401 || code === 403) return { kind: "auth" };
  return { kind: "unknown" };
}

/**
 * What to do about a failed request for a range.
 * `smaller`: ask for so many blocks; `cap` is a limit that will be the same tomorrow. `receipts`: one block is still
 * too much. `again`: the same, after a pause. `wait`: the node does not have it yet. `elsewhere`: this endpoint cannot.
 */
export type Reaction =
  | { readonly do: "smaller"; readonly blocks: number; readonly cap?: number }
  | { readonly do: "receipts" | "again" | "at-its-turn" | "wait" | "elsewhere" };

/** A failure that may be the node's weather is tried again this often before the range is blamed for it. */
const WEATHER_ATTEMPTS = 2;
/** While a rate is learned a request may be refused more than once; those behind it are not used before it is there. */
const RATE_ATTEMPTS = 3;

/** How to answer a failed request for the blocks `from` to `to`; unknown errors of several blocks are bisected. */
export function reactionTo(error: LpLedgerError, from: number, to: number, attempt: number): Reaction {
  const blocks = to - from + 1;
  const { kind, blocksMax, hint } = classify(error);
  const bisect: Reaction = blocks > 1 ? { do: "smaller", blocks: Math.floor(blocks / 2) } : { do: "receipts" };
  switch (kind) {
    case "range-hint": {
      // Nodes have been seen to suggest the very range that was refused, or one that is turned round.
      const shrinks = hint !== undefined && hint.from === from && hint.to >= from && hint.to < to;
      return shrinks ? { do: "smaller", blocks: hint.to - from + 1 } : bisect;
    }
    case "range-max":
    case "range-max-thousands":
    case "range-fixed": {
      const limits = blocksMax !== undefined && blocksMax >= 1 && blocksMax < blocks;
      return limits ? { do: "smaller", blocks: blocksMax, cap: blocksMax } : bisect;
    }
    case "bisect":
      return bisect;
    case "unknown":
      return blocks > 1 ? bisect : { do: "again" };
    case "transient":
      return blocks > 1 && attempt > WEATHER_ATTEMPTS ? bisect : { do: "again" };
    case "rate":
      // The pacer has slowed down already; a refusal that repeats itself is waited out.
      return { do: attempt <= RATE_ATTEMPTS ? "at-its-turn" : "again" };
    case "unreachable":
    case "inconsistent":
      return { do: "again" };
    case "behind":
    case "null-round":
      return { do: "wait" };
    default:
      return { do: "elsewhere" };
  }
}

/** Whether the endpoint was too busy to answer, so that its answer says nothing of the question. */
export function isBusy(error: LpLedgerError): boolean {
  const { kind } = classify(error);
  return kind === "rate" || kind === "transient" || kind === "quota";
}

/** Whether it may answer the same in a moment. */
export function isPassing(error: unknown): boolean {
  return error instanceof LpLedgerError && (isBusy(error) || classify(error).kind === "unreachable");
}

/** Whether the endpoint answered that it cannot say what is asked of a block that old: nodes word it in many ways. */
export function isPruned(error: LpLedgerError): boolean {
  const { kind } = classify(error);
  return kind === "pruned" || (kind === "unknown" && error.code === "RPC_ERROR");
}

/** Whether the endpoint does not know the method at all. */
export function isUnknownMethod({ facts }: LpLedgerError): boolean {
  return (
    facts["code"] === -32601 ||
    /method\b.{0,60}\b(?:not found|does not exist|not (?:supported|available))/i.test(`${facts["text"]}`)
  );
}

const MINUTE_MS = 60_000;

/** For how long an endpoint is left alone after a failure that retries did not cure; grows while it fails on. */
export function benchMs(error: LpLedgerError, failures: number): number {
  const { kind } = classify(error);
  if (kind === "quota" || kind === "auth" || kind === "wrong-chain" || error.code === "WRONG_CHAIN")
    return 10 * MINUTE_MS;
  if (kind === "pruned" || kind === "filter") return 5 * MINUTE_MS;
  return Math.min(2 * MINUTE_MS, 1000 * 2 ** Math.min(failures, 10));
}
