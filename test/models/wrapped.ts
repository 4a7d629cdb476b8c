import gaugeAbi from "../../abi/curve-gauge.json" with { type: "json" };
import gaugeV1Abi from "../../abi/curve-gauge-v1.json" with { type: "json" };
import erc20Abi from "../../abi/erc20.json" with { type: "json" };
import chefAbi from "../../abi/masterchef.json" with { type: "json" };
import chefV2Abi from "../../abi/masterchef-v2.json" with { type: "json" };
import stakingAbi from "../../abi/synthetix-staking-rewards.json" with { type: "json" };
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { ACTORS, below, type Model, pick, ROUTER, ZERO } from "./model.ts";

export const SHARE = addressOf(0xf1);
const OUTER = addressOf(0xf9);
const OTHER_PID = 8n;

export const WRAPPED_KINDS = [
  "staking-rewards",
  "masterchef",
  "masterchef-v2",
  "curve-gauge-v1",
  "curve-gauge",
  "nested",
] as const;
type WrappedKind = (typeof WRAPPED_KINDS)[number];

/**
 * A plain share token and one contract that holds it for others; nested: staking rewards that hold a gauge's receipts.
 */
export class WrappedModel implements Model {
  readonly #kind: WrappedKind;
  readonly #wrapper = addressOf(0xf2);
  /** "" holder's own shares, by holder; claims by user of the wrapper; claims of the outer one. */
  readonly #own = new Map<string, bigint>();
  readonly #claims = new Map<string, bigint>();
  readonly #outer = new Map<string, bigint>();

  constructor(kind: WrappedKind) {
    this.#kind = kind;
  }

