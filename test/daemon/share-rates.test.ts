import { describe, expect, it } from "vitest";
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import type { Block } from "../../src/core/chain.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { type Address, toAddress, toHash } from "../../src/core/hex.ts";
import { type RatesPort, ShareRates } from "../../src/daemon/share-rates.ts";
import { DayRevaluation } from "../../src/ledger/revalue-days.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf } from "../support/logs.ts";
import { OwnClock } from "../support/port.ts";
import { Process, rangesOf } from "../support/process.ts";

const [ZERO, SHARE, ASSET, ann] = [addressOf(0), addressOf(0xf1), addressOf(0xf2), addressOf(0x1001)];
const E18 = 10n ** 18n;
const { signal } = new AbortController();
const asset = { address: ASSET, symbol: "A", decimals: 18 };
const programme = parseProgramme(
  {
    chainId: 31337,
    quote: { symbol: "USD" },
    finality: { fallbackDepth: 0, minDepth: 0 },
    pools: [
      { protocol: "erc20", address: SHARE, startBlock: 1, tokens: [{ address: SHARE, symbol: "S", decimals: 18 }] },
    ],
    prices: { [SHARE]: { rate: { asset } }, [ASSET]: { fixed: "1" } },
  },
  "a share with a rate",
);
const share: Address = toAddress(SHARE);

/**
 * A share of which ann has one, followed for so many blocks of 2 h 30 min, all of them final; `rateAt`: what its
 * contract says.
 */
function followed(blocks: number, rateAt: (block: number) => bigint | null) {
  const mint = encodeLog(erc20Abi, SHARE, "Transfer", { from: ZERO, to: ann, value: E18 });
  const ranges = rangesOf([[mint], ...Array.from({ length: blocks - 1 }, () => [])]);
  const process = new Process(programme);
  const { store } = process;
  process.keeper.commitAll(ranges);
  const final = (number: number): void => store.write(() => store.config.set("final_block", number, store.nowIso()));
  final(blocks);
  const clock = new OwnClock();
  const chain = {
    asked: [] as number[],
    /** Another chain's hash from a block on. */
    forkedFrom: Number.POSITIVE_INFINITY,
    rateAt,
  };
  const blockOf = (number: number): Block => {
    const range = ranges[number - 1] ?? (ranges[0] as (typeof ranges)[0]);
    const { timestampSec, hash } = range.end;
    const own =
      number >= chain.forkedFrom ? toHash(`0x${"f".repeat(60)}${number.toString(16).padStart(4, "0")}`) : hash;
    return { number, hash: own, parentHash: hash, timestampSec: number < 1 ? 0 : timestampSec };
  };
  const port: RatesPort = {
    blocksAt: async (numbers) => numbers.map(blockOf),
    ask: async (questions, number) => {
      chain.asked.push(number);
      if (refused.has(number)) throw new LpLedgerError("transient", "RPC_ERROR", "the node had enough");
      return questions.map(() => chain.rateAt(number)?.toString() ?? null);
    },
  };
  const refused = new Set<number>();
  const rates = new ShareRates(store, clock);
  const read = async (): Promise<number> => {
    let came = 0;
    for (let i = 0; i < 10; i++) came += await rates.tick(programme, port, signal);
    return came;
  };
  const ratesOf = () =>
    store.db.prepare("select date, rate, median, samples from share_rates order by date").all() as {
      date: string;
      rate: string;
      median: string;
      samples: number;
    }[];
  const refuse = (number: number) => refused.add(number);
  return { store, chain, clock, final, read, ratesOf, refuse };
}

