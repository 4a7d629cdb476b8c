import { createHash } from "node:crypto";
import { seeded } from "../demo/life.ts";
import { amountsOf } from "../src/core/amounts.ts";
import { sqrtRatioAtTick, TickMap } from "../src/core/ticks.ts";
import { addressOf, type Draft, draft } from "../test/support/logs.ts";

export const POOL = addressOf(0xbe7c);
export const TOKENS = [addressOf(0xb1), addressOf(0xb2)] as const;
const LOGS_PER_BLOCK = 10;
const SECONDS_PER_BLOCK = 12;
const START_SEC = 1_767_225_600;
const OWNERS = 2_000;

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

/** A V3 pool's life in which every identity holds: 90 % swaps, 5 % mints, 4 % burns, 1 % collects. */
export function* benchBlocks(events: number): Generator<BenchBlock> {
  const random = seeded(7);
  const ticks = new TickMap(0);
  const open: { owner: string; tickLower: number; tickUpper: number; amount: bigint }[] = [];
  let tick = 0;
  let parent = hashOf("genesis");
  yield { number: 0, hash: parent, parentHash: hashOf("nothing"), timestampSec: START_SEC, logs: "" };
  const next = (first: boolean): Draft => {
    if (first) return draft("pool", POOL, "Initialize", { sqrtPriceX96: sqrtRatioAtTick(0), tick: 0 });
    const price = { tick, sqrtPriceX96: sqrtRatioAtTick(tick) };
    const kind = random();
    if (kind < 0.05 || open.length === 0) {
      const owner = addressOf(0x10_0000 + Math.floor(random() * OWNERS));
      const tickLower = (Math.floor(random() * 200) - 100) * 60;
      const range = { tickLower, tickUpper: tickLower + 60 * (1 + Math.floor(random() * 40)) };
      const amount = BigInt(1 + Math.floor(random() * 1e15)) * 1000n;
      const [amount0, amount1] = amountsOf(amount, range, price, "up");
      open.push({ owner, amount, ...range });
      ticks.change(range, amount);
      return draft("pool", POOL, "Mint", { sender: owner, owner, ...range, amount, amount0, amount1 });
    }
    const at = Math.floor(random() * open.length);
    const position = open[at];
    if (position !== undefined && kind < 0.1) {
      const { owner, tickLower, tickUpper, amount } = position;
      if (kind >= 0.09) {
        return draft("pool", POOL, "Collect", {
          owner,
          recipient: owner,
          tickLower,
          tickUpper,
          amount0: 1n,
          amount1: 1n,
        });
      }
      const [amount0, amount1] = amountsOf(amount, position, price, "down");
      open.splice(at, 1);
      ticks.change(position, -amount);
      return draft("pool", POOL, "Burn", { owner, tickLower, tickUpper, amount, amount0, amount1 });
    }
    tick = Math.max(-6000, Math.min(6000, tick + Math.floor(random() * 61) - 30));
    ticks.moveTo(tick);
    const swap = { sender: POOL, recipient: POOL, amount0: 10n ** 18n, amount1: -(10n ** 18n), tick };
    return draft("pool", POOL, "Swap", { ...swap, sqrtPriceX96: sqrtRatioAtTick(tick), liquidity: ticks.active });
  };
  for (let number = 1, made = 0; made < events; number++) {
    const hash = hashOf(`${number}`);
    const timestampSec = START_SEC + number * SECONDS_PER_BLOCK;
    const logs: string[] = [];
    for (let i = 0; i < LOGS_PER_BLOCK && made < events; i++, made++) {
      logs.push(
        JSON.stringify({
          ...next(made === 0),
          blockNumber: `0x${number.toString(16)}`,
          blockHash: hash,
          blockTimestamp: `0x${timestampSec.toString(16)}`,
          transactionHash: hashOf(`${number}/${i}`),
          transactionIndex: `0x${i.toString(16)}`,
          logIndex: `0x${i.toString(16)}`,
          removed: false,
        }),
      );
    }
    yield { number, hash, parentHash: parent, timestampSec, logs: logs.join(",") };
    parent = hash;
  }
}

function hashOf(text: string): string {
  return `0x${createHash("sha256").update(text).digest("hex")}`;
}
