import type { Database } from "better-sqlite3";
import type { Side } from "../core/accounting/holder.ts";
import { type LedgerEvent, liquidityDelta, type Posting } from "../core/accounting/post.ts";
import { custodyKey } from "../core/accounting/working-set.ts";
import { rangeId, type TickRange } from "../core/amm/ticks.ts";
import { isoOf, secOf } from "../core/day.ts";
import { type Address, type Hash, toAddress, toHash } from "../core/hex.ts";
import type { Pool } from "../core/programme/programme.ts";
import { rowChecksum } from "./file/checksum.ts";

/** The block an event stands in. */
export interface EventBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly timestampSec: number;
}

interface Row {
  readonly block_number: number;
  readonly log_index: number;
  readonly block_hash: string;
  readonly transaction_hash: string;
  readonly block_timestamp: string;
  readonly pool_address: string;
  readonly event: string;
  readonly provider_address: string | null;
  readonly position_id: string | null;
  readonly liquidity_delta: string;
  readonly args: string;
  readonly log_address: string;
  readonly from_side: string | null;
  readonly to_side: string | null;
  readonly tick_lower: number | null;
  readonly tick_upper: number | null;
}

const PAGE = 2_000;

interface ExitRow {
  readonly event: "Burn" | "Collect";
  readonly owner: string;
  readonly tick_lower: number;
  readonly tick_upper: number;
  readonly amount0: string;
  readonly amount1: string;
}

export interface Owed {
  readonly owner: Address;
  readonly range: TickRange;
  readonly amounts: readonly [bigint, bigint];
}

/** `lp_events` and `postings`: what was read, and what it changed. */
export class EventsTable {
  readonly #insertEvent;
  readonly #insertPosting;
  readonly #page;
  readonly #exits;
  readonly #depositsElsewhere;

  constructor(db: Database) {
    this.#insertEvent = db.prepare(`
      insert into lp_events
        (block_number, log_index, block_hash, transaction_hash, block_timestamp, pool_address, protocol, event,
         provider_address, position_id, liquidity_delta, args, log_address, from_side, tick_lower, tick_upper,
         to_side, row_checksum)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertPosting = db.prepare(`
      insert into postings (block_number, log_index, leg, account_id, delta, balance_after)
      values (?, ?, ?, ?, ?, ?)`);
    this.#page = db.prepare<[number, number, number], Row>(`
      select *
      from lp_events
      where (block_number, log_index) > (?, ?)
      order by block_number, log_index
      limit ?`);
    this.#depositsElsewhere = db.prepare<[string, string]>(`
      select 1
      from lp_events
      join position_tokens using (pool_address, position_id)
      where event = 'DepositTransferred' and log_address = ? and manager_address <> ?
      limit 1`);
    this.#exits = db.prepare<[string, number], ExitRow>(`
      select
        event,
        json_extract(args, '$.owner') as owner,
        tick_lower,
        tick_upper,
        json_extract(args, '$.amount0') as amount0,
        json_extract(args, '$.amount1') as amount1
      from lp_events
      where pool_address = ? and log_address = pool_address and event in ('Burn', 'Collect') and block_number <= ?`);
  }

  /**
   * What each owner of each range of a Uniswap V3 pool burned up to a block and did not collect, in both tokens; minus
   * where fees were collected.
   */
  owed(pool: string, blockNumber: number): readonly Owed[] {
    const sums = new Map<string, { owner: Address; range: TickRange; amounts: [bigint, bigint] }>();
    for (const row of this.#exits.iterate(pool, blockNumber)) {
      const range = { tickLower: row.tick_lower, tickUpper: row.tick_upper };
      const key = custodyKey(toAddress(row.owner), rangeId(range));
      const sum = sums.get(key) ?? { owner: toAddress(row.owner), range, amounts: [0n, 0n] };
      const sign = row.event === "Burn" ? 1n : -1n;
      sum.amounts = [sum.amounts[0] + sign * BigInt(row.amount0), sum.amounts[1] + sign * BigInt(row.amount1)];
      sums.set(key, sum);
    }
    return [...sums.values()];
  }

  /** Whether a staker's deposit was ever taken for a position NFT of another manager than this. */
  depositsElsewhere(staker: string, manager: string): boolean {
    return this.#depositsElsewhere.get(staker, manager) !== undefined;
  }

  insert(block: EventBlock, event: LedgerEvent): void {
    const cells = [
      block.number,
      event.logIndex,
      block.hash,
      event.transactionHash,
      isoOf(block.timestampSec),
      event.pool.address,
      event.pool.protocol,
      event.name,
      event.provider,
      event.position === "" ? null : event.position,
      liquidityDelta(event).toString(),
      JSON.stringify(event.args),
      event.emitter,
      event.movement?.from ?? null,
      event.range?.tickLower ?? null,
      event.range?.tickUpper ?? null,
    ];
    const to = event.movement?.to;
    const toSide = to === undefined || to === "issuance" || to === event.provider ? null : to;
    this.#insertEvent.run(...cells, toSide, rowChecksum(toSide === null ? cells : [...cells, toSide]));
  }

  /** Writes a posting; `leg` counts the postings of one log. */
  insertPosting(blockNumber: number, leg: number, posting: Posting): void {
    const { account, logIndex, delta, balanceAfter } = posting;
    this.#insertPosting.run(blockNumber, logIndex, leg, account.id, delta.toString(), balanceAfter.toString());
  }

  /** Every stored event in order, one block at a time, in constant memory. */
  *blocks(pools: ReadonlyMap<string, Pool>): Generator<EventBlock & { readonly events: readonly LedgerEvent[] }> {
    let block: (EventBlock & { events: LedgerEvent[] }) | undefined;
    let after: readonly [number, number] = [-1, -1];
    for (;;) {
      const rows = this.#page.all(...after, PAGE);
      for (const row of rows) {
        if (block !== undefined && block.number !== row.block_number) {
          yield block;
          block = undefined;
        }
        block ??= {
          number: row.block_number,
          hash: toHash(row.block_hash),
          timestampSec: secOf(row.block_timestamp),
          events: [],
        };
        const pool = pools.get(row.pool_address);
        if (pool !== undefined) block.events.push(eventOf(row, pool));
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      after = [last.block_number, last.log_index];
    }
    if (block !== undefined) yield block;
  }
}

function eventOf(row: Row, pool: Pool): LedgerEvent {
  const provider = row.provider_address === null ? null : toAddress(row.provider_address);
  return {
    pool,
    emitter: toAddress(row.log_address),
    name: row.event,
    args: JSON.parse(row.args) as LedgerEvent["args"],
    transactionHash: row.transaction_hash,
    logIndex: row.log_index,
    provider,
    position: row.position_id ?? "",
    range:
      row.tick_lower === null || row.tick_upper === null
        ? null
        : { tickLower: row.tick_lower, tickUpper: row.tick_upper },
    movement: movementOf(row, provider),
  };
}

/**
 * The movement a row describes: from `from_side` to `to_side`, where there is none to the provider, or back into
 * issuance.
 */
function movementOf(row: Row, provider: Side | null): LedgerEvent["movement"] {
  if (row.from_side === null || provider === null) return null;
  const delta = BigInt(row.liquidity_delta);
  const to = (row.to_side as Side | null) ?? (delta < 0n ? "issuance" : provider);
  return { from: row.from_side as Side, to, amount: delta < 0n ? -delta : delta };
}
