import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import type { Question } from "../../src/core/question.ts";
import { Sampling } from "../../src/daemon/sampling.ts";
import { commandLine } from "../support/command-line.ts";
import { type FakeBlock, FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

const { signal } = new AbortController();

/** What the contracts of the fake chain's world would answer at a block. */
function answerOf({ world }: FakeBlock, question: Question): string | null {
  switch (question.kind) {
    case "shares":
      return `${world.shares.get(question.holder) ?? 0n}`;
    case "token-liquidity":
      return `${world.nfts.find((nft) => `${nft.id}` === question.tokenId)?.liquidity ?? 0n}`;
    case "token-owner":
      return world.nfts.find((nft) => `${nft.id}` === question.tokenId)?.owner ?? null;
    case "range-liquidity": {
      const { owner, range } = question;
      const at = [...world.direct.values()].find(
        (each) => each.owner === owner && each.tickLower === range.tickLower && each.tickUpper === range.tickUpper,
      );
      return `${at?.liquidity ?? 0n}`;
    }
    default:
      return null;
  }
}

async function settled() {
  const chain = new FakeChain({ secondsPerBlock: 600 });
  chain.grow(80, 5);
  const path = join(temporaryFolder(), "ledger.sqlite");
  const ledger = new TestLedger(chain.fetch, { path });
  for (let i = 0; i < 20; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 20 } });
  expect(ledger.store.config.get("settled_block")).toBe(50);
  const clock = { ...stillClock, ms: 0, nowMs: () => clock.ms };
  let lie: (question: Question, answer: string | null) => string | null = (_, answer) => answer;
  const asked: Question[] = [];
  const unanswered: number[] = [];
  const sampling = new Sampling(
    ledger.store,
    ledger.keeper.programme,
    {
      blocksAt: (...args) => ledger.chain.blocksAt(...args),
      ask: async (questions, block) => {
        asked.push(...questions);
        return questions.map((each) => lie(each, answerOf(chain.blocks[block] as FakeBlock, each)));
      },
    },
    { size: () => 4, random: seeded(3), onUnanswered: (questions) => void unanswered.push(questions) },
    clock,
  );
  const setLie = (next: typeof lie): void => {
    lie = next;
  };
  const sample = async (): Promise<void> => {
    clock.ms += 60_000;
    sampling.tick(signal);
    await sampling.settled();
  };
  return { ledger, path, sampling, sample, asked, unanswered, clock, setLie };
}

describe("a sample of positions, compared while running", () => {
  it("is equal for an honest ledger, position by position, within its budget of requests", async () => {
    const { sample, asked, sampling, clock } = await settled();
    for (let i = 0; i < 50; i++) await sample();
    expect(new Set(asked.map((each) => each.kind))).toEqual(
      new Set(["shares", "token-liquidity", "token-owner", "range-liquidity"]),
    );
    expect(asked.length).toBeLessThanOrEqual(50 * 8);
    const before = asked.length;
    clock.ms += 30_000;
    sampling.tick(signal);
    await sampling.settled();
    expect(asked.length).toBe(before);
  });

  it("that differs twice is recorded, and stops the ledger until a person explains it", async () => {
    const { ledger, path, sample, sampling, setLie } = await settled();
    setLie((question, answer) => (question.kind === "shares" ? `${BigInt(answer ?? 0) + 1n}` : answer));
    for (let i = 0; i < 20 && ledger.store.findings.open().length === 0; i++) await sample();
    expect(ledger.store.findings.open()).toMatchObject([{ identity: "VERIFY", blockNumber: 50 }]);
    expect(() => sampling.tick(signal)).toThrow(LpLedgerError);
    expect(() => sampling.tick(signal)).toThrow(/at block 50 .* on the chain, .* in the ledger/);
    // Neither more blocks nor a restart make it forgotten.
    await ledger.step();
    ledger.store.findings.settleUpTo(1_000_000, "every identity held");
    expect(ledger.store.findings.open().length).toBe(1);
    const lpLedger = commandLine(path);
    expect((await lpLedger(["audit", "list"])).out).toMatch(/^VERIFY at block 50 .*: OPEN\n$/);
    const resolve = ["audit", "resolve", "--block", "50", "--identity"];
    expect((await lpLedger([...resolve, "V3-1", "no such"])).code).toBe(64);
    expect((await lpLedger([...resolve, "VERIFY", "the node was pruned"])).out).toBe(
      "1 resolved: the node was pruned\n",
    );
    expect(ledger.store.findings.open()).toEqual([]);
    expect((await lpLedger(["audit", "list"])).out).toMatch(/: the node was pruned\n$/);
  });

  it("that a node answers wrongly once, or not at all, is no difference", async () => {
    const { ledger, sample, unanswered, setLie } = await settled();
    let calls = 0;
    setLie((_, answer) => (calls++ % 9 === 0 ? "12345" : answer));
    await sample();
    setLie(() => null);
    for (let i = 0; i < 5; i++) await sample();
    expect(unanswered.length).toBeGreaterThan(0);
    expect(ledger.store.findings.open()).toEqual([]);
  });
});
