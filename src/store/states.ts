import type { Database } from "better-sqlite3";
import type { Amounts } from "../core/amm/amounts.ts";
import type { PoolState } from "../core/amm/pool-state.ts";
import { isoOf, secOf } from "../core/day.ts";
import { invariant } from "../core/errors.ts";
import type { Pool } from "../core/programme/programme.ts";
import type { TimedState } from "../core/valuation/time-weighted-average.ts";
import { rowChecksum } from "./file/checksum.ts";

/** A row as an array, which comes at half the cost of an object: a day has thousands. */
type Row = readonly [
  block_number: number,
  block_timestamp: string,
  sqrt_price_x96: string | null,
  tick: number | null,
  liquidity: string | null,
  reserve0: string | null,
  reserve1: string | null,
  share_supply: string | null,
  amounts: string | null,
  share_value: string | null,
];

/** Of concentrated liquidity no more is asked for. */
type TicksRow = readonly [
  block_timestamp: string,
  tick: number,
  sqrt_price_x96: string,
  liquidity: string,
  amounts: string | null,
];

const COLUMNS =
  "block_number, block_timestamp, sqrt_price_x96, tick, liquidity, reserve0, reserve1, share_supply, amounts, share_value";

/** `pool_states`: one row per pool and block, the state in force at the end of the block. */
export class StatesTable {
  readonly #insert;
  readonly #last;
  readonly #lastBefore;
  readonly #lastUpTo;
  readonly #lastTold;
  readonly #between;
  readonly #ticksBetween;
  readonly #first;
  readonly #remove;