  clone(): WrappedModel {
    const copy = new WrappedModel(this.#kind);
    for (const part of ["own", "claims", "outer"] as const)
      for (const [holder, balance] of this.#balances(part)) copy.#balances(part).set(holder, balance);
    return copy;
  }

  #balances(part: "own" | "claims" | "outer"): Map<string, bigint> {
    return { own: this.#own, claims: this.#claims, outer: this.#outer }[part];
  }

  programme(): object {
    const pool = { protocol: "erc20", address: SHARE, startBlock: 1 };
    const tokens = [{ address: SHARE, symbol: "S", decimals: 18 }];
    const pid = this.#kind.startsWith("masterchef") ? { pid: 3 } : {};
    const kind = this.#kind === "nested" ? "curve-gauge" : this.#kind;
    const wrappers: object[] = [{ kind, address: this.#wrapper, pool: SHARE, ...pid }];
    if (this.#kind === "nested")
      wrappers.push({ kind: "staking-rewards", address: OUTER, pool: SHARE, inside: this.#wrapper });
    return { pools: [{ ...pool, tokens }], wrappers };
  }

  positions(): ReadonlyMap<string, bigint> {
    const sum = (claims: ReadonlyMap<string, bigint>): bigint =>
      [...claims.values()].reduce((all, each) => all + each, 0n);
    const all = new Map([...this.#own].map(([holder, balance]) => [`${SHARE}  ${holder}`, balance]));
    // What a wrapper holds for nobody is its own.
    all.set(`${SHARE}  ${this.#wrapper}`, (this.#own.get(this.#wrapper) ?? 0n) - sum(this.#claims));
    for (const [user, claim] of this.#claims)
      all.set(`${SHARE}  ${user}@${this.#wrapper}`, claim - (user === OUTER ? sum(this.#outer) : 0n));
    for (const [user, claim] of this.#outer) all.set(`${SHARE}  ${user}@${OUTER}`, claim);
    return all;
  }

  transaction(random: () => number): readonly Draft[] {
    const actor = pick(ACTORS, random);
    const [own, claim] = [this.#own.get(actor) ?? 0n, this.#claims.get(actor) ?? 0n];
    const kind = below(8, random);
    if (kind === 0 || own === 0n) return [this.#transfer(ZERO, actor, BigInt(1 + below(1e9, random)) * 10n ** 9n)];
    if (kind === 1) return [this.#transfer(actor, pick([...ACTORS, this.#wrapper], random), own / 5n)];
    if (kind <= 4) return this.#deposit(actor, own / 3n, pick(ACTORS, random));
    if (kind === 5 && this.#kind === "curve-gauge")
      return [this.#receipt(actor, pick([...ACTORS, ZERO], random), claim / 4n)];
    // All out and a part in again, in one transaction.
    if (kind === 6 && claim > 0n && this.#kind !== "nested")
      return [...this.#withdraw(actor, claim, () => 1), ...this.#deposit(actor, claim / 3n + 1n, actor)];
    if (this.#kind === "nested" && kind <= 6) return this.#nest(actor, claim / 2n, random);
    return claim === 0n
      ? this.#deposit(actor, own / 4n, actor)
      : this.#withdraw(actor, random() < 0.3 ? claim : claim / 2n, random);
  }

  #transfer(from: string, to: string, value: bigint): Draft {
    if (from !== ZERO) move(this.#own, from, -value);
    if (to !== ZERO) move(this.#own, to, value);
    return encodeLog(erc20Abi, SHARE, "Transfer", { from, to, value });
  }

  /** A gauge's receipt moves; one that is sent to the zero address is not burned by that. */
  #receipt(from: string, to: string, value: bigint): Draft {
    move(this.#claims, from, -value);
    move(this.#claims, to, value);
    return encodeLog(gaugeAbi, this.#wrapper, "Transfer", { from, to, value });
  }

  #deposit(payer: string, amount: bigint, friend: string): readonly Draft[] {
    const sent = this.#transfer(payer, this.#wrapper, amount);
    const log = (abi: readonly unknown[], name: string, values: Readonly<Record<string, unknown>>): Draft =>
      encodeLog(abi, this.#wrapper, name, values);
    switch (this.#kind) {
      case "staking-rewards":
        move(this.#claims, payer, amount);
        return [sent, log(stakingAbi, "Staked", { user: payer, amount })];
      case "masterchef":
        move(this.#claims, payer, amount);
        return [
          sent,
          log(chefAbi, "Deposit", { user: payer, pid: 3n, amount }),
          log(chefAbi, "Deposit", { user: payer, pid: OTHER_PID, amount }),
        ];
      case "masterchef-v2":
        move(this.#claims, friend, amount);
        return [sent, log(chefV2Abi, "Deposit", { user: payer, pid: 3n, amount, to: friend })];
      case "curve-gauge-v1":
        move(this.#claims, friend, amount);
        return [sent, log(gaugeV1Abi, "Deposit", { provider: friend, value: amount })];
      default:
        move(this.#claims, friend, amount);
        return [sent, log(gaugeAbi, "Transfer", { from: ZERO, to: friend, value: amount })];
    }
  }

  #withdraw(user: string, amount: bigint, random: () => number): readonly Draft[] {
    const emergency = this.#kind.startsWith("masterchef") && random() < 0.3;
    const all = emergency ? (this.#claims.get(user) ?? 0n) : amount;
    move(this.#claims, user, -all);
    const back = this.#transfer(this.#wrapper, user, all);
    const log = (abi: readonly unknown[], name: string, values: Readonly<Record<string, unknown>>): Draft =>
      encodeLog(abi, this.#wrapper, name, values);
    switch (this.#kind) {
      case "staking-rewards":
        return [back, log(stakingAbi, "Withdrawn", { user, amount })];
      case "masterchef":
        // Some forks log nothing as the amount of an emergency.
        return [
          back,
          log(chefAbi, emergency ? "EmergencyWithdraw" : "Withdraw", { user, pid: 3n, amount: emergency ? 0n : all }),
        ];
      case "masterchef-v2":
        return [
          back,
          log(chefV2Abi, emergency ? "EmergencyWithdraw" : "Withdraw", { user, pid: 3n, amount: all, to: ROUTER }),
        ];
      case "curve-gauge-v1":
        return [back, log(gaugeV1Abi, "Withdraw", { provider: user, value: all })];
      default:
        return [
          back,
          log(gaugeAbi, "Withdraw", { provider: user, value: all }),
          log(gaugeAbi, "Transfer", { from: user, to: ZERO, value: all }),
        ];
    }
  }

  /** Receipts of the gauge go into the staking rewards, and come back. */
  #nest(user: string, amount: bigint, random: () => number): readonly Draft[] {
    const nested = this.#outer.get(user) ?? 0n;
    if (nested > 0n && random() < 0.4) {
      move(this.#outer, user, -nested);
      return [this.#receipt(OUTER, user, nested), encodeLog(stakingAbi, OUTER, "Withdrawn", { user, amount: nested })];
    }
    if (amount === 0n) return this.#deposit(user, (this.#own.get(user) ?? 0n) / 2n, user);
    move(this.#outer, user, amount);
    return [this.#receipt(user, OUTER, amount), encodeLog(stakingAbi, OUTER, "Staked", { user, amount })];
  }
}

function move(balances: Map<string, bigint>, holder: string, delta: bigint): void {
  balances.set(holder, (balances.get(holder) ?? 0n) + delta);
}