describe("a share's rate", () => {
  it("is not moved by a donation in the day's last block, which used to price the whole day", async () => {
    const lastOfDay = 9; // The tenth block is of the next day.
    const { store, read, ratesOf } = followed(30, (block) => (block === lastOfDay ? 100n * E18 : E18));
    await read();
    expect(ratesOf().map(({ rate }) => rate)).toEqual(ratesOf().map(() => `${E18}`));
    new DayRevaluation(store).tick(programme);
    const prices = store.prices.ofDay("2026-01-01" as never);
    expect(prices.get(share)).toEqual({ priceE18: E18, source: `rate in ${ASSET}` });
  });

  it("rises by a percent a day where its contract says more, and the price says so", async () => {
    const { store, read, ratesOf } = followed(40, (block) => (block < 12 ? E18 : 3n * E18));
    await read();
    const rates = ratesOf();
    expect(rates.slice(0, 3).map(({ rate }) => BigInt(rate))).toEqual([
      E18,
      (E18 * 101n) / 100n,
      (E18 * 101n * 101n) / 10_000n,
    ]);
    expect(rates[1]?.median).toBe(`${3n * E18}`);
    new DayRevaluation(store).tick(programme);
    expect(store.prices.ofDay("2026-01-02" as never).get(share)?.source).toBe(`rate in ${ASSET}, held below 3`);
  });

  it("is unknown with fewer than half of a day's samples; what was not answered is asked for again later", async () => {
    let isPruned = true;
    const { chain, clock, read, ratesOf } = followed(30, (block) => (isPruned && block < 20 ? null : E18));
    await read();
    expect(ratesOf().map(({ date }) => date)).not.toContain("2026-01-01");
    const asked = chain.asked.length;
    await read();
    expect(chain.asked.length).toBe(asked);
    isPruned = false;
    clock.ms += 600_000;
    await read();
    expect(ratesOf()[0]).toEqual({ date: "2026-01-01", rate: `${E18}`, median: `${E18}`, samples: 21 });
  });

  it("waits until the block that closed its day is final, and forgets samples of blocks that did not stay", async () => {
    const { chain, final, read, ratesOf } = followed(12, () => 7n * E18);
    final(3);
    expect(await read()).toBe(0);
    // The chain of the samples is left: they are asked for anew.
    chain.forkedFrom = 5;
    chain.rateAt = (block) => (block < 5 ? 7n * E18 : E18);
    final(12);
    expect(await read()).toBe(1);
    expect(ratesOf()).toMatchObject([{ date: "2026-01-01", rate: `${E18}` }]);
  });

  it("is found though one block of many is refused again and again, and no refusal fails a look", async () => {
    const { chain, read, ratesOf, refuse } = followed(60, () => E18);
    refuse(20);
    for (let i = 0; i < 5; i++) await read();
    expect(ratesOf().length).toBeGreaterThanOrEqual(5);
    expect(chain.asked.filter((each) => each === 20).length).toBeLessThan(5);
  });

  it("of new days does not wait for old ones that nobody answers", async () => {
    const { clock, read, ratesOf } = followed(400, (block) => (block < 300 ? null : E18));
    for (let i = 0; i < 40; i++) {
      await read();
      clock.ms += 12_000;
    }
    expect(ratesOf().at(-1)).toMatchObject({ date: "2026-02-10", rate: `${E18}` });
    expect(ratesOf().length).toBeGreaterThanOrEqual(9);
  });

  it("of the first day is what was there from the first block on", async () => {
    const { store, read, ratesOf } = followed(14, () => E18);
    await read();
    const moments = store.db.prepare("select sampled_at from share_rate_samples order by 1").pluck().all() as string[];
    expect(moments[0]).toBe("2026-01-01T03:00:00Z"); // The first block is of half past two.
    expect(ratesOf()[0]).toMatchObject({ date: "2026-01-01", samples: 21 });
  });

  it("that no node answers stops nothing", async () => {
    const { read, ratesOf } = followed(30, () => null);
    expect([await read(), ratesOf()]).toEqual([0, []]);
  });

  it("of a day on which its contract says zero is unknown, and holds nothing down after it", async () => {
    const { read, ratesOf } = followed(40, (block) => (block > 9 && block < 20 ? 0n : E18));
    await read();
    expect(new Set(ratesOf().map(({ rate }) => rate))).toEqual(new Set([`${E18}`]));
    expect(ratesOf().map(({ date }) => date)).not.toContain("2026-01-02");
  });

  it("goes on from what an operator brought in", async () => {
    const { store, read, ratesOf } = followed(40, (block) => (block < 10 ? E18 : 3n * E18));
    const brought = {
      kind: "revised",
      token: share,
      date: "2026-01-02" as never,
      priceE18: 3n * E18,
      source: "import",
    } as const;
    store.prices.add(brought, store.nowIso());
    new DayRevaluation(store).tick(programme);
    await read();
    expect(ratesOf().find(({ date }) => date === "2026-01-03")).toMatchObject({ rate: `${3n * E18}` });
  });
});
