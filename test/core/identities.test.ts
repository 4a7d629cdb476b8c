import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { addTo, custodyKey } from "../../src/core/accounting/working-set.ts";
import { amountsOf } from "../../src/core/amm/amounts.ts";
import { rangeId, sqrtRatioAtTick } from "../../src/core/amm/ticks.ts";
import { routesOf } from "../../src/core/decode/routes.ts";
import { type AppliedTransaction, applyTransaction } from "../../src/core/decode/transaction.ts";
import { findingOf } from "../../src/core/errors.ts";
import { toAddress } from "../../src/core/hex.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { testProgramme } from "../support/ledger.ts";
import { addressOf, type Draft, draft, logsOf } from "../support/logs.ts";
import { MANAGER, PAIR, POOL, World, worldProgramme } from "../support/world.ts";

const ZERO = addressOf(0);
const [ann, bob] = [addressOf(0x1001), addressOf(0x1002)];
const ROUTER = addressOf(0xcc);
const TICKS = { tickLower: -60, tickUpper: 60 };
const PRICE = { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 };

/** Applies transactions, one block each, to an empty ledger. */
function play(transactions: readonly (readonly Draft[])[], programme = testProgramme()): readonly AppliedTransaction[] {
  const books = emptyBooks();
  const routes = routesOf(programme);
  return transactions.map((drafts, i) =>
    applyTransaction(books, routes, logsOf(drafts), { blockNumber: i + 1, timestampSec: i + 1 }),
  );
}

const transfer = (from: string, to: string, value: bigint) => draft("pair", PAIR, "Transfer", { from, to, value });
const sync = (reserve0: bigint, reserve1: bigint) => draft("pair", PAIR, "Sync", { reserve0, reserve1 });
const pairMint = (amount0: bigint, amount1: bigint) =>
  draft("pair", PAIR, "Mint", { sender: ROUTER, amount0, amount1 });
const firstMint = [
  transfer(ZERO, ZERO, 1000n),
  transfer(ZERO, ann, 9000n),
  sync(10_000n, 10_000n),
  pairMint(10_000n, 10_000n),
];
const pairBurn = (amount0: bigint, amount1: bigint) =>
  draft("pair", PAIR, "Burn", { sender: ROUTER, amount0, amount1, to: ann });
const pairSwap = (amount0In: bigint, amount1Out: bigint) =>
  draft("pair", PAIR, "Swap", { sender: ROUTER, to: ROUTER, amount0In, amount1In: 0n, amount0Out: 0n, amount1Out });

/** Twice as much of one token: sqrt(k) grows from 10,000 to 14,142, of which the protocol's sixth is 513 shares. */
const grown = [sync(20_000n, 10_000n), pairSwap(10_000n, 0n)];

const initialize = [draft("pool", POOL, "Initialize", { ...PRICE })];
const poolSwap = (liquidity: bigint, tick = 0, amount1 = -1n) =>
  draft("pool", POOL, "Swap", {
    sender: ROUTER,
    recipient: ROUTER,
    amount0: 1n,
    amount1,
    sqrtPriceX96: sqrtRatioAtTick(tick),
    liquidity,
    tick,
  });
const change = (name: "Mint" | "Burn", owner: string, amount: bigint, sender = ROUTER, more = 0n, range = TICKS) => {
  const [amount0, amount1] = amountsOf(amount, range, PRICE, name === "Mint" ? "up" : "down");
  return draft("pool", POOL, name, { sender, owner, ...range, amount, amount0: amount0 + more, amount1 });
};
const collect = (owner: string, amount0: bigint, amount1: bigint) =>
  draft("pool", POOL, "Collect", { owner, recipient: owner, ...TICKS, amount0, amount1 });
const collectProtocol = (amount0: bigint, amount1: bigint) =>
  draft("pool", POOL, "CollectProtocol", { sender: ROUTER, recipient: ROUTER, amount0, amount1 });
const flash = (paid0: bigint, paid1: bigint) =>
  draft("pool", POOL, "Flash", { sender: ROUTER, recipient: ROUTER, amount0: 9n, amount1: 9n, paid0, paid1 });
const token = (name: "IncreaseLiquidity" | "DecreaseLiquidity", tokenId: bigint, liquidity: bigint, more = 0n) => {
  const [amount0, amount1] = amountsOf(liquidity, TICKS, PRICE, name === "IncreaseLiquidity" ? "up" : "down");
  return draft("manager", MANAGER, name, { tokenId, liquidity, amount0: amount0 + more, amount1 });
};
const give = (from: string, to: string, tokenId: bigint) =>
  draft("manager", MANAGER, "Transfer", { from, to, tokenId });
