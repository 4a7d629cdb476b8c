import { ContractReader } from "../chain/calls.ts";
import type { FollowedChain } from "../chain/followed-chain.ts";
import { configError, type Problem } from "../config/problems.ts";
import { type Address, ZERO_ADDRESS } from "../core/hex.ts";
import type { Pool, Token } from "../core/programme.ts";
import { feedProblems } from "./check-feeds.ts";
import { answering, type CommonOptions, chainOf, contextOf, type Io, patiently, rpcsOf } from "./wiring.ts";

/** Checks the configuration against its schema and against the chain; reports every problem at once. */
export async function check(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const rpcs = rpcsOf(io, settings);
  const { signal } = new AbortController();
  const problems: Problem[] = [];
  const notes: string[] = [];
  const { rpc, chain } = await answering(rpcs, settings, programme, signal);
  const { chainId, genesisHash } = await patiently(() => chain.identity(signal));
  for (const other of rpcs.filter((each) => each !== rpc)) {
    const what = await disagreement(chainOf([other], settings, programme), { chainId, genesisHash }, signal);
    if (what === undefined) notes.push(`the endpoint ${other.id} answers for the same chain`);
    else problems.push({ field: `endpoint ${other.id}`, expected: `an answer for chain ${chainId}`, found: what });
  }
  if (chainId !== programme.chainId) {
    problems.push({ field: "chainId", expected: `${chainId}, which the node serves`, found: `${programme.chainId}` });
  } else {
    const { head } = await chain.sight([], signal);
    const reader = new ContractReader(rpc);
    for (const pool of programme.pools) {
      const found: string[] = [];
      problems.push(
        ...(await patiently(() => problemsOf(reader, pool, `pools.${pool.address}`, head.number, found, signal))),
      );
      notes.push(...found);
    }
    problems.push(...(await feedProblems(reader, programme, notes, signal)));
    for (const part of ["factories", "wrappers"] as const) {
      const addresses = programme[part].map(({ address }) => address);
      problems.push(...(await patiently(() => withoutCode(reader, addresses, part, head.number, signal))));
    }
    for (const factory of programme.factories) {
      const field = `factories.${factory.address}`;
      problems.push(...(await patiently(() => decimalProblems(reader, factory.tokens, field, signal))));
      const { managers } = factory;
      problems.push(
        ...(await patiently(() => withoutCode(reader, managers, `${field}.managers`, head.number, signal))),
      );
      if (factory.startBlock > 0)
        notes.push(`${factory.address}: pools it made before block ${factory.startBlock} are not followed`);
    }
    notes.push(`the node's head is block ${head.number}`);
  }
  if (problems.length > 0) throw configError("the programme file, compared with the chain,", problems);
  if (options.json) io.out(`${JSON.stringify({ ok: true, chainId, pools: programme.pools.length, notes })}\n`);
  else io.out(`${[`chain ${chainId}, ${programme.pools.length} pools: all checks passed`, ...notes].join("\n")}\n`);
}

/** Why another endpoint cannot stand in for the first; undefined where it can. */
async function disagreement(
  chain: FollowedChain,
  { chainId, genesisHash }: { readonly chainId: number; readonly genesisHash: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const seen = await patiently(() => chain.identity(signal));
    if (seen.chainId !== chainId) return `chain ${seen.chainId}`;
    return seen.genesisHash === genesisHash ? undefined : `chain ${chainId} with another genesis`;
  } catch (error) {
    return (error as Error).message;
  }
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
  const problems: Problem[] = [];
  for (const contract of pool.contracts) {
    if ((await reader.hasCode(contract, head, signal)) === true) continue;
    const at = contract === pool.address ? "address" : pool.salted ? "poolManager" : "shareToken";
    problems.push({ field: `${field}.${at}`, expected: "a contract", found: `no code at block ${head}` });
  }
  if (problems.length > 0) return problems;
  const before = await existedBefore(reader, pool, signal);
  if (before === true) problems.push(startBlockProblem(pool));
  if (before === null)
    notes.push(
      `${pool.address}: the node does not know block ${pool.startBlock - 1} any more, so the start block was not checked`,
    );
  const chainTokens = await reader.poolTokens(pool, signal);
  for (const [side, token] of pool.tokens.entries()) {
    const actual = chainTokens?.[side] ?? null;
    if (chainTokens !== undefined && actual !== token.address) {
      problems.push({
        field: `${field}.tokens.${side}.address`,
        expected: actual ?? "a pool with tokens",
        found: token.address,
      });
    }
  }
  problems.push(...(await decimalProblems(reader, pool.tokens, field, signal)));
  problems.push(...(await withoutCode(reader, pool.managers, `${field}.managers`, head, signal)));
  return problems;
}

/** Whether a pool's own contract was there before its start block; null where the node no longer knows. */
export async function existedBefore(reader: ContractReader, pool: Pool, signal: AbortSignal): Promise<boolean | null> {
  // A singleton is older than its pools; that the history is whole shows in the pool's first log.
  if (pool.startBlock === 0 || pool.salted) return false;
  return await reader.hasCode(pool.address, pool.startBlock - 1, signal);
}

async function withoutCode(
  reader: ContractReader,
  addresses: readonly Address[],
  field: string,
  head: number,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const each of addresses) {
    if ((await reader.hasCode(each, head, signal)) === true) continue;
    problems.push({ field, expected: "contracts", found: `no code at ${each}` });
  }
  return problems;
}

/** Tokens that say of themselves to have other decimals than the programme does. */
async function decimalProblems(
  reader: ContractReader,
  tokens: readonly Token[],
  field: string,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [i, token] of tokens.entries()) {
    const decimals = token.address === ZERO_ADDRESS ? 18 : await reader.decimals(token.address, signal);
    if (decimals === null || decimals === token.decimals) continue;
    problems.push({ field: `${field}.tokens.${i}.decimals`, expected: `${decimals}`, found: `${token.decimals}` });
  }
  return problems;
}
