import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "../../src/core/hex.ts";
import type { Epoch, RewardRules, RewardToken } from "../../src/core/programme/rules.ts";
import { telescoped } from "../../src/core/programme/rules.ts";
import { type Before, capOf, leftBy, NOTHING_BEFORE, rewardsOf } from "../../src/core/rewards/rewards.ts";
import { type Claim, split } from "../../src/core/rewards/split.ts";
import { integralOf, stretchesOf } from "../../src/core/valuation/holdings.ts";
import { addressOf } from "../support/logs.ts";

const at = (number: number): Address => addressOf(number) as Address;
const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, each) => total + each, 0n);
const RUNS = { numRuns: 1_000 };
const claims = (weights: readonly bigint[]): readonly Claim[] =>
  weights.map((weight, i) => ({ provider: at(i + 1), weight }));

const weightsOf = fc.array(fc.bigInt({ min: 0n, max: 10n ** 24n }), { minLength: 1, maxLength: 40 });
const smallWeights = fc.array(fc.bigInt({ min: 0n, max: 9n }), { minLength: 1, maxLength: 12 });
const anyWeights = fc.oneof(weightsOf, smallWeights);
const pots = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.bigInt({ min: 0n, max: 30n }));

const token = (more: Partial<RewardToken> = {}): RewardToken => ({
  address: at(0xcc),
  chainId: 1,
  symbol: "RWD",
  decimals: 18,
  minimumPayout: 0n,
  cap: null,
  ...more,
});

function rulesWith(epochs: readonly bigint[], more: Partial<RewardRules> = {}): RewardRules {
  return {
    weighting: "value",
    tokens: [token()],
    epochs: epochs.map(
      (budget, i) => ({ number: i + 1, first: "2026-01-01", end: "2026-01-02", budgets: [budget] }) as unknown as Epoch,
    ),
    excluded: new Set(),
    excludedPools: [],
    capBp: null,
    undistributed: "roll-over",
    atEnd: "pay",
    discoveredPools: false,
    negligibleBp: 1,
    ...more,
  };
}

/** Every epoch of a programme, each after the one before. */
function play(rules: RewardRules, weights: readonly (readonly bigint[])[]) {
  let before: readonly Before[] = rules.tokens.map(() => NOTHING_BEFORE);
  return rules.epochs.map((epoch, i) => {
    const own = claims(weights[i] ?? []).map((claim) => ({ ...claim, tier: 1 }));
    const given = rewardsOf(
      rules,
      epoch,
      own.filter(({ weight }) => weight > 0n),
      before,
    );
    before = given.map(leftBy);
    return given;
  });
}

describe("a pot that is split by weight", () => {
  it("is given out to the last base unit, whatever the weights", () => {
    fc.assert(
      fc.property(pots, anyWeights, (pot, weights) => {
        const { amounts, left } = split(pot, claims(weights));
        expect(sum(amounts.values()) + left).toBe(pot);
        expect(left).toBe(sum(weights) === 0n ? pot : 0n);
        const total = sum(weights);
        for (const { provider, weight } of claims(weights)) {
          if (weight === 0n) continue;
          const floor = (pot * weight) / total;
          expect([floor, floor + 1n]).toContain(amounts.get(provider));
        }
      }),
      RUNS,
    );
  });

  it("comes out the same in whatever order the claims come", () => {
    fc.assert(
      fc.property(pots, anyWeights, fc.infiniteStream(fc.nat()), (pot, weights, order) => {
        const shuffled = claims(weights)
          .map((claim) => ({ claim, by: order.next().value }))
          .sort((a, b) => a.by - b.by)
          .map(({ claim }) => claim);
        const [ours, theirs] = [split(pot, claims(weights)), split(pot, shuffled)];
        for (const [provider, amount] of ours.amounts) expect(theirs.amounts.get(provider)).toBe(amount);
      }),
      RUNS,
    );
  });

  it("does not change for anybody when a stranger comes who weighs nothing", () => {
    fc.assert(
      fc.property(pots, anyWeights, fc.integer({ min: 1, max: 99 }), (pot, weights, stranger) => {
        const plain = claims(weights).map((each) => ({ ...each, provider: at(100 * Number(each.provider)) }));
        const more = [{ provider: at(stranger), weight: 0n }, ...plain];
        expect(split(pot, more)).toEqual(split(pot, plain));
      }),
      RUNS,
    );
  });

  it("never gives a provider that splits itself in two more than its exact part, but for the rounding of one base unit", () => {
    const once = { more: 0 };
    fc.assert(
      fc.property(pots, anyWeights, fc.nat(), fc.bigInt({ min: 0n, max: 10n ** 24n }), (pot, weights, who, part) => {
        const whole = claims(weights);
        const { provider, weight } = whole[who % whole.length] as Claim;
        const own = weight === 0n ? 0n : part % (weight + 1n);
        const parts = [
          { provider, weight: own },
          { provider: at(0xffff), weight: weight - own },
        ];
        const after = split(pot, [...whole.filter((each) => each.provider !== provider), ...parts]).amounts;
        const [alone, both] = [
          split(pot, whole).amounts.get(provider) ?? 0n,
          sum(parts.map((each) => after.get(each.provider) ?? 0n)),
        ];
        expect(both).toBeLessThanOrEqual(alone + 1n);
        once.more += both > alone ? 1 : 0;
      }),
      RUNS,
    );
    // The bound is the best there is for parts that sum exactly and stay within a unit of their share.
    const tied = claims([10n, 10n]);
    const halves = [
      { provider: at(1), weight: 10n },
      { provider: at(2), weight: 5n },
      { provider: at(3), weight: 5n },
    ];
    expect(split(3n, tied).amounts.get(at(2))).toBe(1n);
    expect([2, 3].map((each) => split(3n, halves).amounts.get(at(each)))).toEqual([1n, 1n]);
  });

  it("gives ties to the lower address", () => {
    const { amounts } = split(2n, claims([1n, 1n, 1n]).toReversed());
    expect([...amounts].sort().map(([, amount]) => amount)).toEqual([1n, 1n, 0n]);
  });

  it("gives nobody more than the cap, and what is over it to the others", () => {
    fc.assert(
      fc.property(pots, anyWeights, fc.bigInt({ min: 0n, max: 10n ** 23n }), (pot, weights, cap) => {
        const { amounts, left } = split(pot, claims(weights), cap);
        expect(sum(amounts.values()) + left).toBe(pot);
        for (const amount of amounts.values()) expect(amount <= cap).toBe(true);
        // Something is left only where everybody with a weight stands at the cap.
        const holders = weights.filter((weight) => weight > 0n).length;
        if (left > 0n) expect([...amounts.values()].filter((amount) => amount === cap)).toHaveLength(holders);
      }),
      RUNS,
    );
    const { amounts } = split(100n, claims([80n, 10n, 10n]), 40n);
    expect([...amounts.values()].sort()).toEqual([30n, 30n, 40n]);
  });
});

