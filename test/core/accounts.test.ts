import { describe, expect, it } from "vitest";
import { KnownAccounts, opened } from "../../src/core/accounts.ts";
import { toAddress } from "../../src/core/hex.ts";
import { addressOf } from "../support/logs.ts";
import { POOL } from "../support/world.ts";

const keyOf = (provider: number, position: string) => ({
  pool: toAddress(POOL),
  position,
  provider: toAddress(addressOf(provider)),
  kind: "holder" as const,
});

describe("accounts that are known", () => {
  it("are, where they become many, those that hold something, or none where these are too many, too", () => {
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
