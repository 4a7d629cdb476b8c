import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { Anvil } from "../../demo/anvil.ts";
import type { Place } from "../../demo/daemon.ts";
import { Life } from "../../demo/life.ts";
import { programmeOf, type Stage, setStage } from "../../demo/stage.ts";
import { ContractReader } from "../../src/chain/contracts/contract-reader.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { parseProgramme } from "../../src/config.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { type Verification, type VerifyPort, verify } from "../../src/daemon/verify.ts";
import { type TestLedger, temporaryFolder } from "./ledger.ts";
import { stillClock } from "./port.ts";

export const START_SEC = 1_767_225_600;

/** A real anvil with the real contracts on it, for one test file. */
export interface LiveChain {
  readonly anvil: Anvil;
  readonly stage: Stage;
  readonly life: Life;
  readonly programme: Programme;
  readonly fetch: Fetch;
}

/** Starts anvil before the file's tests, plays `play` on it, and ends it afterwards. */
export function liveChain(
  seed: number,
  play: (life: Life) => Promise<void>,
  more: readonly string[] = [],
): () => LiveChain {
  let live: LiveChain | undefined;
  beforeAll(async () => {
    const anvil = await Anvil.start(START_SEC, more);
    live = { anvil } as LiveChain; // So that a failure below still ends the node.
    const stage = await setStage(anvil, START_SEC + 10);
    const life = new Life(stage, seed, START_SEC + 3600);
    const programme = parseProgramme(programmeOf(stage), "the stage's programme");
    live = { anvil, stage, life, programme, fetch: (_url, init) => fetch(anvil.url, init) };
    await play(life);
  }, 120_000);
  afterAll(async () => {
    await live?.anvil.stop();
  });
  return () => {
    if (live === undefined) throw new Error("anvil is not running");
    return live;
  };
}

/** Asks the contracts themselves about everything a ledger holds. */
export function verifyLive(live: LiveChain, ledger: TestLedger, block?: number): Promise<Verification> {
  const rpc = new Rpc({
    id: "rpc-1",
    url: live.anvil.url,
    fetch: live.fetch,
    clock: stillClock,
    timeoutMs: 10_000,
    bodyBytesMax: 2 ** 26,
  });
  const reader = new ContractReader(rpc);
  const port: VerifyPort = {
    blocksAt: (...args) => ledger.chain.blocksAt(...args),
    ask: (...args) => reader.call(...args),
  };
  return verify(ledger.store, ledger.keeper.programme, port, block, new AbortController().signal);
}

/** A folder with a programme file, for the built program. */
export function placeFor(
  live: LiveChain,
  options: { programme?: object; more?: Readonly<Record<string, string>> } = {},
): Place {
  const folder = temporaryFolder();
  const programme = join(folder, "programme.json");
  writeFileSync(programme, JSON.stringify(options.programme ?? programmeOf(live.stage)));
  return {
    rpcUrl: live.anvil.url,
    database: join(folder, "ledger.sqlite"),
    programme,
    logFile: join(folder, "daemon.log"),
    ...(options.more === undefined ? {} : { more: options.more }),
  };
}
