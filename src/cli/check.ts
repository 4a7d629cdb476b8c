import { existsSync } from "node:fs";
import { ContractReader } from "../chain/contracts/contract-reader.ts";
import type { FollowedChain } from "../chain/followed-chain.ts";
import { configError, type Problem } from "../config/problems.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme/programme.ts";
import { compareProgramme, requireSamePricing } from "../ledger/compare-programme.ts";
import {
  answering,
  type CommonOptions,
  chainOf,
  contextOf,
  type Io,
  patiently,
  rpcsOf,
  withReader,
} from "../runtime/context.ts";
import { type PreflightReport, preflight } from "../runtime/preflight.ts";
import type { Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { holderLine } from "./status.ts";

export interface CheckOptions extends CommonOptions {
  readonly offline?: boolean;
}

/**
 * Checks the configuration against its schema, against the ledger where there is one, and against the chain: everything
 * that `start` would refuse. Reports every problem at once.
 */
export async function check(io: Io, options: CheckOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const { signal } = new AbortController();
  const reports = [await ledgerReport(settings, programme)];
  if (options.offline !== true) reports.push(await chainReport(io, settings, programme, signal));
  const problems = reports.flatMap((each) => each.problems);
  const notes = reports.flatMap((each) => each.notes);
  const compared = options.offline === true ? "the ledger" : "the chain and the ledger";
  if (problems.length > 0) throw configError(`the programme file, compared with ${compared},`, problems);
  const { chainId, pools } = programme;
  if (options.json) io.out(`${JSON.stringify({ ok: true, chainId, pools: pools.length, notes })}\n`);
  else {
    const passed = options.offline === true ? "the file is sound, the chain was not asked" : "all checks passed";
    io.out(`${[`chain ${chainId}, ${pools.length} pools: ${passed}`, ...notes].join("\n")}\n`);
  }
}

/** What the ledger that is there says against the programme. */
async function ledgerReport(settings: Settings, programme: Programme): Promise<PreflightReport> {
  if (!existsSync(settings.databasePath)) return { problems: [], notes: ["there is no ledger yet to compare with"] };
  try {
    return await withReader(settings, async (store) => {
      requireSamePricing(compareProgramme(store, programme));
      return { problems: [], notes: store.addressFacts.largeHolders().map(holderLine) };
    });
  } catch (error) {
    if (!(error instanceof LpLedgerError)) throw error;
    if (error.code === "SCHEMA_OLDER")
      return { problems: [], notes: ["the ledger is of an older schema, which start brings up to date: not compared"] };
    const expected = `the programme the ledger was built with (${error.hint ?? "see above"})`;
    return { problems: [{ field: "DATABASE", expected, found: error.message }], notes: [] };
  }
}

/** What endpoints and contracts say against the programme. */
async function chainReport(
  io: Io,
  settings: Settings,
  programme: Programme,
  signal: AbortSignal,
): Promise<PreflightReport> {
  const rpcs = rpcsOf(io, settings);
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
    return { problems, notes };
  }
  const known = existsSync(settings.databasePath) ? await storedGenesis(settings) : undefined;
  if (known !== undefined && known !== genesisHash)
    problems.push({ field: "RPC_URL", expected: `the ledger's chain, of genesis ${known}`, found: genesisHash });
  const { head } = await patiently(() => chain.pollHead([], signal));
  const found = await preflight(new ContractReader(rpc), programme, head.number, signal);
  return {
    problems: [...problems, ...found.problems],
    notes: [...notes, ...found.notes, `the node's head is block ${head.number}`],
  };
}

async function storedGenesis(settings: Settings): Promise<string | undefined> {
  const genesisOf = async (store: Store): Promise<string | undefined> => store.config.get("chain")?.genesisHash;
  return await withReader(settings, genesisOf).catch(() => undefined); // What cannot be read was told above.
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
