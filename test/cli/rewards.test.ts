import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { describe, expect, it } from "vitest";
import { readProgramme } from "../../src/config.ts";
import { adoptRules } from "../../src/ledger/compare-programme.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { programmeLedger, REWARD, REWARDS, SCHEDULE, TIERS } from "../support/programme-ledger.ts";
import { PAIR, POOL, TOKENS } from "../support/world.ts";

type Json = Readonly<Record<string, never>>;
const E18 = 10n ** 18n;
const json = (text: string): never => JSON.parse(text) as never;

interface Sums {
  readonly budget: string;
  readonly allocated: string;
  readonly paid: string;
  readonly left: string;
}

describe("a programme's rewards", () => {
  it("are calculated, made final, explained and exported, and sum to the budget to the last unit", async () => {
    const { run, folder, ledger } = await programmeLedger();
    const calculated = await run("rewards", "calculate", "--json");
    expect([calculated.code, calculated.err]).toEqual([0, ""]);
    const epochs = json(calculated.out) as readonly { epoch: number; state: string; tokens: readonly Sums[] }[];
    expect(epochs.map(({ epoch, state }) => [epoch, state])).toEqual([
      [1, "calculated"],
      [2, "calculated"],
      [3, "calculated"],
    ]);
    const sums = epochs.flatMap(({ tokens }) => tokens);
    expect(sums.reduce((total, { allocated }) => total + BigInt(allocated), 0n)).toBe(1000n * E18);
    for (const epoch of ["1", "2"]) expect((await run("rewards", "finalize", "--yes", "--epoch", epoch)).code).toBe(0);
    const shown = await run("rewards", "show", "--epoch", "2", "--json");
    const rows = (json(shown.out) as { rewards: [{ rows: readonly { provider: string; amount: string }[] }] })
      .rewards[0].rows;
    expect(rows.length).toBeGreaterThan(2);
    expect(rows.reduce((total, { amount }) => total + BigInt(amount), 0n)).toBe(BigInt(sums[1]?.budget ?? 0));
    expect(ledger.store.db.prepare("select count(*) from rewards where epoch = 2").pluck().get()).toBe(rows.length);

    const exported = await run("rewards", "export", "--epoch", "2", "--to", folder, "--merkl-fee-bp", "50", "--json");
    expect([exported.code, exported.err]).toEqual([0, ""]);
    const { path, tokens } = json(exported.out) as {
      path: string;
      tokens: readonly [{ root: string; total: string; merklFunding: string }];
    };
    const name = `RWD-${REWARD}`;
    expect(readdirSync(path).sort()).toEqual(
      [
        "manifest.json",
        `${name}.merkl.json`,
        `${name}.merkle.json`,
        `${name}.proofs.json`,
        `${name}.safe-1.csv`,
      ].sort(),
    );
    const read = (file: string): string => readFileSync(join(path, `${name}.${file}`), "utf8");
    const tree = StandardMerkleTree.load(json(read("merkle.json")));
    expect(tree.root).toBe(tokens[0].root);
    tree.validate();
    const values = [...tree.entries()].map(([, value]) => value as [string, string]);
    expect(json(read("merkle.json"))).toEqual(
      JSON.parse(JSON.stringify(StandardMerkleTree.of(values, ["address", "uint256"]).dump())),
    );
    const total = [...tree.entries()].reduce((sum, [, [, amount]]) => sum + BigInt(amount), 0n);
    expect(total).toBe(BigInt(sums[1]?.budget ?? 0));
    const { claims } = json(read("proofs.json")) as { claims: Record<string, { amount: string; proof: string[] }> };
    for (const [i, [recipient, amount]] of tree.entries())
      expect(claims[recipient]).toEqual({ amount, proof: tree.getProof(i) });
    const merkl = json(read("merkl.json")) as { rewardToken: string; rewards: Record<string, Record<string, string>> };
    expect(Object.keys(merkl)).toEqual(["rewardToken", "rewards"]);
    expect(Object.values(merkl.rewards).map((each) => Object.keys(each))).toEqual(
      rows.map(() => ["liquidity rewards, epoch 2"]),
    );
    // 0.5 % on top: what is left after the fee is at least what is paid, and one unit less would not be.
    const funding = BigInt(tokens[0].merklFunding);
    expect((funding * 9_950n) / 10_000n >= total && ((funding - 1n) * 9_950n) / 10_000n < total).toBe(true);
    const [heading, ...lines] = read("safe-1.csv").trimEnd().split("\n");
    expect(heading).toBe("token_type,token_address,receiver,amount");
    expect(lines).toHaveLength(rows.length);
    const again = await run("rewards", "export", "--epoch", "2", "--to", folder);
    expect([again.code, again.err.includes("is there already")]).toEqual([64, true]);
  });

  it("pay cumulative totals that never decrease", async () => {
    const { run, folder } = await programmeLedger();
    const totals: Record<string, bigint>[] = [];
    for (const epoch of ["1", "2", "3"]) {
      expect((await run("rewards", "finalize", "--yes")).code).toBe(0);
      const exported = await run("rewards", "export", "--epoch", epoch, "--cumulative", "--to", folder, "--json");
      const { path } = json(exported.out) as { path: string };
      expect(path.endsWith(`cumulative-to-epoch-${epoch}`)).toBe(true);
      expect(readdirSync(path).filter((file) => file.endsWith(".csv"))).toEqual([]);
      const { claims } = json(readFileSync(join(path, `RWD-${REWARD}.proofs.json`), "utf8")) as {
        claims: Record<string, { amount: string }>;
      };
      totals.push(Object.fromEntries(Object.entries(claims).map(([of, { amount }]) => [of, BigInt(amount)])));
      const merkl = json(readFileSync(join(path, `RWD-${REWARD}.merkl.json`), "utf8")) as {
        rewards: Record<string, Json>;
      };
      expect(Math.max(...Object.values(merkl.rewards).map((each) => Object.keys(each).length))).toBe(Number(epoch));
    }
    for (const [i, later] of totals.entries())
      for (const [of, amount] of Object.entries(totals[i - 1] ?? {})) expect((later[of] ?? 0n) >= amount).toBe(true);
    expect(Object.values(totals[2] ?? {}).reduce((sum, each) => sum + each, 0n)).toBe(1000n * E18);
    expect((await run("rewards", "finalize", "--yes")).err).toContain("all 3 epochs are final");
  });

  it("are not exported for Safe as cumulative totals, which would be paid twice", async () => {
    const { run, folder } = await programmeLedger();
    await run("rewards", "finalize", "--yes");
    const argv = ["rewards", "export", "--epoch", "1", "--cumulative", "--format", "safe", "--to", join(folder, "out")];
    const refused = await run(...argv);
    expect([refused.code, refused.err.includes("would pay again what was paid before")]).toEqual([64, true]);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("would be paid while they are only calculated, and are once they are final", async () => {
    const { run } = await programmeLedger();
    const calculated = (await run("rewards", "calculate", "--epoch", "1")).out;
    expect([calculated.includes("would pay"), / pays | paid /.test(calculated)]).toEqual([true, false]);
    const final = (await run("rewards", "finalize", "--yes", "--epoch", "1")).out;
    expect([final.includes("would pay"), final.includes(", pays ")]).toEqual([false, true]);
  });

  it("go on without pools that nobody can value, where an operator says so, and say it", async () => {
    const { run, ledger } = await programmeLedger({
      prices: { [TOKENS[0]]: { imported: true }, [TOKENS[1]]: { fixed: "1" } },
    });
    const waiting = await run("rewards", "calculate", "--epoch", "1");
    expect([waiting.code, waiting.err.includes(POOL), waiting.err.includes("--leave-out")]).toEqual([75, true, true]);
    const left = await run("rewards", "calculate", "--epoch", "1", "--leave-out", PAIR, "--leave-out", POOL);
    expect([left.code, left.err]).toEqual([0, ""]);
    expect(left.out).toContain(`in pool ${POOL} has no value and counts nothing: no bound is known`);
    const provider = ledger.store.db.prepare("select provider_address from daily_balances limit 1").pluck().get();
    const explained = await run("rewards", "explain", String(provider), "--epoch", "1");
    expect(explained.out).toContain(", which has no value and counts nothing: no bound is known");
  });

  it("explain what each tier counts for where multipliers are for what was held", async () => {
    const tiers = { ...TIERS, basis: "held", levels: [...TIERS.levels, { week: 2, multiplierBp: 12_000 }] };
    const { run, ledger } = await programmeLedger({ tiers, schedule: { ...SCHEDULE, days: 10 } }, { blocks: 160 });
    await run("rewards", "calculate");
    const provider = ledger.store.db
      .prepare("select provider_address from provider_days where date = '2026-01-10' and tier = 2")
      .pluck()
      .get();
    const { out } = await run("rewards", "explain", String(provider), "--epoch", "5");
    expect(out).toMatch(/tier 1 counts for [\d.]+ USD, the day's\n/);
    expect(out).toMatch(/tier 2 counts for [\d.]+ USD, the least of its last 8 days\n/);
    const [, sum = "", is] = /weighs ([^=]*) = (\d+)\n/.exec(out) ?? [];
    const parts = sum.split(" + ").map((part) => part.split(" x ").map(BigInt));
    expect(parts.reduce((total, [value = 0n, by = 0n]) => total + value * by, 0n)).toBe(BigInt(is ?? 0));
  });

  it("that are final give the same bytes when they are calculated again, or fail loudly", async () => {
    const { run, ledger, write, programme } = await programmeLedger();
    await run("rewards", "finalize", "--yes");
    const hash = () => ledger.store.db.prepare("select result_hash from reward_epochs where epoch = 1").pluck().get();
    const before = hash();
    expect((await run("rewards", "calculate", "--epoch", "1")).code).toBe(0);
    const same = await run("rewards", "finalize", "--yes", "--epoch", "1");
    expect([same.code, same.out.includes("gives the same")]).toEqual([0, true]);
    expect(hash()).toBe(before);
    // A value beneath it changes, by whatever hand.
    ledger.store.db.exec("update epoch_weights set weight = weight + 100000000 where date = '2026-01-02'");
    const differs = await run("rewards", "calculate", "--epoch", "1");
    expect([
      differs.code,
      differs.err.includes("epoch 1 is final, and calculating it again gives another result"),
    ]).toEqual([70, true]);
    ledger.store.db.exec("update epoch_weights set weight = weight - 100000000 where date = '2026-01-02'");
    expect((await run("rewards", "calculate", "--epoch", "1")).code).toBe(0);
    // A row of it is changed: nothing is paid by it any more.
    ledger.store.db.exec("update rewards set paid = paid || '0' where epoch = 1");
    const damaged = await run("rewards", "export", "--epoch", "1");
    expect([damaged.code, damaged.err.includes("are not those that were stored")]).toEqual([70, true]);
    // Other rules than the ledger follows are taken up first, where they leave what was paid as it was paid.
    expect(programme.rules?.rewards?.epochs).toHaveLength(3);
    write({ rewards: { ...REWARDS, exclude: [`0x${"12".repeat(20)}`] } });
    const ahead = await run("rewards", "calculate");
    expect([ahead.code, ahead.err.includes("is not the one that the ledger follows")]).toEqual([78, true]);
  });

  it.each([
    {
      it: "other days",
      more: { rewards: { ...REWARDS, epochs: { days: 3 } } },
      says: "its days (2026-01-01 to before 2026-01-03)",
    },
    {
      it: "a longer schedule, which telescopes to other budgets",
      more: { schedule: { ...SCHEDULE, days: 8 } },
      says: "the budget of",
    },
    {
      it: "another budget",
      more: { rewards: { ...REWARDS, tokens: [{ ...REWARDS.tokens[0], budget: "1001" }] } },
      says: "the budget of",
    },
    {
      it: "another reward token",
      more: { rewards: { ...REWARDS, tokens: [{ ...REWARDS.tokens[0], address: `0x${"cd".repeat(20)}` }] } },
      says: "the budget of",
    },
    { it: "other tiers", more: { tiers: { levels: [{ week: 1, multiplierBp: 20_000 }] } }, says: "the tiers" },
    { it: "no rewards", more: { rewards: undefined }, says: "the rewards are gone" },
  ])("that are final are not changed by a programme file with $it", async ({ more, says }) => {
    const { run, write, ledger } = await programmeLedger();
    await run("rewards", "finalize", "--yes");
    write(more);
    ledger.close(); // The file is free for whoever writes it next.
    const refused = await run("rebuild");
    expect([refused.code, refused.err.includes(says)]).toEqual([78, true]);
  });

  it("may be followed by epochs with budgets of their own, paid by the same tiers", async () => {
    const list = [2, 2, 2].map((days) => ({ days, budgets: { [REWARD]: "100" } }));
    const { budget: _, ...token } = REWARDS.tokens[0] as (typeof REWARDS.tokens)[0];
    const rewards = { tokens: [token], epochs: list };
    const { run, write, ledger, place } = await programmeLedger({ rewards });
    await run("rewards", "finalize", "--yes");
    const longer = {
      schedule: { ...SCHEDULE, days: 8 },
      rewards: { ...rewards, epochs: [...list, { days: 2, budgets: { [REWARD]: "7" } }] },
    };
    write(longer);
    ledger.store.write(() => adoptRules(ledger.store, readProgramme(place.programme), sha256));
    expect((await run("rewards", "calculate")).code).toBe(0);
    expect((await run("rewards", "finalize", "--yes")).code).toBe(0);
  });

  it("wait until every day is closed, final, settled and priced, and say what for", async () => {
    const { run, ledger, chain } = await programmeLedger({ schedule: { ...SCHEDULE, days: 8 } });
    const open = await run("rewards", "calculate", "--epoch", "4");
    expect([open.code, open.err.includes("is not over: the newest closed day is")]).toEqual([75, true]);
    expect((await run("rewards", "finalize", "--yes", "--epoch", "2")).err).toContain(
      "rests on epoch 1, which is not final",
    );
    expect((await run("rewards", "export", "--epoch", "1")).err).toContain("epoch 1 is not calculated yet");
    await run("rewards", "calculate");
    expect((await run("rewards", "export", "--epoch", "1")).err).toContain("epoch 1 is not final");
    const { config } = ledger.store;
    const [final, settled] = [config.get("final_block"), config.get("settled_block")] as [number, number];
    config.set("settled_block", 5, "");
    expect((await run("rewards", "calculate", "--epoch", "1")).err).toContain("is not settled");
    config.set("final_block", 5, "");
    expect((await run("rewards", "calculate", "--epoch", "1")).err).toContain("is not final");
    config.set("final_block", final, "");
    config.set("settled_block", settled, "");
    ledger.store.db.exec(`
      update provider_days set value = null, multiplier_bp = null where date = '2026-01-02';
      update daily_balances set liquidity_amount = null where date = '2026-01-02';
      delete from token_prices where date = '2026-01-02'`);
    const unpriced = await run("rewards", "calculate", "--epoch", "1");
    expect([unpriced.code, unpriced.err.includes("2026-01-02")]).toEqual([75, true]);
    for (const epoch of ["9", "0"]) expect((await run("rewards", "calculate", "--epoch", epoch)).code).toBe(64);
    // A ledger from before there was settling has days that were never read twice.
    config.set("settled_from", 20, "");
    expect((await run("rewards", "calculate", "--epoch", "1")).err).toContain(
      "were followed before this ledger began to read twice",
    );
    expect(chain.blocks.length).toBeGreaterThan(60);
  });

  it("explain themselves: each line follows from those before it", async () => {
    const { run, ledger } = await programmeLedger();
    await run("rewards", "calculate");
    const [row] = ledger.store.rewards.rowsOf(1, REWARD as never);
    const explained = await run("rewards", "explain", row?.provider ?? "", "--epoch", "1");
    expect(explained.code).toBe(0);
    const text = explained.out;
    const parts = [...text.matchAll(/weighs (\d+) x (\d+) = (\d+)/g)].map(([, value, by, is]) =>
      [value, by, is].map((each) => BigInt(each ?? 0)),
    );
    for (const [value = 0n, by = 0n, is] of parts) expect(value * by).toBe(is);
    expect(parts.reduce((sum, [, , is]) => sum + (is ?? 0n), 0n)).toBe(row?.weight);
    const [, pot, weight, total, part, remainder] = (
      /exact part: (\d+) x (\d+) \/ (\d+) = (\d+), remainder (\d+)/.exec(text) ?? []
    ).map((each) => (/^\d+$/.test(each) ? BigInt(each) : 0n));
    expect((pot ?? 0n) * (weight ?? 0n)).toBe((part ?? 0n) * (total ?? 0n) + (remainder ?? 0n));
    expect(row?.amount).toBe((part ?? 0n) + (text.includes("1 more") ? 1n : 0n));
    for (const each of ["week 1", "tier 1 (from week 1)", "base units x seconds / 86400 s", "days 0 to 2 of 6"])
      expect(text).toContain(each);
    const stranger = await run("rewards", "explain", `0x${"12".repeat(20)}`, "--epoch", "1");
    expect(stranger.out).toContain("it had no liquidity in these days");
  });

  it("leave excluded providers out before anything is divided", async () => {
    const plain = await programmeLedger();
    await plain.run("rewards", "calculate");
    const all = plain.ledger.store.rewards.rowsOf(1, REWARD as never);
    const [excluded, ...others] = all;
    if (excluded === undefined) throw new Error("nobody is paid");
    const { run, ledger } = await programmeLedger({ rewards: { ...REWARDS, exclude: [excluded.provider] } });
    await run("rewards", "calculate");
    const rows = ledger.store.rewards.rowsOf(1, REWARD as never);
    expect(rows.map(({ provider }) => provider)).toEqual(others.map(({ provider }) => provider));
    expect(rows.reduce((sum, { amount }) => sum + amount, 0n)).toBe(all.reduce((sum, { amount }) => sum + amount, 0n));
    const explained = await run("rewards", "explain", excluded.provider, "--epoch", "1");
    expect(explained.out).toContain("this address is excluded from rewards");
  });

  it("weight by what stood in range where the programme says so, and never by more than the whole", async () => {
    const { run, ledger } = await programmeLedger({ rewards: { ...REWARDS, weighting: "in-range" } });
    const rows = ledger.store.db
      .prepare(
        "select seconds_in_range as inRange, liquidity_amount as whole, in_range_amount as part from daily_balances where seconds_in_range is not null",
      )
      .all() as { inRange: number; whole: number; part: number }[];
    expect(rows.some(({ whole, part }) => part < whole)).toBe(true);
    for (const { inRange, whole, part } of rows) {
      expect(part).toBeLessThanOrEqual(whole);
      if (inRange === 0) expect(part).toBe(0);
    }
    expect((await run("rewards", "calculate")).code).toBe(0);
    const value =
      "select sum(coalesce(in_range_amount, liquidity_amount)) from daily_balances where date < '2026-01-03'";
    const weights = ledger.store.rewards.rowsOf(1, REWARD as never).reduce((sum, { weight }) => sum + weight, 0n);
    expect(weights).toBe(BigInt(Number(ledger.store.db.prepare(value).pluck().get())) * 10_000n);
    const [row] = ledger.store.rewards.rowsOf(1, REWARD as never);
    expect((await run("rewards", "explain", row?.provider ?? "", "--epoch", "1")).out).toContain("of it in range");
  });

  it("are refused where the programme has none", async () => {
    const { run, write } = await programmeLedger();
    write({ rewards: undefined });
    expect((await run("rewards")).err).toContain("the programme file has no rewards");
    write({ rewards: undefined, tiers: undefined });
    expect((await run("tiers")).err).toContain("neither tiers nor rewards");
    expect(existsSync("epoch-1")).toBe(false);
  });
});

describe("tiers", () => {
  const TWO = {
    minimum: "0.000001",
    levels: [
      { week: 1, multiplierBp: 10_000 },
      { week: 1, value: "100", multiplierBp: 20_000 },
    ],
  };

  it("are kept at each day's close, shown with their next threshold, and weigh", async () => {
    const { run, ledger } = await programmeLedger({ tiers: TWO });
    const told = json((await run("tiers", "--json")).out) as {
      date: string;
      tiers: { tier: number; providers: number }[];
      providers: { provider: string; tier: number; next: Json | null }[];
    };
    expect(told.date).toBe("2026-01-06");
    expect(told.tiers.map(({ tier }) => tier)).toEqual([1, 2, 0]);
    expect(told.tiers.reduce((sum, { providers }) => sum + providers, 0)).toBe(told.providers.length);
    for (const { provider, tier, next } of told.providers) {
      expect(next === null).toBe(tier === 2);
      const stored = ledger.store.db
        .prepare(
          "select current_tier, total_liquidity as total, weighted_liquidity as weighted from provider_balances where provider_address = ?",
        )
        .get(provider) as { current_tier: number; total: number; weighted: number };
      expect([stored.current_tier, stored.weighted]).toEqual([tier, stored.total * tier]);
    }
    expect((await run("tiers")).out).toContain("on days of at least 100.000000 USD");
    // A streak is the number of days in a row with a value, back from the day itself.
    const rows = ledger.store.db
      .prepare("select provider_address as of, date, value, streak_days as streak from provider_days")
      .all() as { of: string; date: string; value: number; streak: number }[];
    const valued = new Set(rows.filter(({ value }) => value > 0).map(({ of, date }) => `${of} ${Date.parse(date)}`));
    for (const { of, date, streak } of rows) {
      let days = 0;
      while (valued.has(`${of} ${Date.parse(date) - days * 86_400_000}`)) days += 1;
      expect(streak).toBe(days);
    }
    expect(Math.max(...rows.map(({ streak }) => streak))).toBeGreaterThan(2);
    const change = ledger.store.db.prepare("select count(*) from provider_days where tier = 2").pluck().get();
    expect(change).toBeGreaterThan(0);
  });

  it("count all days of an epoch by the last one where they are retroactive", async () => {
    const { run, ledger } = await programmeLedger({ tiers: { ...TWO, retroactive: true } });
    await run("rewards", "calculate");
    const rows = ledger.store.rewards.rowsOf(1, REWARD as never);
    const values = ledger.store.db
      .prepare("select sum(value) from provider_days where provider_address = ? and date < '2026-01-03'")
      .pluck()
      .safeIntegers();
    const last = ledger.store.db
      .prepare(
        "select tier from provider_days where provider_address = ? and date < '2026-01-03' order by date desc limit 1",
      )
      .pluck();
    for (const { provider, weight, tier } of rows) {
      expect(tier).toBe(last.get(provider));
      expect(weight).toBe((values.get(provider) as bigint) * (tier === 2 ? 20_000n : 10_000n));
    }
  });
});
