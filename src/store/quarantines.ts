import type { Database } from "better-sqlite3";
import { type Day, isoOf, secOf } from "../core/day.ts";
import { type Address, toPoolId } from "../core/hex.ts";
import { isStopped, type Quarantine, type Stop, type Stops } from "../core/quarantine.ts";

interface Row {
  readonly pool: string;
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

/** `quarantines`: pools of which nothing counts any more from somewhere on. */
export class QuarantinesTable {
  readonly #db: Database;
  readonly #all;
  readonly #insert;

  constructor(db: Database) {
    this.#db = db;
    this.#all = db.prepare<[], Row>(`
      select
        pool_address as pool, block_number as block, log_index as log, from_time as fromIso, first_day as firstDay,
        identity, finding_block as findingBlock, finding_log as findingLog, expected, actual
      from quarantines
      order by pool_address`);
    this.#insert = db.prepare(`
      insert into quarantines
        (pool_address, block_number, log_index, from_time, first_day, identity, finding_block, finding_log, expected,
         actual, observed_at)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  }

  all(): readonly Quarantine[] {
    return this.#all.all().map((row) => ({
      pool: toPoolId(row.pool),
      stop: stopOf(row),
      firstDay: row.firstDay,
      finding: {
        identity: row.identity,
        pool: row.pool,
        blockNumber: row.findingBlock,
        logIndex: row.findingLog,
        expected: row.expected,
        actual: row.actual,
      },
    }));
  }

  stops(): Stops {
    return new Map(this.all().map(({ pool, stop }) => [pool, stop]));
  }

  /** Pools of which nothing is known of a day. */
  outOn(day: Day): ReadonlyMap<Address, Quarantine> {
    return new Map(this.all().flatMap((each) => (each.firstDay <= day ? [[each.pool, each]] : [])));
  }

  /** Pools that have been stopped at the end of a block. */
  outAt(block: { readonly number: number; readonly timestampSec: number }): ReadonlySet<Address> {
    const place = { blockNumber: block.number, timestampSec: block.timestampSec };
    return new Set(
      this.all().flatMap(({ pool, stop }) => (isStopped(stop, place, Number.POSITIVE_INFINITY) ? [pool] : [])),
    );
  }

  /** Pools whose quarantine an undo of everything above a block takes back: what it rests on goes, or its day is open again. */
  undoneAbove(block: number): ReadonlySet<Address> {
    const rows = this.#db
      .prepare<[number, number], string>(`select pool_address from quarantines where ${UNDONE}`)
      .pluck();
    return new Set(rows.all(block, block).map(toPoolId));
  }

  /** Takes them back; before the days themselves are. */
  undoAbove(block: number): void {
    this.#db.prepare(`delete from quarantines where ${UNDONE}`).run(block, block);
  }

  insert({ pool, stop, firstDay, finding }: Quarantine, nowIso: string): void {
    const { identity, expected, actual } = finding;
    const from = "fromSec" in stop ? [null, null, isoOf(stop.fromSec)] : [stop.blockNumber, stop.logIndex, null];
    const where = [finding.blockNumber, finding.logIndex];
    this.#insert.run(pool, ...from, firstDay, identity, ...where, expected, actual, nowIso);
  }
}

const UNDONE =
  "block_number > ? or (from_time is not null and first_day >= (select min(date) from days where closed_block > ?))";
