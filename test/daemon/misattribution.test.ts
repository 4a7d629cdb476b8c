import { describe, expect, it } from "vitest";
import stakerAbi from "../../abi/uniswap-v3-staker.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { amountsOf } from "../../src/core/amm/amounts.ts";
import { questionText } from "../../src/core/amm/contract-call.ts";
import { sqrtRatioAtTick } from "../../src/core/amm/ticks.ts";
import { toAddress } from "../../src/core/hex.ts";
import { compareProgramme } from "../../src/ledger/compare-programme.ts";
import { calculateUpTo } from "../../src/ledger/epochs.ts";
import { expectationsOf, stakersOf } from "../../src/ledger/expectations.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { accountsAt } from "../../src/store/queries/positions.ts";
import { codeOf } from "../support/code-of.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft, draft } from "../support/logs.ts";
import { Process, rangesOf } from "../support/process.ts";

const POOL = addressOf(0xe5);
const TOKENS = [addressOf(0xb1), addressOf(0xb2)] as const;
/** The thief's manager comes first, in whatever order they are asked. */
const [OTHERS, MANAGER, STAKER] = [addressOf(0xe6), addressOf(0xe7), addressOf(0xe8)];
const [ZERO, victim, thief, honest] = [addressOf(0), addressOf(0x1001), addressOf(0x1002), addressOf(0x1003)];
const E18 = 10n ** 18n;
const PRICE = { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 };
const RANGE = { tickLower: -60, tickUpper: 60 };

const amounts = (liquidity: bigint) => {
  const [amount0, amount1] = amountsOf(liquidity, RANGE, PRICE, "up");
  return { amount0, amount1 };
};
/** What the pool logs of liquidity that a manager mints, and what the manager logs of it. */
const minted = (liquidity: bigint, manager: string = MANAGER) =>
  draft("pool", POOL, "Mint", { sender: manager, owner: manager, ...RANGE, amount: liquidity, ...amounts(liquidity) });
const increased = (tokenId: bigint, liquidity: bigint, manager: string = MANAGER) =>
  draft("manager", manager, "IncreaseLiquidity", { tokenId, liquidity, ...amounts(liquidity) });

function mint(manager: string, owner: string, tokenId: bigint, liquidity: bigint, between: readonly Draft[] = []) {
  return [
    minted(liquidity, manager),
    sent(manager, ZERO, owner, tokenId),
    ...between,
    increased(tokenId, liquidity, manager),
  ];
}

const sent = (manager: string, from: string, to: string, tokenId: bigint) =>
  draft("manager", manager, "Transfer", { from, to, tokenId });
const deposited = (tokenId: bigint, newOwner: string) =>
  encodeLog(stakerAbi, STAKER, "DepositTransferred", { tokenId, oldOwner: ZERO, newOwner });

/** A log of a contract that nobody follows. */
const NOT_HEARD: Draft = { address: addressOf(0xdead), topics: [`0x${"d".repeat(64)}`], data: "0x" };

const programme = parseProgramme(
  {
    chainId: 31337,
    quote: { symbol: "USD" },
    finality: { fallbackDepth: 0, minDepth: 0 },
    pools: [
      {
        protocol: "uniswap-v3",
        address: POOL,
        tokens: TOKENS.map((address, i) => ({ address, symbol: `T${i}`, decimals: 18 })),
        startBlock: 1,
        managers: [OTHERS, MANAGER],
      },
    ],
    wrappers: [{ kind: "uniswap-v3-staker", address: STAKER, manager: MANAGER }],
    prices: { [TOKENS[0]]: { fixed: "1" }, [TOKENS[1]]: { fixed: "1" } },
    schedule: { start: "2026-01-01", days: 1 },
    tiers: { minimum: "0", levels: [{ week: 1, multiplierBp: 10_000 }] },
    rewards: {
      tokens: [{ address: addressOf(0xcc), symbol: "RWD", decimals: 6, budget: "1" }],
      epochs: { days: 1 },
    },
  },
  "two position managers and a staker",
);

/** What everybody gets of an epoch's million base units, after what happened in its first hours. */
function paidFor(transactions: readonly (readonly Draft[])[]) {
  const process = new Process(programme);
  const quiet = Array.from({ length: 12 }, () => []);
  process.keeper.commitAll(rangesOf([[draft("pool", POOL, "Initialize", PRICE)], ...transactions, ...quiet]));
  const { store } = process;
  store.write(() => {
    for (const key of ["final_block", "settled_block"] as const)
      store.config.set(key, store.blocks.tip()?.number ?? 0, store.nowIso());
  });
  const [epoch] = calculateUpTo(store, rewardingOf(programme), 1);
  const paid = new Map((epoch?.rewards[0] ?? []).map(({ provider, amount }) => [provider, amount]));
  return { store, shareOf: (who: string) => Number(paid.get(toAddress(who)) ?? 0n) };
}

