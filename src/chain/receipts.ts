import { LpLedgerError } from "../core/errors.ts";
import { hex } from "./headers.ts";
import { inconsistent } from "./logs.ts";
import type { Rpc } from "./rpc.ts";

const RECEIPTS_PER_REQUEST = 100;

/**
 * All logs of a block out of its receipts: in one answer, or, where the node has no such call, one receipt by one.
 * `header`: the block as the node answered it, which names its transactions.
 * @throws LOGS_INCONSISTENT where the header names no transactions, or a receipt has no logs
 */
export async function logsOfReceipts(
  rpc: Rpc,
  blockNumber: number,
  header: unknown,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const [whole] = await rpc.outcomes([{ method: "eth_getBlockReceipts", params: [hex(blockNumber)] }], signal);
  if (whole !== undefined && !(whole instanceof LpLedgerError) && Array.isArray(whole.result))
    return logsIn(whole.result);
  const hashes = (header as { transactions?: unknown }).transactions;
  if (!Array.isArray(hashes)) throw inconsistent(`the header of block ${blockNumber} names no transactions`);
  const receipts: unknown[] = [];
  for (let i = 0; i < hashes.length; i += RECEIPTS_PER_REQUEST) {
    const some = hashes.slice(i, i + RECEIPTS_PER_REQUEST);
    const calls = some.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] }));
    receipts.push(...(await rpc.batch(calls, signal)));
  }
  return logsIn(receipts);
}

function logsIn(receipts: readonly unknown[]): readonly unknown[] {
  return receipts.flatMap((receipt) => {
    const logs = (receipt as { logs?: unknown } | null)?.logs;
    if (!Array.isArray(logs)) throw inconsistent("a receipt has no logs");
    return logs as unknown[];
  });
}
