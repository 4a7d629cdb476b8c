import type { Sha256 } from "../core/accounting/digest.ts";
import { logsDigest } from "../core/accounting/logs-digest.ts";
import type { WorkingSet } from "../core/accounting/working-set.ts";
import { isSameState, type PoolState } from "../core/amm/pool-state.ts";
import type { Block, LogBlock, Range } from "../core/chain.ts";
import { applyBlock } from "../core/decode/block.ts";
import type { Address } from "../core/hex.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import type { Quarantine } from "../core/programme/quarantine.ts";
import type { LogsDigest, Repair } from "../store/contents.ts";
import type { NewBlock, Store } from "../store/store.ts";
import { Balances, type Touched } from "./balances.ts";
import type { Committed, TakenFork } from "./committed.ts";
import { DayCloser } from "./day-closer.ts";
import { forgetReadersAbove, forgetReadersUpTo, recordFetchedBy } from "./first-readings.ts";
import { Followed } from "./followed-pools.ts";
import { type AppliedBlock, insertPostings } from "./postings.ts";
import { requireFollowing } from "./range-order.ts";
import { StateDigest } from "./state-digest.ts";

/**
 * Turns facts of the chain into the ledger: some ranges, one transaction, all of it or nothing. Keeps working copies
 * between commits and throws them away whenever a commit fails or is undone.
 */
export class Bookkeeper {
  readonly store: Store;
  /** A block that one look saw as final; stored when the next look sees it, too. */
  pendingFinal: (Block & { readonly source: "tag" | "depth" }) | undefined;
  /** Pools that a commit stops; see `commitStopping`. */
  stopping: readonly Quarantine[] = [];
  readonly #sha256: Sha256;
  readonly #followed: Followed;
  readonly #balances: Balances;
  readonly days: DayCloser;
  readonly #stateDigest: StateDigest;
  #books: WorkingSet | undefined;
  #states = new Map<Pool, PoolState | undefined>();

  constructor(store: Store, programme: Programme, sha256: Sha256) {
    this.store = store;
    this.#followed = new Followed(store, programme);
    this.#sha256 = sha256;
    this.#stateDigest = new StateDigest(sha256);
    this.#balances = new Balances(store, this.#followed);
    this.days = new DayCloser(store, this.#followed);
  }

  /** What is followed: the programme file's pools, and those that its factories made so far. */
  get programme(): Programme {
    return this.#followed.programme;
  }

  /** The logs of a block that mean anything: pools of a factory are not all followed. `born`: see `Followed`. */
  filterRelevant<T extends LogBlock>(block: T, born = new Set<Address>()): T {
    return this.#followed.filterRelevant(block, born);
  }

  /**
   * Closes up to `daysMax` days that end before the first block of a range that follows our tip, in a transaction of
   * their own: however long nothing happened, no commit takes longer than that. @returns whether some were closed, and
   * more may be left
   */
  closeDaysAhead(range: Range, daysMax: number): boolean {
    const next = range.blocks[0] ?? range.end;
    if (!this.days.isLongUntil(next.timestampSec, daysMax)) return false;
    this.#write(() => {
      this.#reopenDaysAhead(range);
      requireFollowing(this.store, this.store.blocks.tip(), range);
      this.#books ??= this.store.books();
      this.days.closeUpTo(this.#books, next.timestampSec, next.number, daysMax);
    });
    this.days.closedAheadOf(range.end.hash);
    return true;
  }

