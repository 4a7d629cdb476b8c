import oldAbi from "../../abi/curve-stableswap.json" with { type: "json" };
import ngAbi from "../../abi/curve-stableswap-ng.json" with { type: "json" };
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { ACTORS, below, type Model, pick, ROUTER, ZERO } from "./model.ts";

const COINS = [addressOf(0xb1), addressOf(0xb2)] as const;
const FEE = 10_000n;

/**
 * A small model of a Curve StableSwap pool of two coins of 18 decimals at an endless amplification, where D is the sum
 * of the balances: what is minted, burned and logged follows from it as the contracts compute it.
 */
export class CurveModel implements Model {
  readonly holders = new Map<string, bigint>();
  readonly #old: boolean;
  readonly #pool: string;
  readonly #token: string;
  supply = 0n;
  /** Without the protocol's part of the fees. */
  balances: [bigint, bigint] = [0n, 0n];

  constructor(old: boolean) {
    this.#old = old;
    this.#pool = addressOf(old ? 0xc3 : 0xc1);
    this.#token = old ? addressOf(0xc2) : this.#pool;
  }

  clone(): CurveModel {
    const copy = new CurveModel(this.#old);
    for (const [holder, balance] of this.holders) copy.holders.set(holder, balance);
    copy.supply = this.supply;
    copy.balances = [...this.balances];
    return copy;
  }

  programme(): object {
    const tokens = COINS.map((address, i) => ({ address, symbol: `C${i}`, decimals: 18 }));
    const pool = { protocol: this.#old ? "curve" : "curve-ng", address: this.#pool, tokens, startBlock: 1 };
    return { pools: [this.#old ? { ...pool, shareToken: this.#token } : pool] };
  }

  positions(): ReadonlyMap<string, bigint> {
    return new Map([...this.holders].map(([holder, balance]) => [`${this.#pool}  ${holder}`, balance]));
  }

  transaction(random: () => number): readonly Draft[] {
    const actor = pick(ACTORS, random);
    const held = this.holders.get(actor) ?? 0n;
    if (this.supply === 0n) return this.#add(actor, [10n ** 24n, 10n ** 24n]);
    const kind = below(8, random);
    const some = held / BigInt(2 + below(5, random));
    if (kind <= 1 || some < 10n ** 6n)
      return this.#add(actor, [BigInt(1 + below(1e9, random)) * 10n ** 12n, BigInt(below(1e9, random)) * 10n ** 12n]);
    if (kind === 2) return this.#transfer(actor, pick([...ACTORS, ZERO], random), some / 3n);
    if (kind === 3) return this.#remove(actor, some);
    if (kind === 4) return this.#removeOne(actor, some, below(2, random) as 0 | 1);
    if (kind === 5) return this.#removeImbalance(actor, [some / 3n, some / 7n]);
    return this.#exchange(below(2, random) as 0 | 1, BigInt(1 + below(1e9, random)) * 10n ** 11n);
  }

  get #d(): bigint {
    return this.balances[0] + this.balances[1];
  }

  #log(name: string, values: Readonly<Record<string, unknown>>): Draft {
    return encodeLog(this.#old ? oldAbi : ngAbi, this.#pool, name, values);
  }

  #move(from: string, to: string, value: bigint): Draft {
    const add = (holder: string, delta: bigint): void => {
      this.holders.set(holder, (this.holders.get(holder) ?? 0n) + delta);
    };
    if (from !== ZERO) add(from, -value);
    return encodeLog(ngAbi, this.#token, "Transfer", { from, to, value });
  }

  /** Old pools that pay ETH burn, call whom they pay, and then log: whatever it moves meanwhile stands in between. */
  #callOut(paid: string): readonly Draft[] {
    if (!this.#old) return [];
    const held = this.holders.get(paid) ?? 0n;
    return [
      ...this.#transfer(paid, ROUTER, 0n),
      ...this.#transfer(paid, ZERO, held / 1_000n),
      ...this.#transfer(paid, ROUTER, held / 900n),
    ];
  }

  #credit(holder: string, value: bigint): void {
    this.holders.set(holder, (this.holders.get(holder) ?? 0n) + value);
  }

  #transfer(from: string, to: string, value: bigint): readonly Draft[] {
    const log = this.#move(from, to, value);
    this.#credit(to, value); // To the zero address, too: it stays in the supply.
    return [log];
  }

  /** Paid and received by different people: the log names who called. */
  #add(to: string, amounts: [bigint, bigint]): readonly Draft[] {
    const [before, supplyBefore] = [this.#d, this.supply];
    const fees = amounts.map((each) => (supplyBefore === 0n ? 0n : each / FEE)) as [bigint, bigint];
    const full = this.#d + amounts[0] + amounts[1];
    const invariant = full - fees[0] - fees[1];
    const minted = supplyBefore === 0n ? invariant : (supplyBefore * (invariant - before)) / before;
    this.balances = this.balances.map((each, i) => each + (amounts[i] ?? 0n) - (fees[i] ?? 0n) / 2n) as [
      bigint,
      bigint,
    ];
    this.supply += minted;
    this.#credit(to, minted);
    return [
      this.#move(ZERO, to, minted),
      this.#log("AddLiquidity", {
        provider: ROUTER,
        token_amounts: amounts,
        fees: supplyBefore === 0n && !this.#old ? [] : fees,
        invariant: this.#old ? full : invariant,
        token_supply: this.supply,
      }),
    ];
  }

  #remove(from: string, shares: bigint): readonly Draft[] {
    const amounts = this.balances.map((each) => (each * shares) / this.supply) as [bigint, bigint];
    this.balances = [this.balances[0] - amounts[0], this.balances[1] - amounts[1]];
    this.supply -= shares;
    const fees = this.#old ? [0n, 0n] : [];
    const values = { provider: from, token_amounts: amounts, fees, token_supply: this.supply };
    return [this.#move(from, ZERO, shares), ...this.#callOut(from), this.#log("RemoveLiquidity", values)];
  }

  #removeOne(from: string, shares: bigint, coin: 0 | 1): readonly Draft[] {
    const worth = (this.#d * shares) / this.supply;
    const paid = worth - worth / FEE;
    if (paid >= this.balances[coin]) return this.#remove(from, shares);
    this.balances[coin] -= paid + worth / FEE / 2n;
    this.supply -= shares;
    const values = { provider: from, token_amount: shares, coin_amount: paid };
    const more = this.#old ? {} : { token_id: BigInt(coin), token_supply: this.supply };
    return [
      this.#move(from, ZERO, shares),
      ...this.#callOut(from),
      this.#log("RemoveLiquidityOne", { ...values, ...more }),
    ];
  }

  #removeImbalance(from: string, amounts: [bigint, bigint]): readonly Draft[] {
    const fees = amounts.map((each) => each / FEE) as [bigint, bigint];
    const [before, full] = [this.#d, this.#d - amounts[0] - amounts[1]];
    const invariant = full - fees[0] - fees[1];
    const burned = ((before - invariant) * this.supply) / before + 1n;
    const poor =
      burned > (this.holders.get(from) ?? 0n) || amounts.some((each, i) => each * 2n > (this.balances[i] ?? 0n));
    if (poor)
      return this.#transfer(
        from,
        pick(ACTORS, () => 0),
        1n,
      );
    this.balances = this.balances.map((each, i) => each - (amounts[i] ?? 0n) - (fees[i] ?? 0n) / 2n) as [
      bigint,
      bigint,
    ];
    this.supply -= burned;
    return [
      this.#move(from, ZERO, burned),
      ...this.#callOut(from),
      this.#log("RemoveLiquidityImbalance", {
        provider: from,
        token_amounts: amounts,
        fees,
        invariant: this.#old ? full : invariant,
        token_supply: this.supply,
      }),
    ];
  }

  #exchange(sold: 0 | 1, amount: bigint): readonly Draft[] {
    const bought = (1 - sold) as 0 | 1;
    const fee = amount / FEE;
    if (amount * 2n > this.balances[bought]) return this.#exchange(bought, amount / 3n + 1n);
    this.balances[sold] += amount;
    this.balances[bought] -= amount - fee + fee / 2n;
    return [
      this.#log("TokenExchange", {
        buyer: ROUTER,
        sold_id: BigInt(sold),
        tokens_sold: amount,
        bought_id: BigInt(bought),
        tokens_bought: amount - fee,
      }),
    ];
  }
}
