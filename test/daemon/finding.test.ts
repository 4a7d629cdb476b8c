import { describe, expect, it } from "vitest";
import type { LpLedgerError } from "../../src/core/errors.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger } from "../support/ledger.ts";
import { PAIR, POOL } from "../support/world.ts";

/** Drops the first direct or managed V3 mint of a range answer; asked by hash too if `byHash`. */
function dropMint(chain: FakeChain, byHash: boolean): void {
  chain.fault = (method, [filter], result) => {
    if (method !== "eth_getLogs" || (!byHash && Object.hasOwn(filter as object, "blockHash"))) return result;
    const logs = result as { address: string; topics: string[] }[];
    const at = logs.findIndex((log) => log.address === POOL && log.topics[0]?.startsWith("0x7a53080b"));
    return at < 0 ? result : logs.filter((_, i) => i !== at);
  };
}

describe("a range answer that lacks a log", () => {
  it("is mended by reading the suspected block again by its hash", async () => {
    const chain = new FakeChain();
    chain.grow(60, 3);
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    let faults = 0;
    chain.fault = (method, [filter], result) => {
      // One manager log is missing, so the very block in which it stood is the one that fails.
      if (method !== "eth_getLogs" || Object.hasOwn(filter as object, "blockHash")) return result;
      const logs = result as { topics: string[] }[];
      const at = logs.findIndex((log) => log.topics[0]?.startsWith("0x3067048b"));
      faults += 1;
      return at < 0 ? result : logs.filter((_, i) => i !== at);
    };
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    expect(faults).toBeGreaterThan(0);
    expect(ledger.dump()).toBe(straight.dump());
    expect(ledger.store.findings.open()).toEqual([]);
  });

  it("is mended by reading the range again where the missing log stood in an earlier block than the one that shows it", async () => {
    const chain = new FakeChain();
    chain.grow(60, 3);
    chain.finalized = 60;
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    let lies = 2; // The range, and the block that shows it, which never had the log.
    chain.fault = (method, [filter], result) => {
      if (method !== "eth_getLogs" || lies === 0) return result;
      lies -= 1;
      if (Object.hasOwn(filter as object, "blockHash")) return result;
      const logs = result as { address: string; topics: string[] }[];
      const at = logs.findIndex(
        (log) =>
          log.address === PAIR && log.topics[0]?.startsWith("0xddf252ad") && log.topics[1] === `0x${"0".repeat(64)}`,
      );
      return logs.filter((_, i) => i !== at);
    };
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    expect(lies).toBe(0);
    expect(ledger.dump()).toBe(straight.dump());
  });

  it("that stays wrong becomes a finding, stops the ledger and commits nothing of the range", async () => {
    const chain = new FakeChain();
    chain.grow(80, 4);
    dropMint(chain, true);
    const ledger = new TestLedger(chain.fetch);
    const error = (await ledger.settle().catch((each: unknown) => each)) as LpLedgerError;
    expect(error).toMatchObject({ code: "IDENTITY_BROKEN", kind: "invariant", exitCode: 70 });
    const [finding] = ledger.store.findings.open();
    expect(finding).toBeDefined();
    expect(error.message).toContain(`block ${finding?.blockNumber} log ${finding?.logIndex}`);
    expect(ledger.store.blocks.tip()).toBeUndefined();
    expect(ledger.store.db.prepare("select count(*) from lp_events").pluck().get()).toBe(0);

    // Once the node tells the whole truth again, the finding closes by itself and the ledger is right.
    chain.fault = undefined;
    await ledger.settle();
    expect(ledger.store.findings.open()).toEqual([]);
    expect(openPositions(ledger.store)).toEqual(chain.head.world.openPositions());
    const resolution = ledger.store.db.prepare("select resolution from audit_findings").pluck().get();
    expect(resolution).toMatch(/held/);
  });

  it("that breaks other identities when it is read again stops with the first one, and the others stand beside it", async () => {
    const chain = new FakeChain();
    chain.grow(80, 4);
    let answers = 0;
    // What is left out changes: first a mint of the V3 pool, from then on the manager's word for it.
    chain.fault = (method, _params, result) => {
      if (method !== "eth_getLogs") return result;
      answers += 1;
      const logs = result as { topics: string[] }[];
      const lost = answers === 1 ? "0x7a53080b" : "0x3067048b";
      const at = logs.findIndex((log) => log.topics[0]?.startsWith(lost));
      return at < 0 ? result : logs.filter((_, i) => i !== at);
    };
    const ledger = new TestLedger(chain.fetch);
    const error = (await ledger.settle().catch((each: unknown) => each)) as LpLedgerError;
    const findings = ledger.store.findings.open();
    expect(error).toMatchObject({ code: "IDENTITY_BROKEN", exitCode: 70 });
    const [first] = findings.filter(({ identity }) => error.message.startsWith(identity));
    expect(first).toEqual(error.facts["finding"]);
    expect(error.facts["later"]).toHaveLength(findings.length - 1);
    expect(findings.length).toBeGreaterThan(1);
    for (const message of error.facts["later"] as string[]) expect(error.message).toContain(`; read again: ${message}`);
  });
});
