import type { Hex } from "viem";
import { describe, expect, it } from "vitest";
import { ARTIFACTS, Contract, compiled, deploy } from "../../demo/contracts.ts";
import { programmeOf, UINT_MAX } from "../../demo/stage.ts";
import { ContractReader } from "../../src/chain/contracts/contract-reader.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { parseProgramme } from "../../src/config.ts";
import { toAddress } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { verify } from "../../src/daemon/verify.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptRules } from "../../src/ledger/compare-programme.ts";
import { withDiscovered } from "../../src/ledger/followed-pools.ts";
import { replay } from "../../src/ledger/replay.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import type { Store } from "../../src/store/store.ts";
import { liveChain } from "../support/anvil.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { chainPort, stillClock } from "../support/port.ts";
import { takenUp } from "../support/take-up.ts";

const E18 = 10n ** 18n;
const { signal } = new AbortController();
interface Played {
  readonly factory: string;
  /** Of the hooked token and token 0, each broken in its own way. */
  readonly gifted: Contract;
  readonly robbed: Contract;
  readonly hook: readonly [string, string];
  readonly stakers: { readonly lies: Contract; readonly drained: Contract; readonly taxed: Contract };
  readonly oldPool: Contract;
  readonly oldShares: string;
  readonly oldBlock: number;
  /** What each attack took, with all that it needs. */
  readonly gas: Readonly<Record<string, number>>;
}
let played: Played;

