import type { Database } from "better-sqlite3";
import { type Day, isoOf, secOf } from "../core/day.ts";
import type { Address } from "../core/hex.ts";
import type { DayRate, RateSample } from "../core/valuation/share-rate.ts";

/** A sample with the block at which it was asked for. */
export interface StoredSample extends RateSample {
  readonly blockNumber: number;
  readonly blockHash: string;
}

/**
 * `share_rate_samples`, what contracts said a share is worth at moments of a day; `share_rates`, what days make of
 * them.
 */
export class ShareRatesTable {
  readonly #db: Database;
  readonly #rate;
  readonly #samples;

  constructor(db: Database) {
    this.#db = db;
    this.#rate = db.prepare<[string, string], { rate: string; median: string | null; samples: number | null }>(
      "select rate, median, samples from share_rates where token_address = ? and date = ?",
    );
    this.#samples = db.prepare<
      [string, string],
      { sampled_at: string; rate: string; block_number: number; block_hash: string }
    >(`
      select sampled_at, rate, block_number, block_hash
      from share_rate_samples
      where token_address = ? and substr(sampled_at, 1, 10) = ?
      order by sampled_at`);
  }

  /** What a day is priced with; older versions read it once, at the day's last block. */
  rateOf(token: Address, day: Day): DayRate | undefined {
    const row = this.#rate.get(token, day);
    if (row === undefined) return undefined;
    const { rate, median, samples } = row;
    return { rate: BigInt(rate), median: BigInt(median ?? rate), samples: samples ?? 1 };
  }

  /** The newest day before one that has a rate. */
  lastBefore(token: Address, day: Day): { readonly day: Day; readonly rate: bigint } | undefined {
    const row = this.#db
      .prepare<[string, string], { day: Day; rate: string }>(
        "select date as day, rate from share_rates where token_address = ? and date < ? and rate <> '0' order by date desc limit 1",
      )
      .get(token, day);
    return row && { day: row.day, rate: BigInt(row.rate) };
  }

  /** A day's samples in order. */
  samplesOf(token: Address, day: Day): readonly StoredSample[] {
    return this.#samples.all(token, day).map((row) => ({
      atSec: secOf(row.sampled_at),
      rate: BigInt(row.rate),
      blockNumber: row.block_number,
      blockHash: row.block_hash,
    }));
  }

  addSample(token: Address, { atSec, rate, blockNumber, blockHash }: StoredSample, nowIso: string): void {
    this.#db
      .prepare(`
        insert into share_rate_samples (token_address, sampled_at, rate, block_number, block_hash, observed_at)
        values (?, ?, ?, ?, ?, ?)
        on conflict do update set
          rate = excluded.rate, block_number = excluded.block_number, block_hash = excluded.block_hash,
          observed_at = excluded.observed_at`)
      .run(token, isoOf(atSec), rate.toString(), blockNumber, blockHash, nowIso);
  }

  /** Forgets a sample of a block that is not of the chain. */
  removeSample(token: Address, { atSec }: RateSample): void {
    this.#db
      .prepare("delete from share_rate_samples where token_address = ? and sampled_at = ?")
      .run(token, isoOf(atSec));
  }

  /** Keeps what a day is priced with; one that is there stays. `last`: its newest sample. */
  add(token: Address, day: Day, { rate, median, samples }: DayRate, last: StoredSample, nowIso: string): void {
    this.#db
      .prepare(`
        insert into share_rates (token_address, date, rate, median, samples, block_number, block_hash, observed_at)
        values (?, ?, ?, ?, ?, ?, ?, ?)
        on conflict do nothing`)
      .run(token, day, rate.toString(), median.toString(), samples, last.blockNumber, last.blockHash, nowIso);
  }
}
