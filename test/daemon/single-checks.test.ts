import { describe, expect, it } from "vitest";
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import stakerAbi from "../../abi/uniswap-v3-staker.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import type { Block, LogBlock, Range } from "../../src/core/chain.ts";
import { routesOf } from "../../src/core/decode/routes.ts";
import { applyTransaction } from "../../src/core/decode/transaction.ts";
import type { LpLedgerError } from "../../src/core/errors.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";
import { finalOf } from "../../src/core/reorg-detection.ts";
import type { ChainPort } from "../../src/daemon/chain-port.ts";
import { converge } from "../../src/daemon/converge.ts";
import { crossCheck } from "../../src/daemon/cross-check.ts";
import { commonBlock } from "../../src/daemon/reorg.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { encodeLog } from "../support/encode.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openPositions, TestLedger, testProgramme } from "../support/ledger.ts";
import { addressOf, logsOf } from "../support/logs.ts";
import { blockAt, Process, rangesOf } from "../support/process.ts";

const { signal } = new AbortController();
const [SHARE, STAKING, ZERO, ann, bob] = [0xf1, 0xf2, 0, 0x1001, 0x1002].map(addressOf) as [
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
];
const shares = {
  protocol: "erc20",
  address: SHARE,
  startBlock: 1,
  tokens: [{ address: SHARE, symbol: "S", decimals: 18 }],
};

function programmeOf(more: object = {}) {
  const file = {
    chainId: 31337,
    quote: { symbol: "USD" },
    finality: { fallbackDepth: 0, minDepth: 0 },
    pools: [shares],
  };
  return parseProgramme({ ...file, ...more }, "share tokens");
}

const moved = (from: string, to: string, value: bigint) => encodeLog(erc20Abi, SHARE, "Transfer", { from, to, value });

const settling = { blocksMin: 1, rangesMax: 10 };

/** Four blocks of transfers, followed and final, and a node that has the same. */
function followed() {
  const process = new Process(programmeOf());
  const ranges = rangesOf([1n, 2n, 3n, 4n].map((value) => [moved(ZERO, ann, value)]));
  process.keeper.commitAll(ranges);
  const { store } = process;
  store.write(() => {
    store.config.set("final_block", 4, store.nowIso());
    store.config.set("final_hash", blockAt(4).hash, store.nowIso());
  });
  const blocks = async (numbers: readonly number[]): Promise<readonly (Block | null)[]> => numbers.map(blockAt);
  async function* some(from: number, to: number): AsyncGenerator<Range> {
    for (const range of ranges) if (range.from >= from && range.from <= to) yield range;
  }
  const honest: ChainPort = {
    identity: async () => ({ chainId: 31337, genesisHash: blockAt(0).hash }),
    pollHead: async (numbers) => ({ head: blockAt(4), finalized: null, blocks: await blocks(numbers) }),
    blocksAt: blocks,
    ranges: some,
    refetch: some,
    blockTime: async (_hash, number) => blockAt(number).timestampSec,
    confirm: async (_hash, number) => ({ block: blockOf(ranges, number), byReceipts: true }),
    blockLogs: async (_hash, number) => blockOf(ranges, number),
  };
  const settled = () => store.config.get("settled_block");
  return { process, store, ranges, honest, settled };
}

function blockOf(ranges: readonly Range[], number: number): LogBlock {
  const block = ranges.flatMap(({ blocks }) => blocks).find((each) => each.number === number);
  if (block === undefined) throw new Error(`no block ${number}`);
  return block;
}

/** The second block with a log of another value. */
function otherSecond(ranges: readonly Range[]): Range {
  const [, second] = ranges as [Range, Range];
  const [block] = second.blocks as [LogBlock];
  return { ...second, blocks: [{ ...block, logs: logsOf([moved(ZERO, bob, 2n)]) }] };
}

const codeOf = async (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => "nothing thrown",
    (error: LpLedgerError) => error.code,
  );

describe("what a node says of its chain", () => {
  it("never takes finality back, nor tells the same final block again", () => {
    const at = (number: number) => ({ tagged: blockAt(number), atMinDepth: blockAt(4), atFallbackDepth: null });
    const final = { number: 2, hash: blockAt(2).hash };
    expect([1, 2, 3].map((number) => finalOf(final, at(number))?.number)).toEqual([undefined, undefined, 3]);
  });

  it("says nothing of a fork where a block is missing: it is asked again, and no more is undone than the fork", async () => {
    const { process, honest } = followed();
    const fork = toHash(`0x${"f".repeat(64)}`);
    const told = (missing: readonly number[]) => ({
      ...honest,
      blocksAt: async (numbers: readonly number[]) =>
        numbers.map((number) =>
          missing.includes(number) ? null : number === 4 ? { ...blockAt(4), hash: fork } : blockAt(number),
        ),
    });
    expect(await commonBlock(process.keeper, told([]), 4, signal)).toBe(3);
    expect(await codeOf(commonBlock(process.keeper, told([3]), 4, signal))).toBe("NODE_BEHIND");
  });
});

