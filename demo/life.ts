import type { Hex } from "viem";
import type { Tx } from "./anvil.ts";
import type { Contract } from "./contracts.ts";
import { SQRT_PRICE_ONE, type Stage, UINT_MAX } from "./stage.ts";

const E18 = 10n ** 18n;
const UINT128_MAX = (1n << 128n) - 1n;
const SQRT_MIN = 4_295_128_740n;
const FEES = [3000, 500] as const;
const SPACINGS = [60, 10] as const;

/** A small seeded generator (mulberry32): the same seed plays the same life. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Nft {
  readonly id: bigint;
  readonly owner: Hex;
  readonly liquidity: bigint;
  readonly pool: 0 | 1;
}

/**
 * What liquidity providers do all day, as transactions on the stage. Every deed that the ledger must understand occurs.
 */
export class Life {
  readonly stage: Stage;
  readonly #random: () => number;
  #nowSec: number;

  constructor(stage: Stage, seed: number, nowSec: number) {
    this.stage = stage;
    this.#random = seeded(seed);
    this.#nowSec = nowSec;
  }

  get nowSec(): number {
    return this.#nowSec;
  }

  /** After the chain went back: goes on from an earlier time. */
  rewind(nowSec: number): void {
    this.#nowSec = nowSec;
    this.stage.anvil.forgetNonces();
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[Math.floor(this.#random() * from.length)];
    if (chosen === undefined) throw new Error("nothing to pick from");
    return chosen;
  }

  upTo(max: number): number {
    return Math.floor(this.#random() * max);
  }

  /** Mines a block `seconds` later. A deed that cannot be done any more reverts and leaves no log: that too is life. */
  async block(seconds: number, txs: readonly Tx[]): Promise<readonly Hex[]> {
    this.#nowSec += seconds;
    const receipts = await this.stage.anvil.mine(this.#nowSec, txs);
    return receipts.map((receipt) => receipt?.status);
  }

  /** The same, where every deed must succeed. */
  async must(seconds: number, txs: readonly Tx[]): Promise<void> {
    const statuses = await this.block(seconds, txs);
    if (statuses.some((status) => status !== "0x1"))
      throw new Error(`a deed of the play failed: ${statuses.join(", ")}`);
  }

  addShares(from: Hex, amount: bigint, to: Hex = from): Tx {
    const [a, b] = this.stage.tokens;
    return this.stage.router.tx(from, "addLiquidity", [a.address, b.address, amount, amount, 0n, 0n, to, UINT_MAX]);
  }

  removeShares(from: Hex, shares: bigint): Tx {
    const [a, b] = this.stage.tokens;
    return this.stage.router.tx(from, "removeLiquidity", [a.address, b.address, shares, 0n, 0n, from, UINT_MAX]);
  }

  swapPair(from: Hex, amount: bigint, up: boolean): Tx {
    const [a, b] = this.stage.tokens.map((token) => token.address);
    return this.stage.router.tx(from, "swapExactTokensForTokens", [amount, 0n, up ? [b, a] : [a, b], from, UINT_MAX]);
  }

  swapPool(from: Hex, pool: 0 | 1, amount: bigint, up: boolean): Tx {
    const [token0, token1] = this.#tokensOf(pool);
    const [tokenIn, tokenOut] = up ? [token1, token0] : [token0, token1];
    const params = {
      tokenIn: tokenIn.address,
      tokenOut: tokenOut.address,
      fee: FEES[pool],
      recipient: from,
      deadline: UINT_MAX,
      amountIn: amount,
      amountOutMinimum: 0n,
      sqrtPriceLimitX96: up ? SQRT_PRICE_ONE * 4n : SQRT_MIN + SQRT_PRICE_ONE / 4n,
    };
    return this.stage.swapRouter.tx(from, "exactInputSingle", [params]);
  }

  mintNft(from: Hex, pool: 0 | 1, ticks: readonly [number, number], amount: bigint, recipient: Hex = from): Tx {
    const [token0, token1] = this.#tokensOf(pool);
    const params = {
      token0: token0.address,
      token1: token1.address,
      fee: FEES[pool],
      tickLower: ticks[0] * SPACINGS[pool],
      tickUpper: ticks[1] * SPACINGS[pool],
      amount0Desired: amount,
      amount1Desired: amount,
      amount0Min: 0n,
      amount1Min: 0n,
      recipient,
      deadline: UINT_MAX,
    };
    return this.stage.manager.tx(from, "mint", [params]);
  }

  increase(from: Hex, id: bigint, amount: bigint): Tx {
    const params = {
      tokenId: id,
      amount0Desired: amount,
      amount1Desired: amount,
      amount0Min: 0n,
      amount1Min: 0n,
      deadline: UINT_MAX,
    };
    return this.stage.manager.tx(from, "increaseLiquidity", [params]);
  }

  decreaseData(id: bigint, liquidity: bigint): Hex {
    const params = { tokenId: id, liquidity, amount0Min: 0n, amount1Min: 0n, deadline: UINT_MAX };
    return this.stage.manager.data("decreaseLiquidity", [params]);
  }

  collectData(id: bigint, recipient: Hex): Hex {
    return this.stage.manager.data("collect", [
      { tokenId: id, recipient, amount0Max: UINT128_MAX, amount1Max: UINT128_MAX },
    ]);
  }

  decrease(from: Hex, id: bigint, liquidity: bigint): Tx {
    return { from, to: this.stage.manager.address, data: this.decreaseData(id, liquidity) };
  }

  /** On a position that still has liquidity this pokes the pool first. */
  collect(from: Hex, id: bigint): Tx {
    return { from, to: this.stage.manager.address, data: this.collectData(id, from) };
  }

  /** Takes everything out, collects and burns the NFT, in one transaction. */
  exit(from: Hex, nft: Nft): Tx {
    const calls = [
      ...(nft.liquidity > 0n ? [this.decreaseData(nft.id, nft.liquidity)] : []),
      this.collectData(nft.id, from),
      this.stage.manager.data("burn", [nft.id]),
    ];
    return this.stage.manager.tx(from, "multicall", [calls]);
  }

  giveNft(from: Hex, to: Hex, id: bigint): Tx {
    return this.stage.manager.tx(from, "transferFrom", [from, to, id]);
  }

  direct(from: Hex, pool: 0 | 1, recipient: Hex, ticks: readonly [number, number], liquidity: bigint): Tx {
    const at = [ticks[0] * SPACINGS[pool], ticks[1] * SPACINGS[pool]];
    return this.stage.minter.tx(from, "mint", [this.stage.pools[pool].address, recipient, ...at, liquidity]);
  }

  directBurn(from: Hex, pool: 0 | 1, ticks: readonly [number, number], liquidity: bigint): Tx {
    const at = [ticks[0] * SPACINGS[pool], ticks[1] * SPACINGS[pool]];
    return this.stage.minter.tx(from, "burn", [this.stage.pools[pool].address, ...at, liquidity]);
  }

  async sharesOf(holder: Hex): Promise<bigint> {
    return (await this.stage.pair.read("balanceOf", [holder])) as bigint;
  }

  /** The position NFTs that exist, asked of the chain: after a reorg they may be others. */
  async nfts(): Promise<readonly Nft[]> {
    const { manager, actors, tokens } = this.stage;
    const counts = await manager.readAll(
      "balanceOf",
      actors.map((owner) => [owner]),
    );
    const places = actors.flatMap((owner, i) => Array.from({ length: Number(counts[i]) }, (_, at) => ({ owner, at })));
    const ids = await manager.readAll(
      "tokenOfOwnerByIndex",
      places.map(({ owner, at }) => [owner, BigInt(at)]),
    );
    const positions = (await manager.readAll(
      "positions",
      ids.map((id) => [id]),
    )) as (readonly unknown[])[];
    return positions.map((position, i) => ({
      id: ids[i] as bigint,
      owner: places[i]?.owner as Hex,
      liquidity: position[7] as bigint,
      pool: String(position[2]).toLowerCase() === tokens[0].address ? 0 : 1,
    }));
  }

  /** The first day: each deed once, in an order in which each succeeds. */
  async prelude(): Promise<void> {
    const { actors, minter, manager, pair, pools } = this.stage;
    const [ann, bob, cat, dan] = actors as readonly [Hex, Hex, Hex, Hex];
    await this.must(60, [this.addShares(ann, 1_000_000n * E18)]); // the first mint, with its locked minimum
    await this.must(60, [this.addShares(bob, 500_000n * E18), this.swapPair(cat, 1_000n * E18, true)]);
    await this.must(0, [this.addShares(cat, 70_000n * E18, dan)]); // paid by one, held by another; same second
    await this.must(600, [
      this.mintNft(ann, 0, [-100, 100], 50_000n * E18),
      this.mintNft(bob, 0, [-10, 20], 20_000n * E18),
      this.mintNft(cat, 1, [-200, 200], 50_000n * E18, dan),
      this.mintNft(ann, 1, [20, 80], 5_000n * E18), // out of range, one token only
    ]);
    const nfts = await this.nfts();
    const annNft = nfts.find((nft) => nft.owner === ann && nft.pool === 0);
    const bobNft = nfts.find((nft) => nft.owner === bob);
    if (annNft === undefined || bobNft === undefined) throw new Error("the first position NFTs are missing");
    await this.must(300, [
      this.direct(cat, 0, minter.address, [-50, 50], 9_000n * E18), // a direct minter
      this.direct(cat, 0, dan, [-30, 30], 4_000n * E18), // a direct position of somebody else
      this.direct(cat, 0, manager.address, [-20, 20], 1_000n * E18), // a donation to the position manager
    ]);
    await this.must(900, [this.swapPool(dan, 0, 30_000n * E18, true), this.swapPool(dan, 1, 9_000n * E18, false)]);
    await this.must(900, [this.swapPool(dan, 0, 60_000n * E18, false)]); // across ticks, back and forth
    await this.must(1200, [this.collect(ann, annNft.id), this.increase(bob, annNft.id, 3_000n * E18)]); // a poke; a gift
    await this.must(1200, [this.giveNft(bob, cat, bobNft.id), pair.tx(bob, "transfer", [dan, 1_000n * E18])]);
    await this.must(1800, [this.exit(cat, bobNft), this.removeShares(bob, (await this.sharesOf(bob)) - 1_000n * E18)]);
    // Liquidity that lives for a quarter of an hour, and a position opened and closed within one block.
    await this.must(60, [this.direct(cat, 1, minter.address, [-5, 5], 800n * E18)]);
    await this.must(900, [
      this.directBurn(cat, 1, [-5, 5], 800n * E18),
      this.direct(cat, 1, minter.address, [-7, 7], 300n * E18),
      this.directBurn(cat, 1, [-7, 7], 300n * E18),
      { from: dan, to: pools[0].address, data: pools[0].data("burn", [-30 * 60, 30 * 60, 2_000n * E18]) },
    ]);
    await this.must(60, [
      this.removeShares(dan, (await this.sharesOf(dan)) - 1n),
      pair.tx(ann, "transfer", [`0x${"0".repeat(40)}`, 5n]),
    ]);
    await this.must(60, [this.stage.pair.tx(ann, "transfer", [pair.address, 7n * E18])]); // shares that belong to nobody
  }

  /** One block of whatever comes to mind. */
  async randomBlock(seconds: number, more: readonly Tx[] = []): Promise<void> {
    const count = 1 + this.upTo(4);
    const nfts = await this.nfts();
    const txs: Tx[] = [...more];
    for (let i = 0; i < count; i++) txs.push(await this.#randomDeed(nfts));
    await this.block(seconds, txs);
  }

  async #randomDeed(nfts: readonly Nft[]): Promise<Tx> {
    const actor = this.pick(this.stage.actors);
    const pool = this.pick([0, 1] as const);
    const amount = BigInt(1 + this.upTo(20_000)) * E18;
    const middle = this.upTo(40) - 20;
    const ticks = [middle - 1 - this.upTo(60), middle + 1 + this.upTo(60)] as const;
    const own = nfts.filter((nft) => nft.owner === actor);
    const nft = own.length === 0 ? undefined : this.pick(own);
    const kind = this.upTo(14);
    if (kind === 0) return this.addShares(actor, amount);
    if (kind === 1) return this.removeShares(actor, (await this.sharesOf(actor)) / BigInt(1 + this.upTo(3)));
    if (kind === 2)
      return this.stage.pair.tx(actor, "transfer", [this.pick(this.stage.actors), (await this.sharesOf(actor)) / 5n]);
    if (kind === 3) return this.swapPair(actor, amount, this.upTo(2) === 0);
    if (kind === 4) return this.direct(actor, pool, this.pick([actor, this.stage.minter.address]), ticks, amount);
    if (kind <= 7) return this.swapPool(actor, pool, amount, this.upTo(2) === 0);
    if (nft === undefined || kind <= 9) return this.mintNft(actor, pool, ticks, amount);
    if (kind === 10) return this.increase(actor, nft.id, amount);
    if (kind === 11)
      return nft.liquidity > 1n ? this.decrease(actor, nft.id, nft.liquidity / 2n) : this.exit(actor, nft);
    if (kind === 12) return this.upTo(2) === 0 ? this.collect(actor, nft.id) : this.exit(actor, nft);
    return this.giveNft(actor, this.pick(this.stage.actors), nft.id);
  }

  #tokensOf(pool: 0 | 1): readonly [Contract, Contract] {
    const [a, b, c] = this.stage.tokens;
    return pool === 0 ? [a, b] : [b, c];
  }
}
