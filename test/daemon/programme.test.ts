import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { toHash } from "../../src/core/hex.ts";
import { ANSWER_UPDATED } from "../../src/core/valuation/feeds.ts";
import { adoptRules, compareProgramme } from "../../src/ledger/compare-programme.ts";
import { finalise } from "../../src/ledger/epochs.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, testProgramme } from "../support/ledger.ts";
import { addressOf, type Draft } from "../support/logs.ts";
import { programmeLedger, REWARDS, TIERS } from "../support/programme-ledger.ts";
import { POOL, TOKENS, worldProgramme } from "../support/world.ts";

const FEED = addressOf(0xfe);
const word = (value: bigint): string => `0x${BigInt.asUintN(256, value).toString(16).padStart(64, "0")}`;
const answer = (value: bigint, round: number): Draft => ({
  address: FEED,
  topics: [ANSWER_UPDATED, word(value), word(BigInt(round))],
  data: word(1n),
});
const prices = {
  [TOKENS[0]]: {
    chainlink: { aggregators: [{ address: FEED, fromBlock: 1 }], decimals: 8, staleAfterSeconds: 86_400 },
  },
  [TOKENS[1]]: { pool: POOL },
};

/** A chain whose feed answers in every third block. */
function feedChain(): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000 });
  chain.also = (block) => (block % 3 === 0 ? [answer(BigInt(block) * 10n ** 8n, block)] : []);
  return chain;
}

const answers = ({ store }: TestLedger): readonly unknown[] =>
  store.db.prepare("select block_number, answer, round_id, row_checksum from feed_answers order by 1").all();

describe("a price feed's logs", () => {
  it("are undone and redone with a reorg, and however they are read the prices are the same", async () => {
    const chain = feedChain();
    chain.grow(60, 3);
    const ledger = new TestLedger(chain.fetch, { programme: testProgramme({ prices }), limits: { blocksMax: 1 } });
    await ledger.settle();
    chain.reorg(40, 30, 8);
    await ledger.settle();
    const straight = new TestLedger(chain.fetch, { programme: testProgramme({ prices }) });
    await straight.settle();
    expect(answers(ledger)).toHaveLength(23);
    expect(answers(ledger)).toEqual(answers(straight));
    expect(ledger.dump()).toBe(straight.dump());
    const before = ledger.dump();
    ledger.store.write(() => rebuild(ledger.store, testProgramme({ prices }), sha256));
    expect(ledger.dump()).toBe(before);
  });

  it("that a node left out are repaired when the block is settled", async () => {
    const chain = feedChain();
    chain.grow(60, 3);
    const programme = testProgramme({ prices, finality: { fallbackDepth: 0, minDepth: 0 } });
    const straight = new TestLedger(chain.fetch, { programme });
    await straight.settle();
    const ledger = new TestLedger(chain.fetch, { programme });
    chain.fault = (method, _params, result) =>
      method === "eth_getLogs"
        ? (result as { address: string; blockNumber: string }[]).filter(
            (log) => log.address !== FEED || Number(log.blockNumber) !== 30,
          )
        : result;
    await ledger.settle();
    expect(answers(ledger)).toHaveLength(19);
    chain.fault = undefined;
    for (let i = 0; i < 20; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 50 } });
    expect(answers(ledger)).toEqual(answers(straight));
    expect(ledger.store.contents.repairs().count).toBe(1);
  });
});

describe("what lies beneath a final epoch", () => {
  it("raises a finding when it is repaired or replaced, and what was paid stays", async () => {
    const { ledger, chain, programme, settle } = await programmeLedger();
    ledger.store.write(() => finalise(ledger.store, rewardingOf(programme), sha256, 1));
    const paid = ledger.store.db.prepare("select * from rewards").all();
    const common = 8;
    chain.reorg(common, 70, 99);
    const { head } = chain;
    // Final blocks are left only with the operator's consent: the hash of the first block that differs.
    const accepted = toHash(chain.blocks[common + 1]?.hash ?? head.hash);
    await ledger.step({ acceptDeepReorg: accepted });
    const findings = ledger.store.findings.open();
    expect(findings.map(({ identity, logIndex }) => [identity, logIndex])).toEqual([["R-1", 1]]);
    expect(ledger.store.db.prepare("select * from rewards").all()).toEqual(paid);
    await settle();
    // It stays open whatever is committed after it, until somebody explains it; an ordinary reorg does not open it
    // again.
    expect(ledger.store.findings.open()).toHaveLength(1);
    ledger.store.findings.resolve(findings[0]?.blockNumber ?? 0, "R-1", "compensated by hand");
    chain.grow(5, 3);
    await settle();
    expect(ledger.store.findings.open()).toEqual([]);
  });

  it("raises it, too, where only what came after the last block with events is another", async () => {
    const { ledger, chain, programme } = await programmeLedger();
    ledger.store.write(() => finalise(ledger.store, rewardingOf(programme), sha256, 1));
    const stored = ledger.store.rewards.epoch(1);
    const common = stored?.record.blockNumber ?? 0;
    chain.reorg(common, 70, 99);
    await ledger.step({ acceptDeepReorg: toHash(chain.blocks[common + 1]?.hash ?? "") });
    expect(ledger.store.findings.open().map(({ identity }) => identity)).toEqual(["R-1"]);
  });
});

