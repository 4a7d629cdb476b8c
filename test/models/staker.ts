import stakerAbi from "../../abi/uniswap-v3-staker.json" with { type: "json" };
import { amountsOf } from "../../src/core/amm/amounts.ts";
import { sqrtRatioAtTick, type TickRange } from "../../src/core/amm/ticks.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft, draft } from "../support/logs.ts";
import { ACTORS, below, type Model, pick, ROUTER, ZERO } from "./model.ts";

const POOL = addressOf(0xe5);
const COINS = [addressOf(0xb1), addressOf(0xb2)] as const;
/** Two position managers that number their tokens alike; the staker holds those of the first. */
const MANAGERS = [addressOf(0xe6), addressOf(0xe7)] as const;
const STAKER = addressOf(0xe8);
const PRICE = { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 };

interface Nft extends TickRange {
  readonly manager: string;
  readonly id: bigint;
  owner: string;
  /** For whom the staker holds it. */
  user: string | null;
  liquidity: bigint;
}

/**
 * A small model of one Uniswap V3 pool at a price that stays, two position managers that call out before they log an
 * increase, and a staker of the first one's NFTs (Uniswap v3-staker). NFTs are sent to the staker by plain transfers,
 * too.
 */
export class StakerModel implements Model {
  readonly #nfts: Nft[] = [];
  readonly #next = new Map<string, bigint>(MANAGERS.map((each) => [each, 1n]));
  #isPriced = false;

  clone(): StakerModel {
    const copy = new StakerModel();
    copy.#nfts.push(...this.#nfts.map((each) => ({ ...each })));
    for (const [manager, id] of this.#next) copy.#next.set(manager, id);
    copy.#isPriced = this.#isPriced;
    return copy;
  }

  programme(): object {
    const tokens = COINS.map((address, i) => ({ address, symbol: `C${i}`, decimals: 18 }));
    const pool = { protocol: "uniswap-v3", address: POOL, tokens, startBlock: 1, managers: MANAGERS };
    return { pools: [pool], wrappers: [{ kind: "uniswap-v3-staker", address: STAKER, manager: MANAGERS[0] }] };
  }

  positions(): ReadonlyMap<string, bigint> {
    return new Map(
      this.#nfts.map(({ manager, id, owner, user, liquidity }) => [
        `${POOL} ${manager}:${id} ${user === null ? owner : `${user}@${owner}`}`,
        liquidity,
      ]),
    );
  }

  transaction(random: () => number): readonly Draft[] {
    if (!this.#isPriced) {
      this.#isPriced = true;
      return [draft("pool", POOL, "Initialize", PRICE)];
    }
    const actor = pick(ACTORS, random);
    const kind = below(9, random);
    const own = this.#nfts.filter(({ owner }) => owner === actor);
    const staked = this.#nfts.filter(({ user }) => user === actor);
    if (kind <= 2 || own.length + staked.length === 0) return this.#mint(actor, random);
    if (kind <= 4 && own.length > 0) return this.#leave(pick(own, random), random);
    if (kind === 5 && staked.length > 0) return this.#passOn(pick(staked, random), pick(ACTORS, random));
    if (kind === 6 && staked.length > 0) return this.#withdraw(pick(staked, random));
    if (kind === 7 && own.length > 0) return this.#decrease(pick(own, random), random);
    return this.#increase(pick(this.#nfts, random), BigInt(1 + below(1e9, random)) * 10n ** 6n);
  }

  #change(nft: Nft, name: "Mint" | "Burn", amount: bigint): { log: Draft; amounts: object } {
    const { tickLower, tickUpper, manager } = nft;
    const [amount0, amount1] = amountsOf(amount, nft, PRICE, name === "Mint" ? "up" : "down");
    nft.liquidity += name === "Mint" ? amount : -amount;
    const values = { sender: manager, owner: manager, tickLower, tickUpper, amount, amount0, amount1 };
    return { log: draft("pool", POOL, name, values), amounts: { amount0, amount1 } };
  }

  #transfer(nft: Nft, to: string): Draft {
    const from = nft.owner;
    nft.owner = to;
    nft.user = null;
    return draft("manager", nft.manager, "Transfer", { from, to, tokenId: nft.id });
  }

  #deposited(nft: Nft, newOwner: string): Draft {
    const oldOwner = nft.user ?? ZERO;
    nft.user = newOwner === ZERO ? null : newOwner;
    return encodeLog(stakerAbi, STAKER, "DepositTransferred", { tokenId: nft.id, oldOwner, newOwner });
  }

  /** Between its mint and the log of its liquidity the token may be transferred, and deposited. */
  #mint(owner: string, random: () => number): readonly Draft[] {
    const manager = pick(MANAGERS, random);
    const id = this.#next.get(manager) ?? 1n;
    this.#next.set(manager, id + 1n);
    const tickLower = (below(20, random) - 15) * 60;
    const tickUpper = tickLower + (1 + below(20, random)) * 60;
    const nft: Nft = { manager, id, owner: ZERO, user: null, liquidity: 0n, tickLower, tickUpper };
    this.#nfts.push(nft);
    const liquidity = BigInt(1 + below(1e9, random)) * 10n ** 9n;
    const { log, amounts } = this.#change(nft, "Mint", liquidity);
    const logs = [log, this.#transfer(nft, owner)];
    const way = below(4, random);
    if (way === 0) logs.push(this.#transfer(nft, pick(ACTORS, random)));
    else if (way === 1) logs.push(...this.#leave(nft, random));
    return [...logs, draft("manager", manager, "IncreaseLiquidity", { tokenId: id, liquidity, ...amounts })];
  }

  /** To somebody else, into the staker as it wants it, or there without its knowing. */
  #leave(nft: Nft, random: () => number): readonly Draft[] {
    const { owner, manager } = nft;
    const way = below(4, random);
    if (way === 0) return [this.#transfer(nft, pick(ACTORS, random))];
    if (way === 1) return [this.#transfer(nft, STAKER)];
    if (manager !== MANAGERS[0]) return [this.#transfer(nft, ROUTER)];
    return [this.#transfer(nft, STAKER), this.#deposited(nft, owner)];
  }

  #passOn(nft: Nft, to: string): readonly Draft[] {
    return [this.#deposited(nft, to)];
  }

  /** The staker logs it before the token leaves. */
  #withdraw(nft: Nft): readonly Draft[] {
    const user = nft.user ?? ZERO;
    return [this.#deposited(nft, ZERO), this.#transfer(nft, user)];
  }

  /** Anybody may add to anybody's token. */
  #increase(nft: Nft, liquidity: bigint): readonly Draft[] {
    const { log, amounts } = this.#change(nft, "Mint", liquidity);
    return [log, draft("manager", nft.manager, "IncreaseLiquidity", { tokenId: nft.id, liquidity, ...amounts })];
  }

  #decrease(nft: Nft, random: () => number): readonly Draft[] {
    const liquidity = random() < 0.3 ? nft.liquidity : nft.liquidity / 2n;
    if (liquidity === 0n) return this.#increase(nft, 10n ** 9n);
    const { log, amounts } = this.#change(nft, "Burn", liquidity);
    return [log, draft("manager", nft.manager, "DecreaseLiquidity", { tokenId: nft.id, liquidity, ...amounts })];
  }
}
