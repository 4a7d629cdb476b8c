import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { RangeLimits } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { parseProgramme } from "../../src/config.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import type { ChainPort } from "../../src/daemon/chain-port.ts";
import { type ConvergeOptions, converge, type Step } from "../../src/daemon/converge.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { withDiscovered } from "../../src/ledger/followed-pools.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { positionLines } from "../../src/store/queries/positions.ts";
import { Store } from "../../src/store/store.ts";
import { dumpOf } from "./dump.ts";
import { chainPort, stillClock } from "./port.ts";
import { worldProgramme } from "./world.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

/** Runs at the end of the test, newest first. */
export function atEnd(clean: () => void): void {
  cleanups.push(clean);
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lp-ledger-test-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function testProgramme(more: Readonly<Record<string, unknown>> = {}): Programme {
  return parseProgramme(worldProgramme(more), "the test's programme");
}

/** Opens a store on a real SQLite file. */
export function openStore(path: string): { store: Store; close(): void } {
  const opened = openForWriting(path);
  let open = true;
  const close = (): void => {
    if (open) opened.close();
    open = false;
  };
  atEnd(close);
  return { store: new Store(opened.db, stillClock), close };
}

/** A ledger on a real file that follows a chain served by `fetch`. */
export class TestLedger {
  readonly store: Store;
  readonly keeper: Bookkeeper;
  readonly chain: ChainPort;
  readonly close: () => void;

  constructor(
    fetch: Fetch,
    options: { path?: string; programme?: Programme; limits?: Partial<RangeLimits>; chain?: ChainPort } = {},
  ) {
    const programme = options.programme ?? testProgramme();
    const { store, close } = openStore(options.path ?? join(temporaryFolder(), "ledger.sqlite"));
    this.store = store;
    this.close = close;
    if (store.config.get("programme") === undefined) store.write(() => adoptProgramme(store, programme, sha256));
    this.keeper = new Bookkeeper(store, programme, sha256);
    this.chain = options.chain ?? chainPort(fetch, withDiscovered(store, programme), options.limits);
  }

  step(options: ConvergeOptions = {}): Promise<Step> {
    return converge(this.keeper, this.chain, new AbortController().signal, options);
  }

  /** Steps until nothing is left to do. */
  async settle(): Promise<Step> {
    for (let i = 0; i < 50; i++) {
      const step = await this.step();
      if (step.verdict !== "forked" && step.verdict !== "extends" && !step.finalPending) return step;
    }
    throw new Error("the ledger does not settle");
  }

  dump(): string {
    return dumpOf(this.store);
  }
}

/** Open positions in the form `World.openPositions` gives. */
export function openPositions(store: Store): readonly string[] {
  return [...positionLines(store.db)]
    .map((line) => `${line.pool} ${line.position} ${line.provider} ${line.liquidity}`)
    .sort();
}
