import { LpLedgerError } from "../core/errors.ts";
import { jsonAnswer } from "./table.ts";
import { type CommonOptions, type Io, settingsOf, withOperator, withReader } from "./wiring.ts";

/** Lists every finding with its resolution, and what was fetched again; open findings halt the ledger or must be explained. */
export async function auditList(io: Io, options: CommonOptions): Promise<void> {
  const { findings, refetches } = await withReader(settingsOf(io, options), async (store) => ({
    findings: store.findings.all(),
    refetches: store.refetches.all(),
  }));
  if (options.json) {
    io.out(jsonAnswer(findings));
    return;
  }
  for (const { pool, reason, doneBlock, digestBefore, digestAfter } of refetches)
    io.out(
      doneBlock === null
        ? `pool ${pool} is fetched again by the next start: ${reason}\n`
        : `pool ${pool} was fetched again up to block ${doneBlock}, ${digestBefore === digestAfter ? "and is the same" : "and is another one"}: ${reason}\n`,
    );
  for (const { identity, blockNumber, pool, expected, actual, resolution } of findings)
    io.out(
      `${identity} at block ${blockNumber} of ${pool}: expected ${expected}, actual ${actual}: ${resolution ?? "OPEN"}\n`,
    );
  if (findings.length === 0) io.talk("no findings\n");
}

export interface ResolveOptions extends CommonOptions {
  readonly block: number;
  readonly identity: string;
}

/** Closes a finding with a reason that stays beside it. */
export async function auditResolve(io: Io, reason: string, options: ResolveOptions): Promise<void> {
  const { block, identity } = options;
  const closed = await withOperator(settingsOf(io, options), async (store) =>
    store.write(() => store.findings.resolve(block, identity, reason)),
  );
  if (closed === 0) {
    throw new LpLedgerError("usage", "NO_FINDING", `there is no open finding ${identity} at block ${block}`, {
      exitCode: 64,
      hint: "lp-ledger audit list shows them all",
    });
  }
  io.out(options.json ? jsonAnswer({ resolved: closed, reason }) : `${closed} resolved: ${reason}\n`);
}