const mintToken = (tokenId: bigint, owner: string, liquidity: bigint) => [
  change("Mint", MANAGER, liquidity, MANAGER),
  give(ZERO, owner, tokenId),
  token("IncreaseLiquidity", tokenId, liquidity),
];

describe("an identity that does not hold stops the ledger", () => {
  const table: {
    identity: string;
    it: string;
    play: readonly (readonly Draft[])[];
    expected?: string;
    actual?: string;
  }[] = [
    { identity: "V2-1", it: "a pair whose first mint is missing", play: [[transfer(ZERO, ann, 500n)]] },
    {
      identity: "V2-1",
      it: "shares that leave an account that never got them",
      play: [firstMint, [transfer(bob, ann, 1n)]],
      expected: "at least 1",
      actual: "0",
    },
    {
      identity: "V2-2",
      it: "a swap whose reserves moved otherwise",
      play: [firstMint, [sync(10_100n, 9_900n), pairSwap(100n, 99n)]],
      expected: "-99",
      actual: "-100",
    },
    {
      identity: "V2-2",
      it: "a swap without its Sync",
      play: [firstMint, [sync(10_100n, 9_900n), pairSwap(100n, 100n)], [pairSwap(50n, 50n)]],
    },
    {
      identity: "V2-2",
      it: "a mint of other amounts than the reserves grew by",
      play: [[...firstMint.slice(0, 3), pairMint(10_000n, 9_999n)]],
      expected: "9999",
      actual: "10000",
    },
    {
      identity: "V2-3",
      it: "a first mint of other shares than its amounts buy",
      play: [[firstMint[0], transfer(ZERO, ann, 8_999n), ...firstMint.slice(2)].flatMap((each) => each ?? [])],
      expected: "9000",
      actual: "8999",
    },
    {
      identity: "V2-3",
      it: "a mint of other shares than its amounts buy",
      play: [firstMint, [transfer(ZERO, bob, 999n), sync(11_000n, 11_000n), pairMint(1_000n, 1_000n)]],
      expected: "1000",
      actual: "999",
    },
    {
      identity: "V2-3",
      it: "a mint before which the protocol's fee is missing",
      play: [firstMint, grown, [transfer(ZERO, bob, 10_513n), sync(40_000n, 20_000n), pairMint(20_000n, 10_000n)]],
      expected: "10000",
      actual: "10513",
    },
    {
      identity: "V2-4",
      it: "a burn that pays more than the shares' part",
      play: [
        firstMint,
        [transfer(ann, PAIR, 900n), transfer(PAIR, ZERO, 900n), sync(9_099n, 9_100n), pairBurn(901n, 900n)],
      ],
      expected: "900 and 900",
      actual: "901 and 900",
    },
    {
      identity: "V2-5",
      it: "a protocol fee that is not a sixth of the growth",
      play: [
        firstMint,
        grown,
        [
          transfer(ZERO, addressOf(0xfee), 512n),
          transfer(ZERO, bob, 10_512n),
          sync(40_000n, 20_000n),
          pairMint(20_000n, 10_000n),
        ],
      ],
      expected: "513",
      actual: "512",
    },
    {
      identity: "V3-4",
      it: "a swap whose price is not at its tick",
      play: [
        initialize,
        [
          draft("pool", POOL, "Swap", {
            sender: ROUTER,
            recipient: ROUTER,
            amount0: 1n,
            amount1: 0n,
            ...PRICE,
            liquidity: 0n,
            tick: 60,
          }),
        ],
      ],
      expected: `a price from ${sqrtRatioAtTick(60)} to ${sqrtRatioAtTick(61)}`,
      actual: `${sqrtRatioAtTick(0)}`,
    },
    {
      identity: "V3-1",
      it: "a swap that saw liquidity we missed",
      play: [initialize, [change("Mint", ann, 500n)], [poolSwap(700n)]],
      expected: "700",
      actual: "500",
    },
    {
      identity: "V3-1",
      it: "a swap that crossed a tick out of our only position",
      play: [initialize, [change("Mint", ann, 500n)], [poolSwap(500n, 60)]],
      expected: "500",
      actual: "0",
    },
    {
      identity: "V3-2",
      it: "a burn of more than the owner has",
      play: [initialize, [change("Mint", ann, 500n)], [change("Burn", ann, 501n)]],
      expected: "at least 501",
      actual: "500",
    },
    {
      identity: "V3-2",
      it: "a poke of a position that has nothing",
      play: [initialize, [change("Burn", ann, 0n)]],
      expected: "more than 0",
      actual: "0",
    },
    {
      identity: "V3-3",
      it: "amounts that do not follow from the price",
      play: [initialize, [change("Mint", ann, 10n ** 18n, ROUTER, 1n)]],
    },
    { identity: "V3-3", it: "a pool that begins without Initialize", play: [[change("Mint", ann, 5n)]] },
    {
      identity: "V3-5",
      it: "a manager's mint that names no token",
      play: [initialize, [change("Mint", MANAGER, 5n, MANAGER)]],
    },
    {
      identity: "V3-5",
      it: "a manager's increase of another amount",
      play: [
        initialize,
        [
          change("Mint", MANAGER, 10n ** 18n, MANAGER),
          give(ZERO, ann, 1n),
          token("IncreaseLiquidity", 1n, 10n ** 18n, 1n),
        ],
      ],
    },
    {
      identity: "V3-5",
      it: "a decrease without the pool's burn",
      play: [initialize, mintToken(1n, ann, 900n), [token("DecreaseLiquidity", 1n, 900n)]],
    },
    {
      identity: "V3-5",
      it: "a token that changes its range",
      play: [
        initialize,
        mintToken(1n, ann, 900n),
        [
          change("Mint", MANAGER, 900n, MANAGER, 0n, { tickLower: -60, tickUpper: 120 }),
          draft("manager", MANAGER, "IncreaseLiquidity", {
            tokenId: 1n,
            liquidity: 900n,
            amount0: amountsOf(900n, { tickLower: -60, tickUpper: 120 }, PRICE, "up")[0],
            amount1: amountsOf(900n, { tickLower: -60, tickUpper: 120 }, PRICE, "up")[1],
          }),
        ],
      ],
    },
    {
      identity: "V3-8",
      it: "a swap that takes out what nobody brought",
      play: [initialize, [change("Mint", ann, 500n)], [poolSwap(500n, 0, -4n)]],
      expected: "amounts of at least 0",
      actual: "3 and -2",
    },
    {
      identity: "V3-8",
      it: "a collect of more than came in",
      play: [initialize, [change("Mint", ann, 500n)], [collect(ann, 3n, 0n)]],
      actual: "-1 and 2",
    },
    {
      identity: "V3-8",
      it: "a protocol's collect where a flash paid less",
      play: [
        initialize,
        [change("Mint", ann, 500n)],
        [flash(3n, 0n), collectProtocol(5n, 0n)],
        [collectProtocol(1n, 0n)],
      ],
      actual: "-1 and 2",
    },
    {
      identity: "V3-9",
      it: "a token transferred by another than its owner",
      play: [initialize, mintToken(1n, ann, 900n), [give(bob, ann, 1n)]],
      expected: ann,
      actual: bob,
    },
    {
      identity: "V3-9",
      it: "a token burned with liquidity in it",
      play: [initialize, mintToken(1n, ann, 900n), [give(ann, ZERO, 1n)]],
      expected: "0",
      actual: "900",
    },
    {
      identity: "V3-9",
      it: "a token whose mint we never saw",
      play: [initialize, [change("Mint", MANAGER, 5n, MANAGER), token("IncreaseLiquidity", 8n, 5n)]],
    },
  ];
  for (const { identity, it: name, play: transactions, expected, actual } of table) {
    it(`${identity}: ${name}`, () => {
      let error: unknown;
      try {
        play(transactions);
      } catch (each) {
        error = each;
      }
      const finding = findingOf(error);
      expect(finding).toMatchObject({
        identity,
        blockNumber: transactions.length,
        ...(expected === undefined ? {} : { expected }),
        ...(actual === undefined ? {} : { actual }),
      });
      const message = (error as Error).message;
      expect(message).toContain(`block ${transactions.length} log ${finding?.logIndex}`);
      expect(message).toContain(`expected ${finding?.expected}`);
      expect(message).toContain(`actual ${finding?.actual}`);
    });
  }

  it("V3-5: accounts that do not sum to the pool's liquidity at a range, whatever made them differ", () => {
    const programme = testProgramme();
    const [, pool] = programme.pools;
    const [books, routes] = [emptyBooks(), routesOf(programme)];
    if (pool === undefined) throw new Error("no pool");
    const apply = (drafts: readonly Draft[], blockNumber: number) =>
      applyTransaction(books, routes, logsOf(drafts), { blockNumber, timestampSec: blockNumber });
    apply(initialize, 1);
    apply([change("Mint", ann, 500n)], 2);
    // As if something else had taken 3 of it from the account.
    addTo(books.ticks(pool).unmatched, custodyKey(toAddress(ann), rangeId(TICKS)), 3n);
    let finding: ReturnType<typeof findingOf>;
    try {
      apply([change("Mint", ann, 4n), change("Mint", ann, 3n)], 3);
    } catch (error) {
      finding = findingOf(error);
    }
    expect(finding).toMatchObject({ identity: "V3-5", logIndex: 1, expected: "510", actual: "507" });
  });

  it("unless a caveat of the pool says why it cannot hold", () => {
    const pools = (worldProgramme()["pools"] as Record<string, unknown>[]).map((pool) =>
      pool["protocol"] === "uniswap-v2" ? { ...pool, caveats: ["fee-on-transfer"] } : pool,
    );
    const taxed = [firstMint, [sync(10_100n, 9_900n), pairSwap(100n, 99n)]];
    expect(() => play(taxed, testProgramme({ pools }))).not.toThrow();
    expect(() => play(taxed)).toThrow();
  });
});

