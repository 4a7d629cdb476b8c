import type { Block } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Pool, Programme } from "../core/programme.ts";
import { type Question, questionText } from "../core/question.ts";
import { accountsAt, type HeldAccount } from "../store/read.ts";
import type { Store } from "../store/store.ts";
import { headerAt } from "./header-at.ts";

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
  /** Positions with at least one difference; supplies and active liquidity are not positions. */
  readonly positionsWrong: number;
  readonly questionsAsked: number;
  readonly differences: readonly Difference[];
}

const POOL_WIDE: ReadonlySet<Question["kind"]> = new Set(["share-supply", "active-liquidity", "balance"]);

/** What the ledger says, and whom it asks. */
export interface Expectation {
  readonly question: Question;
  readonly expected: string;
  /** The chain may have more: what was given to the pool, or earned in fees, is in no log. */
  readonly atLeast?: true;
  /** The position the question is about; null where it is about more than one. */
  readonly subject: string | null;
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
  const { hash: before } = await headerAt(chain, at, signal);
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
  if ((await headerAt(chain, at, signal)).hash !== before) {
    throw new LpLedgerError("transient", "CHAIN_MOVED", `block ${at} changed while it was verified`, {
      hint: "verify again",
    });
  }
  const wrong = new Set<string>();
  const differences = expectations.flatMap(({ question, expected, subject, atLeast }, i) => {
    const answer = answers[i] ?? null;
    // A pool that does not exist yet has nothing, and answers nothing.
    if (answer === null && expected === "0" && POOL_WIDE.has(question.kind)) return [];
    if (answer === expected || (atLeast && answer !== null && BigInt(answer) >= BigInt(expected))) return [];
    if (subject !== null) wrong.add(subject);
    return [{ question: questionText(question), ledger: atLeast ? `at least ${expected}` : expected, chain: answer }];
  });
  return {
    blockNumber: at,
    blockHash: before,
    stateDigest: nearest?.stateDigest ?? null,
    positionsChecked: accounts.filter((account) => account.kind === "holder").length,
    positionsWrong: wrong.size,
    questionsAsked: expectations.length,
    differences,
  };
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
      { question: { kind: "share-supply", pool: pool.address }, expected: `${-issuance}`, subject: null },
      ...holders.map(({ provider, balance }) => ({
        question: { kind: "shares" as const, pool: pool.address, holder: provider },
        expected: `${balance}`,
        subject: `${pool.address} ${provider}`,
      })),
    ];
  }
  const state = store.states.atOrBelow(pool.address, at);
  const active = state?.kind === "ticks" ? state.liquidity : 0n;
  const amounts = state?.kind === "ticks" ? (state.amounts ?? []) : [];
  return [
    { question: { kind: "active-liquidity", pool: pool.address }, expected: `${active}`, subject: null },
    // V3-7: what the pool's logs brought in is there.
    ...pool.tokens.flatMap(({ address: token }, i) => {
      const question = { kind: "balance" as const, token, holder: pool.address };
      return amounts[i] === undefined
        ? []
        : [{ question, expected: `${amounts[i]}`, atLeast: true as const, subject: null }];
    }),
    ...owedExpectations(store, pool, at),
    ...rangeExpectations(pool, holders),
    ...holders.flatMap(tokenExpectations),
  ];
}

/** The pool's own view: one sum per owner and range; position NFTs are held by their manager. */
function rangeExpectations(pool: Pool, holders: readonly HeldAccount[]): readonly Expectation[] {
  const sums = new Map<string, { question: Question; sum: bigint; subject: string | null }>();
  for (const { custodian: owner, range, balance, tokenId } of holders) {
    if (range === null) continue;
    const question: Question = { kind: "range-liquidity", pool: pool.address, owner, range };
    const key = questionText(question);
    const subject = tokenId === null ? key : null; // A manager's range holds many tokens, each asked for by itself.
    sums.set(key, { question, sum: (sums.get(key)?.sum ?? 0n) + balance, subject });
  }
  return [...sums.values()].map(({ question, sum, subject }) => ({ question, expected: `${sum}`, subject }));
}

/** V3-8 by owner and range: what was burned and not collected yet is owed. */
function owedExpectations(store: Store, pool: Pool, at: number): readonly Expectation[] {
  return store.events.owed(pool.address, at).flatMap(({ owner, range, amounts }) =>
    ([0, 1] as const).flatMap((side) => {
      if (amounts[side] <= 0n) return [];
      const question = { kind: "owed" as const, pool: pool.address, owner, range, side };
      return [{ question, expected: `${amounts[side]}`, atLeast: true as const, subject: null }];
    }),
  );
}

export function tokenExpectations({
  tokenId,
  custodian: manager,
  balance,
  provider,
}: HeldAccount): readonly Expectation[] {
  if (tokenId === null) return [];
  const subject = `${manager} ${tokenId}`;
  return [
    { question: { kind: "token-liquidity", manager, tokenId }, expected: `${balance}`, subject },
    { question: { kind: "token-owner", manager, tokenId }, expected: provider, subject },
  ];
}