  /** Days that were closed ahead of a block that did not come are open again. */
  #reopenDaysAhead(range: Range | undefined): void {
    if (!this.days.isAheadOfAnother(range?.end.hash)) return;
    this.store.undoAbove(this.store.blocks.tip()?.number ?? -1);
    this.#forget();
  }

  /** Commits ranges that follow our tip, in one transaction. */
  commitAll(ranges: readonly Range[]): Committed {
    return this.#write(() => this.#applyAll(ranges));
  }

  /**
   * Undoes everything above `commonBlock` and commits its replacement, in one transaction. `finalHash` is the final
   * block's hash on the new chain, where the operator accepted a fork below it.
   */
  replace(commonBlock: number, ranges: readonly Range[], finalHash?: string): Committed {
    return this.#write(() => {
      this.#recordFork(commonBlock, ranges);
      const committed = this.#replaceAbove(commonBlock, ranges);
      if (finalHash !== undefined) this.store.config.set("final_hash", finalHash, this.store.nowIso());
      // What was settled above the common block was settled on the other chain.
      if ((this.store.config.get("settled_block") ?? -1) > commonBlock)
        this.store.config.set("settled_block", commonBlock, this.store.nowIso());
      return committed;
    });
  }

  /** Called before the undo: what is undone, and what by. */
  #recordFork(commonBlock: number, ranges: readonly Range[]): void {
    const { number, hash } = this.store.blocks.tip() ?? { number: commonBlock, hash: "" };
    const newTip = ranges.at(-1)?.end.hash ?? "";
    this.store.insertReorg({ commonBlock, depth: number - commonBlock, oldTip: hash, newTip });
  }

  /**
   * Undoes everything above `commonBlock`, which is settled, and commits what a second reading brought, in one
   * transaction; `repairs` are recorded, and so is a fork that goes with it.
   */
  redo(commonBlock: number, ranges: readonly Range[], repairs: readonly Repair[], fork?: TakenFork): Committed {
    return this.#write(() => {
      const { config, blocks } = this.store;
      if (fork !== undefined) {
        this.#recordFork(fork.common, ranges);
        if (fork.finalHash !== undefined) config.set("final_hash", fork.finalHash, this.store.nowIso());
      }
      const final = blocks.at(config.get("final_block") ?? -1);
      const committed = this.#replaceAbove(commonBlock, ranges);
      // The final block stays a row of its own when the blocks around it are redone.
      if (final !== undefined && final.number <= committed.tip)
        this.insertCheckpoint({ ...final, hash: config.get("final_hash") ?? final.hash });
      for (const repair of repairs) this.store.contents.insertRepair(repair, this.store.nowIso());
      if (repairs.length === 0) config.set("contents_from", commonBlock, this.store.nowIso());
      return committed;
    });
  }

  /** What a reading of a block brought, to compare with another reading. */
  logsDigest(block: LogBlock): string {
    return block.content ?? logsDigest(this.#sha256, block);
  }

  /** Makes a block that we hold a row, with the state that was in force at it; the caller holds the transaction. */
  insertCheckpoint(block: Omit<NewBlock, "eventCount" | "stateDigest">): void {
    if (block.number <= (this.store.config.get("anchor")?.number ?? -1)) return; // Before our first block.
    const below = this.store.blocks.atOrBelow(block.number);
    if (below?.number === block.number) return;
    // Where something was stopped in between, the state below it does not say so.
    const digest =
      below !== undefined && this.store.quarantines.countAt(below) === this.store.quarantines.countAt(block)
        ? below.stateDigest
        : this.store.digestAt(this.#sha256, block);
    this.store.insertBlock({ ...block, eventCount: 0, stateDigest: digest });
  }

  /**
   * Everything up to a final block was read twice and is the same; the block stays a row, so that no redo reaches
   * below.
   */
  settleUpTo(end: Range["end"]): void {
    const { store } = this;
    this.#write(() => {
      const before = store.config.get("settled_block") ?? end.number;
      this.insertCheckpoint(end);
      store.config.set("settled_block", end.number, store.nowIso());
      store.contents.forgetUpTo(end.number);
      forgetReadersUpTo(store, end.number);
      store.thinBlocks(before, end.number, end.number);
    });
  }

  #replaceAbove(commonBlock: number, ranges: readonly Range[]): Committed {
    const undone = this.store.undoAbove(commonBlock);
    this.#forget();
    forgetReadersAbove(this.store, commonBlock);
    const committed = this.#applyAll(ranges);
    this.#balances.refresh(undone.daysReopened > 0 || undone.isQuarantine ? "all" : undone.providers);
    return committed;
  }

  /** Runs in one transaction; whatever fails leaves database and working copies as they were committed last. */
  #write<T>(run: () => T): T {
    try {
      const result = this.store.write(run);
      this.#books?.shrink();
      return result;
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #forget(): void {
    this.#followed.forget();
    this.#books = undefined;
    this.#states = new Map();
    this.days.forget();
  }

  /** What the ranges changed in accounts and balances is written once, at their end. */
  #applyAll(ranges: readonly Range[]): Committed {
    const wereAhead = this.days.isAhead();
    this.#reopenDaysAhead(ranges[0]);
    for (const each of this.stopping) this.#followed.stop(each);
    const touched = this.#balances.untouched();
    const daysBefore = wereAhead ? undefined : this.store.days.last()?.date;
    let sum: Committed = { blocks: 0, events: 0, postings: 0, tip: this.store.blocks.tip()?.number ?? -1 };
    for (const range of ranges) {
      const { blocks, events, postings, tip } = this.#apply(range, touched);
      sum = { blocks: sum.blocks + blocks, events: sum.events + events, postings: sum.postings + postings, tip };
    }
    if (this.#books !== undefined) this.store.flush(this.#books);
    // Whoever holds something of what was stopped has less that counts, though nothing changed.
    const isAsBefore = this.store.days.last()?.date === daysBefore && this.stopping.length === 0;
    if (isAsBefore) this.#balances.refreshTouched(touched);
    else this.#balances.refresh("all");
    this.store.config.set("last_processed_block", sum.tip, this.store.nowIso());
    this.store.findings.settleUpTo(sum.tip, "every identity held when the block was read again");
    return sum;
  }

  #apply(range: Range, touched: Touched): Committed {
    const tip = this.store.blocks.tip();
    requireFollowing(this.store, tip, range);
    if (tip === undefined) {
      this.store.config.set("anchor", { number: range.from - 1, hash: range.parentHash }, this.store.nowIso());
      for (const key of ["settled_block", "settled_from", "contents_from"] as const)
        if (this.store.config.get(key) === undefined) this.store.config.set(key, range.from - 1, this.store.nowIso());
    }
    this.#books ??= this.store.books();
    const books = this.#books;
    const contents: LogsDigest[] = [];
    let [events, postings] = [0, 0];
    for (const block of range.blocks) {
      this.days.closeUpTo(books, block.timestampSec, block.number);
      const made = this.#applyBlock(books, block, contents);
      events += made.events;
      postings += made.postings.length;
      if (made.postings.length > 0) touched.note(block, made);
    }
    this.days.closeUpTo(books, range.end.timestampSec, range.end.number);
    if (this.store.blocks.at(range.end.number) === undefined) {
      const stateDigest = this.#digestAt(range.end, books);
      this.store.insertBlock({ ...range.end, eventCount: 0, stateDigest });
    }
    for (const header of range.headers ?? []) this.insertCheckpoint(header);
    this.store.contents.insert(contents);
    recordFetchedBy(this.store, range);
    return { blocks: range.end.number - range.from + 1, events, postings, tip: range.end.number };
  }

  /** `contents`: what its logs amount to is added. */
  #applyBlock(books: WorkingSet, read: LogBlock, contents: LogsDigest[]): AppliedBlock {
    this.#followed.discover(read);
    const block = this.filterRelevant(read);
    const { number: blockNumber, hash: blockHash, logs } = block;
    if (logs.length === 0) return { events: 0, postings: [], states: [] };
    contents.push({ blockNumber, blockHash, logCount: logs.length, hash: this.logsDigest(block) });
    this.store.feeds.keep(block, this.#followed.routes.feeds);
    this.#followed.keepStopped(block, books);
    const place = { blockNumber, timestampSec: block.timestampSec };
    const { events, postings, pools } = applyBlock(books, this.#followed.routes, logs, place);
    for (const event of events) this.store.events.insert(block, event);
    const states = [...pools].map((pool) => [pool.address, this.#keepState(books, pool, block)] as const);
    if (postings.length > 0)
      insertPostings(this.store, books, { sha256: this.#sha256, chainId: this.programme.chainId }, block, postings);
    if (events.length > 0) {
      // Named one by one: a block has accessors, and a spread of such an object is slow.
      const { number, hash, parentHash, timestampSec } = block;
      const stateDigest = this.#digestAt(block, books);
      this.store.insertBlock({ number, hash, parentHash, timestampSec, eventCount: events.length, stateDigest });
    }
    return { events: events.length, postings, states };
  }

  #digestAt({ number: blockNumber, timestampSec }: Pick<Block, "number" | "timestampSec">, books: WorkingSet): string {
    const { stops } = this.#followed.routes;
    return this.#stateDigest.of(this.programme.pools, books, { stops, at: { blockNumber, timestampSec } });
  }

  /** Writes a pool's state at the end of a block if it differs from the one before. @returns the state. */
  #keepState(books: WorkingSet, pool: Pool, block: LogBlock): PoolState | undefined {
    const state = books.stateOf(pool);
    if (state === undefined) return undefined;
    const { states } = this.store;
    const stored = this.#states.has(pool) ? this.#states.get(pool) : states.atOrBelow(pool.address, block.number);
    this.#states.set(pool, state);
    if (isSameState(state, stored)) return state;
    this.store.states.insert(pool.address, block.number, block.timestampSec, state);
    this.days.sawState();
    return state;
  }
}
