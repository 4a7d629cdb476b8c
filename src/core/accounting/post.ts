import { rangeId, type TickRange } from "../amm/ticks.ts";
import type { Log } from "../chain.ts";
import { broken, invariant } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import type { Pool, PoolForm } from "../programme/programme.ts";
import type { Account } from "./accounts.ts";
import { claimOf, type Holder, partsOf, type Side } from "./holder.ts";
import { addTo, custodyKey, type PositionToken, type WorkingSet } from "./working-set.ts";

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
  readonly args: Readonly<Record<string, string | number | readonly string[]>>;
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

/**
 * The signed change that `lp_events.liquidity_delta` shows: minus where the provider gives it up, zero where nothing
 * moved.
 */
export function liquidityDelta({ movement, provider }: Pick<LedgerEvent, "movement" | "provider">): bigint {
  if (movement === null) return 0n;
  const { from, to, amount } = movement;
  if (to === "issuance") return -amount;
  const gives = from !== "issuance" && partsOf(from).provider === provider && partsOf(to).provider !== provider;
  return gives ? -amount : amount;
}

/** Who has the liquidity of a position NFT: its owner, or the user its owner holds it for. */
export function holderOf({ owner, claimant }: PositionToken): Holder {
  return claimant === null ? owner : claimOf(claimant, owner);
}

/**
 * The id a position has in `position_id`: the manager's address stands before the token id only where there are
 * several.
 */
export function tokenPosition(pool: Pool, manager: Address, tokenId: string): string {
  return pool.managers.length > 1 ? `${manager}:${tokenId}` : tokenId;
}

/** A deposit out of issuance, or a withdrawal back into it. */
export function movementOf(into: boolean, owner: Holder, amount: bigint): Movement {
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
  // A transfer of nothing, or to oneself, is read but moves nothing.
  const idle =
    meaning.movement === null || meaning.movement.amount === 0n || meaning.movement.from === meaning.movement.to;
  const movement = idle ? null : meaning.movement;
  const { transactionHash, logIndex, address: emitter } = log;
  return { pool, emitter, name, args, transactionHash, logIndex, provider, position, range, movement };
}

/**
 * The kernel: moves liquidity between two accounts. Postings sum to zero; no account but issuance goes below zero, but
 * a wrapper's own until its transaction is over.
 * @throws IDENTITY_BROKEN when the payer has less than the amount: its history is incomplete.
 */
export function post(books: WorkingSet, event: LedgerEvent, blockNumber: number): readonly Posting[] {
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

/** The identity that an account below zero breaks. */
const OVERDRAWN: Readonly<Record<PoolForm, string>> = { reserves: "V2-1", ticks: "V3-2", shares: "C3" };

function change(books: WorkingSet, event: LedgerEvent, side: Side, delta: bigint, blockNumber: number): Posting {
  const { pool, position, range } = event;
  const account =
    side === "issuance" ? books.issuance(pool, blockNumber) : books.holding(pool, position, side, range, blockNumber);
  const balanceAfter = account.balance + delta;
  if (side !== "issuance" && balanceAfter < 0n && !pool.wrapperHomes.includes(side)) {
    const identity = pool.salted ? "V4-2" : OVERDRAWN[pool.form];
    const what = position === "" ? "shares" : `position ${position}`;
    const why = `${side} gives up more than it has in ${what}: the history is incomplete`;
    // Only a wrapper's own logs move what its users claim.
    const wrapper = partsOf(side).via || undefined;
    throw broken(identity, pool, { blockNumber }, event, `at least ${-delta}`, account.balance, why, wrapper);
  }
  books.setBalance(account, balanceAfter, blockNumber);
  if (side !== "issuance" && range !== null && !pool.salted) {
    // A claim on a token moves nothing of what its manager holds: its two sides cancel out.
    const custodian = event.emitter === pool.address ? partsOf(side).provider : event.emitter;
    addTo(books.ticks(pool).unmatched, custodyKey(custodian, rangeId(range)), -delta);
  }
  return { account, logIndex: event.logIndex, delta, balanceAfter };
}

/** Keeps the owner of a position NFT, and for whom it holds it, in step with its events; the mint creates the token. */
export function followToken(books: WorkingSet, event: LedgerEvent, blockNumber: number): void {
  const named = tokenNamedBy(event);
  if (named === undefined) return;
  const token = tokenAfter(books.token(named.manager, named.tokenId), event, blockNumber);
  if (token !== undefined) books.putToken(token);
}

/** What of an event says who has a position NFT. */
type TokenEvent = Pick<LedgerEvent, "name" | "args" | "emitter" | "position" | "range"> & {
  readonly pool: Pick<Pool, "address" | "managers">;
};

/** The position NFT whose owner or user an event may change; a position's id says of which manager it is. */
function tokenNamedBy({ name, emitter, pool, position, range }: TokenEvent) {
  if (range === null || emitter === pool.address) return undefined;
  if (name !== "Transfer" && name !== "DepositTransferred") return undefined;
  const [first = "", second] = position.split(":");
  const [manager, tokenId] = second === undefined ? [pool.managers[0], first] : [first as Address, second];
  invariant(manager !== undefined, "TOKEN_MANAGER", `the position ${position} of ${pool.address} has no manager`);
  return { manager, tokenId };
}

/**
 * A position NFT after one more of its events, undefined before its mint. A transfer ends whatever its owner held it
 * for.
 */
export function tokenAfter(
  token: PositionToken | undefined,
  event: TokenEvent,
  blockNumber: number,
): PositionToken | undefined {
  const { pool, position, range, args, emitter } = event;
  const named = tokenNamedBy(event);
  if (named === undefined || range === null) return token;
  if (event.name === "DepositTransferred") {
    if (token?.owner !== emitter) return token;
    const user = args["newOwner"] as Address;
    return { ...token, claimant: user === ZERO_ADDRESS ? null : user };
  }
  const isSame = token === undefined || (token.pool === pool.address && rangeId(token.range) === rangeId(range));
  invariant(isSame, "TOKEN_MOVED", `position token ${named.tokenId} of ${emitter} changed its pool or range`);
  const owner = args["to"] as Address;
  const openedBlock = token?.openedBlock ?? blockNumber;
  return { ...named, pool: pool.address, position, range, owner, claimant: null, openedBlock };
}
