import type { CanonicalProgramme } from "../core/canonical.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import { jsonAnswer } from "./table.ts";
import { type CommonOptions, type Io, settingsOf, withOperator } from "./wiring.ts";

export interface RefetchOptions extends CommonOptions {
  readonly reason: string;
}

/** Orders that the history of some pools be fetched again, alone; done by the next start, with the entries of the programme file. */
export async function poolRefetch(io: Io, pools: readonly Address[], options: RefetchOptions): Promise<void> {
  const { reason } = options;
  if (reason.trim() === "")
    throw new LpLedgerError("usage", "NO_REASON", 'reason: expected why the history is fetched again, found ""', {
      exitCode: 64,
    });
  await withOperator(settingsOf(io, options), async (store) =>
    store.write(() => {
      const stored = store.config.get("programme") as CanonicalProgramme | undefined;
      const named = new Set<string>(stored?.pools.map(({ address }) => address));
      const made = new Set<string>(store.discovered().map(({ address }) => address));
      for (const pool of pools) {
        if (named.has(pool)) store.refetches.order(pool, reason, store.nowIso());
        else throw notNamed(pool, made.has(pool));
      }
    }),
  );
  if (options.json) io.out(jsonAnswer({ pools, reason }));
  else for (const pool of pools) io.out(`${pool}: its history is fetched again by the next lp-ledger start\n`);
}

function notNamed(pool: Address, isMade: boolean): LpLedgerError {
  const what = isMade ? "a factory made it: its history is that of the factory" : "the ledger does not follow it";
  return new LpLedgerError("usage", "NOT_NAMED", `pool ${pool} cannot be fetched again by itself: ${what}`, {
    exitCode: 64,
    hint: isMade
      ? "a new DATABASE with this programme reads factory and pools again; rewards.exclude leaves addresses out, rewards.discoveredPools all its pools"
      : "lp-ledger audit list names the pool of each finding; the programme file names those that are followed",
  });
}
