import type { ErrorCode } from "../../core/error-codes.ts";
import { type ErrorKind, LpLedgerError } from "../../core/errors.ts";
import type { Programme } from "../../core/programme/programme.ts";
import type { Expected } from "../endpoint.ts";
import type { EndpointHealth, EndpointLimits } from "../endpoint-health.ts";
import type { FollowedChain } from "../followed-chain.ts";
import type { PackedRange } from "../logs/range-codec.ts";

// A chain in a thread of its own: what is asked of it and what it answers travel as messages. Asking, reading, parsing
// and checking answers then goes on while the ledger is written.

/** One end of a channel of messages between threads. */
export interface Port {
  /** `handed`: memory that goes over to the other thread instead of being copied. */
  postMessage(message: unknown, handed?: readonly ArrayBuffer[]): void;
  /** @returns how to stop listening. */
  listen(listener: (message: unknown) => void): () => void;
}

/** What a chain in another thread is begun with, anew for each programme that is followed. */
export interface ChainPlan {
  readonly programme: Programme;
  /** What was learned of endpoints, by id. */
  readonly limits: ReadonlyMap<string, EndpointLimits>;
  readonly blocksMax: number;
  readonly clockDriftSec: number;
}

/** What is asked and answered once. */
export type Calls = Pick<
  FollowedChain,
  "identity" | "pollHead" | "blocksAt" | "blockLogs" | "blockTime" | "confirm" | "call" | "behind"
>;
/** What is answered range by range. */
export type Streams = Pick<FollowedChain, "ranges" | "refetch">;

/** To the chain's thread. The signal among the arguments travels as null; `stop` stands for its abort. */
export type ChainRequest =
  | { readonly kind: "begin"; readonly plan: ChainPlan }
  | {
      readonly kind: "call" | "stream";
      readonly id: number;
      readonly method: string;
      readonly args: readonly unknown[];
      readonly expected: Expected;
    }
  | { readonly kind: "more" | "stop"; readonly id: number }
  | { readonly kind: "back"; readonly memory: Uint8Array }
  | { readonly kind: "inconsistent"; readonly error: PlainError }
  | { readonly kind: "rotate"; readonly reason: string };

/** What a call or a stream is answered with. */
export type ChainResponse =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "range"; readonly range: PackedRange }
  | { readonly kind: "error"; readonly error: PlainError }
  | { readonly kind: "done" };

/** From the chain's thread. With every answer comes how the endpoints do. */
export type ChainMessage =
  | (ChainResponse & { readonly id: number; readonly health: readonly EndpointHealth[] })
  | { readonly kind: "switch"; readonly from: string; readonly to: string; readonly reason: string }
  | { readonly kind: "refused"; readonly endpoint: string; readonly reason: string }
  | { readonly kind: "unauthenticated"; readonly endpoint: string; readonly reason: string };

/** An error as it travels: prototypes do not. */
export interface PlainError {
  readonly kind: ErrorKind | null;
  /** Empty where it is none of ours. */
  readonly code: ErrorCode | "";
  readonly message: string;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly exitCode: number;
}

/** An error for the way. */
export function plain(error: unknown): PlainError {
  if (!(error instanceof LpLedgerError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: null, code: "", message, hint: undefined, facts: {}, exitCode: 70 };
  }
  const { kind, code, message, hint, facts, exitCode } = error;
  return { kind, code, message, hint, facts, exitCode };
}

/** The error that `plain` was made of. */
export function raised({ kind, code, message, hint, facts, exitCode }: PlainError): Error {
  if (kind === null || code === "") return new Error(message);
  return new LpLedgerError(kind, code, message, { ...(hint === undefined ? {} : { hint }), facts, exitCode });
}
