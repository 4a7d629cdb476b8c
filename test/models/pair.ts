import aerodromeAbi from "../../abi/aerodrome-pool.json" with { type: "json" };
import solidlyAbi from "../../abi/solidly-pair.json" with { type: "json" };
import { sqrtFloor } from "../../src/core/amm/sqrt.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { ACTORS, below, type Model, pick, ROUTER, ZERO } from "./model.ts";

const PAIR = addressOf(0xa1);
const COINS = [addressOf(0xb1), addressOf(0xb2)] as const;
const LOCKED = 1000n;

/** A small model of a Solidly pair, or of an Aerodrome pool: like Uniswap V2, with fees that leave the pair. */
export class SolidlyModel implements Model {
  readonly #shares = new Map<string, bigint>();
  readonly #aerodrome: boolean;
  #supply = 0n;
  #reserves: [bigint, bigint] = [0n, 0n];

  constructor(aerodrome: boolean) {
    this.#aerodrome = aerodrome;
  }

  clone(): SolidlyModel {
    const copy = new SolidlyModel(this.#aerodrome);
    for (const [holder, balance] of this.#shares) copy.#shares.set(holder, balance);
    copy.#supply = this.#supply;
    copy.#reserves = [...this.#reserves];
    return copy;
  }

  programme(): object {
    const tokens = COINS.map((address, i) => ({ address, symbol: `C${i}`, decimals: 18 }));
    return { pools: [{ protocol: this.#aerodrome ? "aerodrome" : "solidly", address: PAIR, tokens, startBlock: 1 }] };
  }

  positions(): ReadonlyMap<string, bigint> {
    return new Map([...this.#shares].map(([holder, balance]) => [`${PAIR}  ${holder}`, balance]));
  }

  transaction(random: () => number): readonly Draft[] {
    const actor = pick(ACTORS, random);
    if (this.#supply === 0n) return this.#mint(actor, 10n ** 22n);
    const held = this.#shares.get(actor) ?? 0n;
    const kind = below(6, random);
    if (kind <= 1 || held < 1000n) return this.#mint(actor, BigInt(1 + below(1e9, random)) * 10n ** 9n);
    if (kind === 2) return this.#burn(actor, random() < 0.3 ? held : held / 3n);
    if (kind === 3) return [this.#transfer(actor, pick(ACTORS, random), held / 4n)];
    return this.#swap(random);
  }

  #log(name: string, values: Readonly<Record<string, unknown>>): Draft {
    return encodeLog(this.#aerodrome ? aerodromeAbi : solidlyAbi, PAIR, name, values);
  }

  #transfer(from: string, to: string, value: bigint): Draft {
    const add = (holder: string, delta: bigint): void => {
      this.#shares.set(holder, (this.#shares.get(holder) ?? 0n) + delta);
    };
    const [minted, burned] = [from === ZERO, to === ZERO && from === PAIR];
    if (!minted) add(from, -value);
    if (!burned) add(to, value);
    this.#supply += minted ? value : burned ? -value : 0n;
    return this.#log("Transfer", { from, to, value });
  }

  #sync(): Draft {
    return this.#log("Sync", { reserve0: this.#reserves[0], reserve1: this.#reserves[1] });
  }

  #mint(to: string, amount: bigint): readonly Draft[] {
    const [reserve0, reserve1] = this.#reserves;
    const first = this.#supply === 0n;
    const amounts: [bigint, bigint] = first
      ? [amount, amount]
      : [amount, (amount * reserve1) / reserve0 + (amount % 7n)];
    const [a, b] = first
      ? [sqrtFloor(amounts[0] * amounts[1]) - LOCKED, sqrtFloor(amounts[0] * amounts[1]) - LOCKED]
      : [(amounts[0] * this.#supply) / reserve0, (amounts[1] * this.#supply) / reserve1];
    const logs = first ? [this.#transfer(ZERO, this.#aerodrome ? addressOf(1) : ZERO, LOCKED)] : [];
    logs.push(this.#transfer(ZERO, to, a < b ? a : b));
    this.#reserves = [reserve0 + amounts[0], reserve1 + amounts[1]];
    return [...logs, this.#sync(), this.#log("Mint", { sender: ROUTER, amount0: amounts[0], amount1: amounts[1] })];
  }

  #burn(from: string, shares: bigint): readonly Draft[] {
    const sent = this.#transfer(from, PAIR, shares);
    const all = this.#shares.get(PAIR) ?? 0n;
    const [amount0, amount1] = this.#reserves.map((each) => (each * all) / this.#supply) as [bigint, bigint];
    const burned = this.#transfer(PAIR, ZERO, all);
    this.#reserves = [this.#reserves[0] - amount0, this.#reserves[1] - amount1];
    return [sent, burned, this.#sync(), this.#log("Burn", { sender: ROUTER, to: from, amount0, amount1 })];
  }

  #swap(random: () => number): readonly Draft[] {
    const side = below(2, random) as 0 | 1;
    const amount = this.#reserves[side] / BigInt(20 + below(100, random));
    const fee = amount / 300n;
    const [into, out] = [this.#reserves[side], this.#reserves[side === 0 ? 1 : 0]];
    const paid = (out * (amount - fee)) / (into + amount - fee);
    this.#reserves = side === 0 ? [into + amount - fee, out - paid] : [out - paid, into + amount - fee];
    const fees = this.#log("Fees", { sender: ROUTER, amount0: side === 0 ? fee : 0n, amount1: side === 1 ? fee : 0n });
    const values = {
      sender: ROUTER,
      to: ROUTER,
      amount0In: side === 0 ? amount : 0n,
      amount1In: side === 1 ? amount : 0n,
      amount0Out: side === 1 ? paid : 0n,
      amount1Out: side === 0 ? paid : 0n,
    };
    return [fees, this.#sync(), this.#log("Swap", values)];
  }
}
