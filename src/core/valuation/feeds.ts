import type { Log } from "../chain.ts";
import { type Day, dayEndSec, dayStartSec } from "../day.ts";
import { E18 } from "../decimal.ts";
import { invariant } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Feed } from "../programme/programme.ts";

/**
 * keccak256("AnswerUpdated(int256,uint256,uint256)"): answer and round are topics, the time of observation is data
 * (libocr).
 */
export const ANSWER_UPDATED = "0x0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f";

/** One answer of a Chainlink aggregator. */
export interface FeedAnswer {
  readonly aggregator: Address;
  readonly blockNumber: number;
  readonly logIndex: number;
  /** Time of its block: from then on it holds. */
  readonly atSec: number;
  readonly roundId: bigint;
  readonly answer: bigint;
  /** When the answer was made, as the aggregator says. */
  readonly observedSec: bigint;
}

/** @throws FEED_LOG when an aggregator's log has another shape. */
export function answerOf(log: Log, block: { readonly number: number; readonly timestampSec: number }): FeedAnswer {
  const [, answer, roundId] = log.topics;
  invariant(
    answer !== undefined && roundId !== undefined && /^0x[0-9a-f]{64}$/.test(log.data),
    "FEED_LOG",
    `log ${log.logIndex} of block ${block.number} is no AnswerUpdated of a Chainlink aggregator`,
  );
  return {
    aggregator: log.address,
    blockNumber: block.number,
    logIndex: log.logIndex,
    atSec: block.timestampSec,
    roundId: BigInt(roundId),
    answer: BigInt.asIntN(256, BigInt(answer)),
    observedSec: BigInt(log.data),
  };
}

/**
 * A feed's price of a day: the mean of its answers over the seconds of the day in which there was one, each from its
 * block's time to the next one's, scaled by 1e18 and floored. Answers that are not above zero are none. Undefined where
 * there was no answer at all, or where the feed was silent for longer than it may be, before its first answer, too.
 * @param answers of all phases, in ledger order: the last one before the day, and those of the day
 */
export function feedPriceE18(feed: Feed, answers: readonly FeedAnswer[], day: Day): bigint | undefined {
  const [startSec, endSec] = [dayStartSec(day), dayEndSec(day)];
  const real = answers.filter(({ answer, atSec }) => answer > 0n && atSec < endSec);
  const [first] = real;
  if (first === undefined || first.atSec - startSec > feed.staleAfterSec) return undefined;
  let [seconds, sum] = [0, 0n];
  for (const [i, { atSec, answer }] of real.entries()) {
    const untilSec = real[i + 1]?.atSec ?? endSec;
    if (untilSec > startSec && untilSec - atSec > feed.staleAfterSec) return undefined;
    const duration = untilSec - Math.max(atSec, startSec);
    if (duration <= 0) continue;
    seconds += duration;
    sum += answer * BigInt(duration);
  }
  if (seconds === 0) return undefined;
  return (sum * E18) / (10n ** BigInt(feed.decimals) * BigInt(seconds));
}
