import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Day, daysAfter } from "../../src/core/day.ts";
import { toAddress } from "../../src/core/hex.ts";
import type { TierRules } from "../../src/core/programme/rules.ts";
import { earningDays, standingAfter } from "../../src/core/rewards/tiers.ts";
import { openStore, temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";

const RULES: TierRules = {
  minimum: 10n,
  levels: [
    { week: 1, value: 0n, multiplierBp: 10_000 },
    { week: 2, value: 0n, multiplierBp: 12_000 },
    { week: 3, value: 50n, multiplierBp: 20_000 },
  ],
  retroactive: false,
  basis: "held",
};
const provider = toAddress(addressOf(0x1001));
const pool = addressOf(0xa1);

it("finds the least that was held on the last days of a streak, whatever days of it were left out", () => {
  const day = fc.record({ value: fc.bigInt({ min: 5n, max: 120n }), isLeftOut: fc.boolean() });
  fc.assert(
    fc.property(fc.array(day, { minLength: 1, maxLength: 45 }), (days) => {
      const { store, close } = openStore(join(temporaryFolder(), "ledger.sqlite"));
      const begin = "2026-01-01" as Day;
      let streak: bigint[] = [];
      let before: number | null = 0;
      days.forEach(({ value, isLeftOut }, i) => {
        const date = daysAfter(begin, i);
        store.days.insertDay(date, i + 1);
        if (isLeftOut)
          store.leftOut.add(
            { date, pool, provider, reason: "operator", note: "no bound is known" },
            "2026-03-01T00:00:00Z",
          );
        const leasts = RULES.levels.map((level) => {
          const earning = earningDays(level) - 1;
          return earning === 0 ? undefined : store.tiers.leastOf(earning, date).get(provider);
        });
        const standing = standingAfter(RULES, before, value, { counted: value, leasts, isLeftOut });
        store.tiers.insert(date, { provider, value, inRangeValue: null }, standing);
        before = standing.streakDays;
        if (value >= RULES.minimum) streak.push(value);
        else if (!isLeftOut) streak = [];
        let most = value;
        const expected = RULES.levels.map((level, j) => {
          const [needed, held] = [earningDays(level), streak.slice(-earningDays(level))];
          const least = held.reduce((a, b) => (b < a ? b : a), value);
          if (j > 0) most = streak.length < needed || least < level.value ? 0n : least < most ? least : most;
          return most;
        });
        expect(standing.streakDays).toBe(streak.length);
        expect(standing.bases).toEqual(value < RULES.minimum ? [] : expected);
      });
      close();
    }),
    { numRuns: 40 },
  );
});
