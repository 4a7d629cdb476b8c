import { encodeAbiParameters, keccak256 } from "viem";
import managerAbi from "../../abi/uniswap-v4-pool-manager.json" with { type: "json" };
import tokenAbi from "../../abi/uniswap-v4-position-manager.json" with { type: "json" };
import { rangeId, sqrtRatioAtTick, type TickRange } from "../../src/core/amm/ticks.ts";
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { ACTORS, below, type Model, pick, ROUTER, ZERO } from "./model.ts";

const SINGLETON = addressOf(0xd1);
const TOKENS = addressOf(0xd2);
const COINS = [ZERO, addressOf(0xb1)] as const;
const KEY = { currency0: COINS[0], currency1: COINS[1], fee: 0x80_0000, tickSpacing: 10, hooks: addressOf(0x40) };

interface Position extends TickRange {
  /** The token's id, or undefined for one that its caller holds itself. */
  readonly token: bigint | undefined;
  readonly salt: string;
  owner: string;
  liquidity: bigint;
}

/**
 * A small model of one pool in Uniswap V4's PoolManager, with a hook and a dynamic fee, and of its position manager.
 */
export class SingletonModel implements Model {
  readonly id = keccak256(
    encodeAbiParameters(
      ["address", "address", "uint24", "int24", "address"].map((type) => ({ type })),
      [KEY.currency0, KEY.currency1, KEY.fee, KEY.tickSpacing, KEY.hooks],
    ),
  );
  readonly #positions: Position[] = [];
  #tick: number | null = null;
  #next = 1n;

  clone(): SingletonModel {
    const copy = new SingletonModel();
    copy.#positions.push(...this.#positions.map((each) => ({ ...each })));
    copy.#tick = this.#tick;
    copy.#next = this.#next;
    return copy;
  }

  programme(): object {
    const tokens = COINS.map((address, i) => ({ address, symbol: `C${i}`, decimals: 18 }));
    const pool = { protocol: "uniswap-v4", address: this.id, poolManager: SINGLETON, tokens, startBlock: 1 };
    return { pools: [{ ...pool, managers: [TOKENS] }] };
  }

  positions(): ReadonlyMap<string, bigint> {
    return new Map(
      this.#positions.map((each) => [`${this.id} ${nameOf(each)} ${each.owner}`, each.liquidity] as const),
    );
  }

  transaction(random: () => number): readonly Draft[] {
    if (this.#tick === null) {
      this.#tick = 0;
      return [this.#log("Initialize", { ...KEY, sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 })];
    }
    const actor = pick(ACTORS, random);
    const kind = below(9, random);
    const open = this.#positions.filter(({ liquidity }) => liquidity > 0n);
    const one = open.length === 0 ? undefined : pick(open, random);
    const amount = BigInt(1 + below(1e9, random)) * 10n ** 6n;
    if (kind <= 1 || one === undefined) return this.#mint(actor, someRange(random), amount);
    if (kind === 2) return this.#direct(actor, someRange(random), amount, random);
    if (kind === 3) return this.#change(one, amount);
    if (kind === 4) return this.#change(one, -(random() < 0.3 ? one.liquidity : one.liquidity / 2n));
    if (kind === 5) return this.#change(one, 0n);
    if (kind === 6 && one.token !== undefined) return random() < 0.5 ? this.#burn(one) : this.#give(one, actor);
    return this.#swap(random);
  }

  #log(name: string, values: Readonly<Record<string, unknown>>): Draft {
    return encodeLog(managerAbi, SINGLETON, name, { id: this.id, ...values });
  }

  #transfer(from: string, to: string, tokenId: bigint | undefined): Draft {
    return encodeLog(tokenAbi, TOKENS, "Transfer", { from, to, tokenId });
  }

  #modify({ token, owner, tickLower, tickUpper, salt }: Position, liquidityDelta: bigint): Draft {
    const sender = token === undefined ? owner : TOKENS;
    return this.#log("ModifyLiquidity", { sender, tickLower, tickUpper, liquidityDelta, salt });
  }

  #mint(owner: string, range: TickRange, liquidity: bigint): readonly Draft[] {
    const token = this.#next++;
    const position = { token, salt: word(token), owner, liquidity, ...range };
    this.#positions.push(position);
    return [this.#transfer(ZERO, owner, token), this.#modify(position, liquidity)];
  }

  /** A position without a token; another owner may use a token's number as its salt. */
  #direct(owner: string, range: TickRange, liquidity: bigint, random: () => number): readonly Draft[] {
    const salt = word(BigInt(below(3, random)));
    const same = this.#positions.find(
      (each) =>
        each.token === undefined && each.owner === owner && rangeId(each) === rangeId(range) && each.salt === salt,
    );
    const position = same ?? { token: undefined, salt, owner, liquidity: 0n, ...range };
    if (same === undefined) this.#positions.push(position);
    position.liquidity += liquidity;
    return [this.#modify(position, liquidity)];
  }

  #change(position: Position, delta: bigint): readonly Draft[] {
    position.liquidity += delta;
    return [this.#modify(position, delta)];
  }

  /** The token goes first, and then its liquidity. */
  #burn(position: Position): readonly Draft[] {
    const { owner, token, liquidity } = position;
    position.liquidity = 0n;
    return [this.#transfer(owner, ZERO, token), this.#modify(position, -liquidity)];
  }

  #give(position: Position, to: string): readonly Draft[] {
    const from = position.owner;
    position.owner = to;
    return [this.#transfer(from, to, position.token)];
  }

  #swap(random: () => number): readonly Draft[] {
    const tick = Math.max(-500, Math.min(500, (this.#tick ?? 0) + below(121, random) - 60));
    this.#tick = tick;
    const [low, high] = [sqrtRatioAtTick(tick), sqrtRatioAtTick(tick + 1)];
    const liquidity = this.#positions
      .filter(({ tickLower, tickUpper }) => tickLower <= tick && tick < tickUpper)
      .reduce((sum, each) => sum + each.liquidity, 0n);
    const sqrtPriceX96 = low + ((high - low) * BigInt(below(1000, random))) / 1000n;
    const values = {
      sender: ROUTER,
      amount0: -5n,
      amount1: 4n,
      sqrtPriceX96,
      liquidity,
      tick,
      fee: below(9000, random),
    };
    return [this.#log("Swap", values)];
  }
}

function nameOf({ token, salt, ...range }: Position): string {
  if (token !== undefined) return `${token}`;
  return `${rangeId(range)}${salt === word(0n) ? "" : `:${salt}`}`;
}

function word(value: bigint): string {
  return `0x${value.toString(16).padStart(64, "0")}`;
}

function someRange(random: () => number): TickRange {
  const tickLower = (below(60, random) - 30) * 10;
  return { tickLower, tickUpper: tickLower + (1 + below(40, random)) * 10 };
}
