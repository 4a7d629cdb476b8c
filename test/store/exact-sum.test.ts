import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VALUE_MAX } from "../../src/core/valuation/value.ts";
import { dayTotals } from "../../src/store/queries/lists.ts";
import { providerStatus, statsOf } from "../../src/store/queries/query.ts";
import { tierCounts } from "../../src/store/queries/reward-inputs.ts";
import { openStore, temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";

describe("sums over absurd rows", () => {
  const ROWS = 1_100; // More than a sum of 63 bits bears.
  const who = (i: number) => addressOf(0x5000 + i);
  const { store } = openStore(join(temporaryFolder(), "ledger.sqlite"));
  const day = "2026-01-01" as never;
  store.db.exec("insert into days (date, closed_block) values ('2026-01-01', 1)");
  store.db.pragma("foreign_keys = off");
  const balance = store.db.prepare(
    "insert into provider_balances values (?, ?, ?, 1, '2026-01-01', '2026-01-02', '{}')",
  );
  const standing = store.db.prepare(
    "insert into provider_days (date, provider_address, value, streak_days, tier, multiplier_bp) values (?, ?, ?, 1, 1, 10000)",
  );
  const daily = store.db.prepare(`
    insert into daily_balances
      (provider_address, date, pool_address, protocol, liquidity_amount, token_amounts, token_seconds, liquidity_seconds, seconds_open)
    values (?, '2026-01-01', ?, 'erc20', ?, '[]', '[]', '0', 1)`);
  for (let i = 0; i < ROWS; i++) {
    balance.run(who(i), VALUE_MAX, VALUE_MAX);
    standing.run(day, who(i), VALUE_MAX);
    daily.run(who(i), addressOf(1), VALUE_MAX);
    daily.run(who(0), addressOf(2 + i), VALUE_MAX);
  }
  const whole = VALUE_MAX * BigInt(ROWS);

  it("are exact, and none ends in an error", () => {
    expect(statsOf(store.db)).toMatchObject({ providers: ROWS, totalLiquidity: whole, weightedLiquidity: whole });
    expect(tierCounts(store.db, day)).toEqual([{ tier: 1, providers: ROWS, value: whole }]);
    const span = { from: "2026-01-01", to: "2026-01-01", after: { date: "", pool: "" } };
    expect(dayTotals(store.db, span, 1)).toMatchObject([{ providers: BigInt(ROWS), value: whole }]);
    const status = providerStatus(store.db, who(0) as never, 3);
    expect(status?.days).toEqual([{ date: "2026-01-01", value: VALUE_MAX * BigInt(ROWS + 1) }]);
    // What one provider has beyond the bound is unknown, and stops nobody else's.
    expect(store.tiers.valuesOf(day, []).filter(({ value }) => value === null)).toMatchObject([{ provider: who(0) }]);
  });
});