describe("what was only calculated", () => {
  it("is forgotten as soon as a price beneath it changes", async () => {
    const { ledger, run, tick } = await programmeLedger();
    expect((await run("rewards", "calculate")).code).toBe(0);
    await run("prices", "revise", "--token", TOKENS[0], "--date", "2026-01-04", "--price", "9", "a test");
    tick();
    expect(ledger.store.rewards.epochs().map(({ record }) => record.epoch)).toEqual([1]);
    // What rests on the revised price is told, too.
    const log = ledger.store.db.prepare("select token_address, reason, applied from price_revisions order by 1").all();
    expect(log).toEqual([
      { token_address: TOKENS[0], reason: "a test", applied: 1 },
      { token_address: TOKENS[1], reason: `rests on ${TOKENS[0]}: a test`, applied: 1 },
    ]);
  });
});

describe("changed rules", () => {
  it("are taken up for every day at once, without reading anything again", async () => {
    const { ledger, programme } = await programmeLedger();
    const doubled = parseProgramme(
      worldProgramme({
        finality: { fallbackDepth: 0, minDepth: 0 },
        schedule: { start: "2026-01-03", days: 4 },
        tiers: { ...TIERS, levels: [{ week: 1, multiplierBp: 20_000 }] },
        rewards: REWARDS,
      }),
      "the test's programme",
    );
    expect(compareProgramme(ledger.store, programme).kind).toBe("same");
    expect(compareProgramme(ledger.store, doubled).kind).toBe("ruled");
    ledger.store.write(() => adoptRules(ledger.store, doubled, sha256));
    expect(compareProgramme(ledger.store, doubled).kind).toBe("same");
    const days = ledger.store.db.prepare("select distinct date from provider_days order by 1").pluck().all();
    expect(days).toEqual(["2026-01-03", "2026-01-04", "2026-01-05", "2026-01-06"]);
    const first = ledger.store.db
      .prepare("select max(streak_days), max(multiplier_bp) from provider_days where date = '2026-01-03'")
      .raw()
      .get();
    expect(first).toEqual([1, 20_000]);
    const weighted = ledger.store.db
      .prepare(
        "select sum(weighted_liquidity) = 2 * sum(total_liquidity) from provider_balances where current_tier = 1",
      )
      .pluck()
      .get();
    expect(weighted).toBe(1);
    const straight = await programmeLedger({
      schedule: { start: "2026-01-03", days: 4 },
      tiers: { ...TIERS, levels: [{ week: 1, multiplierBp: 20_000 }] },
    });
    expect(ledger.dump()).toBe(straight.ledger.dump());
  });

  it("of the quote's currency are refused: the past is priced in it", async () => {
    const { ledger } = await programmeLedger();
    const other = testProgramme({ quote: { symbol: "EUR" }, finality: { fallbackDepth: 0, minDepth: 0 } });
    expect(() => compareProgramme(ledger.store, other)).toThrow("prices were counted in USD, now they are in EUR");
  });
});

describe("standings", () => {
  it("follow the chain alone: a sweep, single blocks and a reorg end in the same", async () => {
    const rules = {
      schedule: { start: "2026-01-02", days: 5 },
      tiers: TIERS,
      rewards: { tokens: REWARDS.tokens, epochs: { days: 5 } },
    };
    const chain = new FakeChain({ secondsPerBlock: 9_000 });
    chain.grow(50, 3);
    const one = new TestLedger(chain.fetch, { programme: testProgramme(rules), limits: { blocksMax: 1 } });
    await one.settle();
    chain.reorg(30, 40, 8);
    await one.settle();
    const sweep = new TestLedger(chain.fetch, { programme: testProgramme(rules) });
    await sweep.settle();
    expect(sweep.store.db.prepare("select count(*) from provider_days").pluck().get()).toBeGreaterThan(10);
    expect(one.dump()).toBe(sweep.dump());
  });
});
