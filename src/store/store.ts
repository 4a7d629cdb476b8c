import type { Database } from "better-sqlite3";
import { type Sha256, stateDigest } from "../core/accounting/digest.ts";
import { WorkingSet } from "../core/accounting/working-set.ts";
import type { Clock } from "../core/chain.ts";
import { isoOf } from "../core/day.ts";
import { type Finding, invariant } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import { digestsInQuarantine } from "../core/programme/quarantine.ts";
import { AccountsTable } from "./accounts.ts";
import { AddressFactsTable } from "./address-facts.ts";
import { BalancesTable } from "./balances.ts";
import { BlocksTable } from "./blocks.ts";
import { ConfigTable } from "./config.ts";
import { LogsDigestsTable } from "./contents.ts";
import { DaysTable } from "./days.ts";
import { EventsTable } from "./events.ts";
import { FeedsTable } from "./feeds.ts";
import { OpenFile } from "./file/file.ts";
import { translated } from "./file/sqlite-errors.ts";
import { FindingsTable } from "./findings.ts";
import { HeldBackTable } from "./held-back.ts";
import { KeptDaysTable } from "./kept-days.ts";
import { LeftOutTable } from "./left-out.ts";
import { PoolsTable } from "./pools.ts";
import { PricesTable } from "./prices.ts";
import { QuarantinedLogsTable } from "./quarantined-logs.ts";
import { QuarantinesTable } from "./quarantines.ts";
import { RefetchesTable } from "./refetches.ts";
import { RevisionsTable } from "./revisions.ts";
import { RewardsTable } from "./rewards.ts";
import { ShareRatesTable } from "./share-rates.ts";
import { StatesTable } from "./states.ts";
import { TiersTable } from "./tiers.ts";
import { type Undone, undoAbove } from "./undo.ts";

/** A block as it is put into `processed_blocks`. */
export interface NewBlock {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string | null;
  readonly timestampSec: number;
  readonly eventCount: number;
  readonly stateDigest: string;
}

/** The ledger in one SQLite file: every table with its statements, and the one way to write. */
export class Store {
  readonly db: Database;
  readonly config: ConfigTable;
  readonly blocks: BlocksTable;
  readonly states: StatesTable;
  readonly accounts: AccountsTable;
  readonly addressFacts: AddressFactsTable;
  readonly events: EventsTable;
  readonly days: DaysTable;
  readonly balances: BalancesTable;
  readonly findings: FindingsTable;
  readonly file: OpenFile;
  readonly contents: LogsDigestsTable;
  readonly feeds: FeedsTable;
  readonly shareRates: ShareRatesTable;
  readonly leftOut: LeftOutTable;
  readonly heldBack: HeldBackTable;
  readonly refetches: RefetchesTable;
  readonly quarantines: QuarantinesTable;
  readonly quarantinedLogs: QuarantinedLogsTable;
  readonly pools: PoolsTable;
  readonly keptDays: KeptDaysTable;
  readonly prices: PricesTable;
  readonly revisions: RevisionsTable;
  readonly tiers: TiersTable;
  readonly rewards: RewardsTable;
  /** Transactions committed by this connection, and how long they took. */
  readonly written = { count: 0, ms: 0 };
  readonly #clock: Clock;
  #newest = { sec: 0, iso: "1970-01-01T00:00:00Z" };
  readonly #insertBlock;
  readonly #thinBlocks;
  readonly #insertDigest;
  readonly #setDigest;
  readonly #insertReorg;
  readonly #insertMaintenance;