describe("a programme's epochs", () => {
  const programmes = fc.record({
    budgets: fc.array(pots, { minLength: 1, maxLength: 8 }),
    weights: fc.array(fc.oneof(anyWeights, fc.constant([])), { minLength: 8, maxLength: 8 }),
    minimumPayout: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 10n ** 21n })),
    capBp: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 10_000 })),
    undistributed: fc.constantFrom("roll-over" as const, "refund" as const),
    atEnd: fc.constantFrom("pay" as const, "keep" as const),
  });

  it("give out, give back or keep exactly what they were given, in 1,000 random programmes", () => {
    fc.assert(
      fc.property(programmes, ({ budgets, weights, minimumPayout, ...more }) => {
        const rules = rulesWith(budgets, { ...more, tokens: [token({ minimumPayout })] });
        const epochs = play(rules, weights).map(([only]) => only as NonNullable<typeof only>);
        for (const each of epochs) {
          expect(each.allocated + each.left).toBe(each.budget + each.rolledIn);
          expect(each.allocated + each.carriedIn).toBe(each.paid + each.carriedOut);
          expect(sum(each.rows.map((row) => row.amount))).toBe(each.allocated);
        }
        const refunded = sum(epochs.filter(({ leftGoes }) => leftGoes === "refund").map(({ left }) => left));
        const kept = epochs.at(-1)?.carriedOut ?? 0n;
        expect(sum(epochs.map(({ paid }) => paid)) + refunded + kept).toBe(sum(budgets));
        if (more.atEnd === "pay") expect(kept).toBe(0n);
      }),
      RUNS,
    );
  });

  it("carry what is below the minimum payout until it is reached, and owe it to the same provider", () => {
    const rules = rulesWith([100n, 100n, 100n], { tokens: [token({ minimumPayout: 20n })], atEnd: "keep" });
    const [first, second, third] = play(rules, [
      [90n, 10n],
      [90n, 10n],
      [100n, 0n],
    ]).map(([only]) => only?.rows.map(({ amount, carriedIn, paid }) => [amount, carriedIn, paid]));
    expect(first).toEqual([
      [90n, 0n, 90n],
      [10n, 0n, 0n],
    ]);
    expect(second).toEqual([
      [90n, 0n, 90n],
      [10n, 10n, 20n],
    ]);
    expect(third).toEqual([[100n, 0n, 100n]]);
  });

  it("never pay an address that is excluded since, not even what it was owed: it stays visible", () => {
    const rules = rulesWith([100n, 100n], { tokens: [token({ minimumPayout: 20n })] });
    const [first] = play(rules, [[90n, 10n], []]);
    const excluding = { ...rules, excluded: new Set([at(2)]) };
    const [only] = rewardsOf(
      excluding,
      rules.epochs[1] as Epoch,
      [{ provider: at(1), weight: 1n, tier: 1 }],
      (first ?? []).map(leftBy),
    );
    expect(only?.rows.map(({ carriedIn, paid }) => [carriedIn, paid])).toEqual([
      [0n, 100n],
      [10n, 0n],
    ]);
    expect([only?.paid, only?.carriedOut]).toEqual([100n, 10n]);
  });

  it("never lose an epoch in which nobody provided: it rolls over or is given back", () => {
    const empty = [[], [1n, 1n], []];
    const rolled = play(rulesWith([10n, 10n, 10n]), empty).map(([only]) => [only?.paid, only?.left, only?.leftGoes]);
    expect(rolled).toEqual([
      [0n, 10n, "roll-over"],
      [20n, 0n, "none"],
      [0n, 10n, "refund"],
    ]);
    const given = play(rulesWith([10n, 10n, 10n], { undistributed: "refund" }), empty);
    expect(given.map(([only]) => [only?.paid, only?.leftGoes])).toEqual([
      [0n, "refund"],
      [10n, "none"],
      [0n, "refund"],
    ]);
  });

  it("split each of several reward tokens by the same weights, each into whole units of its own", () => {
    const two = [token(), token({ address: at(0xcd), decimals: 6 })];
    const rules = rulesWith([0n], { tokens: two });
    const epoch = { ...rules.epochs[0], budgets: [10n ** 18n + 1n, 7n] } as Epoch;
    const weights = claims([1n, 2n]).map((each) => ({ ...each, tier: 1 }));
    const given = rewardsOf({ ...rules, epochs: [epoch] }, epoch, weights, []);
    expect(given.map(({ allocated }) => allocated)).toEqual(epoch.budgets);
    expect(given[1]?.rows.map(({ amount }) => amount)).toEqual([2n, 5n]);
  });

  it("have budgets that together are the whole one", () => {
    fc.assert(
      fc.property(
        pots,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
        (budget, lengths) => {
          const days = lengths.reduce((total, each) => total + each, 0);
          let first = 0;
          const parts = lengths.map((length) => {
            const part = { first, end: first + length };
            first += length;
            return telescoped(budget, part, days);
          });
          expect(sum(parts)).toBe(budget);
        },
      ),
      RUNS,
    );
  });

  it("take the lower of both caps", () => {
    expect(capOf(rulesWith([], { capBp: 2_500 }), token({ cap: 30n }), 100n)).toBe(25n);
    expect(capOf(rulesWith([], { capBp: 5_000 }), token({ cap: 30n }), 100n)).toBe(30n);
    expect(capOf(rulesWith([]), token(), 100n)).toBeNull();
  });
});

