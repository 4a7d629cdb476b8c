import type { Hex } from "viem";
import type { Tx } from "./anvil.ts";
import { type Contract, compiled, deploy } from "./contracts.ts";
import type { Life } from "./life.ts";
import { type Stage, UINT_MAX } from "./stage.ts";

const E18 = 10n ** 18n;
const ZERO: Hex = `0x${"0".repeat(40)}`;

/** A Curve-like pool of the stage's first two tokens: our own contract, which logs in Curve's order. */
export interface StablePair {
  readonly contract: Contract;
  readonly startBlock: number;
}

/** Deploys the pool and lets the actors pay into it, one block each second. */
export async function setStablePair(
  { anvil, owner, actors, tokens }: Stage,
  timestampSec: number,
): Promise<StablePair> {
  const coins = tokens.slice(0, 2);
  const artifact = compiled(new URL("StablePair.sol", import.meta.url), "StablePair");
  const args = coins.map(({ address }) => address);
  const contract = await deploy(anvil, timestampSec, owner, artifact, args);
  const startBlock = await anvil.blockNumber();
  await anvil.mine(
    timestampSec + 1,
    actors.flatMap((actor) => coins.map((coin) => coin.tx(actor, "approve", [contract.address, UINT_MAX]))),
  );
  return { contract, startBlock };
}

/** A programme with the pool in it, too. */
export function withStablePair(programme: object, { contract, startBlock }: StablePair): object {
  const { pools, ...rest } = programme as { readonly pools: readonly { readonly tokens: readonly object[] }[] };
  const tokens = pools[0]?.tokens;
  return { ...rest, pools: [...pools, { protocol: "curve-ng", address: contract.address, tokens, startBlock }] };
}

/** What providers do in the Curve-like pool. */
export class StableLife {
  readonly #contract: Contract;
  readonly #life: Life;

  constructor({ contract }: StablePair, life: Life) {
    this.#contract = contract;
    this.#life = life;
  }

  /** Paid by one and received, if it is said so, by another. */
  add(from: Hex, amounts: readonly [bigint, bigint], to: Hex = from): Tx {
    return this.#contract.tx(from, "add", [amounts, to]);
  }

  give(from: Hex, to: Hex, shares: bigint): Tx {
    return this.#contract.tx(from, "transfer", [to, shares]);
  }

  remove(from: Hex, shares: bigint): Tx {
    return this.#contract.tx(from, "remove", [shares]);
  }

  removeOne(from: Hex, shares: bigint, coin: 0 | 1): Tx {
    return this.#contract.tx(from, "removeOne", [shares, coin]);
  }

  exchange(from: Hex, sold: 0 | 1, amount: bigint): Tx {
    return this.#contract.tx(from, "exchange", [sold, amount]);
  }

  /** Each deed once, in an order in which each succeeds. */
  async prelude(): Promise<void> {
    const [ann, bob, cat] = this.#life.stage.actors as readonly [Hex, Hex, Hex];
    await this.#life.must(60, [this.add(ann, [90_000n * E18, 110_000n * E18])]);
    await this.#life.must(60, [this.add(bob, [7_000n * E18, 0n], cat), this.exchange(bob, 0, 500n * E18)]);
    await this.#life.must(600, [this.remove(ann, 20_000n * E18), this.removeOne(cat, 900n * E18, 1)]);
    await this.#life.must(600, [this.give(ann, bob, 4_000n * E18), this.give(ann, ZERO, 5n)]);
  }

  /** A deed by chance; what cannot be done any more reverts and leaves no log. */
  async randomDeed(): Promise<Tx> {
    const life = this.#life;
    const [actor, other] = [life.pick(life.stage.actors), life.pick(life.stage.actors)];
    const amount = BigInt(1 + life.upTo(9_000)) * E18;
    const side = life.pick([0, 1] as const);
    const held = (await this.#contract.read("balanceOf", [actor])) as bigint;
    const some = held / BigInt(2 + life.upTo(4));
    const kind = life.upTo(6);
    if (kind <= 1) return this.add(actor, side === 0 ? [amount, amount / 3n] : [0n, amount], other);
    if (kind === 2) return this.remove(actor, some);
    if (kind === 3) return this.removeOne(actor, some, side);
    if (kind === 4) return this.give(actor, other, some);
    return this.exchange(actor, side, amount);
  }
}