describe("a share transfer that is missing", () => {
  const burn = draft("pair", PAIR, "Burn", { sender: ROUTER, amount0: 4000n, amount1: 4000n, to: ann });
  it.each([
    ["before a Mint", [firstMint, [sync(11_000n, 11_000n), pairMint(1000n, 1000n)]]],
    [
      "of a first deposit, of which only the locked minimum is there",
      [[...firstMint.slice(0, 1), ...firstMint.slice(2)]],
    ],
    ["before a Burn", [firstMint, [transfer(ann, PAIR, 4000n), sync(6000n, 6000n), burn]]],
  ])("%s breaks V2-1 at once", (_name, transactions) => {
    expect(() => play(transactions)).toThrow(/V2-1 .* a share transfer is missing/);
  });

  it("is not asked for at the birth of a pair that a migrator made, where the pool says so", () => {
    const pools = (worldProgramme()["pools"] as Record<string, unknown>[]).map((pool) =>
      pool["protocol"] === "uniswap-v2" ? { ...pool, caveats: ["no-locked-minimum"] } : pool,
    );
    const born = [[transfer(ZERO, ann, 500n), sync(500n, 500n), pairMint(500n, 500n)]];
    expect(() => play(born, testProgramme({ pools }))).not.toThrow();
    expect(() => play(born)).toThrow(/no-locked-minimum/);
  });
});

