import { type ContractCall, questionText } from "../core/amm/contract-call.ts";
import type { Block } from "../core/chain.ts";
import { LpLedgerError, notThere } from "../core/errors.ts";
import type { Programme } from "../core/programme/programme.ts";
import { expectationsOf, stakersOf } from "../ledger/expectations.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { accountsAt } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";
import { headerAt } from "./header-at.ts";

/** What `verify` needs of a chain. */
export interface VerifyPort {
  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]>;
  ask(
    questions: readonly ContractCall[],
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]>;
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

const POOL_WIDE: ReadonlySet<ContractCall["kind"]> = new Set([
  "share-supply",
  "shares-held",
  "active-liquidity",
  "singleton-active",
  "balance",
]);

/**
 * Compares the ledger at a block with what the contracts answer: every open position and its owner, every supply,
 * every active liquidity.
 */
export async function verify(
  store: Store,
  named: Programme,
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
    throw notThere("BEYOND_TIP", `block ${at} is beyond the ledger's tip ${tip.number}`, "name one at or below it");
  }
  const header = await headerAt(chain, at, signal);
  const { hash: before } = header;
  const nearest = store.blocks.atOrBelow(at);
  const stored = store.blocks.at(at);
  if (stored !== undefined && stored.hash !== before) {
    throw new LpLedgerError("transient", "CHAIN_MOVED", `the node has another block ${at} than the ledger`, {
      hint: "let lp-ledger start follow the chain first, then verify again",
    });
  }
  const accounts = accountsAt(store.db, at);
  const programme = withDiscovered(store, named);
  const stakers = stakersOf(programme);
  // A pool in quarantine, or whose history waits to be fetched again, is not what the chain has, and is known not to
  // be.
  const out = new Set([
    ...store.refetches.waiting(),
    ...store.quarantines.outAt({ number: at, timestampSec: header.timestampSec }),
  ]);
  const followed = programme.pools.filter(({ address }) => !out.has(address));
  const expectations = followed.flatMap((pool) =>
    expectationsOf(
      store,
      pool,
      accounts.filter((account) => account.pool === pool.address),
      at,
      stakers,
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
