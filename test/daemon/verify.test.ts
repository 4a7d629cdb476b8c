import { describe, expect, it } from "vitest";
import type { ContractCall } from "../../src/core/amm/contract-call.ts";
import { type VerifyPort, verify } from "../../src/daemon/verify.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger } from "../support/ledger.ts";
import { MANAGER, POOL, TOKENS, type World } from "../support/world.ts";

/** The contracts of the fake chain's world, as `eth_call` would show them. */
function answerOf(world: World, question: ContractCall): string | null {
  const inRange = (owner: string, range: { tickLower: number; tickUpper: number }): bigint =>
    [...world.nfts.map((nft) => ({ ...nft, owner: MANAGER as string })), ...world.direct.values()]
      .filter(
        (each) => each.owner === owner && each.tickLower === range.tickLower && each.tickUpper === range.tickUpper,
      )
      .reduce((sum, { liquidity }) => sum + liquidity, 0n);
  switch (question.kind) {
    case "share-supply":
      return `${world.supply}`;
    case "shares":
      return `${world.shares.get(question.holder) ?? 0n}`;
    case "active-liquidity":
      return `${world.active()}`;
    case "range-liquidity":
      return `${inRange(question.owner, question.range)}`;
    case "balance":
      return `${world.amounts[TOKENS.indexOf(question.token as (typeof TOKENS)[number]) as 0 | 1]}`;
    case "owed":
      return `${10n ** 30n}`; // Fees, too, are owed, as much as there may be.
    case "token-liquidity":
      return `${world.nfts.find(({ id }) => `${id}` === question.tokenId)?.liquidity}`;
    case "token-place": {
      const nft = world.nfts.find(({ id }) => `${id}` === question.tokenId);
      return nft === undefined ? null : [...TOKENS, nft.tickLower, nft.tickUpper].join(" ");
    }
    case "token-owner":
      return world.nfts.find(({ id }) => `${id}` === question.tokenId)?.owner ?? null;
    default:
      throw new Error(`the world has no ${question.kind}`);
  }
}

async function grown() {
  const chain = new FakeChain({ secondsPerBlock: 4000 });
  chain.grow(80, 5);
  const ledger = new TestLedger(chain.fetch);
  await ledger.settle();
  const verified = async (change: (question: ContractCall, answer: string | null) => string | null) => {
    const port: VerifyPort = {
      blocksAt: (numbers, signal) => ledger.chain.blocksAt(numbers, signal),
      ask: async (questions, block) =>
        questions.map((each) => change(each, answerOf(chain.blocks[block]?.world as World, each))),
    };
    return await verify(ledger.store, ledger.keeper.programme, port, undefined, new AbortController().signal);
  };
  return { chain, verified };
}

describe("verify", () => {
  it("finds nothing where the contracts agree, down to what the pool holds and owes", async () => {
    const { verified } = await grown();
    const kinds = new Map<string, number>();
    const { differences, questionsAsked } = await verified((question, answer) => {
      kinds.set(question.kind, (kinds.get(question.kind) ?? 0) + 1);
      return answer;
    });
    expect(differences).toEqual([]);
    expect(questionsAsked).toBeGreaterThan(20);
    expect([...kinds.keys()].sort()).toEqual([
      "active-liquidity",
      "balance",
      "owed",
      "range-liquidity",
      "share-supply",
      "shares",
      "token-liquidity",
      "token-owner",
      "token-place",
    ]);
  });

  it("V3-7: a pool may hold more than its logs brought in, which was given to it, but not less", async () => {
    const { chain, verified } = await grown();
    const by = (more: bigint) => (question: ContractCall, answer: string | null) =>
      question.kind === "balance" && question.token === TOKENS[0] ? `${BigInt(answer ?? 0) + more}` : answer;
    expect((await verified(by(1n))).differences).toEqual([]);
    const [held] = chain.head.world.amounts;
    expect((await verified(by(-1n))).differences).toEqual([
      { question: `${TOKENS[0]} balanceOf(${POOL})`, ledger: `at least ${held}`, chain: `${held - 1n}` },
    ]);
  });

  it("V3-8: what was burned and not collected is owed, with or without fees", async () => {
    const { verified } = await grown();
    const { differences } = await verified((question, answer) => (question.kind === "owed" ? "0" : answer));
    expect(differences.length).toBeGreaterThan(0);
    for (const { question, ledger } of differences) {
      expect(question).toMatch(/positions\(0x[0-9a-f]{40}, -?\d+, -?\d+\)\.tokensOwed[01]$/);
      expect(ledger).toMatch(/^at least \d+$/);
    }
  });
});
