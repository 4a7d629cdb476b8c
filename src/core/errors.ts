import type { ErrorCode } from "./error-codes.ts";
import { wayOutOf } from "./identities.ts";

/** What happens next: usage = mend and run again (64/78); transient = try again (75); invariant = stop at once (70). */
export type ErrorKind = "usage" | "transient" | "invariant";

export interface ErrorOptions {
  /** What the reader should do next. */
  readonly hint?: string;
  /** Facts for machines: logged and printed with `--json`, never secrets. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Overrides the exit code that `kind` implies. */
  readonly exitCode?: number;
}

const EXIT_OF_KIND: Record<ErrorKind, number> = { usage: 78, transient: 75, invariant: 70 };

/** The one error of lp-ledger. `kind` decides what happens, `code` is for machines, `message` says what was found. */
export class LpLedgerError extends Error {
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly exitCode: number;

  constructor(kind: ErrorKind, code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message);
    this.name = "LpLedgerError";
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
    this.facts = options.facts ?? {};
    this.exitCode = options.exitCode ?? EXIT_OF_KIND[kind];
  }
}

/** Exit code of a command line that is wrong, or that asks for what is not there. */
export const EXIT_USAGE = 64;

/** Somebody asked for what is not there: a block, a day, an epoch, a provider, a table, a key. */
export function notThere(code: ErrorCode, message: string, hint?: string): LpLedgerError {
  return new LpLedgerError("usage", code, message, { exitCode: EXIT_USAGE, ...(hint === undefined ? {} : { hint }) });
}

/** Stops the program when a fact that the code relies on does not hold. */
export function invariant(
  condition: unknown,
  code: ErrorCode,
  message: string,
  facts: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new LpLedgerError("invariant", code, message, { facts });
}

/** One identity of the self-audit that did not hold; `expected` and `actual` are decimal or plain text. */
export interface Finding {
  readonly identity: string;
  readonly pool: string;
  readonly blockNumber: number;
  readonly logIndex: number;
  readonly expected: string;
  readonly actual: string;
  /** Of a day that does not add up. */
  readonly day?: string;
  /** The wrapper whose logs do not fit; all else of its pool holds. */
  readonly wrapper?: string;
}

/** The error that carries a finding; its message names identity, pool, block, log, expected and actual. */
export function identityBroken(finding: Finding, why: string): LpLedgerError {
  const { identity, pool, wrapper, blockNumber, logIndex, expected, actual } = finding;
  const what = wrapper === undefined ? `pool ${pool}` : `the wrapper ${wrapper} of pool ${pool}`;
  return new LpLedgerError(
    "invariant",
    "IDENTITY_BROKEN",
    `${identity} does not hold for ${what} at block ${blockNumber} log ${logIndex}: ${why}; expected ${expected}, actual ${actual}`,
    {
      facts: { finding },
      hint:
        "nothing of this was committed. If the history is incomplete, look at startBlock and managers; else compare the node with another one. " +
        `Starting again reads the range again. What else ends it: ${wayOutOf(identity, pool, wrapper).join("; ")}`,
    },
  );
}

/** `identityBroken` for a log of a pool. */
export function broken(
  identity: string,
  pool: { readonly address: string },
  place: { readonly blockNumber: number },
  log: { readonly logIndex: number },
  expected: bigint | string,
  actual: bigint | string,
  why: string,
  wrapper?: string,
): LpLedgerError {
  const { blockNumber } = place;
  const { logIndex } = log;
  const finding = { identity, pool: pool.address, blockNumber, logIndex, expected: `${expected}`, actual: `${actual}` };
  return identityBroken(wrapper === undefined ? finding : { ...finding, wrapper }, why);
}

/** The finding an error carries, or undefined. */
export function findingOf(error: unknown): Finding | undefined {
  if (!(error instanceof LpLedgerError) || error.code !== "IDENTITY_BROKEN") return undefined;
  return error.facts["finding"] as Finding;
}

/**
 * A value of somebody else's in a message. Not by JSON or String: one nested a million deep would overflow the stack.
 */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  return typeof value === "number" || typeof value === "boolean" || value === null ? `${value}` : typeof value;
}
