import type { Database } from "better-sqlite3";
import type { LogBlock } from "../core/chain.ts";
import { type Day, dayEndSec, dayStartSec, isoOf, secOf } from "../core/day.ts";
import { type Address, toAddress } from "../core/hex.ts";
import type { Aggregator, Feed } from "../core/programme/programme.ts";
import { answerOf, type FeedAnswer, feedPriceE18 } from "../core/valuation/feeds.ts";
import type { DayPrice } from "../core/valuation/price.ts";
import { rowChecksum } from "./file/checksum.ts";

interface AnswerRow {
  readonly aggregator_address: string;
  readonly block_number: number;
  readonly log_index: number;
  readonly block_timestamp: string;
  readonly round_id: string;
  readonly answer: string;
  readonly answered_at: string;
}

/** `feed_answers`: what Chainlink's aggregators answered, as their logs say. */
export class FeedsTable {
  readonly #insert;
  readonly #before;
  readonly #between;

  constructor(db: Database) {
    this.#insert = db.prepare(`
      insert into feed_answers
        (aggregator_address, block_number, log_index, block_timestamp, round_id, answer, answered_at, row_checksum)
      values (?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#before = db.prepare<[string, string, number, number], AnswerRow>(`
      select *
      from feed_answers
      where aggregator_address = ? and block_timestamp < ? and block_number between ? and ? and answer not like '-%' and answer <> '0'
      order by block_timestamp desc, block_number desc, log_index desc
      limit 1`);
    this.#between = db.prepare<[string, string, string, number, number], AnswerRow>(`
      select *
      from feed_answers
      where aggregator_address = ? and block_timestamp >= ? and block_timestamp < ? and block_number between ? and ?
      order by block_timestamp, block_number, log_index`);
  }

  /** Keeps what the aggregators among a block's logs answered. */
  keep(block: LogBlock, aggregators: ReadonlySet<Address>): void {
    for (const log of block.logs) if (aggregators.has(log.address)) this.#put(answerOf(log, block));
  }

  #put({ aggregator, blockNumber, logIndex, atSec, roundId, answer, observedSec }: FeedAnswer): void {
    const [round, value, observed] = [roundId, answer, observedSec].map(String);
    const cells = [aggregator, blockNumber, logIndex, isoOf(atSec), round, value, observed];
    this.#insert.run(...cells, rowChecksum(cells as (string | number)[]));
  }

  /** A feed's price of a day, as far as its answers are in. */
  priceOf(feed: Feed, day: Day): DayPrice | undefined {
    const start = isoOf(dayStartSec(day));
    const end = isoOf(dayEndSec(day));
    const bounds = ({ fromBlock, toBlock }: Aggregator) => [fromBlock, toBlock ?? Number.MAX_SAFE_INTEGER] as const;
    const opening = feed.aggregators.flatMap((each) => this.#before.get(each.address, start, ...bounds(each)) ?? []);
    const within = feed.aggregators.flatMap((each) => this.#between.all(each.address, start, end, ...bounds(each)));
    const answers = [...opening.slice(-1), ...within].map(answerIn);
    const priceE18 = feedPriceE18(feed, answers, day);
    return priceE18 === undefined || priceE18 === 0n
      ? undefined
      : { priceE18, source: `chainlink ${answers.at(-1)?.aggregator}` };
  }
}

function answerIn(row: AnswerRow): FeedAnswer {
  return {
    aggregator: toAddress(row.aggregator_address),
    blockNumber: row.block_number,
    logIndex: row.log_index,
    atSec: secOf(row.block_timestamp),
    roundId: BigInt(row.round_id),
    answer: BigInt(row.answer),
    observedSec: BigInt(row.answered_at),
  };
}
