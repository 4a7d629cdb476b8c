import gaugeAbi from "../../../abi/curve-gauge.json" with { type: "json" };
import gaugeV1Abi from "../../../abi/curve-gauge-v1.json" with { type: "json" };
import chefAbi from "../../../abi/masterchef.json" with { type: "json" };
import chefV2Abi from "../../../abi/masterchef-v2.json" with { type: "json" };
import stakingAbi from "../../../abi/synthetix-staking-rewards.json" with { type: "json" };
import stakerAbi from "../../../abi/uniswap-v3-staker.json" with { type: "json" };
import { claimOf, type Holder, partsOf } from "../accounting/holder.ts";
import { eventOf, holderOf } from "../accounting/post.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import type { Pool, Wrapper, WrapperKind } from "../programme/programme.ts";
import type { DecodeContext, DecodedLog } from "./reading.ts";
import { eventShapes, losslessJson, type Shapes } from "./words.ts";

/** How one kind of wrapper tells of its users. */
interface WrapperProtocol {
  readonly shapes: Shapes;
  /** Its logs name one of several tokens by a number. */
  readonly pid?: true;
  /** It holds position NFTs, of any pool. */
  readonly tokens?: true;
}

// biome-ignore format: a table, one kind a line
export const WRAPPERS: ReadonlyMap<WrapperKind, WrapperProtocol> = new Map<WrapperKind, WrapperProtocol>([
  ["staking-rewards", { shapes: eventShapes(stakingAbi, ["Staked", "Withdrawn"]) }],
  ["masterchef", { shapes: eventShapes(chefAbi, ["Deposit", "Withdraw", "EmergencyWithdraw"]), pid: true }],
  ["masterchef-v2", { shapes: eventShapes(chefV2Abi, ["Deposit", "Withdraw", "EmergencyWithdraw"]), pid: true }],
  ["curve-gauge-v1", { shapes: eventShapes(gaugeV1Abi, ["Deposit", "Withdraw"]) }],
  ["curve-gauge", { shapes: eventShapes(gaugeAbi, ["Transfer", "Withdraw"]) }],
  ["uniswap-v3-staker", { shapes: eventShapes(stakerAbi, ["DepositTransferred"]), tokens: true }],
]);

/** Where a wrapper's own liquidity lies: in its own account, or in its claim on the wrapper it deposits into. */
export function homeOf({ address, inside }: Wrapper): Holder {
  return inside === null ? address : claimOf(address, inside);
}

/**
 * The logs of wrappers in one transaction: contracts that hold liquidity for others. A claim moves liquidity from the
 * wrapper's own account to its user's, and back. What a wrapper holds beyond its claims stays in its own account, where
 * everybody sees it; that it has what its users claim is checked when the transaction is over, since withdrawals log
 * the transfer first.
 */
export class WrapperLogs {
  readonly #reading: DecodeContext;
  /** Receipts of a gauge that were sent to the zero address, and the withdrawals that explain them. */
  readonly #sent: { readonly wrapper: Wrapper; readonly decoded: DecodedLog }[] = [];
  readonly #withdrawn: string[] = [];

  constructor(reading: DecodeContext) {
    this.#reading = reading;
  }

  read(wrapper: Wrapper, decoded: DecodedLog): void {
    const { name, values } = decoded;
    const [user, amount] = [values["user"] as Address, values["amount"] as bigint];
    switch (wrapper.kind) {
      case "staking-rewards":
        this.#claim(wrapper, decoded, user, name === "Staked" ? amount : -amount);
        return;
      case "masterchef":
      case "masterchef-v2": {
        if (values["pid"] !== wrapper.pid) return;
        const credited = wrapper.kind === "masterchef" ? user : (values["to"] as Address);
        if (name === "Deposit") this.#claim(wrapper, decoded, credited, amount);
        // Some forks log nothing as the amount of an emergency: it is always all.
        else this.#claim(wrapper, decoded, user, name === "Withdraw" ? -amount : -this.#claimed(wrapper, user));
        return;
      }
      case "curve-gauge-v1": {
        const value = values["value"] as bigint;
        this.#claim(wrapper, decoded, values["provider"] as Address, name === "Deposit" ? value : -value);
        return;
      }
      case "curve-gauge":
        this.#gauge(wrapper, decoded);
        return;
      case "uniswap-v3-staker":
        this.#deposit(wrapper, decoded);
    }
  }

