import type { Programme } from "../../src/core/programme/programme.ts";
import type { FakeChain } from "./fake-chain.ts";
import { TestLedger } from "./ledger.ts";

/**
 * A ledger that has followed a chain to its head and settled it, with what does not hold in quarantine; `path`: of one
 * that is there.
 */
export async function followed(chain: FakeChain, programme: Programme, path?: string): Promise<TestLedger> {
  const ledger = new TestLedger(chain.fetch, { programme, ...(path === undefined ? {} : { path }) });
  for (let i = 0; i < 20; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 50 }, quarantine: true });
  return ledger;
}
