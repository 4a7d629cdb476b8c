import type { Database } from "better-sqlite3";

/** What a block's first reading brought. */
export interface Content {
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

/** `block_contents` and `repairs`: what settling compares, and what came of it. */
export class ContentsTable {
  readonly #insert;
  readonly #between;
  readonly #forget;
  readonly #insertRepair;
  readonly #repairs;

  constructor(db: Database) {
    this.#insert = db.prepare(`
      insert into block_contents (block_number, block_hash, log_count, content_hash)
      values (?, ?, ?, ?)`);
    this.#between = db.prepare<[number, number], Content>(`
      select block_number as blockNumber, block_hash as blockHash, log_count as logCount, content_hash as hash
      from block_contents
      where block_number between ? and ?
      order by block_number`);
    this.#forget = db.prepare("delete from block_contents where block_number <= ?");
    this.#insertRepair = db.prepare(`
      insert into repairs (block_number, block_hash, stored_logs, found_logs, observed_at)
      values (?, ?, ?, ?, ?)`);
    this.#repairs = db.prepare<[], { count: number; lastBlock: number | null; lastAt: string | null }>(`
      select count(*) as count, max(block_number) as lastBlock, max(observed_at) as lastAt
      from repairs`);
  }

  insert({ blockNumber, blockHash, logCount, hash }: Content): void {
    this.#insert.run(blockNumber, blockHash, logCount, hash);
  }

  /** Both ends included, ascending. */
  between(from: number, to: number): readonly Content[] {
    return this.#between.all(from, to);
  }

  /** What is settled need not be compared again. */
  forgetUpTo(blockNumber: number): void {
    this.#forget.run(blockNumber);
  }

  insertRepair(repair: Repair, nowIso: string): void {
    const { blockNumber, blockHash, storedLogs, foundLogs } = repair;
    this.#insertRepair.run(blockNumber, blockHash, storedLogs, foundLogs, nowIso);
  }

  repairs(): { readonly count: number; readonly lastBlock: number | null; readonly lastAt: string | null } {
    return this.#repairs.get() ?? { count: 0, lastBlock: null, lastAt: null };
  }
}