describe("settling", () => {
  it("takes no repair that ends in another final block than ours, be it the very last block", async () => {
    const { process, honest, ranges, settled } = followed();
    const other = otherSecond(ranges);
    const fork = toHash(`0x${"f".repeat(64)}`);
    const chain: ChainPort = {
      ...honest,
      async *refetch() {
        yield ranges[0] as Range;
        yield other;
      },
      confirm: async () => ({ block: other.blocks[0] as LogBlock, byReceipts: true }),
      async *ranges(from, to) {
        for await (const range of honest.ranges(from, to, { head: blockAt(4), finalTo: 4 }, signal))
          yield range.end.number === 4 ? { ...range, end: { ...range.end, hash: fork } } : range;
      },
    };
    expect(await codeOf(crossCheck(process.keeper, chain, signal, settling))).toBe("SETTLE_FORKED");
    expect([process.store.blocks.tip()?.hash, settled()]).toEqual([blockAt(4).hash, 1]);
  });

  it("stops after a repair, so that what was redone is compared again before anything above it", async () => {
    const { process, honest, ranges, settled } = followed();
    const other = otherSecond(ranges);
    const chain: ChainPort = {
      ...honest,
      async *refetch() {
        yield ranges[0] as Range;
        yield other;
        yield* ranges.slice(2);
      },
      confirm: async () => ({ block: other.blocks[0] as LogBlock, byReceipts: true }),
    };
    expect(await crossCheck(process.keeper, chain, signal, settling)).toBe("more");
    expect(settled()).toBe(1);
    expect(process.store.contents.repairs().count).toBe(1);
  });

  it("does not take a reading of another fork for ours, though it has the same logs", async () => {
    const { process, honest, ranges, settled } = followed();
    const chain: ChainPort = {
      ...honest,
      async *refetch() {
        for (const range of ranges)
          yield { ...range, blocks: range.blocks.map((block) => ({ ...block, hash: toHash(`0x${"e".repeat(64)}`) })) };
      },
    };
    expect(await codeOf(crossCheck(process.keeper, chain, signal, settling))).toBe("SETTLE_FORKED");
    expect(settled()).toBe(0);
  });
});

describe("a fork", () => {
  it("that is gone when it is read, on a chain that ends with what is shared, undoes nothing", async () => {
    const { process, honest, store } = followed();
    let asked = 0;
    const chain: ChainPort = {
      ...honest,
      pollHead: async () => ({ head: blockAt(3), finalized: null, blocks: [null] }),
      blocksAt: async (numbers) => {
        asked += 1;
        // At first the third block is another one; then it is ours again.
        return numbers.map((number) =>
          asked === 1 ? { ...blockAt(number), hash: toHash(`0x${"d".repeat(64)}`) } : blockAt(number),
        );
      },
    };
    store.write(() => {
      store.config.set("final_block", 1, store.nowIso());
      store.config.set("final_hash", blockAt(1).hash, store.nowIso());
    });
    expect(await codeOf(converge(process.keeper, chain, signal))).toBe("CHAIN_MOVED");
    expect(store.blocks.tip()?.number).toBe(4);
  });
});

describe("finality", () => {
  it("of a block is stored only if the next look finds the very same block there", async () => {
    const { process, honest, store } = followed();
    const tagged = { ...blockAt(3), hash: toHash(`0x${"c".repeat(64)}`) };
    const chain: ChainPort = {
      ...honest,
      pollHead: async (numbers) => ({ head: blockAt(4), finalized: tagged, blocks: numbers.map(blockAt) }),
    };
    store.write(() => {
      store.config.set("final_block", 1, store.nowIso());
      store.config.set("final_hash", blockAt(1).hash, store.nowIso());
    });
    // Also where no row of ours contradicts it.
    store.db.pragma("foreign_keys = off");
    store.db.prepare("delete from processed_blocks where block_number = 3").run();
    for (let i = 0; i < 3; i++) await converge(process.keeper, chain, signal);
    expect([store.config.get("final_block"), store.config.get("final_hash")]).toEqual([1, blockAt(1).hash]);
  });
});

