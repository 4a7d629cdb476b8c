import { createHash } from "node:crypto";
import { seeded } from "../../demo/life.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import type { Model } from "../models/model.ts";
import { headerFields, headerHash } from "./headers.ts";
import type { Draft } from "./logs.ts";
import { answerOf, bloomOf, type NodeView } from "./node-view.ts";
import { pick, World } from "./world.ts";

/** One block of the fake chain, with the logs of its transactions and the world as it stood after it. */
export interface FakeBlock {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timestampSec: number;
  readonly logs: readonly FakeLog[];
  readonly world: World;
  /** Where block hashes are those of real headers: everything that is hashed. */
  readonly header?: Readonly<Record<string, string>>;
  /** Other contracts beside the world's. */
  readonly models?: readonly Model[];
}

export interface FakeLog extends Draft {
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly logIndex: number;
}

/** Changes or replaces an answer: gets the method, its params and the honest result. */
export type Fault = (method: string, params: readonly unknown[], result: unknown) => unknown;

function hashOf(text: string): string {
  return `0x${createHash("sha256").update(text).digest("hex")}`;
}

/**
 * A block tree that is served like a node would, in memory. Blocks are named by single labels: the same label with
 * the same parent is the same block, so a reorg is one line.
 */
export class FakeChain {
  readonly #blocks = new Map<string, FakeBlock>();
  #canonical: FakeBlock[];
  readonly #secondsPerBlock: number;
  readonly #isProvable: boolean;
  finalized: number | null = null;
  /** Nothing happens for so long before the next block. */
  pauseSec = 0;
  /** Logs of other contracts that blocks carry besides, each a transaction of its own. */
  also: (blockNumber: number) => readonly Draft[] = () => [];
  chainId = 31337;
  fault: Fault | undefined;
  withBlockTimestamp = true;
  /** Which calls for receipts the node knows. */
  receipts: NodeView["receipts"] = "none";
  requests = 0;
  calls: string[] = [];

  constructor(
    options: {
      readonly genesis?: string;
      readonly secondsPerBlock?: number;
      readonly startSec?: number;
      readonly models?: readonly Model[];
      /** Block hashes are those of their headers, as on a real chain. */
      readonly isProvable?: boolean;
    } = {},
  ) {
    this.#secondsPerBlock = options.secondsPerBlock ?? 3600;
    const hash = hashOf(options.genesis ?? "genesis");
    const timestampSec = options.startSec ?? 1_767_225_600;
    const { models = [] } = options;
    const world = new World();
    this.#isProvable = options.isProvable === true;
    this.#canonical = [
      this.#sealed({ number: 0, hash, parentHash: hashOf("nothing"), timestampSec, logs: [], world, models }),
    ];
  }

  get head(): FakeBlock {
    return this.#canonical.at(-1) as FakeBlock;
  }

  get blocks(): readonly FakeBlock[] {
    return this.#canonical;
  }

  /** Makes the chain of these labels the canonical one; what it shares with the present one stays the same blocks. */
  follow(labels: string): void {
    let parent = this.#canonical[0] as FakeBlock;
    const chain = [parent];
    for (const label of labels.split(" ").filter((each) => each !== "")) {
      parent = this.#child(parent, label);
      chain.push(parent);
    }
    this.#canonical = chain;
  }

  /** Makes a chain that was left canonical again. */
  show(blocks: readonly FakeBlock[]): void {
    this.#canonical = [...blocks];
  }

  /** Adds blocks with random life at the end. */
  grow(count: number, seed = 1): void {
    for (let i = 0; i < count; i++) this.#canonical.push(this.#child(this.head, `${seed}/${this.head.number + 1}`));
  }

  /** Adds blocks in which nothing happens. */
  growEmpty(count: number): void {
    for (let i = 0; i < count; i++) {
      const { number, hash, timestampSec, world, models = [] } = this.head;
      const own = hashOf(`${hash} empty`);
      const next = {
        number: number + 1,
        hash: own,
        parentHash: hash,
        timestampSec: timestampSec + this.#secondsPerBlock,
        logs: [],
        world,
        models,
      };
      this.#canonical.push(this.#sealed(next));
    }
  }

  /** Goes back to a block and grows another branch from it. */
  reorg(to: number, count: number, seed: number): void {
    this.#canonical = this.#canonical.slice(0, to + 1);
    this.grow(count, seed);
  }

  #child(parent: FakeBlock, label: string): FakeBlock {
    const hash = hashOf(`${parent.hash} ${label}`);
    const known = this.#blocks.get(hash);
    if (known !== undefined) return known;
    const random = seeded(Number.parseInt(hash.slice(2, 10), 16));
    const world = parent.world.clone();
    const models = parent.models?.map((each) => each.clone()) ?? [];
    const logs: FakeLog[] = [];
    const transactions = Math.floor(random() * 4); // Some blocks are empty.
    for (let t = 0; t < transactions; t++) {
      const transactionHash = hashOf(`${hash} ${t}`);
      const one = models.length === 0 ? world : pick([world, ...models], random);
      for (const each of one.transaction(random)) {
        logs.push({ ...each, transactionHash, transactionIndex: t, logIndex: logs.length });
      }
    }
    for (const [t, each] of this.also(parent.number + 1).entries())
      logs.push({
        ...each,
        transactionHash: hashOf(`${hash} also ${t}`),
        transactionIndex: transactions + t,
        logIndex: logs.length,
      });
    // Now and then two blocks share a second.
    const timestampSec = parent.timestampSec + (random() < 0.1 ? 0 : this.#secondsPerBlock) + this.pauseSec;
    this.pauseSec = 0;
    const block = this.#sealed({
      number: parent.number + 1,
      hash,
      parentHash: parent.hash,
      timestampSec,
      logs,
      world,
      models,
    });
    this.#blocks.set(hash, block);
    return block;
  }

  /**
   * The block with the hash of its header, where the chain is provable: its own hash so far becomes the state's root.
   */
  #sealed(block: FakeBlock): FakeBlock {
    if (!this.#isProvable) return block;
    const { number, timestampSec, parentHash, hash: stateRoot } = block;
    const header = headerFields({ number, timestampSec, parentHash, stateRoot, logsBloom: bloomOf(block) });
    return { ...block, header, hash: headerHash(header) };
  }

  /** The node's HTTP side. */
  readonly fetch: Fetch = async (_url, init) => {
    init.signal?.throwIfAborted();
    this.requests += 1;
    const body = JSON.parse(String(init.body)) as Call | Call[];
    const answers = (Array.isArray(body) ? body : [body]).map((call) => this.#answer(call));
    return new Response(JSON.stringify(Array.isArray(body) ? answers : answers[0]));
  };

  #answer({ id, method, params }: Call): unknown {
    this.calls.push(method);
    try {
      const honest = this.#result(method, params);
      const result = this.fault === undefined ? honest : this.fault(method, params, honest);
      return { jsonrpc: "2.0", id, result };
    } catch (error) {
      return { jsonrpc: "2.0", id, error: { code: -32000, message: (error as Error).message } };
    }
  }

  #result(method: string, params: readonly unknown[]): unknown {
    const { finalized, chainId, withBlockTimestamp, receipts } = this;
    return answerOf({ blocks: this.#canonical, finalized, chainId, withBlockTimestamp, receipts }, method, params);
  }
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}
