import { LpLedgerError } from "../core/errors.ts";
import { blockCall, unsupported } from "./headers.ts";
import { classify } from "./rpc/classify-errors.ts";
import type { Rpc } from "./rpc/rpc.ts";

/**
 * Called where a node has no block at a height that its chain is past: on some chains there is none (Filecoin's null
 * rounds), and the block above names the one below as its parent. A node that lags never shows that. @throws
 * CHAIN_UNSUPPORTED
 */
export async function requireNoGap(rpc: Rpc, number: number, signal: AbortSignal): Promise<void> {
  const places = [number - 1, number + 1];
  const outcomes = await rpc.outcomes(places.map(blockCall), signal);
  const [below, above] = outcomes.map((each, i) => {
    const header = each instanceof LpLedgerError ? null : (each.result as Readonly<Record<string, unknown>> | null);
    return Number(header?.["number"]) === places[i] ? header : null;
  });
  const hash = below?.["hash"];
  if (typeof hash === "string" && above?.["parentHash"] === hash)
    throw unsupported(`block ${number + 1} follows block ${number - 1}`);
}

/**
 * The same where a node said of one of these heights that it has none: that is shown by its neighbours, or not
 * believed.
 */
export async function requireNoGaps(
  rpc: Rpc,
  numbers: readonly number[],
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof LpLedgerError) || classify(error).kind !== "null-round") return;
  for (const number of numbers) await requireNoGap(rpc, number, signal);
}
