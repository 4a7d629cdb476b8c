import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { liveChain, verifyLive } from "../support/anvil.ts";
import { dumpOf } from "../support/dump.ts";
import { openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";

const RUNNER = fileURLToPath(new URL("../support/kill-at-commit.ts", import.meta.url));

const live = liveChain(11, async (life) => {
  await life.prelude();
  for (let i = 0; i < 60; i++) await life.randomBlock(600 + life.upTo(9000));
  await life.block(86_400 * 3, []); // Several days pass at once.
  for (let i = 0; i < 10; i++) await life.randomBlock(600 + life.upTo(9000));
});

describe("real contracts on a real node", () => {
  it("have every deed of providers in their logs", async () => {
    const ledger = new TestLedger(live().fetch, { programme: live().programme });
    await ledger.settle();
    const names = ledger.store.db
      .prepare(
        "select protocol || ' ' || event || iif(pool_address = log_address, '', ' of the manager') as name, count(*) as count from lp_events group by 1",
      )
      .all() as { name: string; count: number }[];
    const seen = new Map(names.map(({ name, count }) => [name, count]));
    for (const name of [
      "uniswap-v2 Transfer",
      "uniswap-v2 Mint",
      "uniswap-v2 Burn",
      "uniswap-v3 Mint",
      "uniswap-v3 Burn",
      "uniswap-v3 Collect",
    ])
      expect(seen.get(name) ?? 0, name).toBeGreaterThan(0);
    for (const name of ["IncreaseLiquidity", "DecreaseLiquidity", "Collect", "Transfer"])
      expect(seen.get(`uniswap-v3 ${name} of the manager`) ?? 0, name).toBeGreaterThan(0);
    const pokes = ledger.store.db
      .prepare("select count(*) from lp_events where event = 'Burn' and args ->> '$.amount' = '0'")
      .pluck()
      .get();
    expect(pokes).toBeGreaterThan(0);
    const donated = ledger.store.db
      .prepare("select liquidity from positions where provider_address = ?")
      .pluck()
      .get(live().stage.manager.address);
    expect(donated).toBe((1_000n * 10n ** 18n).toString());
    const burned = ledger.store.db
      .prepare("select count(*) from position_tokens where owner_address = ?")
      .pluck()
      .get(`0x${"0".repeat(40)}`);
    expect(burned).toBeGreaterThan(0);
    const locked = ledger.store.db
      .prepare("select liquidity from positions where provider_address = ?")
      .pluck()
      .get(`0x${"0".repeat(40)}`);
    expect(locked).toBe("1005"); // The locked minimum, and five shares somebody threw away.
  });

  it("answer every question as the ledger does, at the tip and at blocks before it", async () => {
    const ledger = new TestLedger(live().fetch, { programme: live().programme });
    await ledger.settle();
    const tip = ledger.store.blocks.tip()?.number ?? 0;
    for (const block of [undefined, tip - 5, tip - 30, tip - 60]) {
      const verdict = await verifyLive(live(), ledger, block);
      expect(verdict.differences).toEqual([]);
      expect(verdict.positionsChecked).toBeGreaterThan(10);
    }
  });

  it("would be told apart from a ledger that is wrong in a single position", async () => {
    const ledger = new TestLedger(live().fetch, { programme: live().programme });
    await ledger.settle();
    const target =
      "select block_number, log_index, leg from postings join accounts using (account_id) where kind = 'holder' and tick_lower is not null and liquidity <> '0' order by block_number desc limit 1";
    ledger.store.db.exec(
      `update postings set balance_after = balance_after || '0' where (block_number, log_index, leg) in (${target})`,
    );
    const { differences } = await verifyLive(live(), ledger);
    expect(differences.length).toBeGreaterThan(0);
  });

  it("give the same ledger in one sweep and in single-block steps", async () => {
    const sweep = new TestLedger(live().fetch, { programme: live().programme });
    await sweep.settle();
    const steps = new TestLedger(live().fetch, { programme: live().programme });
    const head = await live().anvil.blockNumber();
    for (let until = 0; until <= head; until++) await steps.step({ until });
    expect(steps.dump()).toBe(sweep.dump());
    expect(sweep.store.db.prepare("select count(*) from days").pluck().get()).toBeGreaterThanOrEqual(6);
  });

  it("give the same ledger to a daemon that is killed at every commit boundary", async () => {
    const sweep = new TestLedger(live().fetch, { programme: live().programme });
    await sweep.settle();
    const path = join(temporaryFolder(), "ledger.sqlite");
    let kills = 0;
    for (;;) {
      const child = spawn(process.execPath, ["--import", "tsx", RUNNER], {
        env: {
          ...process.env,
          RUN_URL: live().anvil.url,
          RUN_DATABASE: path,
          RUN_STAGE: JSON.stringify(live().programme, (_key, value) =>
            value instanceof Map ? [...value] : typeof value === "bigint" ? `${value}n` : value,
          ),
        },
        stdio: ["ignore", "inherit", "inherit"],
      });
      const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
        child.once("exit", (...end) => resolve(end)),
      );
      if (signal !== "SIGKILL") {
        expect(code).toBe(0);
        break;
      }
      kills += 1;
    }
    expect(kills).toBeGreaterThanOrEqual(15);
    expect(dumpOf(openStore(path).store)).toBe(sweep.dump());
  });
});
