import { describe, expect, it } from "vitest";
import curveAbi from "../abi/curve-stableswap-ng.json" with { type: "json" };
import erc20Abi from "../abi/erc20.json" with { type: "json" };
import poolAbi from "../abi/uniswap-v3-pool.json" with { type: "json" };
import { seeded } from "../demo/life.ts";
import { parseProgramme, readProgramme } from "../src/config.ts";
import { sqrtRatioAtTick } from "../src/core/amm/ticks.ts";
import { type Day, dayStartSec } from "../src/core/day.ts";
import { routesOf } from "../src/core/decode/routes.ts";
import { applyTransaction } from "../src/core/decode/transaction.ts";
import { findingOf, type LpLedgerError } from "../src/core/errors.ts";
import { type Address, toAddress } from "../src/core/hex.ts";
import { split } from "../src/core/rewards/split.ts";
import type { TimedState } from "../src/core/valuation/time-weighted-average.ts";
import { merklFile } from "../src/distribution/merkl.ts";
import { requireSame } from "../src/distribution/payouts.ts";
import { emptyBooks } from "./support/empty-books.ts";
import { encodeLog } from "./support/encode.ts";
import { FakeChain } from "./support/fake-chain.ts";
import { TestLedger, testProgramme } from "./support/ledger.ts";
import { addressOf, type Draft, logsOf } from "./support/logs.ts";
import { closePoolDay } from "./support/pool-day.ts";
import { programmeLedger, REWARD, REWARDS } from "./support/programme-ledger.ts";
import { POOL, TOKENS } from "./support/world.ts";

// The flaws of the first programme of this kind, found in its code and data: the ledger must have none of them.

const [ZERO, SHARE, OTHER, ann, bob, keeper, vault] = [0, 0x5a, 0x5b, 0x1001, 0x1002, 0x2001, 0x3001].map((each) =>
  toAddress(addressOf(each)),
) as [Address, Address, Address, Address, Address, Address, Address];
const E18 = 10n ** 18n;
const move = (from: string, to: string, value: bigint, at: string = SHARE): Draft =>
  encodeLog(erc20Abi, at, "Transfer", { from, to, value });
const share = (address: string) => ({
  protocol: "erc20",
  address,
  tokens: [{ address, symbol: "S", decimals: 18 }],
  startBlock: 1,
});

/** A ledger of plain shares worth 1 USD each, whose transfers are these, by block; about ten blocks a day. */
async function shares(
  transfers: Readonly<Record<number, readonly Draft[]>>,
  more: Readonly<Record<string, unknown>> = {},
  blocks = 70,
) {
  const chain = new FakeChain({ secondsPerBlock: 9_000 });
  chain.also = (block) => transfers[block] ?? [];
  return programmeLedger(
    { pools: [share(SHARE), share(OTHER)], prices: { [SHARE]: { fixed: "1" }, [OTHER]: { fixed: "1" } }, ...more },
    { chain, blocks },
  );
}

const dayRows = ({ ledger }: { ledger: TestLedger }, of?: string) =>
  ledger.store.db
    .prepare(
      "select date, provider_address as provider, pool_address as pool, liquidity_amount as value from daily_balances order by 1, 2, 3",
    )
    .all()
    .filter((row) => of === undefined || (row as { provider: string }).provider === of) as {
    date: string;
    provider: string;
    pool: string;
    value: number;
  }[];

/** Applies one transaction's logs of the V3 test pool to empty books that have seen its birth. */
function positions() {
  const programme = testProgramme();
  const [books, routes] = [emptyBooks(), routesOf(programme)];
  let blockNumber = 0;
  const play = (...drafts: Draft[]) =>
    applyTransaction(books, routes, logsOf(drafts), { blockNumber: ++blockNumber, timestampSec: blockNumber });
  play(encodeLog(poolAbi, POOL, "Initialize", { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 }));
  const range = { owner: vault, tickLower: 60, tickUpper: 120 };
  const mint = (amount: bigint, amount0: bigint) =>
    encodeLog(poolAbi, POOL, "Mint", { sender: keeper, ...range, amount, amount0, amount1: 0n });
  const burn = (amount: bigint, amount0: bigint) =>
    encodeLog(poolAbi, POOL, "Burn", { ...range, amount, amount0, amount1: 0n });
  return { play, mint, burn };
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return findingOf(error)?.identity ?? (error as LpLedgerError).code;
  }
  return undefined;
}

