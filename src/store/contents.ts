import type { Database } from "better-sqlite3";

/** What a block's first reading brought. */
export interface LogsDigest {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logCount: number;
  readonly hash: string;
}

/** A block whose second reading differed from the first. */
export interface Repair {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly storedLogs: number;
  readonly foundLogs: number;
}

interface Row {
  readonly first: number;
  readonly last: number;
  readonly blocks: Uint8Array;
}

/**
 * Bytes of a block in `range_contents`: number less that of the row's first, count of logs, hash of the block, hash of
 * the logs.
 */
const BLOCK_BYTES = 56;
const [COUNT_AT, HASH_AT, CONTENT_AT] = [4, 8, 40];

/** `range_contents` and `repairs`: what settling compares, and what came of it. */
export class LogsDigestsTable {
  readonly #insert;
  readonly #overlapping;
  readonly #delete;
  readonly #deleteUpTo;
  readonly #deleteFrom;
  readonly #insertRepair;
  readonly #isRepaired;
  readonly #repairs;

  constructor(db: Database) {
    this.#insert = db.prepare("insert into range_contents (first_block, last_block, blocks) values (?, ?, ?)");
    // Rows do not overlap: the one that begins last at or before `from` is the first that may reach it.
    this.#overlapping = db.prepare<[number, number, number], Row>(`
      select first_block as first, last_block as last, blocks
      from range_contents
      where first_block >= coalesce((select max(first_block) from range_contents where first_block <= ?), 0)
        and first_block <= ? and last_block >= ?
      order by first_block`);
    this.#delete = db.prepare("delete from range_contents where first_block = ?");
    this.#deleteUpTo = db.prepare("delete from range_contents where first_block <= ? and last_block <= ?");
    this.#deleteFrom = db.prepare("delete from range_contents where first_block > ?");
    this.#isRepaired = db.prepare<[string]>("select 1 from repairs where block_hash = ? limit 1");
    this.#insertRepair = db.prepare(`
      insert into repairs (block_number, block_hash, stored_logs, found_logs, observed_at)
      values (?, ?, ?, ?, ?)`);
    this.#repairs = db.prepare<[], { count: number; lastBlock: number | null; lastAt: string | null }>(`
      select count(*) as count, max(block_number) as lastBlock, max(observed_at) as lastAt
      from repairs`);
  }

  /** Of the blocks of a range, ascending. */
  insert(contents: readonly LogsDigest[]): void {
    const [first, last] = [contents[0]?.blockNumber, contents.at(-1)?.blockNumber];
    if (first === undefined || last === undefined) return;
    const blocks = Buffer.alloc(contents.length * BLOCK_BYTES);
    let at = 0;
    for (const { blockNumber, blockHash, logCount, hash } of contents) {
      blocks.writeUInt32BE(blockNumber - first, at);
      blocks.writeUInt32BE(logCount, at + COUNT_AT);
      blocks.write(blockHash.slice(2), at + HASH_AT, "hex");
      blocks.write(hash, at + CONTENT_AT, "hex");
      at += BLOCK_BYTES;
    }
    this.#insert.run(first, last, blocks);
  }

  /** Both ends included, ascending. */
  between(from: number, to: number): readonly LogsDigest[] {
    return this.#overlapping
      .all(from, to, from)
      .flatMap(contentsOf)
      .filter(({ blockNumber }) => blockNumber >= from && blockNumber <= to);
  }

  /** What is settled need not be compared again. */
  forgetUpTo(blockNumber: number): void {
    this.#deleteUpTo.run(blockNumber, blockNumber);
    this.#cut(blockNumber, (each) => each > blockNumber);
  }

  /** For blocks that are undone. */
  forgetAbove(blockNumber: number): void {
    this.#deleteFrom.run(blockNumber);
    this.#cut(blockNumber, (each) => each <= blockNumber);
  }

  /** Keeps some of the row that reaches across the end of a block. */
  #cut(blockNumber: number, isKept: (blockNumber: number) => boolean): void {
    const [row] = this.#overlapping.all(blockNumber, blockNumber, blockNumber + 1);
    if (row === undefined) return;
    this.#delete.run(row.first);
    this.insert(contentsOf(row).filter((content) => isKept(content.blockNumber)));
  }

  insertRepair(repair: Repair, nowIso: string): void {
    const { blockNumber, blockHash, storedLogs, foundLogs } = repair;
    this.#insertRepair.run(blockNumber, blockHash, storedLogs, foundLogs, nowIso);
  }

  /** Whether a block was undone for what a second reading of it brought. */
  isRepaired(blockHash: string): boolean {
    return this.#isRepaired.get(blockHash) !== undefined;
  }

  repairs(): { readonly count: number; readonly lastBlock: number | null; readonly lastAt: string | null } {
    return this.#repairs.get() ?? { count: 0, lastBlock: null, lastAt: null };
  }
}

function contentsOf({ first, blocks }: Row): readonly LogsDigest[] {
  const bytes = Buffer.from(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  return Array.from({ length: bytes.length / BLOCK_BYTES }, (_, i) => {
    const at = i * BLOCK_BYTES;
    return {
      blockNumber: first + bytes.readUInt32BE(at),
      blockHash: `0x${bytes.toString("hex", at + HASH_AT, at + CONTENT_AT)}`,
      logCount: bytes.readUInt32BE(at + COUNT_AT),
      hash: bytes.toString("hex", at + CONTENT_AT, at + BLOCK_BYTES),
    };
  });
}
