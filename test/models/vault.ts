import erc4626Abi from "../../abi/erc4626.json" with { type: "json" };
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { ACTORS, below, type Model, pick, ZERO } from "./model.ts";

const VAULT = addressOf(0xe1);
const ASSET = addressOf(0xb1);

/**
 * A small model of an ERC-4626 vault whose assets grow, or of a plain share token that is only minted, moved and
 * burned.
 */
export class VaultModel implements Model {
  readonly #shares = new Map<string, bigint>();
  readonly #plain: boolean;
  supply = 0n;
  assets = 0n;

  constructor(plain: boolean) {
    this.#plain = plain;
  }

  clone(): VaultModel {
    const copy = new VaultModel(this.#plain);
    for (const [holder, balance] of this.#shares) copy.#shares.set(holder, balance);
    copy.supply = this.supply;
    copy.assets = this.assets;
    return copy;
  }

  programme(): object {
    const [token, decimals] = this.#plain ? [VAULT, 18] : [ASSET, 6];
    const tokens = [{ address: token, symbol: "V", decimals }];
    return { pools: [{ protocol: this.#plain ? "erc20" : "erc4626", address: VAULT, tokens, startBlock: 1 }] };
  }

  positions(): ReadonlyMap<string, bigint> {
    return new Map([...this.#shares].map(([holder, balance]) => [`${VAULT}  ${holder}`, balance]));
  }

  transaction(random: () => number): readonly Draft[] {
    const actor = pick(ACTORS, random);
    const held = this.#shares.get(actor) ?? 0n;
    const kind = below(4, random);
    this.assets += this.assets / 1_000n;
    if (kind <= 1 || held === 0n) return this.#deposit(actor, BigInt(1 + below(1e9, random)) * 1_000n);
    if (kind === 2) return [this.#transfer(actor, pick(ACTORS, random), held / 3n)];
    return this.#withdraw(actor, random() < 0.3 ? held : held / 2n);
  }

  #transfer(from: string, to: string, value: bigint): Draft {
    if (from !== ZERO) this.#shares.set(from, (this.#shares.get(from) ?? 0n) - value);
    if (to !== ZERO) this.#shares.set(to, (this.#shares.get(to) ?? 0n) + value);
    this.supply += from === ZERO ? value : to === ZERO ? -value : 0n;
    return encodeLog(erc4626Abi, VAULT, "Transfer", { from, to, value });
  }

  #deposit(owner: string, assets: bigint): readonly Draft[] {
    const shares = this.supply === 0n ? assets * 10n ** 12n : (assets * this.supply) / this.assets;
    this.assets += assets;
    const minted = this.#transfer(ZERO, owner, shares);
    return this.#plain
      ? [minted]
      : [minted, encodeLog(erc4626Abi, VAULT, "Deposit", { sender: owner, owner, assets, shares })];
  }

  #withdraw(owner: string, shares: bigint): readonly Draft[] {
    const assets = (shares * this.assets) / this.supply;
    this.assets -= assets;
    const burned = this.#transfer(owner, ZERO, shares);
    if (this.#plain) return [burned];
    return [
      burned,
      encodeLog(erc4626Abi, VAULT, "Withdraw", { sender: owner, receiver: owner, owner, assets, shares }),
    ];
  }
}
