import abi from "../../../abi/uniswap-v3-position-manager.json" with { type: "json" };
import type { Books, PositionToken } from "../books.ts";
import type { Log } from "../chain.ts";
import { broken, invariant } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import { eventOf, holderOf, movementOf } from "../ledger.ts";
import type { Pool } from "../programme.ts";
import { rangeId, type TickRange } from "../ticks.ts";
import type { Emit, Heard, Place, Reading } from "./reading.ts";
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
}

const MATCH = { IncreaseLiquidity: "Mint", DecreaseLiquidity: "Burn" } as const;

/**
 * The position-manager logs of one transaction (Uniswap v3-periphery, NonfungiblePositionManager). A pool names the
 * manager as owner; whose liquidity it is follows in the manager's own log. Pool logs wait on a stack, and each
 * manager log takes the newest: forks may call out in between, so a queue would not do.
 */
export class ManagerLogs {
  readonly #books: Books;
  readonly #find: Reading["poolOf"];
  readonly #place: Place;
  readonly #emit: Emit;
  readonly #reading: Reading;
  readonly #waiting: Unmatched[] = [];

  constructor(reading: Reading) {
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

  read(heard: Heard): void {
    const { log, name, values } = heard;
    const decoded = { name, ...values } as unknown as ManagerLog;
    const token = this.#books.token(log.address, decoded.tokenId.toString());
    switch (decoded.name) {
      case "Transfer":
        this.#transfer(heard, decoded, token);
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

  #transfer(heard: Heard, { tokenId, from, to }: TokenTransfer, token: PositionToken | undefined): void {
    const { log, values } = heard;
    if (token === undefined) {
      this.#reading.newTokens.note(log.address, tokenId, heard);
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
    const found = this.#takeNewest(log.address, MATCH[change.name]);
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

  #takeNewest(manager: Address, name: LiquidityChange["name"]): Unmatched | undefined {
    const index = this.#waiting.findLastIndex(({ change }) => change.owner === manager && change.name === name);
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  /** V3-5: manager and pool say the same, and a token never changes its pool or range. */
  #requireMatch(
    log: Log,
    change: TokenChange,
    token: PositionToken | undefined,
    { pool, log: poolLog, change: made }: Unmatched,
  ): void {
    const expected = [made.amount, made.amount0, made.amount1].join(", ");
    const actual = [change.liquidity, change.amount0, change.amount1].join(", ");
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

/** The range alone. */
export function rangeOf({ tickLower, tickUpper }: TickRange): TickRange {
  return { tickLower, tickUpper };
}
