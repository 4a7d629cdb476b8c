import { FollowedChain } from "../../src/chain/followed-chain.ts";
import { RANGE_LIMITS } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import type { Settling } from "../../src/daemon/cross-check.ts";
import { blockLogsDigest } from "../../src/runtime/platform.ts";
import { FakeChain } from "./fake-chain.ts";
import { TestLedger, testProgramme } from "./ledger.ts";
import { OwnClock } from "./port.ts";

export const SETTLE = { blocksMin: 1, rangesMax: 5 };
export const HOURS = 3_600;
export const away = (): never => {
  throw new Error("busy");
};
export const programme = testProgramme({ finality: { fallbackDepth: 10, minDepth: 0 } });

export function grown(isProvable: boolean, seed = 11): FakeChain {
  const chain = new FakeChain({ isProvable });
  chain.grow(70, seed);
  return chain;
}

type Shift = (blockNumber: number) => number;

/** The node adds something to the times of its blocks, in headers, in logs or in both. */
export function shifted(chain: FakeChain, where: "headers" | "logs" | "both", shift: Shift): void {
  const later = (time: string, number: string): string => `0x${(Number(time) + shift(Number(number))).toString(16)}`;
  chain.fault = (method, _params, result) => {
    if (result === null || typeof result !== "object") return result;
    if (method.startsWith("eth_getBlockBy") && where !== "logs") {
      const header = result as { timestamp: string; number: string };
      return { ...header, timestamp: later(header.timestamp, header.number) };
    }
    if (method !== "eth_getLogs" || where === "headers") return result;
    return (result as { blockTimestamp: string; blockNumber: string }[]).map((log) => ({
      ...log,
      blockTimestamp: later(log.blockTimestamp, log.blockNumber),
    }));
  };
}

export function ledgerOf(...chains: readonly FakeChain[]) {
  const clock = new OwnClock();
  const refused: string[] = [];
  const settling: Settling[] = [];
  const rpcs = chains.map((chain, i) => {
    const fetch: Fetch = (url, init) => chain.fetch(url, init);
    const common = { clock, timeoutMs: 1000, bodyBytesMax: 2 ** 24 };
    return new Rpc({ id: `n${i + 1}`, url: "http://127.0.0.1:1/", fetch, ...common });
  });
  const warned: string[] = [];
  const port = new FollowedChain(rpcs, programme, {
    clock,
    random: () => 0.5,
    contentOf: blockLogsDigest,
    limits: { ...RANGE_LIMITS, blocksStart: 20 },
    onUnauthenticated: (id, why) => warned.push(`${id}: ${why}`),
  });
  const ledger = new TestLedger((chains[0] as FakeChain).fetch, { chain: port, programme });
  /** Steps on, whatever the nodes do; only what is transient is borne. */
  const steps = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const step = await ledger.step({ settle: SETTLE }).catch((error: unknown) => {
        if (!(error instanceof LpLedgerError) || error.kind !== "transient") throw error;
        refused.push(`${error.code} ${error.message}`);
      });
      if (step !== undefined) settling.push(step.settling);
    }
  };
  const settled = (): number | undefined => ledger.store.config.get("settled_block");
  return { ledger, port, clock, steps, refused, settling, warned, settled, health: () => port.health() };
}

export async function straight(chain: FakeChain): Promise<string> {
  const { ledger, steps } = ledgerOf(chain);
  await steps(6);
  return ledger.dump();
}