describe("attribution", () => {
  const lastOf = (transactions: readonly (readonly Draft[])[]) =>
    new Map(
      play(transactions).flatMap(({ postings }) =>
        postings.map(({ posting }) => [
          `${posting.account.kind} ${posting.account.position} ${posting.account.provider}`,
          posting.balanceAfter,
        ]),
      ),
    );

  it("locks the first minimum at the zero address and leaves shares sent there in the supply", () => {
    const balances = lastOf([firstMint, [transfer(ann, ZERO, 4000n)]]);
    expect(balances.get(`holder  ${ZERO}`)).toBe(5000n);
    expect(balances.get(`issuance  ${PAIR}`)).toBe(-10_000n);
  });

  it("takes only shares that the pair itself gives up for burned", () => {
    const balances = lastOf([
      firstMint,
      [transfer(ann, PAIR, 4000n)],
      [transfer(PAIR, ZERO, 4000n), sync(6000n, 6000n)],
    ]);
    expect(balances.get(`holder  ${PAIR}`)).toBe(0n);
    expect(balances.get(`issuance  ${PAIR}`)).toBe(-6000n);
  });

  it("makes nobody a provider by a transfer of nothing or to oneself", () => {
    const applied = play([
      firstMint,
      [transfer(bob, addressOf(0x1003), 0n), transfer(ann, ann, 5n), transfer(ZERO, bob, 0n)],
    ]);
    expect(applied[1]?.postings).toEqual([]);
    expect(applied[1]?.events.length).toBe(3);
    expect(applied[1]?.events.map((event) => event.movement)).toEqual([null, null, null]);
  });

  it("credits the owner the pool names, not who paid", () => {
    const balances = lastOf([initialize, [change("Mint", bob, 700n, ann)]]);
    expect(balances.get(`holder -60:60 ${bob}`)).toBe(700n);
    expect([...balances.keys()].some((key) => key.includes(ann))).toBe(false);
  });

  it("moves a position NFT's whole liquidity with its transfer", () => {
    const balances = lastOf([initialize, mintToken(1n, ann, 900n), [give(ann, bob, 1n)]]);
    expect([balances.get(`holder 1 ${ann}`), balances.get(`holder 1 ${bob}`)]).toEqual([0n, 900n]);
  });

  it("keeps what somebody else mints to the manager at the manager's address", () => {
    const balances = lastOf([
      initialize,
      mintToken(1n, ann, 900n),
      [change("Mint", MANAGER, 40n, ROUTER)],
      [poolSwap(940n)],
    ]);
    expect(balances.get(`holder -60:60 ${MANAGER}`)).toBe(40n);
    expect(balances.get(`holder 1 ${ann}`)).toBe(900n);
  });

  it("matches two mints of one transaction with their own tokens, newest first", () => {
    const nested = [
      change("Mint", MANAGER, 5n, MANAGER),
      change("Mint", MANAGER, 7n, MANAGER),
      give(ZERO, bob, 2n),
      token("IncreaseLiquidity", 2n, 7n),
      give(ZERO, ann, 1n),
      token("IncreaseLiquidity", 1n, 5n),
    ];
    const balances = lastOf([initialize, nested]);
    expect([balances.get(`holder 1 ${ann}`), balances.get(`holder 2 ${bob}`)]).toEqual([5n, 7n]);
  });

  it("drops what the manager says of tokens of pools that are not followed", () => {
    const foreign = [
      give(ZERO, ann, 77n),
      token("IncreaseLiquidity", 77n, 5n),
      give(ann, bob, 77n),
      token("DecreaseLiquidity", 77n, 5n),
    ];
    const applied = play([initialize, foreign]);
    expect([applied[1]?.events.length, applied[1]?.postings.length]).toEqual([0, 0]);
  });

  it("names tokens with their manager where a pool has several", () => {
    const other = addressOf(0xa4);
    const pools = (worldProgramme()["pools"] as Record<string, unknown>[]).map((pool) =>
      pool["protocol"] === "uniswap-v3" ? { ...pool, managers: [MANAGER, other] } : pool,
    );
    const applied = play([initialize, mintToken(1n, ann, 900n)], testProgramme({ pools }));
    expect(applied[1]?.events.at(-1)?.position).toBe(`${MANAGER}:1`);
  });
});

