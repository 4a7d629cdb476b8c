import { questionName } from "../chain/contracts/contract-facts.ts";
import type { ContractReader } from "../chain/contracts/contract-reader.ts";
import { ContractSigns } from "../chain/contracts/signs.ts";
import { isPassing } from "../chain/rpc/classify-errors.ts";
import { configError, type Problem } from "../config/problems.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import type { Logger } from "../log.ts";

/**
 * Asks the contracts of pools that are to be followed. `patiently`: waits for a node that fails. @throws configError
 * with all that is wrong
 */
export async function requireSound(
  pools: readonly Pool[],
  { confirmed }: Programme,
  reader: ContractReader,
  patiently: <T>(ask: () => Promise<T>) => Promise<T>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const problems: Problem[] = [];
  for (const pool of pools) {
    const ask = () => answered(() => otherProtocolProblem(reader, pool, confirmed, signal));
    const problem = await patiently(ask);
    if (problem === null)
      log.warn({ pool: pool.address }, "the node does not say what the pool's contract answers: `check` asks again");
    else if (problem !== undefined) problems.push(problem);
    // It must be followed from its birth.
    const existed = await patiently(() => existedBefore(reader, pool, signal));
    if (existed === null)
      log.warn(
        { pool: pool.address, startBlock: pool.startBlock },
        "the node does not say whether the pool existed before its start block: a history that begins too late shows in its first log",
      );
    if (existed === true) problems.push(startBlockProblem(pool));
  }
  if (problems.length > 0) throw configError("the programme file, compared with the chain,", problems);
}

/** Whether a pool's own contract was there before its start block; null where the node no longer knows. */
export async function existedBefore(reader: ContractReader, pool: Pool, signal: AbortSignal): Promise<boolean | null> {
  // A singleton is older than its pools; that the history is whole shows in the pool's first log.
  if (pool.startBlock === 0 || pool.salted) return false;
  return await reader.hasCode(pool.address, pool.startBlock - 1, signal);
}

/** A pool that begins in the middle of its life. */
export function startBlockProblem(pool: Pool): Problem {
  const found = `${pool.startBlock}, when it already existed`;
  return { field: `pools.${pool.address}.startBlock`, expected: "a block not after the pool's creation", found };
}

/**
 * A pool that answers as another protocol's do: none of its logs would mean anything. Where no other fits, `check`
 * asks.
 */
async function otherProtocolProblem(
  reader: ContractReader,
  { address, protocol, salted }: Pool,
  confirmed: Programme["confirmed"],
  signal: AbortSignal,
): Promise<Problem | undefined> {
  if (salted) return undefined;
  const signs = new ContractSigns(reader);
  const { unanswered, contradicting } = await signs.pool(address, protocol, signal);
  const open = unanswered.filter((name) => !confirmed.has(questionName(address, name)));
  if (contradicting.length + open.length === 0) return undefined;
  const fitting = await signs.fitting(address, signal);
  if (fitting.length === 0) return undefined;
  const why = contradicting.length > 0 ? `answers ${contradicting[0]}()` : `does not answer ${open[0]}()`;
  return { field: `pools.${address}.protocol`, expected: namesOf(fitting), found: `${protocol}; its contract ${why}` };
}

/** Protocols as a person writes them. */
export function namesOf(fitting: readonly string[]): string {
  return fitting.map((each) => `"${each}"`).join(" or ");
}

/** What a node answers; null where it refuses to, which is no reason to wait. */
async function answered<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof LpLedgerError) || isPassing(error)) throw error;
    return null;
  }
}
