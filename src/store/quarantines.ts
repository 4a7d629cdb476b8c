import type { Database } from "better-sqlite3";
import { type Day, isoOf, secOf } from "../core/day.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import { isStoppedAt, type Quarantine, type Stop, type Stops, stopsOf } from "../core/programme/quarantine.ts";

interface Row {
  readonly pool: string;
  readonly wrapper: string;
  readonly block: number | null;
  readonly log: number | null;
  readonly fromIso: string | null;
  readonly firstDay: Day;
  readonly identity: string;
  readonly findingBlock: number;
  readonly findingLog: number;
  readonly expected: string;
  readonly actual: string;
}

const stopOf = ({ block, log, fromIso }: Pick<Row, "block" | "log" | "fromIso">): Stop =>
  fromIso === null ? { blockNumber: block ?? 0, logIndex: log ?? 0 } : { fromSec: secOf(fromIso) };

/** What a quarantine touches besides. */
export interface Touches {
  /** Wrappers whose users are stopped with it. */
  readonly wrappers: readonly Address[];
  /** Tokens whose prices rest on the pool. */
  readonly prices: readonly Address[];
}

/** Names a pool, or a wrapper of it, that may be stopped. */
export const quarantineKey = ({ pool, wrapper }: Pick<Quarantine, "pool" | "wrapper">): string =>
  `${pool} ${wrapper ?? ""}`;

/** `quarantines`: pools, and wrappers of their shares, of which nothing counts any more from somewhere on. */
export class QuarantinesTable {
  readonly #db: Database;
  readonly #all;
  readonly #insert;

  constructor(db: Database) {
    this.#db = db;
    this.#all = db.prepare<[], Row>(`
      select
        pool_address as pool, wrapper_address as wrapper, block_number as block, log_index as log, from_time as fromIso, first_day as firstDay,
        identity, finding_block as findingBlock, finding_log as findingLog, expected, actual
      from quarantines
      order by 1, 2`);
    this.#insert = db.prepare(`
      insert into quarantines
        (pool_address, wrapper_address, block_number, log_index, from_time, first_day, identity, finding_block,
         finding_log, expected, actual, observed_at, touches, is_kept)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`);
  }

  all(): readonly Quarantine[] {
    return this.#all.all().map((row) => ({
      pool: toPoolId(row.pool),
      wrapper: row.wrapper === "" ? null : toAddress(row.wrapper),
      stop: stopOf(row),
      firstDay: row.firstDay,
      finding: {
        identity: row.identity,
        pool: row.pool,
        blockNumber: row.findingBlock,
        logIndex: row.findingLog,
        expected: row.expected,
        actual: row.actual,
        ...(row.wrapper === "" ? {} : { wrapper: row.wrapper }),
      },
    }));
  }

  /** All of them, with what else is touched. */
  told(): readonly (Quarantine & { readonly touches: Touches })[] {
    const touches = this.#db.prepare<[string, string], string>(
      "select touches from quarantines where pool_address = ? and wrapper_address = ?",
    );
    return this.all().map((each) => {
      const text = touches.pluck().get(each.pool, each.wrapper ?? "") ?? "{}";
      return { ...each, touches: { wrappers: [], prices: [], ...(JSON.parse(text) as Partial<Touches>) } };
    });
  }

  stops(): Stops {
    return stopsOf(this.all());
  }

  /** Pools of which nothing is known of a day. */
  outOn(day: Day): ReadonlyMap<Address, Quarantine> {
    const all = this.all().filter(({ wrapper, firstDay }) => wrapper === null && firstDay <= day);
    return new Map(all.map((each) => [each.pool, each]));
  }

  /** By pool, its wrappers of whose users nothing is known of a day. */
  wrappersOutOn(day: Day): ReadonlyMap<Address, ReadonlyMap<Address, Quarantine>> {
    const byPool = new Map<Address, Map<Address, Quarantine>>();
    for (const each of this.all()) {
      if (each.wrapper === null || each.firstDay > day) continue;
      const ofPool = byPool.get(each.pool) ?? new Map<Address, Quarantine>();
      byPool.set(each.pool, ofPool.set(each.wrapper, each));
    }
    return byPool;
  }

  /** Whether everything of a pool that came since it was stopped was kept. */
  isKept(pool: Address): boolean {
    const row = this.#db.prepare<[string], number>(
      "select is_kept from quarantines where pool_address = ? and wrapper_address = ''",
    );
    return row.pluck().get(pool) === 1;
  }

  /** Pools that have been stopped at the end of a block. */
  outAt(block: { readonly number: number; readonly timestampSec: number }): ReadonlySet<Address> {
    const place = { blockNumber: block.number, timestampSec: block.timestampSec };
    return new Set(
      this.all().flatMap(({ pool, wrapper, stop }) => (wrapper === null && isStoppedAt(stop, place) ? [pool] : [])),
    );
  }

  /**
   * What an undo of everything above a block takes back: what it rests on goes, or its day is open again; see
   * `quarantineKey`.
   */
  undoneAbove(block: number): ReadonlySet<string> {
    const rows = this.#db
      .prepare<[number, number], string>(
        `select pool_address || ' ' || wrapper_address from quarantines where ${UNDONE}`,
      )
      .pluck();
    return new Set(rows.all(block, block));
  }

  /** Takes them back; before the days themselves are. @returns whether there was one */
  undoAbove(block: number): boolean {
    return this.#db.prepare(`delete from quarantines where ${UNDONE}`).run(block, block).changes > 0;
  }

  /** Some of what comes from now on of these pools is not kept: they cannot go on by it. */
  leaveGap(pools: ReadonlySet<Address>): void {
    this.#db
      .prepare("update quarantines set is_kept = 0 where pool_address in (select value from json_each(?))")
      .run(JSON.stringify([...pools]));
  }

  /** How many pools and wrappers are stopped at the end of a block. */
  countAt(block: { readonly number: number; readonly timestampSec: number }): number {
    const place = { blockNumber: block.number, timestampSec: block.timestampSec };
    return this.all().filter(({ stop }) => isStoppedAt(stop, place)).length;
  }

  /** A pool goes on: it is stopped no more. */
  remove(pool: Address): void {
    this.#db.prepare("delete from quarantines where pool_address = ? and wrapper_address = ''").run(pool);
  }

  insert({ pool, wrapper, stop, firstDay, finding }: Quarantine, touches: Touches, nowIso: string): void {
    const { identity, expected, actual } = finding;
    const from = "fromSec" in stop ? [null, null, isoOf(stop.fromSec)] : [stop.blockNumber, stop.logIndex, null];
    const where = [finding.blockNumber, finding.logIndex];
    this.#insert.run(
      pool,
      wrapper ?? "",
      ...from,
      firstDay,
      identity,
      ...where,
      expected,
      actual,
      nowIso,
      JSON.stringify(touches),
    );
  }
}

const UNDONE =
  "block_number > ? or (from_time is not null and first_day >= (select min(date) from days where closed_block > ?))";