  constructor(db: Database) {
    this.#insert = db.prepare(`
      insert into pool_states
        (pool_address, block_number, block_timestamp, sqrt_price_x96, tick, liquidity, reserve0, reserve1, share_supply,
         amounts, share_value, row_checksum)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    const rows = <P extends unknown[]>(where: string) =>
      db.prepare<P, Row>(`select ${COLUMNS} from pool_states where pool_address = ? and ${where}`).raw();
    const newest = "order by block_number desc limit 1";
    this.#last = rows<[string, number]>(`block_number <= ? ${newest}`);
    this.#lastBefore = rows<[string, number, string]>(`block_number <= ? and block_timestamp < ? ${newest}`);
    this.#lastUpTo = rows<[string, number, string]>(`block_number <= ? and block_timestamp <= ? ${newest}`);
    this.#lastTold = rows<[string, number]>(
      `block_number < ? and amounts is not null and share_supply <> '0' ${newest}`,
    );
    const between =
      "block_number between ? and ? and block_timestamp > ? and block_timestamp < ? order by block_number";
    this.#between = rows<[string, number, number, string, string]>(between);
    this.#ticksBetween = db
      .prepare<[string, number, number, string, string], TicksRow>(
        `select block_timestamp, tick, sqrt_price_x96, liquidity, amounts from pool_states where pool_address = ? and ${between}`,
      )
      .raw();
    this.#remove = db.prepare("delete from pool_states where pool_address = ? and block_number = ?");
    this.#first = db.prepare<[], string | null>("select min(block_timestamp) from pool_states").pluck();
  }

  /** Time of the first state of any pool. */
  firstSec(): number | undefined {
    const first = this.#first.get();
    return first == null ? undefined : secOf(first);
  }

  remove(pool: string, blockNumber: number): void {
    this.#remove.run(pool, blockNumber);
  }

  insert(pool: string, blockNumber: number, timestampSec: number, state: PoolState): void {
    const ticks = state.kind === "ticks" ? state : undefined;
    const reserves = state.kind === "reserves" ? state : undefined;
    const cells = [
      pool,
      blockNumber,
      isoOf(timestampSec),
      ticks?.sqrtPriceX96.toString() ?? null,
      ticks?.tick ?? null,
      ticks?.liquidity.toString() ?? null,
      reserves?.reserve0.toString() ?? null,
      reserves?.reserve1.toString() ?? null,
      state.kind === "ticks" ? null : state.supply.toString(),
    ];
    const held = state.kind === "reserves" ? null : state.amounts;
    const value = state.kind === "shares" ? state.shareValueE36 : null;
    const later = [held === null ? null : JSON.stringify(held.map(String)), value?.toString() ?? null];
    // Columns that came later are left out of the checksum where nothing is in them.
    const filled = later.slice(0, later.findLastIndex((cell) => cell !== null) + 1);
    this.#insert.run(...cells, ...later, rowChecksum([...cells, ...filled]));
  }

  /** The state at the end of a block, or of the last block before it that changed the pool. */
  atOrBelow(pool: string, blockNumber: number): PoolState | undefined {
    const row = this.#last.get(pool, blockNumber);
    return row && stateOf(row);
  }

  /** The state in force in the last second before `endSec`; `closedBlock` is a block at or past it. */
  before(pool: string, closedBlock: number, endSec: number): PoolState | undefined {
    const row = this.#lastBefore.get(pool, closedBlock, isoOf(endSec));
    return row && stateOf(row);
  }

  /** The last block before a time that changed a pool; `closedBlock` is a block at or past it. */
  blockBefore(pool: string, closedBlock: number, endSec: number): number | undefined {
    return this.#lastBefore.get(pool, closedBlock, isoOf(endSec))?.[0];
  }

  /**
   * The states of a window in order, led by the one in force when it began, and where that does not tell what the pool
   * held, by the last one that did. `closedBlock` is at or past its end.
   */
  timeline(
    { address, form, valuation }: Pick<Pool, "address" | "form" | "valuation">,
    startSec: number,
    endSec: number,
    closedBlock: number,
  ): readonly TimedState[] {
    const opening = this.#lastUpTo.get(address, closedBlock, isoOf(startSec));
    const window = [address, opening?.[0] ?? 0, closedBlock, isoOf(startSec), isoOf(endSec)] as const;
    if (form !== "ticks") {
      const tells = form !== "shares" || valuation.by !== "balances" || opening?.[8] !== null;
      const told = tells || opening === undefined ? undefined : this.#lastTold.get(address, opening[0]);
      const rows = [...(told === undefined ? [] : [told]), ...(opening === undefined ? [] : [opening])];
      return [...rows, ...this.#between.all(...window)].map((row) => ({ atSec: secOf(row[1]), state: stateOf(row) }));
    }
    const led: TimedState[] = opening === undefined ? [] : [{ atSec: secOf(opening[1]), state: stateOf(opening) }];
    const rows = this.#ticksBetween.all(...window);
    for (const [time, tick, price, liquidity, held] of rows) {
      const state = { tick, sqrtPriceX96: BigInt(price), liquidity: BigInt(liquidity), amounts: amountsOf(held) };
      led.push({ atSec: secOf(time), state: { kind: "ticks", ...state } });
    }
    return led;
  }
}

function amountsOf(held: string | null): Amounts | null {
  return held === null ? null : (JSON.parse(held) as string[]).map(BigInt);
}

function stateOf(row: Row): PoolState {
  const [blockNumber, , price, tick, liquidity, reserve0, reserve1, supply, held, shareValue] = row;
  const amounts = amountsOf(held);
  if (tick !== null && price !== null && liquidity !== null) {
    return {
      kind: "ticks",
      sqrtPriceX96: BigInt(price),
      tick,
      liquidity: BigInt(liquidity),
      amounts: amounts as readonly [bigint, bigint] | null,
    };
  }
  if (reserve0 === null && supply !== null) {
    const shareValueE36 = shareValue === null ? null : BigInt(shareValue);
    return { kind: "shares", supply: BigInt(supply), amounts, shareValueE36 };
  }
  invariant(
    reserve0 !== null && reserve1 !== null && supply !== null,
    "STATE_ROW",
    `the pool state of block ${blockNumber} has neither ticks nor reserves`,
  );
  return { kind: "reserves", reserve0: BigInt(reserve0), reserve1: BigInt(reserve1), supply: BigInt(supply) };
}
