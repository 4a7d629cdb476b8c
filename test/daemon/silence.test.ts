import { describe, expect, it } from "vitest";
import { LpLedgerError } from "../../src/core/errors.ts";
import { retryTransient } from "../../src/daemon/retry.ts";
import { Silence } from "../../src/daemon/silence.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";

const down = new LpLedgerError("transient", "RPC_UNREACHABLE", "the node rpc-1 could not be reached");

describe("nodes that are silent while a start waits for them", () => {
  it("are written down for whoever asks, after half a minute, and no more once one answers", async () => {
    const { store } = new TestLedger(new FakeChain().fetch);
    const silence = new Silence(store);
    let nowMs = 0;
    let failures = 0;
    const clock = {
      nowMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms;
      },
    } as unknown as Parameters<typeof retryTransient>[0];
    const seen: [number, boolean][] = [];
    const options = {
      giveUpMs: () => 600_000,
      onRetry: (error: LpLedgerError, _: number, silentMs: number) => {
        silence.lasts(silentMs, error);
        seen.push([silentMs, store.config.get("silent") != null]);
      },
    };
    await retryTransient(clock, new AbortController().signal, options, async () => {
      failures += 1;
      if (failures < 12) throw down;
    });
    expect(seen.length).toBe(11);
    for (const [silentMs, isTold] of seen) expect([silentMs, isTold]).toEqual([silentMs, silentMs >= 30_000]);
    expect(store.config.get("silent")).toMatchObject({ why: down.message });
    silence.ended();
    expect(store.config.get("silent")).toBeNull();
  });
});
