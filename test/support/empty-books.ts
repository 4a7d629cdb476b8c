import { Books } from "../../src/core/accounting/working-set.ts";

/** Books of a ledger that holds nothing yet. */
export function emptyBooks(): Books {
  return new Books({
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