describe("a position NFT", () => {
  it("in a staker counts for who deposited it, whatever token of that number another manager has there", () => {
    // The thief's token number 1 is dust and lies in the staker without its knowing; the victim's number 1 is two
    // thirds of the pool. Read in whichever manager had a number 1 first, the victim got nothing of the epoch, and the
    // others all of it.
    const { store, shareOf } = paidFor([
      mint(OTHERS, thief, 1n, 1_000_000n),
      [sent(OTHERS, thief, STAKER, 1n)],
      mint(MANAGER, victim, 1n, 2n * E18),
      [sent(MANAGER, victim, STAKER, 1n), deposited(1n, victim)],
      mint(OTHERS, honest, 2n, E18),
    ]);
    expect(shareOf(thief)).toBe(0);
    // 2e18 for 50,400 s beside 1e18 for 32,400 s: blocks are 9,000 s apart.
    expect(shareOf(victim) / 1e6).toBeCloseTo(100_800 / 133_200, 4);
    expect(shareOf(victim) + shareOf(honest)).toBe(1e6);
    const [pool] = programme.pools;
    if (pool === undefined) throw new Error("no pool");
    const asked = expectationsOf(store, pool, accountsAt(store.db, 20), 20, stakersOf(programme));
    const deposits = asked.filter(({ question }) => question.kind === "staked-for");
    expect(deposits.map(({ question, expected }) => [questionText(question), expected])).toEqual([
      [`${STAKER} deposits(1).owner`, victim],
    ]);
  });

  it("in a staker of a ledger that did not know its manager may get one, where no deposit was taken for another's token", () => {
    const { store } = paidFor([
      mint(MANAGER, victim, 1n, E18),
      [sent(MANAGER, victim, STAKER, 1n), deposited(1n, victim)],
    ]);
    const stored = store.config.get("programme") as { wrappers: { manager?: string }[] };
    for (const wrapper of stored.wrappers) delete wrapper.manager;
    store.write(() => store.config.set("programme", stored, store.nowIso()));
    expect(compareProgramme(store, programme).kind).toBe("same");
    const other = {
      ...programme,
      wrappers: programme.wrappers.map((each) => ({ ...each, manager: toAddress(OTHERS) })),
    };
    expect(codeOf(() => compareProgramme(store, other))).toBe("PROGRAMME_CHANGED");
  });

  it("that is transferred before its liquidity is logged counts for who got it", () => {
    const moved = [sent(MANAGER, thief, victim, 1n)];
    const { shareOf } = paidFor([mint(MANAGER, thief, 1n, 2n * E18, moved), mint(MANAGER, honest, 2n, 2n * E18)]);
    expect(shareOf(thief)).toBe(0);
    expect(shareOf(victim) / 1e6).toBeCloseTo(68_400 / 127_800, 4);
  });

  // A manager that calls out before it logs lets the caller do anything in between, also with tokens of pools that
  // nobody follows: of those only the manager's own logs are heard.
  it.each([2n * E18, 5n])(
    "keeps its liquidity from one of another pool that is minted in between, of %i units of liquidity",
    (liquidity) => {
      // The victim buys the token. Of as much liquidity, the foreign one took all of it: thief 575,756, victim nothing.
      // Of any other, the ledger stopped for good.
      const foreign = [sent(MANAGER, ZERO, thief, 2n), increased(2n, liquidity)];
      const { shareOf } = paidFor([
        // The foreign pool's own log lies before its token's.
        mint(MANAGER, thief, 1n, 2n * E18, [NOT_HEARD, ...foreign]),
        [sent(MANAGER, thief, victim, 1n)],
        mint(MANAGER, honest, 3n, 2n * E18),
      ]);
      expect(shareOf(thief) / 1e6).toBeCloseTo(9_000 / 118_800, 4);
      expect(shareOf(victim) / 1e6).toBeCloseTo(59_400 / 118_800, 4);
    },
  );

  it.each([E18, 5n])(
    "keeps what is added to it from one of another pool that is minted or added to in between, of %i units",
    (liquidity) => {
      const { store } = paidFor([
        [NOT_HEARD, sent(MANAGER, ZERO, thief, 4n), increased(4n, 7n)],
        mint(MANAGER, victim, 1n, E18, [increased(4n, liquidity)]),
        [minted(E18), NOT_HEARD, sent(MANAGER, ZERO, thief, 2n), increased(2n, liquidity), increased(1n, E18)],
        [minted(E18), increased(4n, liquidity), increased(1n, E18)],
      ]);
      const held = accountsAt(store.db, 20).filter(({ kind, balance }) => kind === "holder" && balance > 0n);
      expect(held.map(({ provider, balance }) => [provider, balance])).toEqual([[victim, 3n * E18]]);
    },
  );

  it("may be added to before its own mint is logged, or another one be minted before what is added is logged", () => {
    const L = E18;
    const { store } = paidFor([
      [minted(L), sent(MANAGER, ZERO, victim, 1n), minted(2n * L), increased(1n, 2n * L), increased(1n, L)],
      [minted(L), sent(MANAGER, ZERO, thief, 5n), increased(1n, L)],
    ]);
    const held = accountsAt(store.db, 20).filter(({ kind, balance }) => kind === "holder" && balance > 0n);
    expect(held.map(({ provider, balance }) => [provider, balance])).toEqual([[victim, 4n * L]]);
  });

  it("that is staked before its liquidity is logged counts for who staked it", () => {
    const staked = [sent(MANAGER, victim, STAKER, 1n), deposited(1n, victim)];
    const { shareOf } = paidFor([mint(MANAGER, victim, 1n, 2n * E18, staked), mint(MANAGER, honest, 2n, 2n * E18)]);
    expect(shareOf(victim) / 1e6).toBeCloseTo(68_400 / 127_800, 4);
    expect(shareOf(victim) + shareOf(honest)).toBe(1e6);
  });
});
