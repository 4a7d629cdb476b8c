import { encodeAbiParameters, encodePacked, type Hex, keccak256 } from "viem";
import type { Tx } from "./anvil.ts";
import { ARTIFACTS, Contract, deploy, permit2 } from "./contracts.ts";
import type { Life } from "./life.ts";
import { programmeOf, SQRT_PRICE_ONE, type Stage, UINT_MAX } from "./stage.ts";

const ZERO: Hex = `0x${"0".repeat(40)}`;
const E18 = 10n ** 18n;
const UINT128_MAX = (1n << 128n) - 1n;
const UINT160_MAX = (1n << 160n) - 1n;
const UINT48_MAX = 2 ** 48 - 1;
const SQRT_MIN = 4_295_128_740n;
const KEY = [
  {
    type: "tuple",
    components: [
      { name: "currency0", type: "address" },
      { name: "currency1", type: "address" },
      { name: "fee", type: "uint24" },
      { name: "tickSpacing", type: "int24" },
      { name: "hooks", type: "address" },
    ],
  },
] as const;
/** The position manager's actions (v4-periphery, Actions). */
const ACTION = {
  increase: 0,
  decrease: 1,
  mint: 2,
  burn: 3,
  settlePair: 13,
  takePair: 17,
  closeCurrency: 18,
  sweep: 20,
};

export interface PoolKey {
  readonly currency0: Hex;
  readonly currency1: Hex;
  readonly fee: number;
  readonly tickSpacing: number;
  readonly hooks: Hex;
}

/**
 * What stands beside the stage: Uniswap V4 with two pools, one of the chain's own coin, and two contracts that hold
 * liquidity for others.
 */
export interface Annex {
  readonly poolManager: Contract;
  readonly positions: Contract;
  readonly swaps: Contract;
  readonly direct: Contract;
  readonly keys: readonly [PoolKey, PoolKey];
  readonly startBlocks: readonly [number, number];
  readonly staking: Contract;
  readonly staker: Contract;
}

export function poolId(key: PoolKey): Hex {
  return keccak256(encodeAbiParameters(KEY, [key]));
}

/** Deploys the annex, one block each second. */
export async function setAnnex(stage: Stage, timestampSec: number): Promise<Annex> {
  const { anvil, owner, actors, tokens, pair, manager } = stage;
  let now = timestampSec;
  const make = (artifact: Parameters<typeof deploy>[3], args: readonly unknown[] = []): Promise<Contract> =>
    deploy(anvil, now++, owner, artifact, args);
  const must = async (txs: readonly Tx[]): Promise<number> => {
    const receipts = await anvil.mine(now++, txs);
    if (receipts.some((receipt) => receipt.status !== "0x1")) throw new Error("the annex could not be set");
    return Number(receipts[0]?.blockNumber);
  };
  const { address: permit, code } = permit2();
  await anvil.rpc("anvil_setCode", [permit, code]);
  const poolManager = await make(ARTIFACTS.poolManager(), [owner]);
  const positions = await make(ARTIFACTS.positionManager(), [poolManager.address, permit, 100_000n, ZERO, ZERO]);
  const swaps = await make(ARTIFACTS.singletonSwaps(), [poolManager.address]);
  const direct = await make(ARTIFACTS.singletonPositions(), [poolManager.address]);
  const [a, b, c] = tokens;
  const keys = [
    { currency0: a.address, currency1: b.address, fee: 3000, tickSpacing: 60, hooks: ZERO },
    { currency0: ZERO, currency1: a.address, fee: 500, tickSpacing: 10, hooks: ZERO },
  ] as const;
  const startBlocks = [
    await must([poolManager.tx(owner, "initialize", [keys[0], SQRT_PRICE_ONE])]),
    await must([poolManager.tx(owner, "initialize", [keys[1], SQRT_PRICE_ONE])]),
  ] as const;
  const permits = new Contract(
    anvil,
    [
      {
        type: "function",
        name: "approve",
        stateMutability: "nonpayable",
        inputs: [
          { name: "token", type: "address" },
          { name: "spender", type: "address" },
          { name: "amount", type: "uint160" },
          { name: "expiration", type: "uint48" },
        ],
        outputs: [],
      },
    ],
    permit,
  );
  for (const token of [a, b])
    await must(
      actors.flatMap((actor) => [
        ...[permit, swaps.address, direct.address].map((spender) => token.tx(actor, "approve", [spender, UINT_MAX])),
        permits.tx(actor, "approve", [token.address, positions.address, UINT160_MAX, UINT48_MAX]),
      ]),
    );
  const staking = await make(ARTIFACTS.stakingRewards(), [owner, c.address, pair.address]);
  const factory = (await manager.read("factory")) as Hex;
  const staker = await make(ARTIFACTS.staker(), [factory, manager.address, 3600n, 86_400n * 400n]);
  await must(actors.map((actor) => pair.tx(actor, "approve", [staking.address, UINT_MAX])));
  return { poolManager, positions, swaps, direct, keys, startBlocks, staking, staker };
}

