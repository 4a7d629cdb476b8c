import factoryAbi from "../../abi/uniswap-v2-factory.json" with { type: "json" };
import { encodeLog } from "../support/encode.ts";
import { addressOf, type Draft, draft } from "../support/logs.ts";
import { PAIR, TOKENS, World } from "../support/world.ts";
import { ACTORS, below, type Model, pick } from "./model.ts";

export const FACTORY = addressOf(0xfac);
const FOREIGN = addressOf(0xb9);
const PAIRS = 0xfa00_0000;
const FOREIGN_PAIRS = 0xfb00_0000;
const PAIRS_MAX = 5;

interface Pair {
  readonly address: string;
  readonly isFollowed: boolean;
  readonly world: World;
}

/**
 * A small model of a Uniswap V2 factory that makes pairs, some of a token that nobody knows, and of all that happens to
 * them.
 */
export class FactoryModel implements Model {
  readonly #pairs: Pair[] = [];
  /** Of the next pair's address, which anybody can compute. */
  #nextNumber = 0;

  clone(): FactoryModel {
    const copy = new FactoryModel();
    copy.#nextNumber = this.#nextNumber;
    copy.#pairs.push(...this.#pairs.map((each) => ({ ...each, world: each.world.clone() })));
    return copy;
  }

  programme(): object {
    const tokens = TOKENS.map((address, i) => ({ address, symbol: `T${i}`, decimals: 18 }));
    return { pools: [], factories: [{ protocol: "uniswap-v2", address: FACTORY, startBlock: 1, tokens }] };
  }

  positions(): ReadonlyMap<string, bigint> {
    const followed = this.#pairs.filter(({ isFollowed }) => isFollowed);
    return new Map(
      followed.flatMap(({ address, world }) =>
        [...world.shares].map(([holder, balance]) => [`${address}  ${holder === PAIR ? address : holder}`, balance]),
      ),
    );
  }

  transaction(random: () => number): readonly Draft[] {
    if (this.#pairs.length === 0 || (this.#pairs.length < PAIRS_MAX && random() < 0.2)) return this.#create(random);
    const { address, world } = pick(this.#pairs, random);
    for (;;) {
      const deed = pairDeed(world, address, random);
      if (deed.length > 0) return [...deed, ...this.#gift(world, address)];
    }
  }

  /** Often its first liquidity comes in the same transaction. */
  #create(random: () => number): readonly Draft[] {
    const isFollowed = random() < 0.7;
    const address = addressOf((isFollowed ? PAIRS : FOREIGN_PAIRS) + this.#nextNumber);
    this.#nextNumber = below(2 ** 24, random);
    const world = new World();
    this.#pairs.push({ address, isFollowed, world });
    const first = random() < 0.5 ? pairDeed(world, address, random) : [];
    return [pairCreated(address, isFollowed), ...first];
  }

  /** Now and then somebody sends shares to the address of the next pair. */
  #gift(world: World, address: string): readonly Draft[] {
    const to = addressOf(PAIRS + this.#nextNumber);
    const from = ACTORS.find((actor) => (world.shares.get(actor) ?? 0n) % 8n === 5n);
    if (from === undefined || this.#pairs.length >= PAIRS_MAX) return [];
    const value = (world.shares.get(from) ?? 0n) / 2n;
    world.shares.set(from, (world.shares.get(from) ?? 0n) - value);
    world.shares.set(to, (world.shares.get(to) ?? 0n) + value);
    return [draft("pair", address, "Transfer", { from, to, value })];
  }
}

/** Whether a pair has a token that nobody knows, so that it is not followed. */
export function isForeignPair(address: string): boolean {
  return address.startsWith(addressOf(FOREIGN_PAIRS).slice(0, 36));
}

/** The factory's log of a new pair; where it is not wanted, one of its tokens is not among those of the programme. */
export function pairCreated(pair: string, isWanted: boolean): Draft {
  const [token0, token1] = isWanted ? TOKENS : [TOKENS[0], FOREIGN];
  return encodeLog(factoryAbi, FACTORY, "PairCreated", { token0, token1, pair, count: 1n });
}

/** One deed of a pair alone: what its world does elsewhere is left out. */
export function pairDeed(world: World, address: string, random: () => number): readonly Draft[] {
  return world
    .transaction(random)
    .filter((each) => each.address === PAIR)
    .map((each) => ({ ...each, address, topics: each.topics.map(renamed) }));

  // Addresses stand in a pair's topics only.
  function renamed(topic: string): string {
    return topic === word(PAIR) ? word(address) : topic;
  }
}

function word(address: string): string {
  return `0x${address.slice(2).padStart(64, "0")}`;
}
