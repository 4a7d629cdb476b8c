import { pino } from "pino";
import type { ContractReader } from "../../src/chain/contracts/contract-reader.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { type ConvergeOptions, converge } from "../../src/daemon/converge.ts";
import { withDiscovered } from "../../src/ledger/followed-pools.ts";
import { applyProgramme } from "../../src/runtime/apply-programme.ts";
import type { Store } from "../../src/store/store.ts";
import type { FakeChain } from "./fake-chain.ts";
import { chainPort } from "./port.ts";

const { signal } = new AbortController();
const SETTLE = { blocksMin: 1, rangesMax: 50 };

/**
 * Does what a start does about its programme file and what was ordered, before it follows the chain; `databasePath`:
 * beside which it works.
 */
export async function takenUp(
  store: Store,
  chain: Pick<FakeChain, "fetch">,
  programme: Programme,
  databasePath: string,
): Promise<void> {
  const settings = { databasePath };
  const context = { settings, programme } as unknown as Parameters<typeof applyProgramme>[0];
  const reader = {
    hasCode: async () => false,
    views: async (calls: readonly unknown[]) => calls.map(() => null),
  } as unknown as ContractReader;
  const waiting = { signal, reader } as unknown as Parameters<typeof applyProgramme>[3];
  await applyProgramme(context, store, pino({ level: "silent" }), waiting, async (keeper, pools, until) => {
    const how: ConvergeOptions = { settle: SETTLE, quarantine: true, ...(until === undefined ? {} : { until }) };
    for (let i = 0; i < 10; i++)
      await converge(keeper, chainPort(chain.fetch, withDiscovered(keeper.store, pools)), signal, how);
  });
}
