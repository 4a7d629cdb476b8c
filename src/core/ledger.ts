import { type Account, addTo, type Books, custodyKey, issuanceOf } from "./books.ts";
import type { Log } from "./chain.ts";
import { broken, invariant } from "./errors.ts";
import type { Address } from "./hex.ts";
import type { Pool } from "./programme.ts";
import { rangeId, type TickRange } from "./ticks.ts";

export type Side = Address | "issuance";

/** Liquidity that changes hands; `amount` > 0, in units of shares or of L. */
export interface Movement {
  readonly from: Side;
  readonly to: Side;
  readonly amount: bigint;
}

/** A decoded log that the ledger can hear: one row of `lp_events`. */
export interface LedgerEvent {
  readonly pool: Pool;
  /** The contract that emitted the log: the pool or a position manager. */
  readonly emitter: Address;
  readonly name: string;
  /** The log's own arguments; integers beyond 32 bits as decimal text. */
  readonly args: Readonly<Record<string, string | number>>;
  readonly transactionHash: string;
  readonly logIndex: number;
  /** The credited side, or the debited one of a withdrawal; null where the log names nobody who holds liquidity. */
  readonly provider: Address | null;
  /** Token id, `tickLower:tickUpper` of a direct owner, or "" for share tokens. */
  readonly position: string;
  readonly range: TickRange | null;
  readonly movement: Movement | null;
}

/** One signed change of one account; the postings of an event sum to zero. */
export interface Posting {
  readonly account: Account;
  readonly logIndex: number;
  readonly delta: bigint;
  readonly balanceAfter: bigint;
}

/** The signed change that `lp_events.liquidity_delta` shows: minus for a withdrawal, zero where nothing moved. */
export function liquidityDelta(movement: Movement | null): bigint {
  if (movement === null) return 0n;
  return movement.to === "issuance" ? -movement.amount : movement.amount;
}

/** The id a position has in `position_id`: the manager's address stands before the token id only where there are several. */
export function tokenPosition(pool: Pool, manager: Address, tokenId: string): string {
  return pool.managers.length > 1 ? `${manager}:${tokenId}` : tokenId;
}

/** A deposit out of issuance, or a withdrawal back into it. */
export function movementOf(into: boolean, owner: Address, amount: bigint): Movement {
  return into ? { from: "issuance", to: owner, amount } : { from: owner, to: "issuance", amount };
}

/** The event of a log: what the log itself says, and what it means. */
export function eventOf(
  pool: Pool,
  log: Log,
  args: LedgerEvent["args"],
  meaning: Pick<LedgerEvent, "name" | "provider" | "position" | "range" | "movement">,
): LedgerEvent {
  const { name, provider, position, range } = meaning;
  // A transfer of nothing, or to oneself, is heard but moves nothing.
  const idle =
    meaning.movement === null || meaning.movement.amount === 0n || meaning.movement.from === meaning.movement.to;
  const movement = idle ? null : meaning.movement;
  const { transactionHash, logIndex, address: emitter } = log;
  return { pool, emitter, name, args, transactionHash, logIndex, provider, position, range, movement };
}

/**
 * The kernel: moves liquidity between two accounts. Postings sum to zero; no account but issuance goes below zero.
 * @throws IDENTITY_BROKEN when the payer has less than the amount: its history is incomplete.
 */
export function post(books: Books, event: LedgerEvent, blockNumber: number): readonly Posting[] {
  const { movement } = event;
  if (movement === null) return [];
  invariant(movement.amount > 0n, "MOVEMENT_SIGN", `a movement of ${movement.amount} at block ${blockNumber}`);
  const postings = [
    change(books, event, movement.from, -movement.amount, blockNumber),
    change(books, event, movement.to, movement.amount, blockNumber),
  ];
  const sum = postings.reduce((total, posting) => total + posting.delta, 0n);
  invariant(sum === 0n, "POSTINGS_SUM", `the postings of block ${blockNumber} log ${event.logIndex} sum to ${sum}`);
  return postings;
}

function change(books: Books, event: LedgerEvent, side: Side, delta: bigint, blockNumber: number): Posting {
  const { pool, position, range } = event;
  const key =
    side === "issuance" ? issuanceOf(pool) : { pool: pool.address, position, provider: side, kind: "holder" as const };
  const account = books.account(key, side === "issuance" ? null : range, blockNumber);
  const balanceAfter = account.balance + delta;
  if (side !== "issuance" && balanceAfter < 0n) {
    const identity = pool.protocol === "uniswap-v2" ? "V2-1" : "V3-2";
    const what = position === "" ? "shares" : `position ${position}`;
    const why = `${side} gives up more than it has in ${what}: the history is incomplete`;
    throw broken(identity, pool, { blockNumber }, event, `at least ${-delta}`, account.balance, why);
  }
  books.setBalance(account, balanceAfter, blockNumber);
  if (side !== "issuance" && range !== null) {
    const custodian = event.emitter === pool.address ? side : event.emitter;
    addTo(books.ticks(pool).held, custodyKey(custodian, range), delta);
  }
  return { account, logIndex: event.logIndex, delta, balanceAfter };
}

/** Keeps the owner of a position NFT in step with its transfers; the mint creates the token. */
export function followToken(books: Books, event: LedgerEvent, blockNumber: number): void {
  const { pool, emitter, range } = event;
  if (emitter === pool.address || event.name !== "Transfer" || range === null) return;
  const tokenId = String(event.args["tokenId"]);
  const known = books.token(emitter, tokenId);
  const owner = event.args["to"] as Address;
  invariant(
    known === undefined || (known.pool === pool.address && rangeId(known.range) === rangeId(range)),
    "TOKEN_MOVED",
    `position token ${tokenId} of ${emitter} changed its pool or range`,
  );
  const openedBlock = known?.openedBlock ?? blockNumber;
  books.putToken({
    manager: emitter,
    tokenId,
    pool: pool.address,
    position: event.position,
    range,
    owner,
    openedBlock,
  });
}
