import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seeded } from "../demo/life.ts";
import { parseProgramme } from "../src/config.ts";
import type { Day } from "../src/core/day.ts";
import { dayStartSec, daysAfter } from "../src/core/day.ts";
import { toAddress } from "../src/core/hex.ts";
import type { EpochResult } from "../src/core/rewards/epoch-record.ts";
import { distributionOf, FORMATS } from "../src/distribution/distribution.ts";
import { adoptProgramme } from "../src/ledger/compare-programme.ts";
import { calculateUpTo, finalise } from "../src/ledger/epochs.ts";
import { rewardingOf } from "../src/ledger/rewarding.ts";
import { storeTierStatus } from "../src/ledger/tier-status.ts";
import { sha256, systemClock } from "../src/runtime/platform.ts";
import { openForWriting } from "../src/store/lifecycle/open.ts";
import { Store } from "../src/store/store.ts";
import { worldProgramme } from "../test/support/world.ts";
import type { Figure } from "./state.ts";

const WEEKS = 30;
const START = "2024-09-09" as Day;
const REPEATS = 5;

/**
 * Fills 30 weeks of so many providers' days, and measures how long it takes to calculate and to export them: as one
 * epoch, and as 30.
 */
export function measureRewards(providers: number): readonly Figure[] {
  const figures: Figure[] = [];
  const tell = (what: string, ms: readonly number[], note: string): void => {
    const value = medianOf(ms);
    figures.push({ what, value: Math.round(value), unit: "ms", note });
    process.stderr.write(`${what}: ${value.toFixed(0)} ms (${note})\n`);
  };
  for (const [days, name] of [
    [WEEKS * 7, "one epoch of 30 weeks"],
    [7, "30 weekly epochs"],
  ] as const) {
    const folder = mkdtempSync(join(tmpdir(), "lp-ledger-bench-"));
    const opened = openForWriting(join(folder, "ledger.sqlite"));
    try {
      const store = new Store(opened.db, systemClock);
      const programme = programmeOf(days);
      tell(`${name}: close a day's standings`, fill(store, programme, providers), `${providers} providers`);
      const rewarding = rewardingOf(programme);
      const runs = Array.from({ length: REPEATS }, () => {
        let results: readonly EpochResult[] = [];
        const calculated = timed(() => {
          results = calculateUpTo(store, rewarding, rewarding.rewards.epochs.length);
        });
        const sums = results.at(-1)?.record.tokens[0];
        if (sums === undefined) throw new Error("no epoch was calculated");
        const wanted = { formats: FORMATS, cumulative: results.length > 1, reason: "r" };
        return [calculated, timed(() => distributionOf(sums, results, wanted))] as const;
      });
      const note = `${providers} providers, median of ${REPEATS}`;
      tell(
        `${name}: calculate`,
        runs.map(([calculated]) => calculated),
        note,
      );
      tell(
        `${name}: export`,
        runs.map(([, exported]) => exported),
        "every format, each file read again and proven",
      );
      tell(
        `${name}: both`,
        runs.map(([calculated, exported]) => calculated + exported),
        note,
      );
      const finalised = timed(() => store.write(() => finalise(store, rewarding, sha256, 1)));
      tell(`${name}: finalise the first`, [finalised], "rows written and hashed");
    } finally {
      opened.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return figures;
}

function programmeOf(days: number): ReturnType<typeof parseProgramme> {
  return parseProgramme(
    worldProgramme({
      schedule: { start: START, days: WEEKS * 7 },
      tiers: {
        minimum: "0.01",
        levels: [1, 5, 13, 21].map((week, i) => ({ week, multiplierBp: [10_000, 12_000, 15_000, 20_000][i] ?? 0 })),
      },
      rewards: {
        tokens: [{ address: `0x${"cc".repeat(20)}`, symbol: "RWD", decimals: 18, budget: "50000" }],
        epochs: { days },
      },
    }),
    "the benchmark's programme",
  );
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function timed(run: () => unknown): number {
  const startedMs = performance.now();
  run();
  return performance.now() - startedMs;
}

/**
 * Every provider has something every day; a block past the end is final and settled. @returns what each day's standings
 * took
 */
function fill(store: Store, programme: ReturnType<typeof parseProgramme>, providers: number): readonly number[] {
  const random = seeded(1);
  const addresses = Array.from({ length: providers }, () =>
    toAddress(
      `0x${Array.from({ length: 5 }, () =>
        Math.floor(random() * 2 ** 32)
          .toString(16)
          .padStart(8, "0"),
      ).join("")}`,
    ),
  );
  const insert = store.db.prepare(`
    insert into daily_balances
      (provider_address, date, pool_address, protocol, liquidity_amount, token_amounts, token_seconds, liquidity_seconds, seconds_open)
    values (?, ?, ?, 'uniswap-v3', ?, '[]', '[]', '1', 86400)`);
  const [pool] = programme.pools;
  return store.write(() => {
    adoptProgramme(store, programme, sha256);
    const times = Array.from({ length: WEEKS * 7 }, (_, i) => {
      const day = daysAfter(START, i);
      store.days.insertDay(day, i);
      for (const address of addresses) insert.run(address, day, pool?.address, Math.floor(random() * 1e12) + 10_000);
      return timed(() => storeTierStatus(store, programme, day));
    });
    const end = daysAfter(START, WEEKS * 7);
    const block = { number: 1_000, hash: `0x${"11".repeat(32)}`, parentHash: null, timestampSec: dayStartSec(end) };
    store.insertBlock({ ...block, eventCount: 0, stateDigest: "" });
    for (const key of ["final_block", "settled_block"] as const) store.config.set(key, block.number, store.nowIso());
    store.config.set("anchor", { number: 0, hash: block.hash }, store.nowIso());
    return times;
  });
}
