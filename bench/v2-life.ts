import { seeded } from "../demo/life.ts";
import { sqrtFloor } from "../src/core/amm/sqrt.ts";
import { ZERO_ADDRESS } from "../src/core/hex.ts";
import { addressOf, type Draft, draft } from "../test/support/logs.ts";
import type { Life, LifeOptions, Mix } from "./chain.ts";
import { kindOf } from "./v3-life.ts";

const MINIMUM_LIQUIDITY = 1_000n;

/**
 * A Uniswap V2 pair without a protocol fee: shares, reserves and amounts follow from one another as in UniswapV2Pair.
 */
export class V2Life implements Life {
  readonly #pair: string;
  readonly #random: () => number;
  readonly #owners: number;
  readonly #holders: string[] = [];
  readonly #shares = new Map<string, bigint>();
  #reserves: readonly [bigint, bigint] = [0n, 0n];
  #supply = 0n;
  #born = 0;

  constructor({ address, seed, owners }: LifeOptions) {
    this.#pair = address;
    this.#random = seeded(seed);
    this.#owners = owners;
  }

  first(): readonly Draft[] {
    const amounts = [10n ** 24n, 10n ** 24n] as const;
    this.#supply = MINIMUM_LIQUIDITY;
    const locked = this.#transfer(ZERO_ADDRESS, ZERO_ADDRESS, MINIMUM_LIQUIDITY);
    const shares = sqrtFloor(amounts[0] * amounts[1]) - MINIMUM_LIQUIDITY;
    return [locked, ...this.#issue(addressOf(0xfa5), shares, amounts)];
  }

  next(mix: Mix): readonly Draft[] {
    const kind = kindOf(mix, this.#random());
    if (kind === "new" || (kind === "mint" && this.#holders.length === 0))
      return this.#mint(addressOf(0x10_0000 + (this.#born++ % this.#owners)));
    const at = Math.floor(this.#random() * this.#holders.length);
    const holder = this.#holders[at];
    if (kind === "mint" && holder !== undefined) return this.#mint(holder);
    return kind === "burn" && holder !== undefined ? this.#burn(holder, at) : this.#swap();
  }

  #transfer(from: string, to: string, value: bigint): Draft {
    return draft("pair", this.#pair, "Transfer", { from, to, value });
  }

  #sync(): Draft {
    const [reserve0, reserve1] = this.#reserves;
    return draft("pair", this.#pair, "Sync", { reserve0, reserve1 });
  }

  #mint(owner: string): readonly Draft[] {
    const [reserve0, reserve1] = this.#reserves;
    const amount0 = BigInt(1 + Math.floor(this.#random() * 1e15)) * 1_000n;
    const amount1 = (amount0 * reserve1) / reserve0 + 1n;
    const [a, b] = [(amount0 * this.#supply) / reserve0, (amount1 * this.#supply) / reserve1];
    return this.#issue(owner, a < b ? a : b, [amount0, amount1]);
  }

  #issue(owner: string, shares: bigint, [amount0, amount1]: readonly [bigint, bigint]): readonly Draft[] {
    const before = this.#shares.get(owner);
    if (before === undefined && owner !== addressOf(0xfa5)) this.#holders.push(owner);
    this.#shares.set(owner, (before ?? 0n) + shares);
    this.#supply += shares;
    this.#reserves = [this.#reserves[0] + amount0, this.#reserves[1] + amount1];
    const mint = draft("pair", this.#pair, "Mint", { sender: owner, amount0, amount1 });
    return [this.#transfer(ZERO_ADDRESS, owner, shares), this.#sync(), mint];
  }

  #burn(owner: string, at: number): readonly Draft[] {
    const shares = this.#shares.get(owner) ?? 0n;
    this.#shares.delete(owner);
    this.#holders[at] = this.#holders.at(-1) ?? owner;
    this.#holders.pop();
    const [reserve0, reserve1] = this.#reserves;
    const [amount0, amount1] = [(shares * reserve0) / this.#supply, (shares * reserve1) / this.#supply];
    this.#supply -= shares;
    this.#reserves = [reserve0 - amount0, reserve1 - amount1];
    const burn = draft("pair", this.#pair, "Burn", { sender: owner, to: owner, amount0, amount1 });
    const moves = [this.#transfer(owner, this.#pair, shares), this.#transfer(this.#pair, ZERO_ADDRESS, shares)];
    return [...moves, this.#sync(), burn];
  }

  #swap(): readonly Draft[] {
    const [reserve0, reserve1] = this.#reserves;
    // Against the token there is more of, so that the price stays near.
    const zeroIn = reserve0 < reserve1;
    const [held, paid] = zeroIn ? [reserve0, reserve1] : [reserve1, reserve0];
    const came = BigInt(1 + Math.floor(this.#random() * 1e15)) * 100_000n;
    const left = (came * 997n * paid) / (held * 1000n + came * 997n);
    this.#reserves = zeroIn ? [reserve0 + came, reserve1 - left] : [reserve0 - left, reserve1 + came];
    const swapper = addressOf(0x5a_0000 + Math.floor(this.#random() * 500));
    const swap = draft("pair", this.#pair, "Swap", {
      sender: swapper,
      amount0In: zeroIn ? came : 0n,
      amount1In: zeroIn ? 0n : came,
      amount0Out: zeroIn ? 0n : left,
      amount1Out: zeroIn ? left : 0n,
      to: swapper,
    });
    return [this.#sync(), swap];
  }
}
