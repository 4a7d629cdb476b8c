import { describe, expect, it } from "vitest";
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import erc4626Abi from "../../abi/erc4626.json" with { type: "json" };
import { parseProgramme } from "../../src/config.ts";
import { type Address, toAddress } from "../../src/core/hex.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { finalise, requireSame } from "../../src/ledger/epochs.ts";
import { leaveOutUpTo } from "../../src/ledger/leave-out.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { DayRevaluation } from "../../src/ledger/revalue-days.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { Process, rangesOf } from "../support/process.ts";

const [ZERO, SHARE, VAULT, ASSET, OTHER, ann, eve] = [0, 0xf1, 0xf3, 0xf2, 0xf4, 0x1001, 0x1002].map(addressOf) as [
  `0x${string}`,
  ...`0x${string}`[],
] as `0x${string}`[];
const E18 = 10n ** 18n;
const DAY_SEC = 1_767_225_600;
const token = (address: string | undefined, symbol: string) => ({ address, symbol, decimals: 18 });

function programmeOf(prices: object = {}, caveats: readonly string[] = []) {
  return parseProgramme(
    {
      chainId: 31337,
      quote: { symbol: "USD" },
      finality: { fallbackDepth: 0, minDepth: 0 },
      pools: [
        { protocol: "erc20", address: SHARE, startBlock: 1, tokens: [token(SHARE, "S")] },
        { protocol: "erc4626", address: VAULT, startBlock: 1, tokens: [token(ASSET, "A")], caveats },
        { protocol: "erc20", address: OTHER, startBlock: 1, tokens: [token(OTHER, "O")] },
      ],
      prices: {
        [SHARE ?? ""]: { fixed: "1" },
        [ASSET ?? ""]: { fixed: "2" },
        [OTHER ?? ""]: { imported: true },
        ...prices,
      },
      schedule: { start: "2026-01-01", days: 2 },
      tiers: { minimum: "0", levels: [{ week: 1, multiplierBp: 10_000 }] },
      rewards: { tokens: [{ ...token(addressOf(0xcc), "RWD"), budget: "100" }], epochs: { days: 2 } },
    },
    "a programme with a vault that nobody sampled",
  );
}
const programme = programmeOf();
const rewarding = rewardingOf(programme);

const minted = (of: string, to: string, value: bigint): Draft =>
  encodeLog(erc20Abi, of, "Transfer", { from: ZERO ?? "", to, value });
const deposited = (owner: string, assets: bigint): readonly Draft[] => [
  minted(VAULT ?? "", owner, assets),
  encodeLog(erc4626Abi, VAULT ?? "", "Deposit", { sender: owner, owner, assets, shares: assets }),
];

const redeemed = (owner: string, assets: bigint, shares: bigint): readonly Draft[] => [
  encodeLog(erc20Abi, VAULT ?? "", "Transfer", { from: owner, to: ZERO ?? "", value: shares }),
  encodeLog(erc4626Abi, VAULT ?? "", "Withdraw", { sender: owner, receiver: owner, owner, assets, shares }),
];

/** Two days, over, final and settled, with ann's 1,000 dollars and what else goes in with the first block. */
const followed = (...more: readonly Draft[]): Process => followedBy(programme, ...more);

function followedBy(by: typeof programme, ...more: readonly Draft[]): Process {
  const process = new Process(by);
  const { store } = process;
  const first = [minted(SHARE ?? "", ann ?? "", 1_000n * E18), ...more];
  process.keeper.commitAll(rangesOf([first, ...Array.from({ length: 22 }, () => [])]));
  store.write(() => {
    for (const key of ["final_block", "settled_block"] as const) store.config.set(key, 23, store.nowIso());
  });
  return process;
}

const why = ({ store }: Process) => waitingFor(store, rewarding.rewards, rewarding.rewards.epochs[0] as never)?.code;
const leave = ({ store }: Process, ...asked: readonly string[]) =>
  store.write(() => leaveOutUpTo(store, programme, rewarding, 1, new Set(asked as Address[])));
const final = ({ store }: Process) => store.write(() => finalise(store, rewarding, sha256, 1)).epoch;
const paidTo = ({ store }: Process) =>
  store.db.prepare("select provider_address as who, reward_amount as amount from rewards order by 1").all();

