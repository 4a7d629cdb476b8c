import { expect, it } from "vitest";
import { DaysTable } from "../../src/store/days.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";

it("tells each account of a pool once, in order of provider, however many are looked at together", async () => {
  const chain = new FakeChain({ secondsPerBlock: 4_000 });
  chain.grow(60, 7);
  const ledger = new TestLedger(chain.fetch);
  await ledger.settle();
  const { db } = ledger.store;
  const changedFrom = 45; // Some accounts changed since, some were open before and did not.
  for (const pool of testProgramme().pools) {
    const told = (page: number) => {
      const days = new DaysTable(db, page);
      return [...days.holdings(pool, days.changesSince(changedFrom).get(pool.address))];
    };
    const whole = told(1_000_000);
    const ids = db
      .prepare(`
        select account_id
        from accounts
        where pool_address = ?
          and kind = 'holder'
          and (liquidity <> '0' or account_id in (select account_id from postings where block_number >= ?))`)
      .all(pool.address, changedFrom);
    expect(whole).toHaveLength(ids.length);
    expect(whole.filter(({ changes }) => changes.length > 0).length).toBeGreaterThan(0);
    expect(whole.length).toBeGreaterThan(whole.filter(({ changes }) => changes.length > 0).length);
    expect(whole.map(({ provider }) => provider)).toEqual(whole.map(({ provider }) => provider).sort());
    for (const page of [1, 2, 3]) expect(told(page)).toEqual(whole);
  }
  ledger.close();
});
