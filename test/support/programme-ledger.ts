import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Finished, runCommand } from "../../demo/daemon.ts";
import { parseProgramme } from "../../src/config.ts";
import { DayRevaluation } from "../../src/ledger/revalue-days.ts";
import { FakeChain } from "./fake-chain.ts";
import { TestLedger, temporaryFolder } from "./ledger.ts";
import { addressOf } from "./logs.ts";
import { worldProgramme } from "./world.ts";

export const REWARD = addressOf(0xcc);
/** What one reward token is split into by default. */
export const REWARDS = {
  tokens: [{ address: REWARD, symbol: "RWD", decimals: 18, budget: "1000" }],
  epochs: { days: 2 },
};

/** Six days of 2026 from its first on, with liquidity in all of them. */
export const SCHEDULE = { start: "2026-01-01", days: 6 };
export const TIERS = {
  minimum: "0.000001",
  levels: [{ week: 1, multiplierBp: 10_000 }],
};

/**
 * A ledger of a programme over six closed, final and settled days, beside its programme file: commands run on it as on
 * any other.
 */
export async function programmeLedger(
  more: Readonly<Record<string, unknown>> = {},
  options: { readonly chain?: FakeChain; readonly blocks?: number } = {},
) {
  const folder = temporaryFolder();
  const path = join(folder, "ledger.sqlite");
  const chain = options.chain ?? new FakeChain({ secondsPerBlock: 9_000 });
  chain.grow(options.blocks ?? 70, 5);
  const file = (rules: Readonly<Record<string, unknown>>) =>
    worldProgramme({
      finality: { fallbackDepth: 0, minDepth: 0 },
      schedule: SCHEDULE,
      tiers: TIERS,
      rewards: REWARDS,
      ...rules,
    });
  const programme = parseProgramme(file(more), "the test's programme");
  const ledger = new TestLedger(chain.fetch, { path, programme });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 50 } });
  };
  await settle();
  const place = {
    rpcUrl: "http://127.0.0.1:1/",
    database: path,
    programme: join(folder, "programme.json"),
    logFile: join(folder, "log"),
  };
  const write = (rules: Readonly<Record<string, unknown>>): void =>
    writeFileSync(place.programme, JSON.stringify(file(rules)));
  write(more);
  const late = new DayRevaluation(ledger.store);
  return {
    ledger,
    chain,
    programme,
    folder,
    place,
    write,
    settle,
    /** What the daemon does between two looks. */
    tick: () => late.tick(programme),
    run: (...args: string[]): Promise<Finished> => runCommand(place, args),
    runWith: (env: Readonly<Record<string, string>>, ...args: string[]): Promise<Finished> =>
      runCommand({ ...place, more: env }, args),
  };
}
