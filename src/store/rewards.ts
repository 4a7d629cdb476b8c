import type { Database } from "better-sqlite3";
import type { Day } from "../core/day.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { EpochRecord, EpochResult, HeldRecord, TokenSums } from "../core/rewards/epoch-record.ts";
import type { Reward } from "../core/rewards/rewards.ts";

/** An epoch as it is stored. */
export interface StoredEpoch {
  readonly record: EpochRecord;
  readonly state: "calculated" | "final";
  /** Of the epoch's canonical text. */
  readonly resultHash: string;
}

interface EpochRow {
  readonly epoch: number;
  readonly first_date: Day;
  readonly end_date: Day;
  readonly state: "calculated" | "final";
  readonly block_number: number;
  readonly block_hash: string;
  readonly pools: string;
  readonly programme_hash: string;
  readonly rules: string;
  readonly tokens: string;
  readonly total_weight: string;
  readonly result_hash: string;
  readonly held: string | null;
}

interface RewardRow {
  readonly provider_address: string;
  readonly tier: number;
  readonly weight: string;
  readonly reward_amount: string;
  readonly carried_in: string;
  readonly paid: string;
  readonly released: string | null;
}

/** `reward_epochs` and `rewards`: what was calculated, and what is final. */
export class RewardsTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Every stored epoch, ascending. */
  epochs(): readonly StoredEpoch[] {
    return this.#db.prepare<[], EpochRow>("select * from reward_epochs order by epoch").all().map(epochOf);
  }

  /** The day after the last final epoch; undefined before the first is final. */
  finalUntil(): Day | undefined {
    const end = this.#db.prepare<[], Day | null>("select max(end_date) from reward_epochs where state = 'final'");
    return end.pluck().get() ?? undefined;
  }

  epoch(number: number): StoredEpoch | undefined {
    const row = this.#db.prepare<[number], EpochRow>("select * from reward_epochs where epoch = ?").get(number);
    return row && epochOf(row);
  }

  /** The rows of one token of an epoch, ascending by provider. */
  rowsOf(epoch: number, token: Address): readonly Reward[] {
    return this.pageOf(epoch, token, "", -1);
  }

  /** Those after one provider, at most so many; all where `limit` is negative. */
  pageOf(epoch: number, token: Address, after: string, limit: number): readonly Reward[] {
    return this.#db
      .prepare<[number, string, string, number], RewardRow>(`
        select provider_address, tier, weight, reward_amount, carried_in, paid, released
        from rewards
        where epoch = ? and reward_token = ? and provider_address > ?
        order by provider_address
        limit ?`)
      .all(epoch, token, after, limit)
      .map((row) => ({
        provider: toAddress(row.provider_address),
        tier: row.tier,
        weight: BigInt(row.weight),
        amount: BigInt(row.reward_amount),
        released: BigInt(row.released ?? 0),
        carriedIn: BigInt(row.carried_in),
        paid: BigInt(row.paid),
      }));
  }

  /** How many providers an epoch gives some of a token. */
  countOf(epoch: number, token: Address): number {
    return Number(
      this.#db.prepare("select count(*) from rewards where epoch = ? and reward_token = ?").pluck().get(epoch, token),
    );
  }

  /** A stored epoch with all its rows. */
  resultOf({ record }: StoredEpoch): EpochResult {
    return { record, rewards: record.tokens.map(({ address }) => this.rowsOf(record.epoch, address)) };
  }

  /**
   * Writes an epoch in place of what was calculated before; the caller holds the transaction, and never replaces a
   * final one.
   */
  put({ record, rewards }: EpochResult, state: StoredEpoch["state"], resultHash: string, nowIso: string): void {
    const { epoch, end } = record;
    this.#db.prepare("delete from rewards where epoch = ?").run(epoch);
    this.#db.prepare("delete from reward_epochs where epoch = ? and state = 'calculated'").run(epoch);
    this.#db
      .prepare(`
        insert into reward_epochs
          (epoch, first_date, end_date, state, block_number, block_hash, pools, programme_hash, rules, tokens,
           total_weight, result_hash, updated_at, held)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(
        epoch,
        record.first,
        end,
        state,
        record.blockNumber,
        record.blockHash,
        JSON.stringify(record.pools),
        record.programmeHash,
        JSON.stringify(record.rules),
        JSON.stringify(record.tokens),
        record.totalWeight,
        resultHash,
        nowIso,
        record.held === null ? null : JSON.stringify(record.held),
      );
    const insert = this.#db.prepare(`
      insert into rewards
        (epoch, provider_address, reward_token, calculation_date, reward_amount, tier, weight, carried_in, paid, released)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    for (const [i, rows] of rewards.entries())
      for (const { provider, amount, released, tier, weight, carriedIn, paid } of rows)
        insert.run(
          epoch,
          provider,
          record.tokens[i]?.address,
          end,
          `${amount}`,
          tier,
          `${weight}`,
          `${carriedIn}`,
          `${paid}`,
          released === 0n ? null : `${released}`,
        );
  }

  /** What everybody weighed in an epoch, as `provider weight`, ascending. */
  weightsOf(epoch: number): readonly string[] {
    return this.#db
      .prepare<[number], string>(`
        select distinct provider_address || ' ' || weight
        from rewards
        where epoch = ? and weight <> '0'
        order by 1`)
      .pluck()
      .all(epoch);
  }

  /** Forgets epochs that were only calculated, and that end after a day: something they rest on has changed. */
  forgetCalculated(day: string): void {
    const calculated = "select epoch from reward_epochs where state = 'calculated' and end_date > ?";
    for (const table of ["rewards", "reward_epochs"])
      this.#db.prepare(`delete from ${table} where epoch in (${calculated})`).run(day);
  }

  /** The last block with events before a time, and the digest of every pool up to it. */
  checkpointAt(endIso: string): { readonly number: number; readonly hash: string } | undefined {
    return this.#db
      .prepare<[string], { number: number; hash: string }>(`
        select block_number as number, block_hash as hash
        from processed_blocks
        where event_count > 0 and block_timestamp < ?
        order by block_number desc
        limit 1`)
      .get(endIso);
  }

  /** Digest of each pool's postings up to a block; pools without any by then are left out. */
  digestsAt(blockNumber: number): Readonly<Record<string, string>> {
    const rows = this.#db
      .prepare<[number], { pool: string; digest: string | null }>(`
        select
          pool_address as pool,
          (select digest
           from pool_digests
           where pool_digests.pool_address = pools.pool_address and block_number <= ?
           order by block_number desc
           limit 1) as digest
        from pools
        order by pool_address`)
      .all(blockNumber);
    return Object.fromEntries(rows.flatMap(({ pool, digest }) => (digest === null ? [] : [[pool, digest]])));
  }
}

function epochOf(row: EpochRow): StoredEpoch {
  return {
    state: row.state,
    resultHash: row.result_hash,
    record: {
      epoch: row.epoch,
      first: row.first_date,
      end: row.end_date,
      blockNumber: row.block_number,
      blockHash: row.block_hash,
      pools: JSON.parse(row.pools) as Record<string, string>,
      programmeHash: row.programme_hash,
      rules: JSON.parse(row.rules) as object,
      tokens: JSON.parse(row.tokens) as TokenSums[],
      totalWeight: row.total_weight,
      held: row.held === null ? null : (JSON.parse(row.held) as HeldRecord),
    },
  };
}
