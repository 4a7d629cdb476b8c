import { createHash } from "node:crypto";
import { type Hex, keccak256, toRlp } from "viem";
import { bitsOf } from "../src/chain/bloom.ts";
import { addressOf, type Draft } from "../test/support/logs.ts";
import { V2Life } from "./v2-life.ts";
import { V3Life } from "./v3-life.ts";

const TOKENS = [addressOf(0xb1), addressOf(0xb2)] as const;
const START_SEC = 1_767_225_600;

export type Kind = "new" | "mint" | "burn" | "collect" | "swap";
/** What kinds of event, each with its share; the shares sum to 1. */
export type Mix = Readonly<Record<Kind, number>>;

/** 90 % swaps, 5 % mints, 4 % burns, 1 % collects. */
export const USUAL: Mix = { new: 0.05, mint: 0, burn: 0.04, collect: 0.01, swap: 0.9 };

/** A stretch of the chain; `logsPerBlock` below 1 leaves blocks empty. */
export interface Phase {
  readonly events: number;
  readonly logsPerBlock: number;
  readonly secondsPerBlock: number;
  readonly mix: Mix;
}

/** The whole chain, of which the same options always give the same bytes. */
export interface ChainOptions {
  readonly phases: readonly Phase[];
  readonly protocol: "uniswap-v3" | "uniswap-v2";
  readonly pools: number;
  readonly owners: number;
  /** Whether logs carry `blockTimestamp`. */
  readonly timestamps: boolean;
}

/** The life of one pool: the logs of its first transaction, and of each that follows. */
export interface Life {
  first(): readonly Draft[];
  next(mix: Mix): readonly Draft[];
}

export interface LifeOptions {
  readonly address: string;
  readonly seed: number;
  readonly owners: number;
}

export interface BenchBlock {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestampSec: number;
  readonly bloom: Hex;
  readonly logsRoot: Hex;
  /** Which phase it is of; the genesis is of none. */
  readonly phase: number;
  readonly logCount: number;
  /** The block's logs as the node would print them, joined by commas. */
  readonly logs: string;
}

type HeaderFacts = Pick<BenchBlock, "number" | "parentHash" | "timestampSec" | "bloom" | "logsRoot">;

export function poolAddress(index: number): string {
  return addressOf(0xbe7c_0000 + index);
}

/** The programme file that follows the bench's pools. */
export function benchProgramme({ protocol, pools }: Pick<ChainOptions, "protocol" | "pools">): object {
  const tokens = TOKENS.map((address, i) => ({ address, symbol: `T${i}`, decimals: 18 }));
  return {
    chainId: 31337,
    quote: { symbol: "USD" },
    pools: Array.from({ length: pools }, (_, i) => ({
      protocol,
      address: poolAddress(i),
      tokens,
      startBlock: 1,
      ...(protocol === "uniswap-v3" ? { managers: [] } : {}),
    })),
    prices: { [TOKENS[0]]: { fixed: "1" }, [TOKENS[1]]: { pool: poolAddress(0) } },
  };
}

const EMPTY_BLOOM = `0x${"0".repeat(512)}` as Hex;
const ZERO_HASH = `0x${"0".repeat(64)}` as Hex;
const ZERO_NONCE = `0x${"0".repeat(16)}` as Hex;
const MINER = addressOf(0xc0);

/**
 * The fields of a header in the order in which its hash is made (yellow paper 4.3, EIP-1559), by their JSON-RPC names.
 */
export function headerOf(block: HeaderFacts): Readonly<Record<string, Hex>> {
  return {
    parentHash: block.parentHash,
    sha3Uncles: ZERO_HASH,
    miner: MINER,
    stateRoot: ZERO_HASH,
    transactionsRoot: ZERO_HASH,
    receiptsRoot: block.logsRoot,
    logsBloom: block.bloom,
    difficulty: "0x0",
    number: hex(block.number),
    gasLimit: "0x1c9c380",
    gasUsed: "0x0",
    timestamp: hex(block.timestampSec),
    extraData: "0x",
    mixHash: ZERO_HASH,
    nonce: ZERO_NONCE,
    baseFeePerGas: "0x7",
  };
}

