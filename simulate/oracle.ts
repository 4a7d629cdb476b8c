import { createHash } from "node:crypto";
import type { Database } from "better-sqlite3";
import type { FakeBlock } from "../test/support/fake-chain.ts";

/** What must hold after every commit, whatever nodes and machine do. */
export class Oracle {
  readonly #blockOf: (hash: string) => FakeBlock | undefined;
  /**
   * A node may tell logs of another fork below its final block, where no header is asked for: found when it is settled.
   */
  #forksTold: boolean;
  #settled = -1;
  #settledRows = "";
  #final = -1;
  #tip = -1;
  #records = 0;
  #forkAccepted = false;
  checks = 0;

  constructor(blockOf: (hash: string) => FakeBlock | undefined, forksTold: boolean) {
    this.#blockOf = blockOf;
    this.#forksTold = forksTold;
  }

  /** After a crash that may have lost commits, a restore, or a fork that the operator accepted: begin anew. */
  forget(): void {
    this.#settled = -1;
    this.#final = -1;
    this.#tip = -1;
    this.#records = 0;
  }

  /** Whether the operator agreed that final blocks may be undone, once. */
  acceptFork(accepted: boolean): void {
    this.#forkAccepted = accepted;
  }

  /** @throws with what does not hold. */
  check(db: Database): void {
    this.checks += 1;
    const config = (key: string): number =>
      Number(db.prepare<[string], string>("select value from program_config where key = ?").pluck().get(key) ?? -1);
    const tip = Number(db.prepare("select coalesce(max(block_number), -1) from processed_blocks").pluck().get());
    if (tip >= 0 && config("last_processed_block") !== tip)
      fail(`the cursor is ${config("last_processed_block")}, the tip ${tip}`);
    this.#oneChain(db, config("settled_block"));
    this.#fold(db);
    const [final, settled] = [config("final_block"), config("settled_block")];
    if (this.#forkAccepted && (settled < this.#settled || rowsUpTo(db, this.#settled) !== this.#settledRows)) {
      this.forget();
    }
    if (final < this.#final) fail(`final went back from ${this.#final} to ${final}`);
    if (settled < this.#settled) fail(`settled went back from ${this.#settled} to ${settled}`);
    const records = Number(
      db.prepare("select (select count(*) from reorgs) + (select count(*) from repairs)").pluck().get(),
    );
    // Rows are only ever added, but where blocks are undone: only then, and before they count for more blocks, all are
    // read.
    const mayHaveChanged = settled !== this.#settled || tip < this.#tip || records !== this.#records;
    if (this.#settled >= 0 && mayHaveChanged && rowsUpTo(db, this.#settled) !== this.#settledRows)
      fail(`something settled changed, at or below ${this.#settled}`);
    if (tip < this.#tip && records === this.#records && config("contents_from") < 0)
      fail("blocks were undone without a record of why");
    if (tip < this.#tip && records === this.#records)
      fail(`the tip went from ${this.#tip} to ${tip}, and nothing says why`);
    this.#final = final;
    this.#tip = tip;
    this.#records = records;
    if (settled !== this.#settled) {
      this.#settled = settled;
      this.#settledRows = rowsUpTo(db, settled);
    }
  }

  /**
   * What is final changed, and some node is asked call by call: the parts of a range that nothing can change any more
   * may then be of two chains, until they are settled.
   */
  mayBeTorn(): void {
    this.#forksTold = true;
  }

  /** Every stored block lies on the way back from the tip, and every row is of the block it names. */
  #oneChain(db: Database, settled: number): void {
    const rows = db
      .prepare<[], { block_number: number; block_hash: string }>(
        "select block_number, block_hash from processed_blocks order by block_number desc",
      )
      .all();
    let block = rows[0] && this.#blockOf(rows[0].block_hash);
    for (const row of rows) {
      while (block !== undefined && block.number > row.block_number) block = this.#blockOf(block.parentHash);
      if (block?.hash === row.block_hash || (this.#forksTold && row.block_number > settled)) continue;
      fail(`block ${row.block_number} is not of the tip's chain`);
    }
    const foreign = db
      .prepare(`
        select count(*)
        from lp_events
        left join processed_blocks using (block_number)
        where processed_blocks.block_hash is not lp_events.block_hash`)
      .pluck()
      .get();
    if (foreign !== 0) fail(`${String(foreign)} events are of blocks that are not stored`);
  }

  /** Postings sum to zero by event, and every account holds what its postings sum to. */
  #fold(db: Database): void {
    const events = new Map<string, bigint>();
    const accounts = new Map<number, bigint>();
    for (const { at, account, delta } of db
      .prepare<[], { at: string; account: number; delta: string }>(
        "select block_number || '/' || log_index as at, account_id as account, delta from postings",
      )
      .all()) {
      events.set(at, (events.get(at) ?? 0n) + BigInt(delta));
      accounts.set(account, (accounts.get(account) ?? 0n) + BigInt(delta));
    }
    for (const [at, sum] of events) if (sum !== 0n) fail(`the postings of ${at} sum to ${sum}`);
    for (const { id, liquidity } of db
      .prepare<[], { id: number; liquidity: string }>("select account_id as id, liquidity from accounts")
      .all()) {
      if (BigInt(liquidity) !== (accounts.get(id) ?? 0n)) fail(`account ${id} is not the sum of its postings`);
    }
  }
}

function rowsUpTo(db: Database, block: number): string {
  const hash = createHash("sha256");
  for (const table of ["lp_events", "pool_states", "postings"]) {
    const rows = db.prepare<[number], unknown[]>(`select * from ${table} where block_number <= ?`).raw().all(block);
    hash.update(JSON.stringify(rows));
  }
  return hash.digest("hex");
}

function fail(what: string): never {
  throw new OracleFailure(what);
}

export class OracleFailure extends Error {}