describe("a flaw of the first programme that the ledger does not have", () => {
  it("1: whoever sends the transaction is never the provider; a vault's keeper gets nothing", () => {
    const { play, mint } = positions();
    const { postings } = play(mint(10n ** 6n, 2_987n));
    expect(
      postings
        .map(({ posting }) => posting.account)
        .filter(({ kind }) => kind === "holder")
        .map(({ provider }) => provider),
    ).toEqual([vault]);
    // Who sent a transaction is not even asked for.
    const asked = new FakeChain();
    asked.grow(20);
    return new TestLedger(asked.fetch).settle().then(() => {
      expect(asked.calls.filter((method) => /Transaction(ByHash|Receipt$)/.test(method))).toEqual([]);
    });
  });

  it("2: a day is made of that day's balances, not of the last one's: later events change no earlier day", async () => {
    const transfers = {
      25: [move(ZERO, ann, 100n * E18)],
      45: [move(ann, ZERO, 90n * E18)],
      60: [move(ZERO, ann, 5_000n * E18)],
    };
    const whole = await shares(transfers);
    const rows = dayRows(whole, ann);
    expect(rows[0]?.date).toBe("2026-01-03"); // Nothing before its first event.
    const until = await shares(transfers, {}, 52);
    const before = dayRows(until, ann);
    expect(before.length).toBeGreaterThan(1);
    expect(rows.slice(0, before.length)).toEqual(before);
    expect(new Set(rows.map(({ value }) => value)).size).toBeGreaterThan(2);
  });

  it("3: a position that is opened and closed leaves nothing, whatever tokens came in and went out", () => {
    const { play, mint, burn } = positions();
    play(mint(10n ** 6n, 2_987n));
    const { postings } = play(burn(10n ** 6n, 2_986n)); // A unit less than went in: rounding, no balance.
    expect(postings.map(({ posting }) => posting.balanceAfter)).toEqual([0n, 0n]);
  });

  it("4: a balance below zero is an error of the history that stops the ledger, never clamped to zero", () => {
    const { play, burn } = positions();
    expect(codeOf(() => play(burn(10n ** 6n, 2_986n)))).toBeDefined();
  });

  it("5: tiers multiply what is paid", async () => {
    const transfers = { 1: [move(ZERO, ann, 100n * E18)], 2: [move(ZERO, bob, 300n * E18)] };
    const weights = async (tiers: object) => {
      const { run, ledger } = await shares(transfers, { tiers });
      await run("rewards", "calculate");
      return ledger.store.rewards.rowsOf(2, toAddress(REWARD)).map(({ weight, amount }) => [weight, amount]);
    };
    const plain = await weights({ levels: [{ week: 1, multiplierBp: 10_000 }] });
    const tiered = await weights({
      levels: [
        { week: 1, multiplierBp: 10_000 },
        { week: 1, value: "200", multiplierBp: 20_000 },
      ],
    });
    expect(tiered[0]?.[0]).toBe(plain[0]?.[0]);
    expect(tiered[1]?.[0]).toBe((plain[1]?.[0] ?? 0n) * 2n);
    expect((tiered[1]?.[1] ?? 0n) > (plain[1]?.[1] ?? 0n)).toBe(true);
  });

  it("6: shares that are passed on are their new holder's from that second on", async () => {
    const { run, ledger } = await shares({ 1: [move(ZERO, ann, 100n * E18)], 15: [move(ann, bob, 100n * E18)] });
    await run("rewards", "calculate");
    const paid = [1, 2, 3].map((epoch) =>
      ledger.store.rewards.rowsOf(epoch, toAddress(REWARD)).map(({ provider }) => provider),
    );
    expect(paid).toEqual([[ann, bob], [bob], [bob]]);
  });

  it("7: a position is worth what is behind it at the day's price, not what was put in", () => {
    const pool = testProgramme().pools[1];
    if (pool === undefined) throw new Error("no pool");
    const day = { startSec: 86_400, endSec: 172_800 };
    const at = (tick: number): TimedState => ({
      atSec: 0,
      state: { kind: "ticks", tick, sqrtPriceX96: sqrtRatioAtTick(tick), liquidity: 1n, amounts: null },
    });
    const held = { provider: ann, via: "", range: { tickLower: -60, tickUpper: 60 }, opening: E18, changes: [] };
    const [inside, below, above] = [0, -100, 100].map(
      (tick) => [...closePoolDay(pool, day, [at(tick)], [held]).shares][0],
    );
    expect(inside?.tokenSeconds.every((amount) => amount > 0n)).toBe(true);
    expect([below?.tokenSeconds[1], above?.tokenSeconds[0]]).toEqual([0n, 0n]);
    expect([inside, below, above].map((each) => each?.secondsInRange)).toEqual([86_400, 0, 0]);
  });

  it("8: a range that cannot be read is not skipped: the ledger waits before it, and has everything once it can", async () => {
    const chain = new FakeChain();
    chain.grow(60, 3);
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    const ledger = new TestLedger(chain.fetch, { limits: { blocksMax: 10 } });
    chain.fault = (method, params, result) => {
      const from = Number((params[0] as { fromBlock?: string } | undefined)?.fromBlock);
      if (method === "eth_getLogs" && from <= 30 && Number((params[0] as { toBlock?: string }).toBlock) >= 30)
        throw new Error("internal error");
      return result;
    };
    for (let i = 0; i < 3; i++) await ledger.step().catch(() => {});
    expect(ledger.store.blocks.tip()?.number ?? 0).toBeLessThan(30);
    chain.fault = undefined;
    await ledger.settle();
    expect(ledger.dump()).toBe(straight.dump());
  });

  it("9: what was read twice is there once", async () => {
    const chain = new FakeChain();
    chain.grow(20, 3);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const before = ledger.dump();
    const { head } = chain;
    const ranges = ledger.chain.ranges(
      1,
      20,
      { head: { ...head, hash: head.hash as never, parentHash: head.parentHash as never }, finalTo: 0 },
      new AbortController().signal,
    );
    for await (const range of ranges) expect(codeOf(() => ledger.keeper.commitAll([range]))).toBe("CHAIN_MOVED");
    expect(ledger.dump()).toBe(before);
    const [row] = ledger.store.db.prepare("select * from lp_events limit 1").all() as Record<string, unknown>[];
    const names = Object.keys(row ?? {});
    const again = ledger.store.db.prepare(
      `insert into lp_events (${names.join(", ")}) values (${names.map(() => "?").join(", ")})`,
    );
    expect(codeOf(() => again.run(...Object.values(row ?? {})))).toMatch(/CONSTRAINT/);
  });

  it("10: a reorg takes back what it took back, with the days and rewards that rested on it", async () => {
    const chain = new FakeChain({ secondsPerBlock: 9_000 });
    chain.grow(60, 3);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    chain.reorg(48, 20, 9);
    await ledger.settle();
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    expect(ledger.dump()).toBe(straight.dump());
    const places = "select count(*) from lp_events where block_hash not in (select block_hash from processed_blocks)";
    expect(ledger.store.db.prepare(places).pluck().get()).toBe(0);
  });

  it("11: events that share a second all count, in the order of block and log", async () => {
    const chain = new FakeChain();
    chain.grow(80, 5);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    const times = chain.blocks.filter(({ logs }) => logs.length > 0).map(({ timestampSec }) => timestampSec);
    expect(new Set(times).size).toBeLessThan(times.length);
    const { positionLines } = await import("../src/store/queries/positions.ts");
    const open = [...positionLines(ledger.store.db)].map(
      (line) => `${line.pool} ${line.position} ${line.provider} ${line.liquidity}`,
    );
    expect(open.sort()).toEqual([...chain.head.world.openPositions()].sort());
  });

  it("12: 50,000 tokens among 1,252 recipients sum to 50,000 tokens, to the last of 18 digits", () => {
    const random = seeded(7);
    const claims = Array.from({ length: 1_252 }, (_, i) => ({
      provider: toAddress(addressOf(0x10000 + i)),
      weight: BigInt(Math.floor(random() * 2 ** 50)),
    }));
    const amounts = [...split(50_000n * E18, claims).amounts.values()];
    expect(amounts.reduce((sum, each) => sum + each, 0n)).toBe(50_000n * E18);
    expect(amounts.some((each) => each % 10n ** 10n !== 0n)).toBe(true);
  });

  it("13: a missing price is never zero, and prices are a token's address's, with source and day", async () => {
    const transfers = { 1: [move(ZERO, ann, 100n * E18), move(ZERO, bob, 100n * E18, OTHER)] };
    const prices = { [SHARE]: { fixed: "1" }, [OTHER]: { imported: true } }; // Both are called S.
    const { run, ledger, ...rest } = await shares(transfers, { prices });
    const values = dayRows({ ledger, ...rest });
    expect(new Set(values.filter(({ pool }) => pool === OTHER).map(({ value }) => value))).toEqual(new Set([null]));
    expect(values.filter(({ pool }) => pool === SHARE).every(({ value }) => value > 0)).toBe(true);
    const refused = await run("rewards", "calculate");
    expect([refused.code, refused.err.includes("days without a value")]).toEqual([75, true]);
    const rows = ledger.store.db.prepare("select distinct token_address, price, source from token_prices").all();
    expect(rows).toEqual([{ token_address: SHARE, price: "1", source: "fixed" }]);
  });

  it("14: an event in one pool leaves what is held in another as it is", async () => {
    const rest = await shares({
      1: [move(ZERO, ann, 100n * E18), move(ZERO, ann, 7n * E18, OTHER)],
      30: [move(ZERO, ann, E18)],
    });
    const inOther = dayRows(rest, ann).filter(({ pool }) => pool === OTHER);
    expect(inOther.length).toBe(new Set(dayRows(rest).map(({ date }) => date)).size);
  });

  it("15: a commit that fails halfway leaves nothing behind", async () => {
    const chain = new FakeChain();
    chain.grow(30, 3);
    const ledger = new TestLedger(chain.fetch, { limits: { blocksMax: 5 } });
    await ledger.step({ until: 20 });
    const before = ledger.dump();
    ledger.store.db.exec(
      "create temp trigger full before update on provider_balances begin select raise(abort, 'the power went'); end",
    );
    await ledger.step().catch(() => {});
    expect(ledger.dump()).toBe(before);
    ledger.store.db.exec("drop trigger full");
    await ledger.settle();
    const straight = new TestLedger(chain.fetch);
    await straight.settle();
    expect(ledger.dump()).toBe(straight.dump());
  });

  it("16: a poke, a burn of nothing, makes nobody a provider", () => {
    const { play, mint, burn } = positions();
    play(mint(10n ** 6n, 2_987n));
    expect(play(burn(0n, 0n)).postings).toEqual([]);
  });

  it("17: a file that pays one unit less or more than the epoch is refused, whatever the budget is", () => {
    const payouts = [
      { recipient: ann, amount: 10n },
      { recipient: bob, amount: 20n },
    ];
    const token = { address: toAddress(REWARD), chainId: 1, symbol: "RWD", decimals: 18 };
    const file = merklFile(
      "RWD",
      token,
      payouts.map((each) => ({ ...each, reason: "r" })),
    );
    requireSame(file, payouts);
    for (const amount of [19n, 21n])
      expect(codeOf(() => requireSame(file, [payouts[0] as never, { recipient: bob, amount }]))).toBe("FILE_DIFFERS");
    expect(codeOf(() => requireSame(file, payouts.slice(1)))).toBe("FILE_DIFFERS");
  });

  it("18: addresses in files carry their checksums, and a reward token its chain", async () => {
    const arb = "0x912CE59144191C1204E64559FE8253a0e49E6548";
    const token = { address: toAddress(arb), chainId: 42161, symbol: "ARB", decimals: 18 };
    const { text } = merklFile("ARB", token, [
      { recipient: toAddress("0x00000e6ee6e39015cb523aebdd4d0b1855aba682"), amount: 1n, reason: "r" },
    ]);
    expect(JSON.parse(text)).toMatchObject({ rewardToken: arb });
    expect(text).not.toContain(arb.toLowerCase());
    const rewards = { tokens: [{ ...REWARDS.tokens[0], address: arb, chainId: 1 }], epochs: { days: 2 } };
    const { run, folder } = await shares({ 1: [move(ZERO, ann, E18)] }, { rewards });
    await run("rewards", "finalize", "--yes");
    const exported = JSON.parse((await run("rewards", "export", "--epoch", "1", "--to", folder, "--json")).out) as {
      tokens: object[];
    };
    expect(exported.tokens).toEqual([expect.objectContaining({ token: arb, chainId: 1 })]);
  });

  it("19: dust is not paid out but carried, and excluded addresses are left out", async () => {
    const transfers = {
      1: [move(ZERO, ann, 1_000_000n * E18), move(ZERO, bob, E18), move(ZERO, vault, 1_000_000n * E18)],
    };
    const rewards = {
      ...REWARDS,
      tokens: [{ ...REWARDS.tokens[0], minimumPayout: "0.01" }],
      exclude: [vault],
      atEnd: "keep",
    };
    const { run, ledger } = await shares(transfers, { rewards });
    await run("rewards", "calculate");
    const rows = [1, 2, 3].map((epoch) => ledger.store.rewards.rowsOf(epoch, toAddress(REWARD)));
    for (const each of rows) expect(each.map(({ provider }) => provider)).toEqual([ann, bob]);
    expect(rows.flat().every(({ paid }) => paid === 0n || paid >= E18 / 100n)).toBe(true);
    const carried = rows.map(([, dust]) => dust?.carriedIn);
    expect(carried[2]).toBe((rows[0]?.[1]?.amount ?? 0n) + (rows[1]?.[1]?.amount ?? 0n));
    expect(carried[2]).toBeGreaterThan(0n);
  });

  it("20: a value below a cent counts as what it is", async () => {
    const { run, ledger } = await shares(
      { 1: [move(ZERO, ann, E18), move(ZERO, bob, E18 / 10_000n)] },
      { tiers: { levels: [{ week: 1, multiplierBp: 10_000 }] } },
    );
    await run("rewards", "calculate");
    const weights = ledger.store.rewards.rowsOf(2, toAddress(REWARD)).map(({ weight }) => weight);
    expect(weights).toEqual([2n * 1_000_000n * 10_000n, 2n * 100n * 10_000n]);
  });

  it("21: a history that begins in the middle of a pool's life stops the ledger", () => {
    const curve = parseProgramme(
      {
        chainId: 1,
        quote: { symbol: "USD" },
        pools: [
          {
            protocol: "curve-ng",
            address: SHARE,
            tokens: TOKENS.map((address) => ({ address, symbol: "T", decimals: 18 })),
            startBlock: 1,
          },
        ],
      },
      "the test's programme",
    );
    const late = [
      move(ZERO, ann, 100n),
      encodeLog(curveAbi, SHARE, "AddLiquidity", {
        provider: ann,
        token_amounts: [50n, 50n],
        fees: [0n, 0n],
        invariant: 5_100n,
        token_supply: 5_100n,
      }),
    ];
    const apply = () =>
      applyTransaction(emptyBooks(), routesOf(curve), logsOf(late), { blockNumber: 1, timestampSec: 1 });
    expect(codeOf(apply)).toBeDefined();
    const { play, burn } = positions();
    expect(codeOf(() => play(burn(1n, 0n)))).toBeDefined();
    // The first programme's file names the real first blocks.
    const file = readProgramme(new URL("../config/threshold-arbitrum.json", import.meta.url).pathname);
    expect(Math.min(...file.pools.map(({ startBlock }) => startBlock))).toBe(91_123_770);
    expect(dayStartSec((file.rules?.schedule?.first ?? "") as Day)).toBe(Date.parse("2024-09-09T00:00:00Z") / 1000);
  });
});
