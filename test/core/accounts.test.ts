import { describe, expect, it } from "vitest";
import { KnownAccounts, opened } from "../../src/core/accounting/accounts.ts";
import { toAddress } from "../../src/core/hex.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { POOL } from "../support/world.ts";

const keyOf = (provider: number, position: string) => ({
  pool: toAddress(POOL),
  position,
  provider: toAddress(addressOf(provider)),
  kind: "holder" as const,
});

describe("accounts that are known", () => {
  it("are forgotten where they hold nothing, and all where too many hold something", () => {
    const known = new KnownAccounts();
    let id = 1;
    for (let provider = 1; provider <= 10; provider++) {
      for (const position of ["-60:60", "0:60", "60:120"]) {
        const account = opened(id++, keyOf(provider, position), null, 1);
        account.balance = position === "0:60" ? 0n : 5n;
        known.add(account);
      }
    }
    const isKnown = (provider: number, position: string) => known.get(keyOf(provider, position)) !== undefined;
    known.shrinkTo(100);
    expect(known.size).toBe(20);
    expect(isKnown(3, "-60:60")).toBe(true);
    expect(isKnown(3, "0:60")).toBe(false);
    known.shrinkTo(20);
    expect(known.size).toBe(20);
    known.shrinkTo(19);
    expect(known.size).toBe(0);
    expect(isKnown(3, "-60:60")).toBe(false);
  });
});

describe("books that shrink", () => {
  it("have one working copy of each account, the pool's own too", () => {
    const books = emptyBooks();
    const pool = testProgramme().pools.find(({ address }) => address === POOL);
    if (pool === undefined) throw new Error("no pool");
    const holding = (provider: number, block: number) =>
      books.holding(pool, "-60:60", toAddress(addressOf(provider)), null, block);
    const issuance = books.issuance(pool, 1);
    const open = holding(1, 1);
    books.setBalance(open, 5n, 1);
    for (let i = 2; i < 5_010; i++) holding(i, 1);
    books.takeChanges();
    books.shrink(); // The pool returned to zero: its own account holds nothing, too.
    expect(holding(1, 2)).toBe(open);
    const again = books.issuance(pool, 2);
    expect(again).not.toBe(issuance);
    books.setBalance(again, -7n, 2);
    expect(books.issued(pool)).toBe(7n);
  });
});
