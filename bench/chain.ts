import { createHash } from "node:crypto";
import { seeded } from "../demo/life.ts";
import { amountsOf } from "../src/core/amounts.ts";
import { sqrtRatioAtTick, TickMap } from "../src/core/ticks.ts";
import { addressOf, type Draft, draft } from "../test/support/logs.ts";

export const POOL = addressOf(0xbe7c);
export const TOKENS = [addressOf(0xb1), addressOf(0xb2)] as const;
const START_SEC = 1_767_225_600;

export interface BenchBlock {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timestampSec: number;
  /** The block's logs as the node would print them, joined by commas. */
  readonly logs: string;
}

/** The programme file that follows the bench's pool. */
export function benchProgramme(): object {
  const tokens = TOKENS.map((address, i) => ({ address, symbol: `T${i}`, decimals: 18 }));
  return {
    chainId: 31337,
    quote: { symbol: "USD" },
    pools: [{ protocol: "uniswap-v3", address: POOL, tokens, startBlock: 1, managers: [] }],
    prices: { [TOKENS[0]]: { fixed: "1" }, [TOKENS[1]]: { pool: POOL } },
  };
}

/** A stretch of the pool's life. */
export interface Phase {
  readonly events: number;
  readonly logsPerBlock: number;
  readonly secondsPerBlock: number;
  /** What kinds of event, each with its share; the shares sum to 1. */
  readonly mix: Readonly<Record<Kind, number>>;
}

type Kind = "new" | "mint" | "burn" | "collect" | "swap";

/** 90 % swaps, 5 % mints, 4 % burns, 1 % collects. */
export const USUAL: Phase["mix"] = { new: 0.05, mint: 0, burn: 0.04, collect: 0.01, swap: 0.9 };

interface Position {
  readonly owner: string;
  readonly tickLower: number;
  readonly tickUpper: number;
  amount: bigint;
}

/** A V3 pool's life in which every identity that is checked holds. */
class Life {
  readonly #random = seeded(7);
  readonly #ticks = new TickMap(0);
  readonly #open: Position[] = [];
  readonly #owners: number;
  /** What the pool holds of each token: nothing leaves that is not there. */
  #amounts: [bigint, bigint] = [0n, 0n];
  #tick = 0;
  #born = 0;

  constructor(owners: number) {
    this.#owners = owners;
  }

  first(): Draft {
    return draft("pool", POOL, "Initialize", { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 });
  }

  next(mix: Phase["mix"]): Draft {
    let left = this.#random();
    const kind = (Object.keys(mix) as Kind[]).find((each) => {
      left -= mix[each];
      return left < 0;
    });
    if (kind === "swap") return this.#swap();
    const at = Math.floor(this.#random() * this.#open.length);
    const position = this.#open[at];
    if (kind === "new" || position === undefined) return this.#mint(this.#newPosition());
    if (kind === "mint") return this.#mint(position);
    return kind === "burn" ? this.#burn(position, at) : this.#collect(position);
  }

  /** Owners come in turn, so that there are as many as positions while there are fewer than `owners`. */
  #newPosition(): Position {
    const owner = addressOf(0x10_0000 + (this.#born++ % this.#owners));
    const tickLower = (Math.floor(this.#random() * 200) - 100) * 60;
    const position = {
      owner,
      tickLower,
      tickUpper: tickLower + 60 * (1 + Math.floor(this.#random() * 40)),
      amount: 0n,
    };
    this.#open.push(position);
    return position;
  }

  #mint(position: Position): Draft {
    const amount = BigInt(1 + Math.floor(this.#random() * 1e15)) * 1000n;
    const [amount0, amount1] = amountsOf(amount, position, this.#price(), "up");
    position.amount += amount;
    this.#amounts = [this.#amounts[0] + amount0, this.#amounts[1] + amount1];
    this.#ticks.change(position, amount);
    const { owner, tickLower, tickUpper } = position;
    return draft("pool", POOL, "Mint", { sender: owner, owner, tickLower, tickUpper, amount, amount0, amount1 });
  }

  #burn(position: Position, at: number): Draft {
    const { owner, tickLower, tickUpper, amount } = position;
    const [amount0, amount1] = amountsOf(amount, position, this.#price(), "down");
    this.#open[at] = this.#open.at(-1) as Position;
    this.#open.pop();
    this.#ticks.change(position, -amount);
    return draft("pool", POOL, "Burn", { owner, tickLower, tickUpper, amount, amount0, amount1 });
  }

  #collect({ owner, tickLower, tickUpper }: Position): Draft {
    const [amount0, amount1] = this.#amounts.map((held) => (held > 0n ? 1n : 0n)) as [bigint, bigint];
    this.#amounts = [this.#amounts[0] - amount0, this.#amounts[1] - amount1];
    return draft("pool", POOL, "Collect", { owner, recipient: owner, tickLower, tickUpper, amount0, amount1 });
  }

  #swap(): Draft {
    this.#tick = Math.max(-6000, Math.min(6000, this.#tick + Math.floor(this.#random() * 61) - 30));
    this.#ticks.moveTo(this.#tick);
    const [held0, held1] = this.#amounts;
    const out = 10n ** 15n;
    // It takes of the token there is more of.
    const amounts =
      held0 < held1
        ? { amount0: out, amount1: -(held1 < out ? held1 : out) }
        : { amount0: -(held0 < out ? held0 : out), amount1: out };
    this.#amounts = [held0 + amounts.amount0, held1 + amounts.amount1];
    const { tick, sqrtPriceX96 } = this.#price();
    const active = { tick, sqrtPriceX96, liquidity: this.#ticks.active };
    return draft("pool", POOL, "Swap", { sender: POOL, recipient: POOL, ...amounts, ...active });
  }

  #price() {
    return { tick: this.#tick, sqrtPriceX96: sqrtRatioAtTick(this.#tick) };
  }
}

/** The chain of these phases, block by block. */
export function* benchBlocks(phases: readonly Phase[], owners: number): Generator<BenchBlock> {
  const life = new Life(owners);
  let [number, timestampSec] = [0, START_SEC];
  let parent = hashOf("genesis");
  yield { number, hash: parent, parentHash: hashOf("nothing"), timestampSec, logs: "" };
  for (const { events, logsPerBlock, secondsPerBlock, mix } of phases) {
    for (let made = 0; made < events; ) {
      number += 1;
      timestampSec += secondsPerBlock;
      const hash = hashOf(`${number}`);
      const logs: string[] = [];
      for (let i = 0; i < logsPerBlock && made < events; i++, made++) {
        const log = {
          ...(number === 1 && i === 0 ? life.first() : life.next(mix)),
          blockNumber: `0x${number.toString(16)}`,
          blockHash: hash,
          blockTimestamp: `0x${timestampSec.toString(16)}`,
          transactionHash: hashOf(`${number}/${i}`),
          transactionIndex: `0x${i.toString(16)}`,
          logIndex: `0x${i.toString(16)}`,
          removed: false,
        };
        logs.push(JSON.stringify(log));
      }
      yield { number, hash, parentHash: parent, timestampSec, logs: logs.join(",") };
      parent = hash;
    }
  }
}

/** Number of the last block of each phase. */
export function phaseEnds(phases: readonly Phase[]): readonly number[] {
  let number = 0;
  return phases.map(({ events, logsPerBlock }) => {
    number += Math.ceil(events / logsPerBlock);
    return number;
  });
}

function hashOf(text: string): string {
  return `0x${createHash("sha256").update(text).digest("hex")}`;
}
