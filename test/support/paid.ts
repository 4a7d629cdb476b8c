import { expect } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { finalise, requireSame } from "../../src/ledger/epochs.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeChain } from "./fake-chain.ts";
import { followed } from "./followed.ts";
import { addressOf } from "./logs.ts";
import { PAIR, TOKENS, worldProgramme } from "./world.ts";

/** Two tokens with a price, six days of one epoch each, and everybody in the first tier. */
export const RULES = {
  finality: { fallbackDepth: 0, minDepth: 0 },
  prices: { [TOKENS[0]]: { fixed: "2" }, [TOKENS[1]]: { fixed: "3" } },
  schedule: { start: "2026-01-01", days: 6 },
  tiers: { minimum: "0.000001", levels: [{ week: 1, multiplierBp: 10_000 }] },
};
/** 600.000005 of a reward token over six epochs of a day. */
export const rewards = (exclude: readonly object[], more: object = {}) => ({
  tokens: [{ address: addressOf(0xcc), symbol: "R", decimals: 6, budget: "600.000005" }],
  epochs: { days: 1 },
  exclude,
  ...more,
});
export const parse = (more: object): Programme =>
  parseProgramme(worldProgramme({ ...RULES, ...more }), "the test's programme");

export const finalised = (store: Store, programme: Programme, epoch: number) =>
  store.write(() => finalise(store, rewardingOf(programme), sha256, epoch)).epoch;

/** Every final epoch is what it was, however often it is looked at, and whatever is built again. */
export function unchanged(store: Store, programme: Programme, paid: readonly ReturnType<typeof finalised>[]): void {
  for (const epoch of paid) {
    expect(store.rewards.epoch(epoch.record.epoch)).toEqual(epoch);
    requireSame(store, rewardingOf(programme), sha256, epoch);
  }
  expect(store.findings.all().filter(({ identity }) => identity === "R-1")).toEqual([]);
  expect(problemsOf(store.db, sha256)).toEqual([]);
}

/** A chain of which every answer lacks one `Sync` of the pair that somebody misses on a day in the middle. */
export async function lied(programme: Programme): Promise<FakeChain> {
  for (let from = 14; from < 40; from++) {
    const chain = new FakeChain({ secondsPerBlock: 9_000 });
    chain.grow(70, 11);
    const isSync = (log: { address: string; topics: readonly unknown[] }): boolean =>
      log.address === PAIR && String(log.topics[0]).startsWith("0x1c411e9a");
    const wrong = chain.blocks.find(({ number, logs }) => number >= from && logs.some(isSync));
    chain.fault = (method, _params, result) => {
      if (method !== "eth_getLogs") return result;
      const logs = result as { blockNumber: string; address: string; topics: readonly unknown[] }[];
      const first = logs.find((log) => Number(log.blockNumber) === wrong?.number && isSync(log));
      return logs.filter((log) => log !== first);
    };
    const { store } = await followed(chain, programme);
    const day = store.quarantines.all()[0]?.firstDay ?? "";
    if (day > "2026-01-02" && day < "2026-01-04") return chain;
  }
  throw new Error("nobody misses any of them");
}