describe("a day", () => {
  it("on which nobody knows what a share is worth has no value, and not zero", () => {
    const [VAULT, ASSET] = [addressOf(0xe1), addressOf(0xb1)];
    const programme = programmeOf({
      pools: [
        { protocol: "erc4626", address: VAULT, startBlock: 1, tokens: [{ address: ASSET, symbol: "A", decimals: 6 }] },
      ],
      prices: { [ASSET]: { fixed: "1" } },
    });
    const process = new Process(programme);
    const issued = encodeLog(erc20Abi, VAULT, "Transfer", { from: ZERO, to: ann, value: 10n ** 18n });
    process.keeper.commitAll(rangesOf([[issued], ...Array.from({ length: 12 }, () => [])]));
    const values = process.store.db.prepare("select distinct liquidity_amount from daily_balances").pluck().all();
    expect(values).toEqual([null]);
  });
});

describe("a block", () => {
  it.each([
    [
      2_000,
      /is said to be of the time 18000\d{5}, \d+ s ahead of the machine's clock \(CLOCK_DRIFT_SECONDS allows 900\)$/,
    ],
    [1_800_000_000 * 999, /: it looks like milliseconds, where seconds are expected$/],
    [1_800_000_000 * 999_999, /: it looks like microseconds, where seconds are expected$/],
    [2 ** 52 - 1_800_000_000, /ahead of the machine's clock/],
  ])("that is %i s ahead of the clock is refused, with a word about the unit", async (ahead, message) => {
    const chain = new FakeChain({ startSec: 1_800_000_000 + ahead, secondsPerBlock: 1 });
    chain.grow(3, 1);
    const ledger = new TestLedger(chain.fetch);
    await expect(ledger.step()).rejects.toMatchObject({ kind: "transient", message: expect.stringMatching(message) });
    expect(ledger.store.blocks.tip()).toBeUndefined();
  });

  it("may be a little ahead of it", async () => {
    const chain = new FakeChain({ startSec: 1_800_000_000 + 800, secondsPerBlock: 1 });
    chain.grow(3, 1);
    const ledger = new TestLedger(chain.fetch);
    await ledger.settle();
    expect(ledger.store.blocks.tip()?.number).toBe(3);
  });
});

describe("a wrapper", () => {
  it("that logs a deposit of a position NFT that it does not hold changes nothing", () => {
    const [, pool] = testProgramme().pools;
    if (pool === undefined) throw new Error("no pool");
    const [manager] = pool.managers;
    const file = { chainId: 31337, quote: { symbol: "USD" }, pools: [], wrappers: [] };
    const wrapper = {
      address: toAddress(STAKING),
      kind: "uniswap-v3-staker" as const,
      pool: null,
      manager: manager ?? null,
    };
    const programme = {
      ...parseProgramme({ ...file, pools: [shares] }, "a staker"),
      pools: [pool],
      wrappers: [{ ...wrapper, pid: null, inside: null, excluded: false }],
    };
    const books = emptyBooks();
    const range = { tickLower: -60, tickUpper: 60 };
    const token = { manager: manager ?? toAddress(ZERO), tokenId: "1", pool: pool.address, position: "1", range };
    books.putToken({ ...token, owner: toAddress(ann), claimant: null, openedBlock: 1 });
    const deposit = encodeLog(stakerAbi, STAKING, "DepositTransferred", { tokenId: 1n, oldOwner: ZERO, newOwner: bob });
    const applied = applyTransaction(books, routesOf(programme), logsOf([deposit]), {
      blockNumber: 2,
      timestampSec: 2,
    });
    expect(applied.events).toEqual([]);
    expect(books.token(token.manager, "1")?.claimant).toBeNull();
  });

  it("that is excluded is exported as the holder of what its users have through it", () => {
    const wrappers = (exclude: boolean) => [{ kind: "staking-rewards", address: STAKING, pool: SHARE, exclude }];
    const staked = [
      [moved(ZERO, ann, 10n), moved(ZERO, bob, 5n)],
      [moved(ann, STAKING, 7n), encodeLog(stakingAbi, STAKING, "Staked", { user: ann, amount: 7n })],
    ];
    const lines = (exclude: boolean): readonly string[] => {
      const process = new Process(programmeOf({ wrappers: wrappers(exclude) }));
      process.keeper.commitAll(rangesOf(staked));
      return openPositions(process.store).map((line) => line.split(" ").slice(2).join(" "));
    };
    expect(lines(false)).toEqual([`${ann} 10`, `${bob} 5`]);
    expect(lines(true)).toEqual([`${STAKING} 7`, `${ann} 3`, `${bob} 5`]);
  });
});
