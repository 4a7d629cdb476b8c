import abi from "../../../abi/uniswap-v3-position-manager.json" with { type: "json" };
import { eventOf, holderOf, movementOf } from "../accounting/post.ts";
import type { PositionToken, WorkingSet } from "../accounting/working-set.ts";
import { rangeId, type TickRange } from "../amm/ticks.ts";
import type { Log } from "../chain.ts";
import { broken, invariant } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import { type DecodeContext, type DecodedLog, decodeLog, type Emit, type Place } from "./reading.ts";
import { eventShapes, losslessJson, type Values } from "./words.ts";

/** The events of the NonfungiblePositionManager, by topic0. */
export const managerShapes = eventShapes(abi, ["IncreaseLiquidity", "DecreaseLiquidity", "Collect", "Transfer"]);

/** A pool's `Mint` or `Burn`. */
export interface LiquidityChange extends TickRange {
  readonly name: "Mint" | "Burn";
  readonly sender: Address;
  readonly owner: Address;
  readonly amount: bigint;
  readonly amount0: bigint;
  readonly amount1: bigint;
}

interface TokenChange {
  readonly name: "IncreaseLiquidity" | "DecreaseLiquidity";
  readonly tokenId: bigint;
  readonly liquidity: bigint;
  readonly amount0: bigint;
  readonly amount1: bigint;
}

interface TokenTransfer {
  readonly name: "Transfer";
  readonly tokenId: bigint;
  readonly from: Address;
  readonly to: Address;
}

type ManagerLog = TokenChange | TokenTransfer | { readonly name: "Collect"; readonly tokenId: bigint };

/** A pool log for which its manager must still name a token. */
interface Unmatched {
  readonly pool: Pool;
  readonly log: Log;
  readonly change: LiquidityChange;
  /** The new token that it was minted for. */
  tokenId?: bigint;
}

const MATCH = { IncreaseLiquidity: "Mint", DecreaseLiquidity: "Burn" } as const;

/**
 * The position-manager logs of one transaction (Uniswap v3-periphery, NonfungiblePositionManager). A pool names the
 * manager as owner; whose liquidity it is follows in the manager's own log. Forks call out in between, and what is done
 * there may be of pools that nobody follows, of which only the manager's logs are read. So a new token belongs to the
 * pool log right before its mint, a known one to the newest of its own pool and range, and no other token's log takes
 * what is theirs.
 */
export class ManagerLogs {
  readonly #books: WorkingSet;
  readonly #find: DecodeContext["poolOf"];
  readonly #place: Place;
  readonly #emit: Emit;
  readonly #reading: DecodeContext;
  readonly #waiting: Unmatched[] = [];

  constructor(reading: DecodeContext) {
    this.#reading = reading;
    this.#books = reading.books;
    this.#find = (address) => reading.poolOf(address);
    this.#place = reading.place;
    this.#emit = reading.emit;
  }

  /** Takes a pool log whose owner is a manager. */
  defer(pool: Pool, log: Log, change: LiquidityChange): void {
    this.#waiting.push({ pool, log, change });
  }