/** The stage's programme with the annex in it. */
export function programmeWith(stage: Stage, annex: Annex, finality: object = {}): object {
  const base = programmeOf(stage, finality) as { pools: readonly { tokens: readonly object[] }[]; prices: object };
  const [a, b] = base.pools[0]?.tokens ?? [];
  const coin = { address: ZERO, symbol: "ETH", decimals: 18 };
  const shared = {
    protocol: "uniswap-v4",
    poolManager: annex.poolManager.address,
    managers: [annex.positions.address],
  };
  const [first, second] = annex.keys.map(poolId);
  return {
    ...base,
    pools: [
      ...base.pools,
      { ...shared, address: first, tokens: [a, b], startBlock: annex.startBlocks[0] },
      { ...shared, address: second, tokens: [coin, a], startBlock: annex.startBlocks[1] },
    ],
    wrappers: [
      { kind: "staking-rewards", address: annex.staking.address, pool: stage.pair.address },
      { kind: "uniswap-v3-staker", address: annex.staker.address },
    ],
    prices: { ...base.prices, [ZERO]: { pool: second } },
  };
}

/** What providers do in the annex. */
export class AnnexLife {
  readonly #annex: Annex;
  readonly #life: Life;

  constructor(annex: Annex, life: Life) {
    this.#annex = annex;
    this.#life = life;
  }

  mint(from: Hex, pool: 0 | 1, ticks: readonly [number, number], liquidity: bigint, owner: Hex = from): Tx {
    const key = this.#annex.keys[pool];
    const [lower, upper] = this.#ticks(pool, ticks);
    const minted = encodeAbiParameters(
      [...KEY, ...types("int24", "int24", "uint256", "uint128", "uint128", "address", "bytes")],
      [key, lower, upper, liquidity, UINT128_MAX, UINT128_MAX, owner, "0x"],
    );
    return this.#modify(from, pool, [ACTION.mint, ACTION.settlePair], [minted, this.#pair(pool)]);
  }

  /** More liquidity, less, or with zero only what it has earned. */
  change(from: Hex, pool: 0 | 1, id: bigint, delta: bigint): Tx {
    const size = delta < 0n ? -delta : delta;
    const limit = delta > 0n ? UINT128_MAX : 0n;
    const changed = encodeAbiParameters(types("uint256", "uint256", "uint128", "uint128", "bytes"), [
      id,
      size,
      limit,
      limit,
      "0x",
    ]);
    return delta > 0n
      ? this.#modify(from, pool, [ACTION.increase, ACTION.settlePair], [changed, this.#pair(pool)])
      : this.#modify(from, pool, [ACTION.decrease, ACTION.takePair], [changed, this.#take(pool, from)]);
  }

  /** Burns a token, whose liquidity goes with it. */
  burn(from: Hex, pool: 0 | 1, id: bigint): Tx {
    const burned = encodeAbiParameters(types("uint256", "uint128", "uint128", "bytes"), [id, 0n, 0n, "0x"]);
    return this.#modify(from, pool, [ACTION.burn, ACTION.takePair], [burned, this.#take(pool, from)]);
  }

  give(from: Hex, to: Hex, id: bigint): Tx {
    return this.#annex.positions.tx(from, "transferFrom", [from, to, id]);
  }

  swap(from: Hex, pool: 0 | 1, amount: bigint, up: boolean): Tx {
    const limit = up ? SQRT_PRICE_ONE * 4n : SQRT_MIN + SQRT_PRICE_ONE / 4n;
    const params = { zeroForOne: !up, amountSpecified: -amount, sqrtPriceLimitX96: limit };
    const settings = { takeClaims: false, settleUsingBurn: false };
    return this.#paid(pool, this.#annex.swaps.tx(from, "swap", [this.#annex.keys[pool], params, settings, "0x"]));
  }

  /** A position without a token, of the contract that asks for it, told apart by a salt. */
  position(from: Hex, pool: 0 | 1, ticks: readonly [number, number], liquidityDelta: bigint, salt: bigint): Tx {
    const [tickLower, tickUpper] = this.#ticks(pool, ticks);
    const params = { tickLower, tickUpper, liquidityDelta, salt: `0x${salt.toString(16).padStart(64, "0")}` };
    const { direct, keys } = this.#annex;
    // Two functions have the name; the shorter one settles with tokens.
    return this.#paid(pool, direct.tx(from, "modifyLiquidity", [keys[pool], params, "0x"]));
  }

  stake(from: Hex, amount: bigint): Tx {
    return this.#annex.staking.tx(from, "stake", [amount]);
  }

