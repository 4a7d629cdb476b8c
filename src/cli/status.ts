import { readSettings } from "../config.ts";
import { countAll, lastReorg } from "../store/read.ts";
import { type CommonOptions, type Io, withReader } from "./wiring.ts";

/** Shows how the ledger stands, from the database alone. */
export async function status(io: Io, options: CommonOptions): Promise<void> {
  const settings = readSettings({ env: io.env, cwd: io.cwd, envFile: options.envFile });
  await withReader(settings, async (store) => {
    const { db, config, blocks } = store;
    const read = db.transaction(() => ({
      tip: blocks.tip(),
      counts: countAll(db),
      reorg: lastReorg(db),
      findings: store.findings.open(),
    }));
    const { tip, counts, reorg, findings } = read();
    const facts = {
      chainId: config.get("chain")?.chainId ?? null,
      tip: tip === undefined ? null : { number: tip.number, hash: tip.hash, time: timeOf(tip.timestampSec) },
      final: config.get("final_block") ?? null,
      stateDigest: tip?.stateDigest ?? null,
      programmeHash: config.get("programme_hash") ?? null,
      ...counts,
      lastReorg: reorg ?? null,
      halted: config.get("halted") ?? null,
      findings,
    };
    if (options.json) {
      io.out(`${JSON.stringify(facts)}\n`);
      return;
    }
    const lines = [
      `chain           ${facts.chainId ?? "not seen yet"}`,
      `tip             ${tip === undefined ? "none yet" : `block ${tip.number} of ${timeOf(tip.timestampSec)} (${tip.hash})`}`,
      `final           ${facts.final ?? "none yet"}`,
      `state digest    ${facts.stateDigest ?? "none yet"}`,
      `events          ${counts.events} (${counts.postings} postings)`,
      `positions       ${counts.openPositions} open, of ${counts.providers} providers seen`,
      `days            ${counts.daysClosed} closed, ${counts.unpricedRows} rows without a price`,
      `reorgs          ${counts.reorgs}${reorg === undefined ? "" : ` (last: ${reorg.depth} blocks above ${reorg.commonBlock}, ${reorg.observedAt})`}`,
      `state           ${facts.halted === null ? "ok" : `HALTED: ${facts.halted.message}`}`,
      ...findings.map(
        (each) =>
          `finding         ${each.identity} at block ${each.blockNumber} log ${each.logIndex} of ${each.pool}: expected ${each.expected}, actual ${each.actual}`,
      ),
    ];
    io.out(`${lines.join("\n")}\n`);
  });
}

function timeOf(timestampSec: number): string {
  return new Date(timestampSec * 1000).toISOString().replace(".000Z", "Z");
}
