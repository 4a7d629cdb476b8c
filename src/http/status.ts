import type { Counts } from "../store/queries/positions.ts";
import { factsOf } from "../store/queries/status-query.ts";
import type { Store } from "../store/store.ts";

/**
 * Of each list of a status so many at most: the newest days and epochs, the first of what did not hold; others have
 * routes of their own.
 */
const LISTED_MAX = 100;

/** How the ledger stands, with lists that end. */
export function statusAnswer(store: Store, counts: Counts) {
  const facts = factsOf(store, counts);
  const { findings, quarantines, unpricedDays, epochs } = facts;
  return {
    ...facts,
    findings: findings.slice(0, LISTED_MAX),
    quarantines: quarantines.slice(0, LISTED_MAX),
    unpricedDays: unpricedDays.slice(-LISTED_MAX),
    epochs: epochs.slice(-LISTED_MAX),
    /** How long these lists are. */
    totals: {
      findings: findings.length,
      quarantines: quarantines.length,
      unpricedDays: unpricedDays.length,
      epochs: epochs.length,
    },
  };
}