describe("one unit in a vault that nobody sampled", () => {
  it("holds up nobody: it is worth next to nothing, counts nothing, and that is said", () => {
    const process = followed(...deposited(eve ?? "", 1n));
    expect(why(process)).toBe("EPOCH_UNPRICED"); // As it was, for ever, for all pools.
    expect(leave(process)).toMatchObject([
      {
        date: "2026-01-01",
        pool: VAULT,
        provider: eve,
        reason: "negligible",
        note: "by its logs all of them are worth at most 0.000001",
      },
      { date: "2026-01-02", pool: VAULT, reason: "negligible" },
    ]);
    expect(why(process)).toBeUndefined();
    const epoch = final(process);
    expect(paidTo(process)).toEqual([{ who: ann, amount: `${100n * E18}` }]);
    const { store } = process;
    store.write(() => rebuild(store, programme, sha256));
    expect(() => requireSame(store, rewarding, sha256, epoch)).not.toThrow();
    expect(store.findings.open()).toEqual([]);
  });

  it("is waited for where it may be worth more than a basis point of the epoch", () => {
    // Each of them is too small to tell a value; together they may be worth a dollar of a thousand, ten basis points.
    const many = Array.from({ length: 100 }, () => deposited(eve ?? "", 999_999n)).flat();
    const process = followed(...many);
    const { store } = process;
    store.db.exec(`update token_prices set price = '10000000000' where token_address = '${ASSET}'`);
    expect(leave(process)).toEqual([]);
    expect(why(process)).toBe("EPOCH_UNPRICED");
    // An operator that names it goes on without it.
    expect(leave(process, VAULT ?? "")).toMatchObject([{ reason: "operator" }, { reason: "operator" }]);
    expect(why(process)).toBeUndefined();
  });
});

describe("a share of which no bound is known", () => {
  it("is named, and left out only where somebody says so", () => {
    const process = followed(minted(OTHER ?? "", eve ?? "", 1n));
    expect(leave(process)).toEqual([]);
    const waiting = waitingFor(process.store, rewarding.rewards, rewarding.rewards.epochs[0] as never);
    expect(waiting?.message).toContain(`in pool ${OTHER}`);
    expect(waiting?.hint).toContain("--leave-out POOL");
    expect(leave(process, OTHER ?? "")).toMatchObject([{ note: "no bound is known" }, {}]);
    final(process);
    expect(paidTo(process)).toEqual([{ who: ann, amount: `${100n * E18}` }]);
  });

  it("counts again in what is not final once it is priced, and not in what is", () => {
    const [open, closed] = [
      followed(minted(OTHER ?? "", eve ?? "", E18)),
      followed(minted(OTHER ?? "", eve ?? "", E18)),
    ];
    // A price of long ago bounds it.
    for (const { store } of [open, closed]) {
      const old = { token: toAddress(OTHER ?? ""), priceE18: 10n ** 9n, source: "import" };
      store.days.insertPrices("2025-12-31" as never, new Map([[old.token, old]]), store.nowIso());
    }
    for (const each of [open, closed]) expect(leave(each)).toHaveLength(2);
    final(closed);
    const paid = paidTo(closed);
    for (const { store } of [open, closed]) {
      for (const date of ["2026-01-01", "2026-01-02"] as const)
        store.prices.add(
          {
            kind: "imported",
            token: toAddress(OTHER ?? ""),
            date: date as never,
            priceE18: 1_000n * E18,
            source: "import",
          },
          store.nowIso(),
        );
      new DayRevaluation(store).tick(programme);
    }
    final(open);
    const half = { amount: `${50n * E18}` };
    expect(paidTo(open)).toMatchObject([half, half]);
    expect(paidTo(closed)).toEqual(paid);
    const [epoch] = closed.store.rewards.epochs();
    expect(() => requireSame(closed.store, rewarding, sha256, epoch as never)).not.toThrow();
  });
});