  /** Each deed once, in an order in which each succeeds. */
  async prelude(): Promise<void> {
    const { staking, staker } = this.#annex;
    const { stage } = this.#life;
    const [ann, bob, cat] = stage.actors as readonly [Hex, Hex, Hex];
    const life = this.#life;
    await life.must(60, [
      this.mint(ann, 0, [-10, 10], 40_000n * E18),
      this.mint(bob, 0, [-2, 5], 9_000n * E18, cat), // paid by one, held by another
      this.mint(bob, 1, [-100, 100], 500n * E18), // the chain's own coin
      this.position(cat, 0, [-5, 5], 3_000n * E18, 7n),
      this.position(cat, 0, [-5, 5], 2_000n * E18, 0n),
    ]);
    await life.must(600, [this.swap(ann, 0, 2_000n * E18, true), this.swap(bob, 1, 20n * E18, false)]);
    await life.must(600, [this.change(cat, 0, 2n, 1_000n * E18), this.change(ann, 0, 1n, 0n)]);
    await life.must(600, [this.give(cat, ann, 2n), this.change(ann, 0, 2n, -4_000n * E18)]);
    await life.must(600, [this.burn(ann, 0, 2n), this.position(cat, 0, [-5, 5], -3_000n * E18, 7n)]);
    await life.must(60, [this.stake(ann, 1_000n * E18), stage.pair.tx(ann, "transfer", [staking.address, 3n * E18])]);
    await life.must(600, [staking.tx(ann, "withdraw", [400n * E18])]);
    const nft = (await life.nfts()).find(({ owner }) => owner === ann);
    if (nft === undefined) throw new Error("ann has no position NFT to stake");
    await life.must(60, [stage.manager.tx(ann, "safeTransferFrom", [ann, staker.address, nft.id])]);
    await life.must(600, [life.increase(bob, nft.id, 100n * E18), staker.tx(ann, "transferDeposit", [nft.id, cat])]);
    await life.must(600, [staker.tx(cat, "withdrawToken", [nft.id, bob, "0x"])]);
  }

  /** A deed by chance; what cannot be done any more reverts and leaves no log. */
  async randomDeed(): Promise<Tx> {
    const life = this.#life;
    const [actor, other] = [life.pick(life.stage.actors), life.pick(life.stage.actors)];
    const pool = life.pick([0, 1] as const);
    const amount = BigInt(1 + life.upTo(pool === 0 ? 9_000 : 90)) * E18;
    const middle = life.upTo(20) - 10;
    const ticks = [middle - 1 - life.upTo(9), middle + 1 + life.upTo(9)] as const;
    const next = Number(await this.#annex.positions.read("nextTokenId"));
    const id = BigInt(1 + life.upTo(next - 1));
    const kind = life.upTo(10);
    if (kind <= 1) return this.mint(actor, pool, ticks, amount, other);
    if (kind === 2) return this.change(actor, pool, id, amount);
    if (kind === 3) return this.change(actor, pool, id, life.upTo(2) === 0 ? -E18 : 0n);
    if (kind === 4) return life.upTo(2) === 0 ? this.burn(actor, pool, id) : this.give(actor, other, id);
    if (kind <= 6) return this.swap(actor, pool, amount, life.upTo(2) === 0);
    if (kind === 7) return this.position(actor, pool, ticks, amount, BigInt(life.upTo(3)));
    if (kind === 8) return this.stake(actor, (await life.sharesOf(actor)) / 3n + 1n);
    return this.#annex.staking.tx(actor, "withdraw", [1n + BigInt(life.upTo(100)) * E18]);
  }

  #ticks(pool: 0 | 1, [lower, upper]: readonly [number, number]): readonly [number, number] {
    const { tickSpacing } = this.#annex.keys[pool];
    return [lower * tickSpacing, upper * tickSpacing];
  }

  #pair(pool: 0 | 1): Hex {
    const { currency0, currency1 } = this.#annex.keys[pool];
    return encodeAbiParameters(types("address", "address"), [currency0, currency1]);
  }

  #take(pool: 0 | 1, to: Hex): Hex {
    const { currency0, currency1 } = this.#annex.keys[pool];
    return encodeAbiParameters(types("address", "address", "address"), [currency0, currency1, to]);
  }

  #modify(from: Hex, pool: 0 | 1, actions: readonly number[], params: readonly Hex[]): Tx {
    const coin = pool === 1 && actions.includes(ACTION.settlePair);
    const all = coin ? [...actions, ACTION.sweep] : actions;
    const sweep = encodeAbiParameters(types("address", "address"), [ZERO, from]);
    const packed = encodePacked(
      all.map(() => "uint8"),
      [...all],
    );
    const data = encodeAbiParameters(
      [{ type: "bytes" }, { type: "bytes[]" }],
      [packed, coin ? [...params, sweep] : [...params]],
    );
    return this.#paid(coin ? 1 : 0, this.#annex.positions.tx(from, "modifyLiquidities", [data, UINT_MAX]));
  }

  /** With enough of the chain's own coin, where the pool holds it; what is too much comes back. */
  #paid(pool: 0 | 1, tx: Tx): Tx {
    return pool === 1 ? { ...tx, value: `0x${(20_000n * E18).toString(16)}` } : tx;
  }
}

function types(...names: readonly string[]) {
  return names.map((type) => ({ type }));
}
