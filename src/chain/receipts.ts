import { LpLedgerError } from "../core/errors.ts";
import { inconsistent, quantity } from "./logs/read-logs.ts";
import type { Rpc } from "./rpc/rpc.ts";
import { hex } from "./rpc/rpc-call.ts";

const RECEIPTS_PER_REQUEST = 100;
/** A bloom with some bits, and not all, as nodes send that keep none. */
const LOUD_BLOOM = /^0x(?!f+$)[0-9a-f]*[1-9a-f][0-9a-f]*$/;

/**
 * All logs of a block out of its receipts: in one answer, or, where the node has no such call or leaves some out of it,
 * one receipt by one. `header`: the block as the node answered it, which names its transactions.
 * @throws LOGS_INCONSISTENT where a transaction has no receipt, a receipt no logs, or the logs of all together have a
 * hole
 */
export async function logsOfReceipts(
  rpc: Rpc,
  blockNumber: number,
  header: unknown,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const hashes = hashesOf(header, blockNumber);
  const [whole] = await rpc.outcomes([{ method: "eth_getBlockReceipts", params: [hex(blockNumber)] }], signal);
  if (whole !== undefined && !(whole instanceof LpLedgerError) && Array.isArray(whole.result)) {
    try {
      return logsIn(whole.result, hashes, blockNumber);
    } catch (error) {
      if (!(error instanceof LpLedgerError)) throw error;
    }
  }
  const receipts: unknown[] = [];
  for (let i = 0; i < hashes.length; i += RECEIPTS_PER_REQUEST) {
    const some = hashes.slice(i, i + RECEIPTS_PER_REQUEST);
    const calls = some.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] }));
    receipts.push(...(await rpc.batch(calls, signal)));
  }
  return logsIn(receipts, hashes, blockNumber);
}

function hashesOf(header: unknown, blockNumber: number): readonly string[] {
  const { transactions } = header as { transactions?: unknown };
  if (!Array.isArray(transactions)) throw inconsistent(`the header of block ${blockNumber} names no transactions`);
  // Where they come whole, each has its hash.
  return transactions.map((each: unknown) => String((each as { hash?: unknown } | null)?.hash ?? each));
}

/** Logs are numbered through the block, so that one that is missing leaves a hole, unless it is the last. */
function logsIn(receipts: readonly unknown[], hashes: readonly string[], blockNumber: number): readonly unknown[] {
  if (receipts.length !== hashes.length)
    throw inconsistent(`block ${blockNumber} has ${hashes.length} transactions and ${receipts.length} receipts`);
  const all: unknown[] = [];
  for (const [i, receipt] of receipts.entries()) {
    const { logs, transactionHash, transactionIndex, logsBloom } = (receipt ?? {}) as Readonly<Record<string, unknown>>;
    if (!Array.isArray(logs)) throw inconsistent(`a receipt of block ${blockNumber} has no logs`);
    if (logs.length === 0 && LOUD_BLOOM.test(String(logsBloom)))
      throw inconsistent(`a receipt of block ${blockNumber} has a bloom of logs, and none of them`);
    const index = transactionIndex === undefined ? i : quantity(transactionIndex, "transactionIndex");
    if (transactionHash !== hashes[i] || index !== i)
      throw inconsistent(`the receipts of block ${blockNumber} are not those of its transactions`);
    for (const log of logs) {
      const at = quantity((log as { logIndex?: unknown } | null)?.logIndex, "logIndex");
      if (at !== all.length)
        throw inconsistent(`the receipts of block ${blockNumber} have a log ${at} where log ${all.length} is due`);
      all.push(log);
    }
  }
  return all;
}
