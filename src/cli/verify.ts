import { ContractReader } from "../chain/contracts/contract-reader.ts";
import { LpLedgerError } from "../core/errors.ts";
import { type VerifyPort, verify as verifyLedger } from "../daemon/verify.ts";
import {
  answering,
  type CommonOptions,
  contextOf,
  type Io,
  patiently,
  rpcsOf,
  settingsOf,
  withReader,
} from "../runtime/context.ts";
import { sha256 } from "../runtime/platform.ts";
import { sha256OfFile } from "../store/file/files.ts";
import { damaged } from "../store/lifecycle/backup.ts";
import { problemsOf } from "../store/lifecycle/inspect.ts";

export interface VerifyOptions extends CommonOptions {
  readonly block?: number;
  readonly deep?: boolean;
}

/** Checks the file itself, without the node: SQLite's own checks, every checksum and every digest. */
async function verifyFile(io: Io, options: VerifyOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const problems = await withReader(settings, async (store) => problemsOf(store.db, sha256));
  if (options.json)
    io.out(
      `${JSON.stringify({ file: settings.databasePath, problems, sha256: sha256OfFile(settings.databasePath) })}\n`,
    );
  else
    io.out(`${settings.databasePath}: ${problems.join("; ") || "every row, posting and digest is what was written"}\n`);
  if (problems.length === 0) return;
  throw damaged(
    settings.databasePath,
    problems,
    "stop the daemon and run lp-ledger restore --latest: it puts the newest good backup in place and keeps this file aside",
  );
}

/** Compares the ledger with what the contracts answer; any difference ends with exit code 70. */
export async function verify(io: Io, options: VerifyOptions): Promise<void> {
  if (options.deep) return await verifyFile(io, options);
  const { settings, programme } = contextOf(io, options);
  const { signal } = new AbortController();
  const { rpc, chain } = await answering(rpcsOf(io, settings), settings, programme, signal);
  const reader = new ContractReader(rpc);
  const port: VerifyPort = {
    blocksAt: (...args) => chain.blocksAt(...args),
    ask: (...args) => reader.call(...args),
  };
  const verdict = await withReader(settings, (store) =>
    patiently(() => verifyLedger(store, programme, port, options.block, signal)),
  );
  const { differences, positionsChecked, questionsAsked, blockNumber } = verdict;
  if (options.json) io.out(`${JSON.stringify(verdict)}\n`);
  else {
    const lines = differences.map(
      (each) => `  ${each.question}: ledger ${each.ledger}, chain ${each.chain ?? "does not answer"}`,
    );
    const result = differences.length === 0 ? "all equal" : `${differences.length} DIFFER`;
    io.out(
      `block ${blockNumber}: ${positionsChecked} positions, ${questionsAsked} questions to the chain: ${result}\n${lines.map((line) => `${line}\n`).join("")}`,
    );
  }
  if (differences.length === 0) return;
  throw new LpLedgerError(
    "invariant",
    "VERIFY_DIFFERS",
    `${differences.length} answers of the chain differ from the ledger at block ${blockNumber}`,
    {
      hint: "the ledger must not be paid by until this is explained; run lp-ledger rebuild, then verify again",
    },
  );
}