export function hex(value: number): Hex {
  return `0x${value.toString(16)}`;
}

/** A quantity as the bytes that RLP takes: no leading zeros. */
function bytesOf(value: Hex): Hex {
  const digits = value.slice(2).replace(/^0+/, "");
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
}

const QUANTITIES = new Set(["difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"]);

/** The Keccak-256 of the header's RLP, as a node computes a block's hash. */
export function hashOf(header: Readonly<Record<string, Hex>>): Hex {
  return keccak256(toRlp(Object.entries(header).map(([name, each]) => (QUANTITIES.has(name) ? bytesOf(each) : each))));
}

const bits = new Map<string, readonly number[]>();

/** The bloom of a block's logs: three bits for each address and topic. */
function bloomOf(drafts: readonly Draft[]): Hex {
  if (drafts.length === 0) return EMPTY_BLOOM;
  const bloom = Buffer.alloc(256);
  for (const { address, topics } of drafts) {
    for (const value of [address, ...topics]) {
      let set = bits.get(value);
      if (set === undefined) {
        set = bitsOf(value);
        bits.set(value, set);
      }
      for (const bit of set) bloom[255 - (bit >> 3)] = (bloom[255 - (bit >> 3)] ?? 0) | (1 << (bit & 7));
    }
  }
  return `0x${bloom.toString("hex")}`;
}

/** The chain, block by block: each block's transactions are one life's next deed each. */
export function* benchBlocks(options: ChainOptions): Generator<BenchBlock> {
  const lives = Array.from({ length: options.pools }, (_, i) => {
    const life = { address: poolAddress(i), seed: 7 + i, owners: options.owners };
    return options.protocol === "uniswap-v3" ? new V3Life(life) : new V2Life(life);
  });
  const { timestamps } = options;
  const genesis = sealed({ number: 0, parentHash: ZERO_HASH, timestampSec: START_SEC, phase: -1 }, [], timestamps);
  yield genesis;
  let [number, timestampSec, parent, turn] = [0, START_SEC, genesis.hash, 0];
  for (const [phase, { events, logsPerBlock, secondsPerBlock, mix }] of options.phases.entries()) {
    for (let made = 0, due = 0; made < events; ) {
      number += 1;
      timestampSec += secondsPerBlock;
      due += logsPerBlock;
      const transactions: (readonly Draft[])[] = [];
      while (made < Math.min(due, events)) {
        const life = lives[turn % lives.length] as Life;
        const drafts = turn < lives.length ? life.first() : life.next(mix);
        turn += 1;
        made += drafts.length;
        transactions.push(drafts);
      }
      const block = sealed({ number, parentHash: parent, timestampSec, phase }, transactions, timestamps);
      parent = block.hash;
      yield block;
    }
  }
}

function sealed(
  block: Pick<BenchBlock, "number" | "parentHash" | "timestampSec" | "phase">,
  transactions: readonly (readonly Draft[])[],
  timestamps: boolean,
): BenchBlock {
  const { number, timestampSec } = block;
  const drafts = transactions.flat();
  const digest = createHash("sha256").update(`${number}`);
  for (const { address, topics, data } of drafts) digest.update(address).update(topics.join()).update(data);
  const facts = { ...block, bloom: bloomOf(drafts), logsRoot: `0x${digest.digest("hex")}` as Hex };
  const hash = hashOf(headerOf(facts));
  let logIndex = 0;
  const logs = transactions.flatMap((each, index) => {
    const transactionHash = `0x${createHash("sha256").update(`${number}/${index}`).digest("hex")}`;
    const place = { blockNumber: hex(number), blockHash: hash, transactionHash, transactionIndex: hex(index) };
    const time = timestamps ? { blockTimestamp: hex(timestampSec) } : {};
    return each.map((log) => JSON.stringify({ ...log, ...place, ...time, logIndex: hex(logIndex++), removed: false }));
  });
  return { ...facts, hash, logCount: drafts.length, logs: logs.join(",") };
}

/** The usual mix as one phase: ten events to a block of 12 seconds where nothing else is said. */
export function usualPhase(events: number, logsPerBlock = 10, secondsPerBlock = 12): Phase {
  return { events, logsPerBlock, secondsPerBlock, mix: USUAL };
}