describe("dust that nobody can value", () => {
  const [S, O] = [SHARE, OTHER] as [string, string];

  it("does not take away what is known of others in the same pool, nor does it after the day was closed again", () => {
    // Bob's part of the pool is of a token that has a price, eve's of one that has none.
    const process = followed(minted(O, eve ?? "", 1n));
    const { store } = process;
    store.db.exec(
      `insert into daily_balances
         select '${addressOf(0x1003)}', date, pool_address, protocol, 500000000, token_amounts, token_seconds, liquidity_seconds, seconds_open, seconds_in_range, in_range_token_seconds, in_range_amount
         from daily_balances where provider_address = '${eve}' and pool_address = '${O}'`,
    );
    // A price of long ago bounds it.
    const old = { token: toAddress(O), priceE18: 10n ** 9n, source: "import" };
    store.days.insertPrices("2025-12-31" as never, new Map([[old.token, old]]), store.nowIso());
    expect(leave(process).map(({ provider }) => provider)).toEqual([eve, eve]);
    const valued = store.tiers.valuesOf("2026-01-02" as never, []);
    expect(valued.map(({ provider, value }) => [provider, value])).toEqual([
      [ann, 1_000_000_000n],
      [eve, 0n],
      [addressOf(0x1003), 500_000_000n],
    ]);
  });

  it("counts after all where its day is closed again with a price, as long as no epoch is final", () => {
    const process = followed(minted(O, eve ?? "", E18));
    const { store } = process;
    const old = { token: toAddress(O), priceE18: 10n ** 9n, source: "import" };
    store.days.insertPrices("2025-12-31" as never, new Map([[old.token, old]]), store.nowIso());
    expect(leave(process)).toHaveLength(2);
    const priced = programmeOf({ [O]: { fixed: "1000" } });
    store.write(() => {
      store.prices.forgetAfter("2025-12-31");
      rebuild(store, priced, sha256);
    });
    expect(store.leftOut.between("2026-01-01" as never, "2026-01-03" as never)).toEqual([]);
    const values = store.tiers.valuesOf("2026-01-02" as never, []);
    expect(values.map(({ value }) => value)).toEqual([1_000_000_000n, 1_000_000_000n]);
  });

  it("does not take away what else is known of those it is sent to, by which it is measured", () => {
    const process = followed(...deposited(ann ?? "", 1n));
    expect(leave(process)).toMatchObject([{ pool: VAULT, provider: ann }, { pool: VAULT }]);
    final(process);
    expect(paidTo(process)).toEqual([{ who: ann, amount: `${100n * E18}` }]);
  });

  it("has a bound only where the vault's logs tell all that is in it", () => {
    const most = (...drafts: readonly Draft[]) =>
      followed(...drafts).store.leftOut.mostDeposited(toAddress(VAULT), {
        startSec: DAY_SEC,
        endSec: DAY_SEC + 86_400,
      });
    expect(most(...deposited(eve ?? "", 900_000n), ...redeemed(eve ?? "", 800_000n, 800_000n))).toBe(900_000n);
    expect(most(...deposited(eve ?? "", 900_000n), ...redeemed(eve ?? "", 950_000n, 800_000n))).toBeUndefined();
    // Shares that come without a log of the vault's may be worth anything.
    const flows = programmeOf({}, ["other-share-flow"]);
    const process = followedBy(flows, minted(VAULT ?? "", eve ?? "", 1_000_000n * E18));
    const left = process.store.write(() => leaveOutUpTo(process.store, flows, rewardingOf(flows), 1, new Set()));
    expect(left).toEqual([]);
  });

  it("cannot be made to look large by what went in and out again", () => {
    const out = (owner: string, assets: bigint) => redeemed(owner, assets, assets);
    const many = Array.from({ length: 60 }, () => [
      ...deposited(eve ?? "", 999_999n),
      ...out(eve ?? "", 999_999n),
    ]).flat();
    const process = followed(...deposited(eve ?? "", 1n), ...many);
    process.store.db.exec(`update token_prices set price = '10000000000' where token_address = '${ASSET}'`);
    expect(leave(process)).toHaveLength(2);
    expect(S).not.toBe(O);
  });
});

describe("an account that is worth more than any sum can hold", () => {
  it("holds up nobody else's epoch, and counts nothing itself", () => {
    const process = followed(minted(SHARE ?? "", eve ?? "", 10n ** 40n));
    expect(why(process)).toBe("EPOCH_UNPRICED");
    expect(leave(process)).toMatchObject([
      { date: "2026-01-01", pool: SHARE, provider: eve, reason: "too-large" },
      { date: "2026-01-02", provider: eve },
    ]);
    final(process);
    expect(paidTo(process)).toMatchObject([{ who: ann, amount: `${100n * E18}` }]);
  });

  it("nor does one that is so over several pools, each of which is valued", () => {
    const most = 6_000_000_000n * E18;
    const process = followed(minted(SHARE ?? "", eve ?? "", most), ...deposited(eve ?? "", most / 2n));
    expect(why(process)).toBe("EPOCH_UNPRICED");
    expect(leave(process).filter(({ date }) => date === "2026-01-02")).toMatchObject([
      { pool: SHARE, provider: eve, reason: "too-large" },
      { pool: VAULT, provider: eve, reason: "too-large" },
    ]);
    final(process);
    expect(paidTo(process)).toMatchObject([{ who: ann, amount: `${100n * E18}` }]);
  });
});
