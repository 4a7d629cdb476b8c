import type { Database } from "better-sqlite3";
import type { Finding } from "../core/errors.ts";

/** What findings are in order of. */
export type FindingPlace = Pick<Finding, "blockNumber" | "logIndex" | "identity" | "pool">;

const FIRST = { blockNumber: -1, logIndex: -1, identity: "", pool: "" };

/** `audit_findings`: identities that did not hold. */
export class FindingsTable {
  readonly #insert;
  readonly #settle;
  readonly #closePool;
  readonly #page;
  readonly #open;
  readonly #resolve;
  readonly #all;

  constructor(db: Database) {
    this.#insert = db.prepare(`
      insert into audit_findings (block_number, log_index, identity, pool_address, expected, actual)
      values (?, ?, ?, ?, ?, ?)
      on conflict do update
      set expected = excluded.expected, actual = excluded.actual, resolution = null`);
    this.#settle = db.prepare(`
      update audit_findings
      set resolution = ?
      where resolution is null and block_number <= ? and identity not in ('VERIFY', 'R-1')
        and pool_address not in (select pool_address from quarantines)`);
    this.#closePool = db.prepare(`
      update audit_findings
      set resolution = @resolution
      where resolution is null and block_number <= @block and pool_address = @pool and identity <> 'R-1'
        and (identity <> 'VERIFY' or @with_denied)`);
    this.#resolve = db.prepare<[string, number, string]>(`
      update audit_findings
      set resolution = ?
      where resolution is null and block_number = ? and identity = ?`);
    this.#all = db.prepare<[], Finding & { readonly resolution: string | null }>(`
      select
        block_number as blockNumber, log_index as logIndex, identity, pool_address as pool, expected, actual, resolution
      from audit_findings
      order by block_number, log_index, identity`);
    this.#page = db.prepare<
      [number, number, string, string, number],
      Finding & { readonly resolution: string | null }
    >(`
      select
        block_number as blockNumber, log_index as logIndex, identity, pool_address as pool, expected, actual, resolution
      from audit_findings
      where (block_number, log_index, identity, pool_address) > (?, ?, ?, ?)
      order by 1, 2, 3, 4
      limit ?`);
    this.#open = db.prepare<
      [],
      {
        block_number: number;
        log_index: number;
        identity: string;
        pool_address: string;
        expected: string;
        actual: string;
      }
    >("select * from audit_findings where resolution is null order by block_number, log_index");
  }

  insert(finding: Finding): void {
    const { blockNumber, logIndex, identity, pool, expected, actual } = finding;
    this.#insert.run(blockNumber, logIndex, identity, pool, expected, actual);
  }

  /**
   * Closes findings up to a block that has since been applied with every identity intact; not what contracts denied,
   * nor what was paid.
   */
  settleUpTo(blockNumber: number, resolution: string): number {
    return this.#settle.run(resolution, blockNumber).changes;
  }

  /**
   * Closes what did not hold of one pool up to a block; `withDenied`: what contracts denied, too; not what was paid.
   */
  closePool(pool: string, block: number, resolution: string, { withDenied }: { readonly withDenied: boolean }): void {
    this.#closePool.run({ resolution, block, pool, with_denied: withDenied ? 1 : 0 });
  }

  /** Closes one finding with a person's reason. @returns how many that were. */
  resolve(blockNumber: number, identity: string, reason: string): number {
    return this.#resolve.run(reason, blockNumber, identity).changes;
  }

  all(): readonly (Finding & { readonly resolution: string | null })[] {
    return this.#all.all();
  }

  /** So many of them after a place, in order. */
  page(after: FindingPlace | undefined, limit: number): readonly (Finding & { readonly resolution: string | null })[] {
    const { blockNumber, logIndex, identity, pool } = after ?? FIRST;
    return this.#page.all(blockNumber, logIndex, identity, pool, limit);
  }

  open(): readonly Finding[] {
    return this.#open.all().map((row) => ({
      identity: row.identity,
      pool: row.pool_address,
      blockNumber: row.block_number,
      logIndex: row.log_index,
      expected: row.expected,
      actual: row.actual,
    }));
  }
}
