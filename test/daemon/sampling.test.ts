import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import type { ContractCall } from "../../src/core/amm/contract-call.ts";
import { type Finding, LpLedgerError } from "../../src/core/errors.ts";
import { Sampling } from "../../src/daemon/sampling.ts";
import { readinessOf } from "../../src/http/ready.ts";
import { waitingFor } from "../../src/ledger/epoch-waits.ts";
import { rewardingOf } from "../../src/ledger/rewarding.ts";
import { factsOf } from "../../src/store/queries/status-query.ts";
import { commandLine } from "../support/command-line.ts";
import { type FakeBlock, FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { addressOf } from "../support/logs.ts";
import { stillClock } from "../support/port.ts";
import { takenUp } from "../support/take-up.ts";
import { PAIR, worldProgramme } from "../support/world.ts";

const { signal } = new AbortController();

/** What the contracts of the fake chain's world would answer at a block. */
function answerOf({ world }: FakeBlock, question: ContractCall): string | null {
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

async function settled({ quarantine = false, ...more }: { quarantine?: boolean; [rule: string]: unknown } = {}) {
  const chain = new FakeChain({ secondsPerBlock: 600 });
  chain.grow(80, 5);
  const path = join(temporaryFolder(), "ledger.sqlite");
  const programme = parseProgramme(worldProgramme(more), "the test's programme");
  const ledger = new TestLedger(chain.fetch, { path, programme });
  const told: string[] = [];
  for (let i = 0; i < 20; i++) await ledger.step({ settle: { blocksMin: 1, rangesMax: 20 } });
  expect(ledger.store.config.get("settled_block")).toBe(50);
  const clock = { ...stillClock, ms: 0, nowMs: () => clock.ms };
  let lie: (question: ContractCall, answer: string | null) => string | null = (_, answer) => answer;
  const asked: ContractCall[] = [];
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
    {
      size: () => 4,
      random: seeded(3),
      quarantine,
      onUnanswered: (questions) => void unanswered.push(questions),
      onDiffers: ({ message }) => void told.push(message),
    },
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
  return { chain, ledger, path, programme, sampling, sample, asked, told, unanswered, clock, setLie };
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

  it("that differs twice is recorded, and stops a ledger without quarantine until a person explains it", async () => {
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

  it("asks pools of which nothing was ever heard whether there is something to hear", async () => {
    const [pair, pool] = worldProgramme()["pools"] as readonly Record<string, unknown>[];
    const quiet = { ...pair, address: addressOf(0xd1) };
    const quietV3 = { ...pool, address: addressOf(0xd2) };
    const pools = [pair, pool, quiet, quietV3];
    const { ledger, sample, asked, told, setLie } = await settled({ quarantine: true, pools });
    const silent = ({ kind }: ContractCall) => ["share-supply", "pool-price", "active-liquidity"].includes(kind);
    setLie((question, answer) => (silent(question) ? "0" : answer));
    for (let i = 0; i < 10; i++) await sample();
    const texts = new Set(
      asked.filter(silent).map((each) => ("token" in each ? each.token : "pool" in each ? each.pool : "")),
    );
    expect(texts).toEqual(new Set([quiet.address, quietV3.address]));
    expect(ledger.store.findings.open()).toEqual([]);
    // All that a node left out of its answers for logs is in its state.
    setLie((question, answer) =>
      question.kind === "pool-price" ? "79228162514264337593543950336" : silent(question) ? "0" : answer,
    );
    for (let i = 0; i < 10; i++) await sample();
    expect(ledger.store.findings.open()).toMatchObject([{ identity: "VERIFY", pool: quietV3.address }]);
    expect(told[0]).toContain("slot0().sqrtPriceX96");
  });

  it("that differs holds up the epochs of its pool alone, and its pool can be dropped or fetched again", async () => {
    const rules = {
      schedule: { start: "2026-01-01", days: 1 },
      tiers: { minimum: "0", levels: [{ week: 1, multiplierBp: 10_000 }] },
      rewards: { tokens: [{ address: addressOf(0xcc), symbol: "R", decimals: 6, budget: "600" }], epochs: { days: 1 } },
    };
    const { chain, ledger, programme, sample, sampling, told, setLie } = await settled({ quarantine: true, ...rules });
    const { store } = ledger;
    const lie: Parameters<typeof setLie>[0] = (question, answer) =>
      question.kind === "shares" ? `${BigInt(answer ?? 0) + 1n}` : answer;
    setLie(lie);
    for (let i = 0; i < 60; i++) await sample();
    // Once, however often it is looked at, and nothing stops.
    expect(store.findings.all()).toMatchObject([{ identity: "VERIFY", pool: PAIR, blockNumber: 50, resolution: null }]);
    expect(told).toHaveLength(1);
    expect(() => sampling.tick(signal)).not.toThrow();
    const limits = { lagBlocksMax: 1_000, lagSecondsMax: 1e9, stallSecondsMax: 1e9, diskBytesMin: 0 };
    const ready = (withQuarantines: boolean) =>
      readinessOf(factsOf(store), store.db.name, { ...limits, withQuarantines }, Date.parse("2026-01-02T00:00:00Z"));
    expect(ready(true)).toMatchObject({
      ready: true,
      warnings: [expect.stringContaining(`pool ${PAIR}: its contracts deny`)],
    });
    expect(ready(false)).toMatchObject({ ready: false, problems: [expect.stringContaining(`pool ${PAIR}`)] });
    // Explained, it is not found again at the same block.
    expect(store.write(() => store.findings.resolve(50, "VERIFY", "its view rounds up"))).toBe(1);
    for (let i = 0; i < 20; i++) await sample();
    expect(store.findings.open()).toEqual([]);
    // Where it is, only days on which somebody has something of it wait.
    store.write(() => store.findings.insert({ ...(store.findings.all()[0] as Finding) }));
    const { rewards } = rewardingOf(programme);
    chain.grow(150, 5);
    chain.finalized = 230;
    for (let i = 0; i < 20; i++) await ledger.step({ quarantine: true, settle: { blocksMin: 1, rangesMax: 50 } });
    const wait = () => waitingFor(store, rewards, rewards.epochs[0] as never);
    expect(wait()).toMatchObject({ code: "FINDINGS_OPEN", message: expect.stringContaining(PAIR) });
    store.db.prepare("update daily_balances set liquidity_seconds = '0' where pool_address = ?").run(PAIR);
    expect(wait()?.code).not.toBe("FINDINGS_OPEN");
    store.write(() =>
      store.refetches.order({ kind: "refetch", pool: PAIR as never }, "a log may be lost", store.nowIso()),
    );
    await takenUp(store, chain, programme, `${temporaryFolder()}/ledger.sqlite`);
    expect(store.findings.open()).toEqual([]);
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
