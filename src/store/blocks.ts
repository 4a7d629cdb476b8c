import type { Database } from "better-sqlite3";
import { secOf } from "../core/day.ts";
import { type Hash, toHash } from "../core/hex.ts";

/** A row of `processed_blocks`. */
export interface ProcessedBlock {
  readonly number: number;
  readonly hash: Hash;
  readonly parentHash: Hash | null;
  readonly timestampSec: number;
  readonly eventCount: number;
  readonly stateDigest: string;
  /** Wall-clock time of the commit. */
  readonly processedAt: string;
}

interface Row {
  readonly block_number: number;
  readonly block_hash: string;
  readonly parent_hash: string | null;
  readonly block_timestamp: string;
  readonly processed_at: string;
  readonly event_count: number;
  readonly state_digest: string;
}

const PAGE = 2_000;
const COLUMNS = "block_number, block_hash, parent_hash, block_timestamp, processed_at, event_count, state_digest";

/** Reads `processed_blocks`: sparse, so "the block at or below" is the usual question. */
export class BlocksTable {
  readonly #atOrBelow;
  readonly #at;
  readonly #below;
  readonly #above;

  constructor(db: Database) {
    this.#at = db.prepare<[number], Row>(`select ${COLUMNS} from processed_blocks where block_number = ?`);
    this.#atOrBelow = db.prepare<[number], Row>(`
      select ${COLUMNS}
      from processed_blocks
      where block_number <= ?
      order by block_number desc
      limit 1`);
    this.#below = db.prepare<[number, number], Row>(`
      select ${COLUMNS}
      from processed_blocks
      where block_number < ?
      order by block_number desc
      limit ?`);
    this.#above = db.prepare<[number, number], Row>(`
      select ${COLUMNS}
      from processed_blocks
      where block_number > ?
      order by block_number
      limit ?`);
  }

  /** Every stored block in order, in constant memory. */
  *ascending(): Generator<ProcessedBlock> {
    for (let after = -1; ; ) {
      const rows = this.#above.all(after, PAGE);
      yield* rows.map(blockOf);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.block_number;
    }
  }

  /** The last block in the ledger. */
  tip(): ProcessedBlock | undefined {
    return this.atOrBelow(Number.MAX_SAFE_INTEGER);
  }

  /** The last stored block of a time before `endSec`; times never fall from block to block, so halving finds it. */
  lastBefore(endSec: number): ProcessedBlock | undefined {
    let found: ProcessedBlock | undefined;
    let high = this.tip()?.number ?? -1;
    for (let low = 0; low <= high; ) {
      const middle = low + Math.floor((high - low) / 2);
      const block = this.atOrBelow(middle);
      if (block !== undefined && block.timestampSec >= endSec) high = block.number - 1;
      else {
        found = block ?? found;
        low = middle + 1;
      }
    }
    return found;
  }

  at(number: number): ProcessedBlock | undefined {
    const row = this.#at.get(number);
    return row && blockOf(row);
  }

  atOrBelow(number: number): ProcessedBlock | undefined {
    const row = this.#atOrBelow.get(number);
    return row && blockOf(row);
  }

  /** The lowest stored block above a number. */
  above(number: number): ProcessedBlock | undefined {
    const row = this.#above.get(number, 1);
    return row && blockOf(row);
  }

  /** At most `limit` blocks below a number, from the highest down. */
  below(number: number, limit: number): readonly ProcessedBlock[] {
    return this.#below.all(number, limit).map(blockOf);
  }
}

function blockOf(row: Row): ProcessedBlock {
  return {
    number: row.block_number,
    hash: toHash(row.block_hash),
    parentHash: row.parent_hash === null ? null : toHash(row.parent_hash),
    timestampSec: secOf(row.block_timestamp),
    eventCount: row.event_count,
    stateDigest: row.state_digest,
    processedAt: row.processed_at,
  };
}