// Whatever mallory does costs it some gas. Ann and bob provide all the while.
const live = liveChain(9, async (life) => {
  const { stage } = life;
  const { anvil, pair, tokens, owner } = stage;
  const [ann, bob, , mallory] = stage.actors as readonly [Hex, Hex, Hex, Hex];
  const gas: Record<string, number> = {};
  /** In one block, all of which must succeed, and count as one attack. */
  const attack = async (name: string, txs: Parameters<typeof life.must>[1]): Promise<void> => {
    await life.must(600, txs);
    const receipts = (await anvil.rpc("eth_getBlockReceipts", ["latest"])) as { readonly gasUsed: Hex }[];
    gas[name] = (gas[name] ?? 0) + receipts.reduce((sum, { gasUsed }) => sum + Number(gasUsed), 0);
  };
  const make = async (
    name: string,
    artifact: ReturnType<typeof compiled>,
    args: readonly unknown[],
    from = mallory,
  ): Promise<Contract> => {
    await life.block(60, []);
    const made = await deploy(anvil, life.nowSec + 1, from, artifact, args);
    const [receipt] = (await anvil.rpc("eth_getBlockReceipts", ["latest"])) as { readonly gasUsed: Hex }[];
    gas[name] = (gas[name] ?? 0) + Number(receipt?.gasUsed);
    return made;
  };
  const support = (file: string, name: string) => compiled(new URL(`../support/${file}.sol`, import.meta.url), name);
  await life.prelude();

  const factory = new Contract(anvil, ARTIFACTS.pairFactory().abi, String(await pair.read("factory")) as Hex);
  const hooked = async (name: string, given: bigint, taken: bigint): Promise<readonly [Contract, Contract]> => {
    const token = await make(name, support("Hooked", "Hooked"), [10n ** 30n]);
    await attack(name, [factory.tx(mallory, "createPair", [token.address, tokens[0].address])]);
    const at = String(await factory.read("getPair", [token.address, tokens[0].address])) as Hex;
    const own = new Contract(anvil, ARTIFACTS.pair().abi, at);
    await attack(name, [
      token.tx(mallory, "transfer", [at, 1_000_000n]),
      tokens[0].tx(mallory, "transfer", [at, 1_000_000n]),
    ]);
    await attack(name, [own.tx(mallory, "mint", [mallory])]);
    await attack(name, [token.tx(mallory, "arm", [at, given, taken])]);
    return [token, own];
  };
  const [hook0, gifted] = await hooked("a hook that gives", 900_000n, 0n);
  await attack("a hook that gives", [gifted.tx(mallory, "transfer", [gifted.address, 5_000n])]);
  await attack("a hook that gives", [gifted.tx(mallory, "burn", [mallory])]);
  const [hook1, robbed] = await hooked("a token that takes extra", 0n, 3n);
  await attack("a token that takes extra", [tokens[0].tx(mallory, "transfer", [robbed.address, 500_000n])]);
  const isFirst = hook1.address < tokens[0].address;
  await attack("a token that takes extra", [
    robbed.tx(mallory, "swap", [isFirst ? 1_000n : 0n, isFirst ? 0n : 1_000n, mallory, "0x"]),
  ]);

  const lies = await make("staking", support("Staker", "Staker"), [pair.address, 0n], owner);
  const drained = await make("staking", support("Staker", "Staker"), [pair.address, 0n], owner);
  const taxed = await make("staking", support("Staker", "Staker"), [pair.address, 30n], owner);
  const stakers = { lies, drained, taxed };
  await life.must(
    60,
    [ann, bob].map((who) => life.addShares(who, 1_000n * E18)),
  );
  for (const each of Object.values(stakers))
    await life.must(
      60,
      [ann, bob].map((who) => pair.tx(who, "approve", [each.address, UINT_MAX])),
    );
  await life.must(
    600,
    [lies, drained].flatMap((each) => [each.tx(ann, "stake", [100n * E18]), each.tx(bob, "stake", [50n * E18])]),
  );
  await attack("a claim on nothing", [lies.tx(mallory, "claim", [mallory, 10n ** 30n])]);
  await life.must(600, [lies.tx(bob, "withdraw", [20n * E18])]);
  await attack("an insolvent wrapper", [drained.tx(owner, "drain", [120n * E18])]);
  await life.must(600, [taxed.tx(ann, "stake", [10n * E18])]);
  await life.must(600, [life.addShares(bob, 10n * E18), life.swapPair(ann, 5n * E18, true)]);

  const oldPool = await make("old pool", support("OldPool", "OldPool"), [], owner);
  const oldBlock = await anvil.blockNumber();
  const oldShares = String(await oldPool.read("shares")).toLowerCase();
  await life.must(60, [
    { from: ann, to: oldPool.address, data: oldPool.data("add_liquidity", []), value: "0xde0b6b3a7640000" },
  ]);
  const caller = await make("caller", support("OldPool", "Caller"), [oldPool.address]);
  await anvil.rpc("anvil_setBalance", [caller.address, "0x10"]);
  await attack("a transfer of nothing in the payment's callback", [caller.tx(mallory, "attack", [])]);
  await life.must(600, [oldPool.tx(ann, "remove_liquidity", [E18 / 4n])]);
  await life.must(90_000, [life.addShares(ann, 10n * E18)]);
  const hook = [hook0.address, hook1.address] as const;
  played = { factory: factory.address, gifted, robbed, hook, stakers, oldPool, oldShares, oldBlock, gas };
});

/** The stage's programme, and more. */
function programme(more: object = {}, pools: readonly object[] = []): Programme {
  const stage = programmeOf(live().stage) as { readonly pools: readonly object[] };
  return parseProgramme({ ...stage, ...more, pools: [...stage.pools, ...pools] }, "the attacked programme");
}

async function followed(whole: Programme): Promise<Store> {
  const { store, ...ledger } = new TestLedger(live().fetch, { programme: whole });
  for (let i = 0; i < 6; i++)
    await TestLedger.prototype.step.call(
      { store, ...ledger },
      { settle: { blocksMin: 1, rangesMax: 50 }, quarantine: true },
    );
  expect(store.blocks.tip()?.number).toBe(await live().anvil.blockNumber());
  return store;
}

/** Asks the contracts about everything that is not in quarantine. */
async function requireTrue(store: Store, whole: Programme): Promise<void> {
  const { anvil, fetch } = live();
  const rpc = new Rpc({
    id: "rpc-1",
    url: anvil.url,
    fetch,
    clock: stillClock,
    timeoutMs: 10_000,
    bodyBytesMax: 2 ** 26,
  });
  const [reader, port] = [new ContractReader(rpc), chainPort(fetch, withDiscovered(store, whole))];
  const asked = { blocksAt: port.blocksAt.bind(port), ask: reader.call.bind(reader) };
  const { differences, questionsAsked } = await verify(
    store,
    new Bookkeeper(store, whole, sha256).programme,
    asked,
    undefined,
    signal,
  );
  expect(differences).toEqual([]);
  expect(questionsAsked).toBeGreaterThan(20);
}

