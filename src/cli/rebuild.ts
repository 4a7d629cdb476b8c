import { LpLedgerError } from "../core/errors.ts";
import { requireCrossCheck } from "../daemon/add-pools.ts";
import { adoptProgramme, compareProgramme } from "../ledger/compare-programme.ts";
import { rebuild as rebuildLedger } from "../ledger/rebuild.ts";
import { type CommonOptions, contextOf, type Io, withWriter } from "../runtime/context.ts";
import { sha256 } from "../runtime/platform.ts";

/** Computes all derived state again from stored events and pool states; takes up changed prices on the way. */
export async function rebuild(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  await withWriter(io, settings, async (store) => {
    const { kind, feedsGone } = compareProgramme(store, programme);
    if (kind === "new" || kind === "added" || kind === "dropped") {
      throw new LpLedgerError(
        "usage",
        "PROGRAMME_AHEAD",
        "the programme file names pools or price feeds whose history is not in the ledger, or leaves out some whose history is",
        {
          hint: "run lp-ledger start: it fetches or drops their history and rebuilds",
        },
      );
    }
    const rebuilt = store.write(() => {
      adoptProgramme(store, programme, sha256);
      if (feedsGone) requireCrossCheck(store, undefined); // What is not settled yet was read with the feed's logs.
      return rebuildLedger(store, programme, sha256);
    });
    if (options.json) io.out(`${JSON.stringify(rebuilt)}\n`);
    else
      io.out(
        `rebuilt ${rebuilt.events} events, ${rebuilt.postings} postings and ${rebuilt.days} days: state digest ${rebuilt.stateDigest}, as before\n`,
      );
  });
}
