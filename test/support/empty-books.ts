import { WorkingSet } from "../../src/core/accounting/working-set.ts";

/** Books of a ledger that holds nothing yet. */
export function emptyBooks(): WorkingSet {
  return new WorkingSet({
    findAccount: () => undefined,
    findToken: () => undefined,
    poolState: () => undefined,
    poolDigest: () => "",
    rampEndSec: () => undefined,
    sampledSec: () => undefined,
    openAccounts: () => [],
    nextAccountId: () => 1,
  });
}