  read(decodedLog: DecodedLog): void {
    const { log, name, values } = decodedLog;
    const decoded = { name, ...values } as unknown as ManagerLog;
    const token = this.#books.token(log.address, decoded.tokenId.toString());
    // Of a pool in quarantine, or that is not followed while its history is fetched again: as those of pools that
    // nobody follows.
    if (token !== undefined && this.#find(token.pool) === undefined) return;
    switch (decoded.name) {
      case "Transfer":
        this.#transfer(decodedLog, decoded, token);
        return;
      case "Collect":
        if (token === undefined) return;
        this.#emit(
          eventOf(this.#poolOf(token), log, losslessJson(values), {
            ...token,
            name: "Collect",
            provider: token.claimant ?? token.owner,
            movement: null,
          }),
        );
        return;
      default:
        this.#change(log, values, decoded, token);
    }
  }

  /** Nothing may be left that its manager did not name a token for. */
  finish(): void {
    for (const { pool, log, change } of this.#waiting) {
      const why = `the pool's ${change.name} by its manager names no token`;
      throw broken("V3-5", pool, this.#place, log, "a log of the position manager", "none", why);
    }
  }

  #transfer(decodedLog: DecodedLog, { tokenId, from, to }: TokenTransfer, token: PositionToken | undefined): void {
    const { log, values } = decodedLog;
    if (token === undefined) {
      this.#reading.newTokens.note(log.address, tokenId, decodedLog);
      if (from === ZERO_ADDRESS) this.#pair(log, tokenId);
      return;
    }
    const pool = this.#poolOf(token);
    if (token.owner !== from) {
      const why = `position token ${tokenId} is transferred by another than its owner`;
      throw broken("V3-9", pool, this.#place, log, token.owner, from, why);
    }
    const holder = holderOf(token);
    const amount = this.#books.held(pool, token.position, holder);
    if (to === ZERO_ADDRESS && amount !== 0n) {
      const why = `position token ${tokenId} is burned while it holds liquidity`;
      throw broken("V3-9", pool, this.#place, log, 0n, amount, why);
    }
    const event = { ...token, name: "Transfer", provider: to, movement: { from: holder, to, amount } };
    this.#emit(eventOf(pool, log, losslessJson(values), event));
  }

  #change(log: Log, values: Values, change: TokenChange, token: PositionToken | undefined): void {
    const found = token === undefined ? this.#takeForNew(log, change) : this.#takeOf(token, log, change);
    if (found === undefined) {
      if (token === undefined) return; // A token of a pool that the programme does not follow.
      const why = `${change.name} of token ${change.tokenId} has no pool log to match`;
      throw broken("V3-5", this.#poolOf(token), this.#place, log, "a pool log before it", "none", why);
    }
    this.#requireMatch(log, change, token, found);
    const bound = token ?? this.#bind(log, change, found);
    const movement = movementOf(change.name === "IncreaseLiquidity", holderOf(bound), change.liquidity);
    const provider = bound.claimant ?? bound.owner;
    this.#emit(eventOf(found.pool, log, losslessJson(values), { ...bound, name: change.name, provider, movement }));
  }

  /** A manager calls nobody between a pool's mint and the token's: a pool log right before it is the token's own. */
  #pair(log: Log, tokenId: bigint): void {
    const last = this.#waiting.at(-1);
    const isOwn = last?.change.owner === log.address && last.change.name === "Mint";
    if (isOwn && last.log.logIndex === log.logIndex - 1) last.tokenId = tokenId;
  }

  /**
   * The newest pool log of a known token's pool and range; where there is none, the newest that is nobody's, which will
   * not match.
   */
  #takeOf(token: PositionToken, { address }: Log, change: TokenChange): Unmatched | undefined {
    const waiting = this.#waiting.filter((each) => isBy(each, address, change.name));
    const isOwn = ({ tokenId }: Unmatched) => tokenId === undefined || tokenId.toString() === token.tokenId;
    const here = waiting.filter((each) => isPlaceOf(token, each));
    const same = here.filter((each) => amountsText(each.change) === sumsText(change));
    // One that lies right before another token's mint is that token's, unless nothing else is as much.
    return this.#take(same.findLast(isOwn) ?? same.at(-1) ?? here.findLast(isOwn) ?? waiting.at(-1));
  }

  /**
   * The pool log of a token that has no pool yet: the one it was paired with, else the newest with the same amounts
   * that no known token will take. Undefined for a token of a pool that nobody follows.
   */
  #takeForNew(log: Log, change: TokenChange): Unmatched | undefined {
    const { address } = log;
    const waiting = this.#waiting.filter((each) => isBy(each, address, change.name));
    const same = waiting.filter((each) => amountsText(each.change) === sumsText(change));
    const paired = waiting.find(({ tokenId }) => tokenId === change.tokenId);
    if (paired !== undefined) {
      // It may be added to before its own mint is logged.
      const place = { pool: paired.pool.address, range: paired.change };
      const added = same.findLast((each) => each.tokenId === undefined && isPlaceOf(place, each));
      return this.#take(same.includes(paired) ? paired : (added ?? paired));
    }
    const before = this.#reading.newTokens.mintedAt(address, change.tokenId) ?? log.logIndex;
    const free = same.filter(({ tokenId }) => tokenId === undefined);
    if (free.length === 0) return undefined;
    for (const { token, change: later } of this.#laterOfKnown(log, change.name)) {
      const at = free.findLastIndex((each) => isPlaceOf(token, each) && amountsText(each.change) === sumsText(later));
      if (at >= 0) free.splice(at, 1);
    }
    return this.#take(free.findLast((each) => each.log.logIndex < before));
  }

  /** The same manager's changes of tokens whose pool is known, later in the transaction. */
  *#laterOfKnown(
    { address, logIndex }: Log,
    name: TokenChange["name"],
  ): Generator<{ readonly token: PositionToken; readonly change: TokenChange }> {
    for (const log of this.#reading.logs) {
      const decodedLog = log.address === address && log.logIndex > logIndex ? decodeLog(managerShapes, log) : undefined;
      if (decodedLog?.name !== name) continue;
      const change = { name, ...decodedLog.values } as unknown as TokenChange;
      const token = this.#books.token(address, change.tokenId.toString());
      if (token !== undefined) yield { token, change };
    }
  }

  #take(found: Unmatched | undefined): Unmatched | undefined {
    if (found !== undefined) this.#waiting.splice(this.#waiting.indexOf(found), 1);
    return found;
  }

  /** V3-5: manager and pool say the same, and a token never changes its pool or range. */
  #requireMatch(
    log: Log,
    change: TokenChange,
    token: PositionToken | undefined,
    { pool, log: poolLog, change: made }: Unmatched,
  ): void {
    const [expected, actual] = [amountsText(made), sumsText(change)];
    if (expected !== actual) {
      const why = `${change.name} of token ${change.tokenId} does not match the pool's log ${poolLog.logIndex}`;
      throw broken("V3-5", pool, this.#place, log, expected, actual, why);
    }
    if (token === undefined) return;
    const before = `${token.pool} ${rangeId(token.range)}`;
    const now = `${pool.address} ${rangeId(made)}`;
    if (before === now) return;
    throw broken("V3-5", pool, this.#place, log, before, now, `token ${change.tokenId} changed its pool or range`);
  }

  /** The first increase of a token minted in this transaction: from now on its pool and range are known. */
  #bind(log: Log, change: TokenChange, { pool, change: made }: Unmatched): PositionToken {
    const token = this.#reading.newTokens.bind(this.#reading, pool, log.address, change.tokenId, rangeOf(made));
    if (token !== undefined) return token;
    const why = `liquidity of token ${change.tokenId} changes before its mint was seen: the history is incomplete`;
    throw broken("V3-9", pool, this.#place, log, "a mint of the token in this transaction", "none", why);
  }

  #poolOf(token: PositionToken): Pool {
    const pool = this.#find(token.pool);
    invariant(
      pool !== undefined,
      "TOKEN_POOL",
      `token ${token.tokenId} is of pool ${token.pool}, which is not followed`,
    );
    return pool;
  }
}

function isBy({ change }: Unmatched, manager: Address, name: TokenChange["name"]): boolean {
  return change.owner === manager && change.name === MATCH[name];
}

function isPlaceOf(place: Pick<PositionToken, "pool" | "range">, { pool, change }: Unmatched): boolean {
  return place.pool === pool.address && rangeId(place.range) === rangeId(change);
}

/** What the pool says, and what its manager says of the same. */
const amountsText = ({ amount, amount0, amount1 }: LiquidityChange): string => [amount, amount0, amount1].join(", ");
const sumsText = ({ liquidity, amount0, amount1 }: TokenChange): string => [liquidity, amount0, amount1].join(", ");

/** The range alone. */
export function rangeOf({ tickLower, tickUpper }: TickRange): TickRange {
  return { tickLower, tickUpper };
}
