import type { Block } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Pool, Programme } from "../core/programme.ts";
import { type Question, questionText } from "../core/question.ts";
import { accountsAt, type HeldAccount } from "../store/read.ts";
import type { Store } from "../store/store.ts";

/** What `verify` needs of a chain. */
export interface VerifyPort {
  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]>;
  ask(questions: readonly Question[], blockNumber: number, signal: AbortSignal): Promise<readonly (string | null)[]>;
}

export interface Difference {
  readonly question: string;
  readonly ledger: string;
  /** Null where the contract does not answer. */
  readonly chain: string | null;
}

/** The verdict on a block: how many positions and questions were compared, and every difference. */
export interface Verification {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly stateDigest: string | null;
  readonly positionsChecked: number;
  readonly questionsAsked: number;
  readonly differences: readonly Difference[];
}

interface Expectation {
  readonly question: Question;
  readonly expected: string;
}

/**
 * Compares the ledger at a block with what the contracts answer: every open position and its owner, every supply,
 * every active liquidity.
 */
export async function verify(
  store: Store,
  programme: Programme,
  chain: VerifyPort,
  blockNumber: number | undefined,
  signal: AbortSignal,
): Promise<Verification> {
  const tip = store.blocks.tip();
  if (tip === undefined) {
    throw new LpLedgerError("usage", "NOTHING_YET", "the ledger holds no block yet", {
      hint: "run lp-ledger start first",
    });
  }
  const at = blockNumber ?? tip.number;
  if (at > tip.number) {
    throw new LpLedgerError("usage", "BEYOND_TIP", `block ${at} is beyond the ledger's tip ${tip.number}`, {
      hint: "name a block at or below the tip",
    });
  }
  const before = await hashAt(chain, at, signal);
  const nearest = store.blocks.atOrBelow(at);
  const stored = store.blocks.at(at);
  if (stored !== undefined && stored.hash !== before) {
    throw new LpLedgerError("transient", "CHAIN_MOVED", `the node has another block ${at} than the ledger`, {
      hint: "let lp-ledger start follow the chain first, then verify again",
    });
  }
  const accounts = accountsAt(store.db, at);
  const expectations = programme.pools.flatMap((pool) =>
    expectationsOf(
      store,
      pool,
      accounts.filter((account) => account.pool === pool.address),
      at,
    ),
  );
  const answers = await chain.ask(
    expectations.map(({ question }) => question),
    at,
    signal,
  );
  if ((await hashAt(chain, at, signal)) !== before) {
    throw new LpLedgerError("transient", "CHAIN_MOVED", `block ${at} changed while it was verified`, {
      hint: "verify again",
    });
  }
  const differences = expectations.flatMap(({ question, expected }, i) => {
    const answer = answers[i] ?? null;
    return answer === expected ? [] : [{ question: questionText(question), ledger: expected, chain: answer }];
  });
  return {
    blockNumber: at,
    blockHash: before,
    stateDigest: nearest?.stateDigest ?? null,
    positionsChecked: accounts.filter((account) => account.kind === "holder").length,
    questionsAsked: expectations.length,
    differences,
  };
}

async function hashAt(chain: VerifyPort, number: number, signal: AbortSignal): Promise<string> {
  const [block] = await chain.blocksAt([number], signal);
  if (block != null) return block.hash;
  throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have block ${number}`);
}

function expectationsOf(
  store: Store,
  pool: Pool,
  accounts: readonly HeldAccount[],
  at: number,
): readonly Expectation[] {
  const holders = accounts.filter((account) => account.kind === "holder");
  if (pool.protocol === "uniswap-v2") {
    const issuance = accounts.find((account) => account.kind === "issuance")?.balance ?? 0n;
    return [
      { question: { kind: "share-supply", pool: pool.address }, expected: `${-issuance}` },
      ...holders.map(({ provider, balance }) => ({
        question: { kind: "shares" as const, pool: pool.address, holder: provider },
        expected: `${balance}`,
      })),
    ];
  }
  const state = store.states.atOrBelow(pool.address, at);
  const active = state?.kind === "ticks" ? state.liquidity : 0n;
  return [
    { question: { kind: "active-liquidity", pool: pool.address }, expected: `${active}` },
    ...rangeExpectations(pool, holders),
    ...holders.flatMap(tokenExpectations),
  ];
}

/** The pool's own view: one sum per owner and range; position NFTs are held by their manager. */
function rangeExpectations(pool: Pool, holders: readonly HeldAccount[]): readonly Expectation[] {
  const sums = new Map<string, { question: Question; sum: bigint }>();
  for (const { custodian: owner, range, balance } of holders) {
    if (range === null) continue;
    const question: Question = { kind: "range-liquidity", pool: pool.address, owner, range };
    const key = questionText(question);
    sums.set(key, { question, sum: (sums.get(key)?.sum ?? 0n) + balance });
  }
  return [...sums.values()].map(({ question, sum }) => ({ question, expected: `${sum}` }));
}

function tokenExpectations({ tokenId, custodian: manager, balance, provider }: HeldAccount): readonly Expectation[] {
  if (tokenId === null) return [];
  return [
    { question: { kind: "token-liquidity", manager, tokenId }, expected: `${balance}` },
    { question: { kind: "token-owner", manager, tokenId }, expected: provider },
  ];
}
