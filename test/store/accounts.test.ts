import { expect, it } from "vitest";
import { opened } from "../../src/core/accounting/accounts.ts";
import { toAddress } from "../../src/core/hex.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";

it("writes an account again that was written before and taken back, whichever way", () => {
  const { store } = new TestLedger(new FakeChain().fetch);
  const [pool] = testProgramme().pools;
  if (pool === undefined) throw new Error("no pool");
  store.write(() => store.pools.put(pool));
  const provider = toAddress(addressOf(7));
  const key = { pool: pool.address, position: "", provider, kind: "holder" } as const;
  const account = opened(store.accounts.nextAccountId(), key, null, 7);
  const written = (balance: bigint, block: number) => {
    account.balance = balance;
    account.updatedBlock = block;
    store.accounts.put(account);
    return store.accounts.findAccount(key);
  };
  const expected = (balance: bigint, updatedBlock: number) => ({ ...account, via: "", balance, updatedBlock });
  store.write(() => {
    expect(written(5n, 7)).toEqual(expected(5n, 7));
    expect(written(6n, 8)).toEqual(expected(6n, 8));
  });
  expect(() =>
    store.write(() => {
      account.id += 1;
      store.db.prepare("delete from accounts").run();
      expect(written(7n, 9)).toEqual(expected(7n, 9));
      throw new Error("rolled back");
    }),
  ).toThrow("rolled back");
  store.write(() => {
    store.db.prepare("delete from accounts").run();
    expect(written(8n, 10)).toEqual(expected(8n, 10));
  });
});