  constructor(db: Database, clock: Clock) {
    this.db = db;
    this.#clock = clock;
    this.config = new ConfigTable(db);
    this.blocks = new BlocksTable(db);
    this.states = new StatesTable(db);
    this.accounts = new AccountsTable(db, this.states);
    this.addressFacts = new AddressFactsTable(db);
    this.events = new EventsTable(db);
    this.days = new DaysTable(db);
    this.balances = new BalancesTable(db);
    this.findings = new FindingsTable(db);
    this.file = new OpenFile(db.name);
    this.contents = new LogsDigestsTable(db);
    this.feeds = new FeedsTable(db);
    this.shareRates = new ShareRatesTable(db);
    this.leftOut = new LeftOutTable(db);
    this.heldBack = new HeldBackTable(db);
    this.refetches = new RefetchesTable(db);
    this.quarantines = new QuarantinesTable(db);
    this.quarantinedLogs = new QuarantinedLogsTable(db);
    this.pools = new PoolsTable(db);
    this.keptDays = new KeptDaysTable(db);
    this.prices = new PricesTable(db, this.feeds, this.shareRates);
    this.revisions = new RevisionsTable(db);
    this.tiers = new TiersTable(db);
    this.rewards = new RewardsTable(db);
    this.#insertBlock = db.prepare(`
      insert into processed_blocks
        (block_number, block_hash, parent_hash, block_timestamp, processed_at, event_count, state_digest)
      values (?, ?, ?, ?, ?, ?, ?)`);
    this.#thinBlocks = db.prepare(
      "delete from processed_blocks where block_number >= ? and block_number < ? and event_count = 0 and block_number <> ?",
    );
    this.#insertDigest = db.prepare("insert into pool_digests (pool_address, block_number, digest) values (?, ?, ?)");
    this.#setDigest = db.prepare(`
      update processed_blocks
      set event_count = ?, state_digest = ?
      where block_number = ?`);
    this.#insertReorg = db.prepare(`
      insert into reorgs (common_block, depth, old_tip_hash, new_tip_hash, observed_at)
      values (?, ?, ?, ?, ?)`);
    this.#insertMaintenance = db.prepare(`
      insert into maintenance_runs (kind, started_at, seconds, outcome)
      values (?, ?, ?, ?)`);
  }

  /** Wall-clock time for the few columns that carry it. */
  nowIso(): string {
    const sec = Math.floor(this.#clock.wallMs() / 1000);
    if (sec !== this.#newest.sec) this.#newest = { sec, iso: isoOf(sec) };
    return this.#newest.iso;
  }

  /**
   * The only way to write: one immediate transaction around a synchronous function. An error rolls back and surfaces
   * unchanged (SQLite's own in our words); a transaction inside another, or a function that returns a promise, is a
   * bug.
   */
  write<T>(run: () => T): T {
    invariant(!this.db.inTransaction, "NESTED_WRITE", "a write was begun inside another");
    const whole = this.db.transaction(() => {
      const result = run();
      invariant(!(result instanceof Promise), "ASYNC_WRITE", "a write must not await");
      return result;
    });
    const startedMs = this.#clock.nowMs();
    try {
      const result = whole.immediate();
      this.written.count += 1;
      this.written.ms += this.#clock.nowMs() - startedMs;
      return result;
    } catch (error) {
      throw translated(error, this.db.name);
    }
  }

  /** Fresh books over what is committed. */
  books(): WorkingSet {
    return new WorkingSet(this.accounts);
  }

  /** Writes the accounts and tokens that changed since the last call. */
  flush(books: WorkingSet): void {
    const { accounts, tokens } = books.takeChanges();
    for (const account of accounts) this.accounts.put(account);
    for (const token of tokens) this.accounts.putToken(token);
  }

  insertBlock(block: NewBlock): void {
    const { number, hash, parentHash, timestampSec, eventCount, stateDigest } = block;
    this.#insertBlock.run(number, hash, parentHash, isoOf(timestampSec), this.nowIso(), eventCount, stateDigest);
  }

  /**
   * Forgets blocks without events from `from` up to below `to`, but `kept`: below `final` only events and the settled
   * block matter.
   */
  thinBlocks(from: number, to: number, kept: number): void {
    this.#thinBlocks.run(from, to, kept);
  }

  /** Findings that nothing explains yet; what put a pool in quarantine is told by that. */
  openFindings(): readonly Finding[] {
    const known = new Set(this.quarantines.all().map(({ pool, finding }) => `${pool} ${finding.identity}`));
    return this.findings.open().filter(({ pool, identity }) => !known.has(`${pool} ${identity}`));
  }

  /** The digest of the state at a block, out of those of its pools. */
  digestAt(sha256: Sha256, { number: blockNumber, timestampSec }: Pick<NewBlock, "number" | "timestampSec">): string {
    const rows = this.db
      .prepare<[number], { pool: string; digest: string }>(`
        select pool_address as pool, digest, max(block_number)
        from pool_digests
        where block_number <= ?
        group by pool_address`)
      .all(blockNumber);
    const digests = new Map(rows.map(({ pool, digest }) => [pool, digest]));
    return stateDigest(sha256, digestsInQuarantine(digests, this.quarantines.stops(), { blockNumber, timestampSec }));
  }

  insertDigest(pool: Address, blockNumber: number, digest: string): void {
    this.#insertDigest.run(pool, blockNumber, digest);
  }

  /** Sets what a rebuild finds for a stored block. */
  setDigest(blockNumber: number, eventCount: number, stateDigest: string): void {
    this.#setDigest.run(eventCount, stateDigest, blockNumber);
  }

  insertReorg(reorg: { commonBlock: number; depth: number; oldTip: string; newTip: string }): void {
    this.#insertReorg.run(reorg.commonBlock, reorg.depth, reorg.oldTip, reorg.newTip, this.nowIso());
  }

  /** Records what was done to the file itself. */
  insertMaintenance(run: {
    kind: "backup" | "optimize" | "vacuum"; // Upgrades are recorded where they are made.
    startedAt: string;
    seconds: number;
    outcome: object;
  }): void {
    this.#insertMaintenance.run(run.kind, run.startedAt, run.seconds, JSON.stringify(run.outcome));
  }

  /** Undoes all blocks above a number; see `undoAbove`. */
  undoAbove(blockNumber: number): Undone {
    this.contents.forgetAbove(blockNumber);
    return undoAbove(this.db, blockNumber);
  }
}
