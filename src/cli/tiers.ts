import { formatDecimal } from "../core/decimal.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { Rules } from "../core/programme/rules.ts";
import { nextThreshold, type Threshold, weekOf } from "../core/rewards/tiers.ts";
import { type CommonOptions, contextOf, type Io, withReader } from "../runtime/context.ts";
import { standingsOf, tierCounts } from "../store/queries/reward-inputs.ts";
import { jsonAnswer, scaled, writeLines } from "./table.ts";

/** How the tiers are filled by the newest closed day, and each provider's next threshold. */
export async function tiers(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const { rules } = programme;
  if (rules === null)
    throw new LpLedgerError("usage", "NO_TIERS", "the programme file has neither tiers nor rewards", {
      hint: "docs/rewards.md shows how they are written",
    });
  await withReader(settings, async (store) => {
    const date = store.days.lastScheduled(rules);
    const counts = date === undefined ? [] : tierCounts(store.db, date);
    const standings = date === undefined ? [] : [...standingsOf(store.db, date)];
    const providers = standings.map((each) => ({
      ...each,
      next:
        each.tier === null || each.streakDays === null ? null : nextThreshold(rules.tiers, each.tier, each.streakDays),
    }));
    if (options.json) {
      io.out(jsonAnswer({ date: date ?? null, tiers: tierRows(rules, counts), providers }));
      return;
    }
    if (date === undefined) {
      io.out("no day of the programme is closed yet\n");
      return;
    }
    io.out(`by ${date}\n`);
    writeLines(io.out, tierRows(rules, counts), (row) => {
      const name = row.tier === null ? "unknown" : row.tier === 0 ? "none" : `tier ${row.tier}`;
      const multiplier = row.multiplierBp === null ? "" : `x${formatDecimal(BigInt(row.multiplierBp), 4)}`;
      return `${name.padEnd(8)} ${multiplier.padEnd(8)} ${String(row.providers).padStart(6)} providers  ${scaled(row.value, programme).padStart(28)}\n`;
    });
    writeLines(io.out, providers, (row) => {
      const tier = row.tier === null ? "unknown" : row.tier === 0 ? "none" : `tier ${row.tier}`;
      const week = row.streakDays ? `day ${row.streakDays}, week ${weekOf(row.streakDays)}` : "";
      return `${row.provider}  ${tier.padEnd(8)} ${week.padEnd(18)} ${scaled(row.value, programme).padStart(28)}  ${thresholdText(row.next, programme)}\n`;
    });
  });
}

function tierRows({ tiers: { levels } }: Rules, counts: ReturnType<typeof tierCounts>) {
  const of = (tier: number | null) => counts.find((each) => each.tier === tier);
  const row = (tier: number | null, multiplierBp: number | null) => ({
    tier,
    multiplierBp,
    providers: of(tier)?.providers ?? 0,
    value: of(tier)?.value ?? 0n,
  });
  return [
    ...levels.map(({ multiplierBp }, i) => row(i + 1, multiplierBp)),
    row(0, 0),
    ...(of(null) === undefined ? [] : [row(null, null)]),
  ];
}

/** What a provider has to do for the next tier, in words. */
export function thresholdText(next: Threshold | null, programme: Pick<Programme, "quote">): string {
  if (next === null) return "";
  const parts = [
    ...(next.daysLeft > 0 ? [`in ${next.daysLeft} ${next.daysLeft === 1 ? "day" : "days"}`] : []),
    ...(next.value > 0n ? [`on days of at least ${scaled(next.value, programme)}`] : []),
  ];
  return `tier ${next.tier} ${parts.join(", ")}`;
}
