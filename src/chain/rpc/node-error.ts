import type { ErrorCode } from "../../core/error-codes.ts";
import { LpLedgerError, shown } from "../../core/errors.ts";
import type { RpcCall } from "./rpc-call.ts";

/** What failed: its code, in words, of which calls, facts for machines, and what to do. */
export type Failure = readonly [
  code: ErrorCode,
  what: string,
  calls?: readonly RpcCall[],
  facts?: Readonly<Record<string, unknown>>,
  hint?: string,
];

/**
 * A failure of a node, which names it by id and tells nothing that its URL must not, in whatever field the node said
 * it.
 */
export function nodeFailure(
  node: { readonly id: string; redacted(text: string): string },
  ...[code, what, calls = [], facts = {}, hint]: Failure
): LpLedgerError {
  const clean = Object.entries(facts).map(([name, fact]) => {
    const text = typeof fact === "object" && fact !== null ? shown(fact) : fact;
    return [name, typeof text === "string" ? node.redacted(text) : text];
  });
  return new LpLedgerError("transient", code, `the node ${node.id} ${node.redacted(what)}`, {
    ...(hint === undefined ? {} : { hint }),
    facts: { endpoint: node.id, methods: calls.map(({ method }) => method), ...Object.fromEntries(clean) },
  });
}