describe("a pair", () => {
  it("may mint to the zero address, as those do who give their liquidity up", () => {
    const first = [
      transfer(ZERO, ZERO, 1000n),
      transfer(ZERO, ZERO, 9000n),
      sync(10_000n, 10_000n),
      pairMint(10_000n, 10_000n),
    ];
    const later = [transfer(ZERO, ZERO, 500n), sync(10_500n, 10_500n), pairMint(500n, 500n)];
    expect(play([first, later]).map(({ postings }) => postings.length)).toEqual([4, 2]);
  });

  it("may burn to itself: what it pays never leaves it", () => {
    const burn = draft("pair", PAIR, "Burn", { sender: ROUTER, amount0: 1_000n, amount1: 1_000n, to: PAIR });
    const exit = [transfer(ann, PAIR, 1_000n), transfer(PAIR, ZERO, 1_000n), sync(10_000n, 10_000n), burn];
    expect(play([firstMint, exit]).length).toBe(2);
  });
});

describe("a random life", () => {
  it("keeps every posting balanced, every account above zero, and ends with the model's positions", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed);
      const world = new World();
      const applied = play(Array.from({ length: 150 }, () => world.transaction(random)));
      const balances = new Map<string, bigint>();
      for (const { postings, events } of applied) {
        expect(events.map((event) => event.logIndex)).toEqual(
          [...events.map((event) => event.logIndex)].sort((a, b) => a - b),
        );
        expect(postings.reduce((sum, { posting }) => sum + posting.delta, 0n)).toBe(0n);
        for (const { posting } of postings) {
          const { pool, kind, position, provider } = posting.account;
          const key = `${pool} ${position === "" ? "null" : position} ${provider}`;
          if (kind === "holder") balances.set(key, posting.balanceAfter);
          expect(kind === "issuance" || posting.balanceAfter >= 0n).toBe(true);
        }
      }
      const open = [...balances].filter(([, balance]) => balance > 0n).map(([key, balance]) => `${key} ${balance}`);
      expect(open.sort()).toEqual(world.openPositions());
    }
  });
});
