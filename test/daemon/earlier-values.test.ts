import { expect, it } from "vitest";
import { finalise } from "../../src/ledger/epochs.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { dumpOf } from "../support/dump.ts";
import { programmeLedger } from "../support/programme-ledger.ts";

/** As a ledger looks that an older version followed: other amounts behind other values, no median. */
const OLDER = [
  "update days set valued_by = 'means'",
  "update pool_days set median_tick = null, median_reserve0 = null, median_reserve1 = null, mean_tick = mean_tick + 7",
  'update daily_balances set liquidity_amount = liquidity_amount + 1, token_seconds = \'["7","9"]\'',
  "update provider_days set value = value + 1",
];

it("stay in days of final epochs when a ledger is rebuilt, and are replaced in all others", async () => {
  const { ledger, programme } = await programmeLedger();
  const { store } = ledger;
  const computed = dumpOf(store);
  for (const sql of OLDER) store.db.exec(sql);
  store.write(() => rebuild(store, programme, sha256));
  expect(dumpOf(store)).toBe(computed); // Nothing is final: everything is valued again.

  for (const sql of OLDER) store.db.exec(sql);
  store.write(() => finalise(store, rewardingOf(programme), sha256, 1));
  const rows = (table: string, where: string): unknown =>
    store.db.prepare(`select * from ${table} where date ${where} order by 1, 2, 3`).all();
  const paid = ["pool_days", "daily_balances", "days"].map((table) => rows(table, "< '2026-01-03'"));
  store.write(() => rebuild(store, programme, sha256));
  expect(["pool_days", "daily_balances", "days"].map((table) => rows(table, "< '2026-01-03'"))).toEqual(paid);
  expect(store.db.prepare("select valued_by, count(*) as days from days group by 1 order by 1").all()).toEqual([
    { valued_by: "integrals", days: expect.any(Number) },
    { valued_by: "means", days: 2 },
  ]);
  expect(
    store.db
      .prepare("select count(*) from daily_balances where token_seconds = '[\"7\",\"9\"]' and date >= '2026-01-03'")
      .pluck()
      .get(),
  ).toBe(0);
  expect(store.db.prepare("select count(*) from sqlite_temp_schema").pluck().get()).toBe(0);
});
