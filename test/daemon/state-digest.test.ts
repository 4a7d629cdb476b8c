import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stateDigest } from "../../src/core/accounting/digest.ts";
import type { WorkingSet } from "../../src/core/accounting/working-set.ts";
import type { Address } from "../../src/core/hex.ts";
import type { Pool } from "../../src/core/programme/programme.ts";
import { StateDigest } from "../../src/ledger/state-digest.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";

describe("the digest of a state, kept from block to block", () => {
  it("is the one that is computed from nothing, whatever changes and whichever pools come", () => {
    const programme = testProgramme();
    const [base] = programme.pools;
    if (base === undefined) throw new Error("no pool");
    const poolAt = (i: number): Pool => ({
      ...base,
      address: addressOf(9_000 - 7 * (i % 5) + i) as Address,
      discovered: i % 2 === 0 ? null : { factory: base.address, block: 1 },
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5), fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 30 }),
        (changes) => {
          const digests = new Map<Address, string>();
          const books = { digest: (pool: Address) => digests.get(pool) ?? "" } as WorkingSet;
          const kept = new StateDigest(sha256);
          let pools: readonly Pool[] = [poolAt(0), poolAt(1)];
          for (const [pool, digest, isNew] of changes) {
            if (isNew && pools.length < 6) pools = [...pools, poolAt(pools.length)];
            digests.set(poolAt(pool).address, digest === 0 ? "" : `d${digest}`);
            const fresh = stateDigest(
              sha256,
              pools.map(({ address }) => [address, books.digest(address)] as const),
            );
            expect(kept.of(pools, books, { stops: new Map(), at: { blockNumber: 1, timestampSec: 1 } })).toBe(fresh);
          }
        },
      ),
    );
  });
});
