import type { Database } from "better-sqlite3";
import type { Log, LogBlock } from "../core/chain.ts";
import { isoOf, secOf } from "../core/day.ts";
import { type Address, toAddress, toHash } from "../core/hex.ts";
import { rowChecksum } from "./file/checksum.ts";

interface Row {
  readonly block_number: number;
  readonly log_index: number;
  readonly block_hash: string;
  readonly parent_hash: string | null;
  readonly block_timestamp: string;
  readonly transaction_hash: string;
  readonly log_address: string;
  readonly topics: string;
  readonly data: string;
}

const PAGE = 2_000;

/** `quarantined_logs`: what was read in transactions of pools in quarantine, as it was read. */
export class QuarantinedLogsTable {
  readonly #db: Database;
  readonly #insert;
  readonly #isToken;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare(`
      insert into quarantined_logs
        (block_number, log_index, block_hash, parent_hash, block_timestamp, transaction_hash, log_address, topics, data,
         token, row_checksum)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#isToken = db.prepare<[string], number>("select 1 from quarantined_logs where token = ? limit 1").pluck();
  }

  /** `token`: what a log says of which position NFT it is about, as `manager tokenId`. */
  insert(block: Omit<LogBlock, "logs">, log: Log, token: string | null): void {
    const { transactionHash, logIndex, address, topics, data } = log;
    const cells = [
      block.number,
      logIndex,
      block.hash,
      block.parentHash,
      isoOf(block.timestampSec),
      transactionHash,
      address,
      JSON.stringify(topics),
      data,
      token,
    ];
    this.#insert.run(...cells, rowChecksum(cells));
  }

  /** Whether one of them is about a position NFT. */
  isToken(token: string): boolean {
    return this.#isToken.get(token) !== undefined;
  }

  /** From a block on, block by block. */
  *from(blockNumber: number): Generator<LogBlock> {
    let block: (LogBlock & { readonly logs: Log[] }) | undefined;
    for (const row of this.#rows(blockNumber)) {
      if (block?.number !== row.block_number) {
        if (block !== undefined) yield block;
        block = {
          number: row.block_number,
          hash: toHash(row.block_hash),
          parentHash: row.parent_hash === null ? null : toHash(row.parent_hash),
          timestampSec: secOf(row.block_timestamp),
          logs: [],
        };
      }
      block.logs.push({
        address: toAddress(row.log_address) as Address,
        topics: JSON.parse(row.topics) as string[],
        data: row.data,
        transactionHash: toHash(row.transaction_hash),
        logIndex: row.log_index,
      });
    }
    if (block !== undefined) yield block;
  }

  /** Page by page: there may be months of them. */
  *#rows(blockNumber: number): Generator<Row> {
    const page = this.#db.prepare<[number, number, number], Row>(`
      select *
      from quarantined_logs
      where (block_number, log_index) > (?, ?)
      order by block_number, log_index
      limit ?`);
    for (let after: readonly [number, number] = [blockNumber - 1, Number.MAX_SAFE_INTEGER]; ; ) {
      const rows = page.all(...after, PAGE);
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = [last.block_number, last.log_index];
    }
  }

  forgetAbove(blockNumber: number): void {
    this.#db.prepare("delete from quarantined_logs where block_number > ?").run(blockNumber);
  }

  /** Nothing is in quarantine any more. */
  clear(): void {
    this.#db.exec("delete from quarantined_logs");
  }
}
