import { describe, expect, it } from "vitest";
import { type AddressFacts, contractText, kindOfCode } from "../../src/core/address-facts.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import type { Address } from "../../src/core/hex.ts";
import { AddressLookup } from "../../src/daemon/address-lookup.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";
import { programmeLedger } from "../support/programme-ledger.ts";

const { signal } = new AbortController();

async function ledgerOf() {
  const chain = new FakeChain({ secondsPerBlock: 9_000 });
  chain.grow(40, 5);
  const ledger = new TestLedger(chain.fetch);
  await ledger.settle();
  const providers = ledger.store.db.prepare("select provider_address from provider_balances order by 1").pluck().all();
  return { store: ledger.store, providers: providers as Address[] };
}

describe("what stands behind an address", () => {
  it("is told by its code: a wallet with a delegate is no contract", () => {
    expect(kindOfCode("0x")).toBe("wallet");
    expect(kindOfCode(`0xef0100${"ab".repeat(20)}`)).toBe("delegated");
    expect(kindOfCode(`0xef0100${"ab".repeat(21)}`)).toBe("contract");
    expect(kindOfCode("0x6001")).toBe("contract");
  });

  it("is asked for in the background, of each once, and of wallets again after a week", async () => {
    const { store, providers } = await ledgerOf();
    const asked: Address[][] = [];
    const behind = async (addresses: readonly Address[]): Promise<readonly AddressFacts[]> => {
      asked.push([...addresses]);
      return addresses.map((address, i) => ({ address, kind: i === 0 ? "contract" : "wallet", what: null }));
    };
    let nowMs = stillClock.nowMs();
    const lookup = new AddressLookup(store, behind, { ...stillClock, nowMs: () => nowMs });
    for (let i = 0; i < 3; i++) {
      lookup.tick(signal);
      await lookup.settled();
      nowMs += 120_000;
    }
    expect(asked).toEqual([providers]);
    store.db.exec("update address_facts set observed_at = '2026-12-01T00:00:00Z'");
    lookup.tick(signal);
    await lookup.settled();
    expect(asked[1]).toEqual(providers.slice(1));
  });

  it("is asked for again where the node fails, and a bug is not swallowed", async () => {
    const { store } = await ledgerOf();
    let nowMs = stillClock.nowMs();
    let error: unknown = new LpLedgerError("transient", "RPC_UNREACHABLE", "away");
    const behind = async (): Promise<never> => {
      throw error;
    };
    const lookup = new AddressLookup(store, behind, { ...stillClock, nowMs: () => nowMs });
    lookup.tick(signal);
    await lookup.settled();
    error = new TypeError("a bug");
    nowMs += 120_000;
    lookup.tick(signal);
    await lookup.settled();
    expect(() => lookup.tick(signal)).toThrow("a bug");
  });

  it("is said where it is a contract: to whom rewards go, and who has more than a tenth of a pool", async () => {
    const { ledger, run, folder } = await programmeLedger();
    const { store } = ledger;
    expect((await run("rewards", "finalize", "--yes")).code).toBe(0);
    const providers = store.db.prepare("select provider_address from rewards where epoch = 1 order by 1").pluck().all();
    const [first, second] = providers as [Address, Address];
    store.write(() => {
      store.addressFacts.put({ address: first, kind: "contract", what: "a Safe" }, store.nowIso());
      store.addressFacts.put({ address: second, kind: "delegated", what: null }, store.nowIso());
    });
    const shown = await run("rewards", "show", "--epoch", "1");
    expect(shown.out.split("\n").find((line) => line.startsWith(first))).toMatch(/RWD {2}a contract: a Safe$/);
    expect(shown.out.split("\n").find((line) => line.startsWith(second))).toMatch(/RWD$/);
    const exported = await run("rewards", "export", "--epoch", "1", "--to", folder);
    expect([exported.code, exported.out]).toEqual([
      0,
      expect.stringMatching(/of it to 0x[0-9a-fA-F]{40}, a contract: a Safe/),
    ]);
    const holders = store.addressFacts.largeHolders();
    expect(holders.length).toBeGreaterThan(0);
    expect(holders.every(({ address, shareBp }) => address === first && shareBp > 1_000)).toBe(true);
    const status = await run("status");
    expect(status.out).toMatch(
      /contract {8}0x[0-9a-f]{40}, a contract: a Safe, has [\d.]+ % of pool 0x[0-9a-f]{40}: if it holds/,
    );
    const checked = await run("check", "--offline");
    expect([checked.code, checked.out.includes("a contract: a Safe, has")]).toEqual([0, true]);
    expect(contractText(undefined)).toBe("");
  });
});