describe("time", () => {
  it("counts so that the integrals of all providers sum to the pool's", () => {
    const deeds = fc.array(
      fc.record({
        from: fc.integer({ min: 0, max: 5 }),
        to: fc.integer({ min: 0, max: 5 }),
        amount: fc.bigInt({ min: 0n, max: 10n ** 20n }),
        wait: fc.integer({ min: 0, max: 20_000 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(deeds, (all) => {
        const day = { startSec: 86_400, endSec: 172_800 };
        // Account 0 is the pool's issuance: what leaves it is what providers hold.
        const balances = [0n, 0n, 0n, 0n, 0n, 0n];
        const changes = balances.map(() => [] as { atSec: number; balance: bigint }[]);
        const opening = balances.map(() => 0n);
        let atSec = 80_000;
        for (const { from, to, amount: wished, wait } of all) {
          atSec = Math.min(day.endSec - 1, atSec + wait);
          const amount = from === 0 ? wished : wished < (balances[from] ?? 0n) ? wished : (balances[from] ?? 0n);
          for (const [who, delta] of [
            [from, -amount],
            [to, amount],
          ] as const) {
            balances[who] = (balances[who] ?? 0n) + delta;
            if (atSec < day.startSec) opening[who] = balances[who] ?? 0n;
            else changes[who]?.push({ atSec, balance: balances[who] ?? 0n });
          }
        }
        const integral = (who: number): bigint =>
          integralOf(
            stretchesOf(
              { provider: at(who), via: "", range: null, opening: opening[who] ?? 0n, changes: changes[who] ?? [] },
              day,
            ),
          );
        const held = sum([1, 2, 3, 4, 5].map(integral));
        const issued = stretchesOf(
          {
            provider: at(0),
            via: "",
            range: null,
            opening: -(opening[0] ?? 0n),
            changes: (changes[0] ?? []).map((each) => ({ ...each, balance: -each.balance })),
          },
          day,
        );
        expect(held).toBe(integralOf(issued));
      }),
      RUNS,
    );
  });
});