  finish(): void {
    for (const { wrapper, decoded } of this.#sent) {
      const { from, value } = decoded.values as unknown as { from: Address; value: bigint };
      const at = this.#withdrawn.indexOf(`${wrapper.address} ${from} ${value}`);
      if (at >= 0) this.#withdrawn.splice(at, 1);
      if (at >= 0) this.#claim(wrapper, decoded, from, -value);
      else this.#move(wrapper, decoded, claimOf(from, wrapper.address), claimOf(ZERO_ADDRESS, wrapper.address), value);
    }
  }

  /** A gauge is an ERC-20 of its own: its transfers are the claims; `Deposit` and `Withdraw` say the same again. */
  #gauge(wrapper: Wrapper, decoded: DecodedLog): void {
    const { name, values } = decoded;
    const value = values["value"] as bigint;
    if (name === "Withdraw") {
      this.#withdrawn.push(`${wrapper.address} ${values["provider"]} ${value}`);
      return;
    }
    const [from, to] = [values["from"] as Address, values["to"] as Address];
    if (from === ZERO_ADDRESS) this.#claim(wrapper, decoded, to, value);
    else if (to === ZERO_ADDRESS) this.#sent.push({ wrapper, decoded });
    else this.#move(wrapper, decoded, claimOf(from, wrapper.address), claimOf(to, wrapper.address), value);
  }

  /** A staker's position NFT: whoever the deposit belongs to has all its liquidity, whatever it grows to. */
  #deposit({ address, manager }: Wrapper, decoded: DecodedLog): void {
    const { log, name, values } = decoded;
    const { books, emit, newTokens } = this.#reading;
    if (manager === null) throw new Error(`unreachable: the staker ${address} has no manager`);
    const tokenId = values["tokenId"] as bigint;
    const token = books.token(manager, tokenId.toString());
    // Unknown: new in this transaction, or of a pool that the programme does not follow.
    if (token === undefined) newTokens.note(manager, tokenId, decoded);
    if (token === undefined || token.owner !== address) return;
    const pool = this.#reading.poolOf(token.pool);
    if (pool === undefined) return;
    const newOwner = values["newOwner"] as Address;
    const [from, to] = [holderOf(token), newOwner === ZERO_ADDRESS ? token.owner : claimOf(newOwner, address)];
    const amount = books.held(pool, token.position, from);
    const { position, range } = token;
    const provider = newOwner === ZERO_ADDRESS ? partsOf(from).provider : newOwner;
    emit(eventOf(pool, log, losslessJson(values), { name, provider, position, range, movement: { from, to, amount } }));
  }

  /** A deposit of an amount above zero, or a withdrawal of one below. */
  #claim(wrapper: Wrapper, decoded: DecodedLog, user: Address, amount: bigint): void {
    const [home, claim] = [homeOf(wrapper), claimOf(user, wrapper.address)];
    if (amount > 0n) this.#move(wrapper, decoded, home, claim, amount);
    else this.#move(wrapper, decoded, claim, home, -amount);
  }

  #move(wrapper: Wrapper, { log, name, values }: DecodedLog, from: Holder, to: Holder, amount: bigint): void {
    const [giver, taker] = [partsOf(from), partsOf(to)];
    // The event is about the user, whichever way the liquidity goes.
    const provider = giver.via === wrapper.address && taker.via !== wrapper.address ? giver.provider : taker.provider;
    const meaning = { name, provider, position: "", range: null, movement: { from, to, amount } };
    this.#reading.emit(eventOf(this.#poolOf(wrapper), log, losslessJson(values), meaning));
  }

  #claimed(wrapper: Wrapper, user: Address): bigint {
    return this.#balance(wrapper, claimOf(user, wrapper.address));
  }

  #balance(wrapper: Wrapper, holder: Holder): bigint {
    return this.#reading.books.held(this.#poolOf(wrapper), "", holder);
  }

  #poolOf({ address, pool }: Wrapper): Pool {
    const found = pool === null ? undefined : this.#reading.poolOf(pool);
    if (found === undefined) throw new Error(`unreachable: the wrapper ${address} has no pool`);
    return found;
  }
}
