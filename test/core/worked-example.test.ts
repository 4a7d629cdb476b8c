import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Day } from "../../src/core/day.ts";
import { daysAfter } from "../../src/core/day.ts";
import { formatDecimal } from "../../src/core/decimal.ts";
import { type Before, leftBy, rewardsOf } from "../../src/core/rewards/rewards.ts";
import { epochWeights } from "../../src/core/rewards/tiers.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { storeTierStatus } from "../../src/ledger/tier-status.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { openStore, temporaryFolder, testProgramme } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { POOL } from "../support/world.ts";

const text = readFileSync(new URL("../../docs/rewards.md", import.meta.url), "utf8");
const rules = JSON.parse(`{${/```json\n([\s\S]*?)```/.exec(text)?.[1] ?? ""}}`) as Record<string, never>;
const programme = testProgramme(rules);
const rewards = programme.rules?.rewards;
if (rewards == null) throw new Error("the example has no rewards");

/** The cells of a table of the page, without its heading. */
function table(heading: string): readonly (readonly string[])[] {
  const lines = text.slice(text.indexOf(heading)).split("\n\n")[0]?.split("\n").slice(2) ?? [];
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const WHO = [addressOf(0x11), addressOf(0x12), addressOf(0x13)];

/** Days of a table's first cell: one, or "1 to 13". */
function daysIn(cell: string): readonly number[] {
  const [first = 0, last = first] = cell.split(" to ").map(Number);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** What a ledger makes of the values on the page, by the page's rules but for what `tiers` says otherwise. */
function play(tiers: object = {}, heading = "| day | Ann | Bob |") {
  const ruled = testProgramme({ ...rules, tiers: { ...(rules["tiers"] as unknown as object), ...tiers } });
  const by = ruled.rules?.tiers;
  if (by === undefined) throw new Error("the example has no tiers");
  const { store } = openStore(join(temporaryFolder(), "ledger.sqlite"));
  const insert = store.db.prepare(`
    insert into daily_balances
      (provider_address, date, pool_address, protocol, liquidity_amount, token_amounts, token_seconds, liquidity_seconds, seconds_open)
    values (?, ?, ?, 'uniswap-v3', ?, '[]', '[]', '1', 86400)`);
  store.write(() => {
    adoptProgramme(store, ruled, sha256);
    for (const [cell = "", ...values] of table(heading))
      for (const day of daysIn(cell)) {
        const date = daysAfter("2026-01-01" as Day, day - 1);
        store.days.insertDay(date, day);
        for (const [i, value] of values.entries())
          if (value !== "") insert.run(WHO[i], date, POOL, Number(value) * 1e6);
        storeTierStatus(store, ruled, date);
      }
  });
  let before: readonly Before[] = [];
  return (rewards?.epochs ?? []).map((epoch) => {
    const given =
      rewards === undefined || rewards === null
        ? []
        : rewardsOf(rewards, epoch, [...epochWeights(by, store.tiers.countedDays(epoch.first, epoch.end))], before);
    before = given.map(leftBy);
    return given[0]?.rows ?? [];
  });
}

const cents = (text: string): string => text.padEnd(text.includes(".") ? text.indexOf(".") + 3 : 0, "0");

describe("the example in the documentation", () => {
  it("comes out of the ledger as the page says", () => {
    const epochs = play().map((rows) => WHO.map((who) => rows.find(({ provider }) => provider === who)));
    const said = table("| epoch | Ann | Bob |").map(([, ...cells]) => cells);
    expect(
      epochs.map((rows) => rows.map((row) => (row === undefined ? "" : cents(formatDecimal(row.paid, 2))))),
    ).toEqual(said);
    const weights = epochs.map((rows) => rows.map((row) => Number(row?.weight ?? 0) / 1e10));
    expect(weights).toEqual([
      [700, 1200, 0],
      [840, 1520, 300],
    ]);
    for (const each of weights.flat()) if (each > 0) expect(text).toContain(`${each}`);
  });

  it("counts a whole epoch by its last day where the tiers are retroactive", () => {
    expect(play({ retroactive: true })[1]?.map(({ weight }) => Number(weight) / 1e10)).toEqual([840, 1680, 300]);
  });

  it("counts a rented streak by what was held in it", () => {
    const rented = "| day | Ann | Dan |";
    const [byAddress, held] = [{}, { basis: "held" }].map((tiers) => {
      const rows = play(tiers, rented)[1] ?? [];
      const weights = rows.map(({ weight }) => Number(weight) / 1e10);
      return { weights, paid: rows.map(({ paid }) => cents(formatDecimal(paid, 2))) };
    });
    expect([byAddress?.weights, held?.weights]).toEqual([
      [840, 672],
      [840, 574],
    ]);
    expect(table("| `tiers.basis` | Ann | Dan |")).toEqual([
      ["`address`", ...(byAddress?.paid ?? [])],
      ["`held`", ...(held?.paid ?? [])],
    ]);
  });
});