const stopped = (store: Store) =>
  store.quarantines.all().map(({ pool, wrapper, finding }) => [pool, wrapper, finding.identity]);

describe("whoever makes a token that a factory's pool holds", () => {
  const withFactory = (more: object = {}): Programme => {
    const { stage } = live();
    const tokens = [{ address: stage.tokens[0].address, symbol: "A", decimals: 18 }];
    const factory = {
      protocol: "uniswap-v2",
      address: played.factory,
      startBlock: stage.startBlocks.pair,
      tokens,
      match: "either",
    };
    return programme({ factories: [{ ...factory, ...more }] });
  };

  it("stops its own pools alone, and each goes on by a caveat", async () => {
    const { gifted, robbed } = played;
    const [whole, of] = [withFactory(), [gifted.address, robbed.address]];
    const store = await followed(whole);
    const expected = [
      [gifted.address, null, "V2-4"],
      [robbed.address, null, "V2-2"],
    ].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    expect(stopped(store)).toEqual(expected);
    await requireTrue(store, whole);
    const caveats = withFactory({ poolCaveats: Object.fromEntries(of.map((each) => [each, ["fee-on-transfer"]])) });
    for (const each of of)
      store.write(() => {
        adoptRules(store, caveats, sha256);
        expect(replay(store, caveats, sha256, toAddress(each), "its token does what it likes")).toMatchObject({
          again: undefined,
        });
      });
    expect(stopped(store)).toEqual([]);
    await requireTrue(store, caveats);
  });
});

describe("whoever runs a wrapper", () => {
  const withWrapper = (wrapper?: string): Programme => {
    const { pair } = live().stage;
    const entry = { kind: "staking-rewards", address: wrapper, pool: pair.address };
    return programme(wrapper === undefined ? {} : { wrappers: [entry] });
  };

  it.each(["lies", "drained", "taxed"] as const)(
    "and %s stops that wrapper alone; dropped, its pool is whole",
    async (which) => {
      const { stakers } = played;
      const { pair } = live().stage;
      const wrapper = stakers[which].address;
      const store = await followed(withWrapper(wrapper));
      expect(stopped(store)).toEqual([[pair.address, wrapper, "W-1"]]);
      await requireTrue(store, withWrapper(wrapper));
      const order = { kind: "refetch", pool: toAddress(pair.address), wrapper: toAddress(wrapper) } as const;
      store.write(() => store.refetches.order(order, "its logs claim what it does not hold", store.nowIso()));
      await takenUp(store, { fetch: live().fetch }, withWrapper(), `${temporaryFolder()}/ledger.sqlite`);
      expect(stopped(store)).toEqual([]);
      await requireTrue(store, withWrapper());
      const straight = await followed(withWrapper());
      expect(store.blocks.tip()?.stateDigest).toBe(straight.blocks.tip()?.stateDigest);
    },
  );
});

it("who is paid by an old Curve pool stops nothing by a transfer of nothing", async () => {
  const { oldPool, oldShares, oldBlock } = played;
  const tokens = [0, 1].map((i) => ({ address: `0x${"e".repeat(39)}${i}`, symbol: `E${i}`, decimals: 18 }));
  const whole = programme({}, [
    { protocol: "curve", address: oldPool.address, shareToken: oldShares, tokens, startBlock: oldBlock },
  ]);
  const store = await followed(whole);
  expect(stopped(store)).toEqual([]);
  await requireTrue(store, whole);
});

it("costs what the documentation says", () => {
  const most = {
    "a claim on nothing": 24_000,
    "an insolvent wrapper": 55_000,
    "a transfer of nothing in the payment's callback": 94_000,
    "a hook that gives": 3_600_000,
    "a token that takes extra": 3_600_000,
  };
  for (const [name, gas] of Object.entries(most)) {
    expect(played.gas[name]).toBeLessThanOrEqual(gas);
    expect(played.gas[name]).toBeGreaterThan(gas * 0.9);
  }
});
