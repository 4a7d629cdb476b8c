import { createHash } from "node:crypto";
import { seeded } from "../../demo/life.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { pairCreated, pairDeed } from "../models/factory.ts";
import type { FakeBlock, FakeLog } from "./fake-chain.ts";
import type { Draft } from "./logs.ts";
import { answerOf } from "./node-view.ts";
import { PAIR, World } from "./world.ts";

interface Pair {
  readonly address: string;
  readonly world: World;
}

interface Block extends FakeBlock {
  readonly pairs: readonly Pair[];
}

/**
 * A chain on which a Uniswap V2 factory makes pairs all the time, some of tokens nobody knows, and every pair lives.
 */
export class FactoryChain {
  #blocks: Block[];
  /** The answers to requests for logs, to see what was asked. */
  readonly asked: { readonly address: readonly string[] | undefined; readonly fromBlock?: string }[] = [];

  constructor() {
    const hash = hashOf("genesis");
    const world = new World();
    this.#blocks = [
      { number: 0, hash, parentHash: hashOf("nothing"), timestampSec: 1_767_225_600, logs: [], world, pairs: [] },
    ];
  }

  get head(): Block {
    return this.#blocks.at(-1) as Block;
  }

  /** How many pairs are made in a block: `born` of whatever address comes. */
  grow(count: number, seed: number, born = 1): void {
    for (let i = 0; i < count; i++) this.#blocks.push(this.#next(this.head, `${seed}`, born));
  }

  reorg(to: number, count: number, seed: number): void {
    this.#blocks = this.#blocks.slice(0, to + 1);
    this.grow(count, seed);
  }

  /** Every open account of the pairs that are followed, as `openPositions` gives it. */
  openPositions(): readonly string[] {
    return this.head.pairs
      .flatMap(({ address, world }) => world.openPositions().map((line) => line.replaceAll(PAIR, address)))
      .filter((line) => this.head.pairs.some(({ address }) => line.startsWith(address)))
      .sort();
  }

  readonly fetch: Fetch = async (_url, init) => {
    const calls = [JSON.parse(String(init.body))].flat() as { id: number; method: string; params: unknown[] }[];
    const answers = calls.map(({ id, method, params }) => {
      if (method === "eth_getLogs") this.asked.push(params[0] as (typeof this.asked)[number]);
      const view = { blocks: this.#blocks, finalized: null, chainId: 31337, withBlockTimestamp: true };
      try {
        return { jsonrpc: "2.0", id, result: answerOf({ ...view, receipts: "none" }, method, params) };
      } catch (error) {
        return { jsonrpc: "2.0", id, error: { code: -32000, message: (error as Error).message } };
      }
    });
    return new Response(JSON.stringify(String(init.body).startsWith("[") ? answers : answers[0]));
  };

  #next(parent: Block, label: string, born: number): Block {
    const hash = hashOf(`${parent.hash} ${label}`);
    const random = seeded(Number.parseInt(hash.slice(2, 10), 16));
    const pairs = parent.pairs.map(({ address, world }) => ({ address, world: world.clone() }));
    const logs: FakeLog[] = [];
    const emit = (drafts: readonly Draft[], t: string): void => {
      for (const each of drafts)
        logs.push({ ...each, transactionHash: hashOf(`${hash} ${t}`), transactionIndex: 0, logIndex: logs.length });
    };
    for (let i = 0; i < born; i++) {
      const address = `0x${hashOf(`${hash} pair ${i}`).slice(2, 42)}`;
      const wanted = random() < 0.7;
      const world = new World();
      const created = pairCreated(address, wanted);
      // Often its first liquidity comes in the same transaction.
      const first = random() < 0.5 ? pairDeed(world, address, random) : [];
      emit([created, ...first], `new ${i}`);
      if (wanted) pairs.push({ address, world });
    }
    for (const pair of pairs.slice(0, 40))
      if (random() < 0.4) emit(pairDeed(pair.world, pair.address, random), pair.address);
    const { number, hash: parentHash, timestampSec, world } = parent;
    return { number: number + 1, hash, parentHash, timestampSec: timestampSec + 7000, logs, world, pairs };
  }
}

function hashOf(text: string): string {
  return `0x${createHash("sha256").update(text).digest("hex")}`;
}
