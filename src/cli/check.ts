import { ContractReader } from "../chain/calls.ts";
import { configError, type Problem } from "../config.ts";
import type { Pool } from "../core/programme.ts";
import { type CommonOptions, chainOf, contextOf, type Io, patiently, rpcOf } from "./wiring.ts";

/** Checks the configuration against its schema and against the chain; reports every problem at once. */
export async function check(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const rpc = rpcOf(io, settings);
  const { signal } = new AbortController();
  const chain = chainOf(rpc, settings, programme);
  const { chainId } = await patiently(() => chain.identity(signal));
  const problems: Problem[] = [];
  const notes: string[] = [];
  if (chainId !== programme.chainId) {
    problems.push({ field: "chainId", expected: `${chainId}, which the node serves`, found: `${programme.chainId}` });
  } else {
    const { head } = await chain.sight([], signal);
    const reader = new ContractReader(rpc);
    for (const [i, pool] of programme.pools.entries()) {
      const found: string[] = [];
      problems.push(
        ...(await patiently(() => problemsOf(reader, pool, `pools.${pool.address}`, head.number, found, signal))),
      );
      notes.push(...found);
      if (i === programme.pools.length - 1) notes.push(`the node's head is block ${head.number}`);
    }
  }
  if (problems.length > 0) throw configError("the programme file, compared with the chain,", problems);
  if (options.json) io.out(`${JSON.stringify({ ok: true, chainId, pools: programme.pools.length, notes })}\n`);
  else io.out(`${[`chain ${chainId}, ${programme.pools.length} pools: all checks passed`, ...notes].join("\n")}\n`);
}

/** A pool that begins in the middle of its life. */
export function startBlockProblem(pool: Pool): Problem {
  const found = `${pool.startBlock}, when it already existed`;
  return { field: `pools.${pool.address}.startBlock`, expected: "a block not after the pool's creation", found };
}

async function problemsOf(
  reader: ContractReader,
  pool: Pool,
  field: string,
  head: number,
  notes: string[],
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  if ((await reader.hasCode(pool.address, head, signal)) !== true) {
    return [{ field: `${field}.address`, expected: "a contract", found: `no code at block ${head}` }];
  }
  const problems: Problem[] = [];
  const before = pool.startBlock === 0 ? false : await reader.hasCode(pool.address, pool.startBlock - 1, signal);
  if (before === true) problems.push(startBlockProblem(pool));
  if (before === null)
    notes.push(
      `${pool.address}: the node does not know block ${pool.startBlock - 1} any more, so the start block was not checked`,
    );
  const chainTokens = await reader.poolTokens(pool.address, signal);
  for (const [side, token] of pool.tokens.entries()) {
    const actual = chainTokens[side] ?? null;
    if (actual !== token.address) {
      problems.push({
        field: `${field}.tokens.${side}.address`,
        expected: actual ?? "a pool with tokens",
        found: token.address,
      });
      continue;
    }
    const decimals = await reader.decimals(token.address, signal);
    if (decimals !== null && decimals !== token.decimals) {
      problems.push({ field: `${field}.tokens.${side}.decimals`, expected: `${decimals}`, found: `${token.decimals}` });
    }
  }
  for (const each of pool.managers) {
    if ((await reader.hasCode(each, head, signal)) === true) continue;
    problems.push({ field: `${field}.managers`, expected: "contracts", found: `no code at ${each}` });
  }
  return problems;
}
