import { describe, expect, it } from "vitest";
import type { Day } from "../../src/core/day.ts";
import type { Feed } from "../../src/core/programme/programme.ts";
import { ANSWER_UPDATED, answerOf, type FeedAnswer, feedPriceE18 } from "../../src/core/valuation/feeds.ts";
import { addressOf } from "../support/logs.ts";

const DAY = "2026-01-02" as Day;
const START = Date.parse(`${DAY}T00:00:00Z`) / 1000;
const HOUR = 3_600;
const feed: Feed = { proxy: null, aggregators: [], decimals: 8, staleAfterSec: 12 * HOUR, asset: null };

/** Answers by hours from the day's start, in whole units. */
function price(answers: readonly (readonly [hour: number, answer: number])[], of: Partial<Feed> = {}) {
  const all = answers.map(
    ([hour, answer], i): FeedAnswer => ({
      aggregator: addressOf(0xfe) as FeedAnswer["aggregator"],
      blockNumber: i,
      logIndex: 0,
      atSec: START + hour * HOUR,
      roundId: BigInt(i),
      answer: BigInt(Math.round(answer * 1e8)),
      observedSec: 0n,
    }),
  );
  const mean = feedPriceE18({ ...feed, ...of }, all, DAY);
  return mean === undefined ? undefined : Number(mean) / 1e18;
}

describe("the price of a Chainlink feed", () => {
  it.each([
    {
      it: "carries the last answer before the day into it",
      answers: [
        [-1, 10],
        [6, 20],
        [18, 40],
      ],
      is: (6 * 10 + 12 * 20 + 6 * 40) / 24,
    },
    { it: "counts from its first answer on", answers: [[12, 5]], is: 5 },
    { it: "is none where that comes later than it may be silent", answers: [[13, 5]], is: undefined },
    {
      it: "lets the last of several answers in one second count",
      answers: [
        [0, 1],
        [0, 9],
        [12, 9],
      ],
      is: 9,
    },
    {
      it: "does not hear the next day",
      answers: [
        [-2, 7],
        [9, 7],
        [20, 7],
        [24, 1000],
      ],
      is: 7,
    },
    {
      it: "passes over answers that are not above zero",
      answers: [
        [0, 4],
        [3, 0],
        [6, -1],
        [11, 4],
        [22, 4],
      ],
      is: 4,
    },
    {
      it: "is none after a silence that is too long within the day",
      answers: [
        [0, 4],
        [13, 4],
      ],
      is: undefined,
    },
    {
      it: "is none where the silence began the day before",
      answers: [
        [-10, 4],
        [3, 4],
        [12, 4],
      ],
      is: undefined,
    },
    {
      it: "is none where the feed falls silent towards the day's end",
      answers: [
        [-1, 4],
        [10, 4],
      ],
      is: undefined,
    },
    { it: "is none without an answer", answers: [], is: undefined },
  ] as const)("$it", ({ answers, is }) => {
    expect(price(answers as never)).toBe(is);
  });

  it("is scaled by the feed's own decimals", () => {
    expect(
      price(
        [
          [0, 1],
          [12, 1],
        ],
        { decimals: 18 },
      ),
    ).toBeCloseTo(1e-10, 15);
  });

  it("is read from an aggregator's log: answer and round are topics, the time of observation is data", () => {
    const word = (value: bigint): `0x${string}` => `0x${BigInt.asUintN(256, value).toString(16).padStart(64, "0")}`;
    const log = {
      address: addressOf(0xfe),
      topics: [ANSWER_UPDATED, word(-5n), word(77n)],
      data: word(1_700_000_000n),
      logIndex: 3,
      transactionHash: word(1n),
    } as unknown as Parameters<typeof answerOf>[0];
    const answer = answerOf(log, { number: 9, timestampSec: 100 });
    expect(answer).toMatchObject({
      answer: -5n,
      roundId: 77n,
      observedSec: 1_700_000_000n,
      atSec: 100,
      blockNumber: 9,
    });
  });
});
