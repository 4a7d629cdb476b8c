import type { Hex } from "viem";
import { describe, expect, it } from "vitest";
import { type Contract, compiled, deploy } from "../../demo/contracts.ts";
import { ContractReader } from "../../src/chain/contracts/contract-reader.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { parseProgramme } from "../../src/config.ts";
import { type RatesPort, ShareRates } from "../../src/daemon/share-rates.ts";
import { DayRevaluation } from "../../src/ledger/revalue-days.ts";
import { liveChain, START_SEC, verifyLive } from "../support/anvil.ts";
import { TestLedger } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

const E18 = 10n ** 18n;
const DAY = 86_400;
const DAYS = 4;
let vault: Contract;
let startBlock = 0;

// Each day the vault earns at noon, at a time when nothing of it is logged.
const live = liveChain(3, async (life) => {
  const { stage } = life;
  const { anvil } = stage;
  const [ann, bob] = stage.actors as readonly [Hex, Hex];
  vault = await deploy(
    anvil,
    life.nowSec + 1,
    stage.owner,
    compiled(new URL("../support/Vault.sol", import.meta.url), "Vault"),
    [],
  );
  startBlock = await anvil.blockNumber();
  await life.must(60, [vault.tx(ann, "mint", [ann, 300n * E18])]);
  for (let day = 0; day < DAYS; day++) {
    await life.must(START_SEC + day * DAY + DAY / 2 - life.nowSec, [vault.tx(ann, "earn", [30n * E18])]);
    await life.must(3600, [vault.tx(ann, "transfer", [bob, 10n * E18])]);
    for (let i = 0; i < 5; i++) await life.block(3600, []);
  }
  for (let i = 0; i < 80; i++) await life.block(i === 0 ? DAY : 60, []); // So that all of it is final.
});

function portOf(ledger: TestLedger): RatesPort & { asked: number } {
  const rpc = new Rpc({
    id: "rpc-1",
    url: live().anvil.url,
    fetch: live().fetch,
    clock: stillClock,
    timeoutMs: 10_000,
    bodyBytesMax: 2 ** 24,
  });
  const reader = new ContractReader(rpc);
  const port = {
    asked: 0,
    blocksAt: (...args: Parameters<RatesPort["blocksAt"]>) => ledger.chain.blocksAt(...args),
    ask: (...args: Parameters<RatesPort["ask"]>) => {
      port.asked += 1;
      return reader.call(...args);
    },
  };
  return port;
}

describe("a share whose value no log tells", () => {
  it("is worth what its contract says through the day, once that is final", async () => {
    const asset = { address: live().stage.tokens[0].address, symbol: "A", decimals: 18 };
    const share = { address: vault.address, symbol: "V", decimals: 18 };
    const programme = parseProgramme(
      {
        chainId: 31337,
        quote: { symbol: "USD" },
        pools: [{ protocol: "erc20", address: vault.address, tokens: [share], startBlock }],
        prices: { [vault.address]: { rate: { asset, rateRisePerDayBp: 1_000 } }, [asset.address]: { fixed: "2" } },
      },
      "the vault's programme",
    );
    const ledger = new TestLedger(live().fetch, { programme });
    await ledger.settle();
    const values = (): unknown[] =>
      ledger.store.db.prepare("select date, sum(liquidity_amount) as value from daily_balances group by date").all();
    expect(values().length).toBeGreaterThanOrEqual(DAYS);
    expect(values().every((row) => (row as { value: number | null }).value === null)).toBe(true);
    const port = portOf(ledger);
    const late = new DayRevaluation(ledger.store);
    const { signal } = new AbortController();
    const rates = new ShareRates(ledger.store, stillClock);
    const read = async (): Promise<number> => {
      let came = 0;
      for (let i = 0; i < 10; i++) came += await rates.tick(programme, port, signal);
      return came;
    };
    let came = await read();
    expect(came).toBeGreaterThan(0);
    expect(came).toBeLessThan(values().length); // The newest day's closing block is not final yet.
    late.tick(programme);
    for (let i = 0; i < 80; i++) await live().life.block(60, []);
    await ledger.settle();
    came += await read();
    expect(came).toBe(values().length);
    late.tick(programme);
    // 300 shares; by the end of day n they are worth 300 + 30 (n + 1) of the asset, each at two dollars.
    const [first] = ledger.store.db
      .prepare("select liquidity_seconds from daily_balances order by date")
      .pluck()
      .all() as string[];
    const whole = (days: number): number => Number(2n * (300n + 30n * BigInt(days)) * 1_000_000n);
    const rows = values().slice(1, DAYS) as { value: number }[];
    rows.forEach(({ value }, i) => {
      expect(Math.abs(value - whole(i + 2))).toBeLessThanOrEqual(2); // Each provider's part is floored.
    });
    expect(BigInt(first ?? 0)).toBeGreaterThan(0n);
    // What is known is not asked again, and stays through a rebuild of the days.
    const asked = port.asked;
    expect(await read()).toBe(0);
    expect(port.asked).toBe(asked);
    expect((await verifyLive(live(), ledger)).differences).toEqual([]);
    const samples = ledger.store.db
      .prepare("select sampled_at, block_number from share_rate_samples order by sampled_at")
      .all() as { sampled_at: string; block_number: number }[];
    expect(samples.length).toBeGreaterThanOrEqual(24 * DAYS);
    for (const { sampled_at, block_number: number } of samples) {
      const [before, block] = await ledger.chain.blocksAt([Math.max(0, number - 1), number], signal);
      const moment = Date.parse(sampled_at) / 1000;
      expect(block?.timestampSec).toBeGreaterThanOrEqual(moment);
      if (number > startBlock + 1) expect(before?.timestampSec).toBeLessThan(moment);
    }
  });
});
