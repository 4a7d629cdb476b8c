import managerAbi from "../../../abi/uniswap-v4-pool-manager.json" with { type: "json" };
import positionsAbi from "../../../abi/uniswap-v4-position-manager.json" with { type: "json" };
import { partsOf } from "../accounting/holder.ts";
import { eventOf, holderOf, movementOf } from "../accounting/post.ts";
import type { PositionToken } from "../accounting/working-set.ts";
import { rangeId, type TickRange } from "../amm/ticks.ts";
import type { Log } from "../chain.ts";
import { broken, invariant } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import { hexOf, keccakOfHex } from "../keccak.ts";
import type { Pool } from "../programme/programme.ts";
import type { DecodeContext, DecodedLog, TransactionDecoder } from "./reading.ts";
import { requireActive, requireTick } from "./v3-swap.ts";
import { eventShapes, losslessJson } from "./words.ts";

/** The events of the Uniswap V4 PoolManager that tell of pools; each names its pool in the first topic. */
export const uniswapV4Shapes = eventShapes(managerAbi, ["Initialize", "ModifyLiquidity", "Swap"]);
/** The position NFT's only event: whose liquidity a token is, the PoolManager's own log says by its salt. */
export const uniswapV4TokenShapes = eventShapes(positionsAbi, ["Transfer"]);

interface PoolKey {
  readonly currency0: Address;
  readonly currency1: Address;
  readonly fee: number;
  readonly tickSpacing: number;
  readonly hooks: Address;
}

interface Modified extends TickRange {
  readonly sender: Address;
  readonly liquidityDelta: bigint;
  readonly salt: string;
}

interface TokenTransfer {
  readonly from: Address;
  readonly to: Address;
  readonly tokenId: bigint;
}

const NO_SALT = `0x${"0".repeat(64)}`;
/** A hook with one of these permissions may return amounts of its own, and so hold value outside positions. */
const RETURNS_DELTA = 0xfn;

/**
 * Uniswap V4 in one transaction (v4-core PoolManager, v4-periphery PositionManager). A position is the caller's by
 * range and salt; where the caller is the position manager the salt is the token's id. A new token's transfer comes
 * before its liquidity, and a burned token's before the liquidity that leaves it. No log tells amounts.
 */
export class SingletonLogs implements TransactionDecoder {
  readonly #reading: DecodeContext;
  readonly #burning = new Map<string, { readonly decoded: DecodedLog; readonly token: PositionToken }>();

  constructor(reading: DecodeContext) {
    this.#reading = reading;
  }

  read(pool: Pool, { log, name, values }: DecodedLog): void {
    const book = this.#reading.books.ticks(pool);
    const { place } = this.#reading;
    if (name === "Initialize") {
      requireKey(pool, log, values as unknown as PoolKey, this.#reading);
      book.price = { sqrtPriceX96: values["sqrtPriceX96"] as bigint, tick: values["tick"] as number };
      requireTick("V4-4", pool, place, log, book.price);
      book.ticks.moveTo(book.price.tick);
      return;
    }
    if (book.price === null) {
      const why = "the history is incomplete: start at or before the block that created the pool";
      throw broken("V4-3", pool, place, log, "Initialize as the pool's first log", name, why);
    }
    if (name === "Swap") {
      const swap = values as unknown as { sqrtPriceX96: bigint; liquidity: bigint; tick: number };
      book.price = { sqrtPriceX96: swap.sqrtPriceX96, tick: swap.tick };
      requireTick("V4-4", pool, place, log, book.price);
      book.ticks.moveTo(swap.tick);
      requireActive("V4-1", pool, place, log, swap.liquidity, book.ticks.active);
      return;
    }
    this.#modify(pool, { log, name, values }, values as unknown as Modified);
  }

  #modify(pool: Pool, { log, name, values }: DecodedLog, { sender, liquidityDelta, salt, ...rest }: Modified): void {
    const range = { tickLower: rest.tickLower, tickUpper: rest.tickUpper };
    const { books, place, emit } = this.#reading;
    const token = pool.managers.includes(sender) ? this.#tokenOf(pool, sender, BigInt(salt), range, log) : undefined;
    const holder = token === undefined ? sender : holderOf(token);
    const position = token?.position ?? `${rangeId(range)}${salt === NO_SALT ? "" : `:${salt}`}`;
    const held = books.held(pool, position, holder);
    if (held + liquidityDelta < 0n || (liquidityDelta === 0n && held === 0n)) {
      const expected = liquidityDelta === 0n ? "more than 0" : `at least ${-liquidityDelta}`;
      const why = `${holder} changes at ${position} what it does not hold: the history is incomplete`;
      throw broken("V4-2", pool, place, log, expected, held, why);
    }
    books.ticks(pool).ticks.change(range, liquidityDelta);
    const size = liquidityDelta < 0n ? -liquidityDelta : liquidityDelta;
    const movement = size === 0n ? null : movementOf(liquidityDelta > 0n, holder, size);
    const { provider } = partsOf(holder);
    emit(eventOf(pool, log, losslessJson(values), { name, provider, position, range, movement }));
  }

  readManager(decoded: DecodedLog): void {
    const { log, name, values } = decoded;
    const { from, to, tokenId } = values as unknown as TokenTransfer;
    const { books, place, emit } = this.#reading;
    const key = `${log.address}|${tokenId}`;
    const token = books.token(log.address, tokenId.toString());
    if (token === undefined) {
      this.#reading.newTokens.note(log.address, tokenId, decoded);
      return;
    }
    // Of a pool in quarantine, or that is not followed while its history is fetched again: as those of pools that
    // nobody follows.
    const pool = this.#reading.poolOf(token.pool);
    if (pool === undefined) return;
    if (token.owner !== from) {
      const why = `position token ${tokenId} is transferred by another than its owner`;
      throw broken("V3-9", pool, place, log, token.owner, from, why);
    }
    if (to === ZERO_ADDRESS) {
      this.#burning.set(key, { decoded, token });
      return;
    }
    const { position } = token;
    const holder = holderOf(token);
    const amount = books.held(pool, position, holder);
    const movement = { from: holder, to, amount };
    emit(eventOf(pool, log, losslessJson(values), { ...token, name, provider: to, movement }));
  }

  /** V4-7: a burned token has no liquidity left at the end of its transaction. */
  finish(): void {
    const { books, place, emit } = this.#reading;
    for (const { decoded, token } of this.#burning.values()) {
      const { log, name, values } = decoded;
      const pool = this.#poolOf(token);
      const left = books.held(pool, token.position, holderOf(token));
      if (left !== 0n) {
        const why = `position token ${token.tokenId} is burned while it holds liquidity`;
        throw broken("V4-7", pool, place, log, 0n, left, why);
      }
      emit(eventOf(pool, log, losslessJson(values), { ...token, name, provider: ZERO_ADDRESS, movement: null }));
    }
  }

  /** The token a salt names, bound to its pool and range by its first liquidity; they never change (V4-7). */
  #tokenOf(pool: Pool, manager: Address, id: bigint, range: TickRange, log: Log): PositionToken {
    const { books, place } = this.#reading;
    const tokenId = id.toString();
    const known = books.token(manager, tokenId);
    if (known !== undefined) {
      const [before, now] = [`${known.pool} ${rangeId(known.range)}`, `${pool.address} ${rangeId(range)}`];
      if (before === now) return known;
      throw broken("V4-7", pool, place, log, before, now, `token ${tokenId} changed its pool or range`);
    }
    const bound = this.#reading.newTokens.bind(this.#reading, pool, manager, id, range);
    if (bound !== undefined) return bound;
    const why = `liquidity of token ${tokenId} changes before its mint was seen: the history is incomplete`;
    throw broken("V4-7", pool, place, log, "a mint of the token in this transaction", "none", why);
  }

  #poolOf(token: PositionToken): Pool {
    const pool = this.#reading.poolOf(token.pool);
    invariant(pool !== undefined, "TOKEN_POOL", `token ${token.tokenId} is of ${token.pool}, which is not followed`);
    return pool;
  }
}

/** Whether a hook has a permission by which it can hold value outside positions. */
export function holdsValueApart(hooks: string): boolean {
  return (BigInt(hooks) & RETURNS_DELTA) !== 0n;
}

/**
 * V4-8: the pool's id is the hash of its key; its tokens are those of the programme, and its hook keeps nothing apart.
 */
function requireKey(pool: Pool, log: Log, key: PoolKey, { place }: DecodeContext): void {
  const { currency0, currency1, fee, tickSpacing, hooks } = key;
  const id = keccakOfHex(...[currency0, currency1, fee, tickSpacing, hooks].map((part) => hexOf(BigInt(part), 32)));
  if (id !== pool.address)
    throw broken("V4-8", pool, place, log, pool.address, id, "the id is not the hash of the key");
  const tokens = pool.tokens.map((token) => token.address).join(" and ");
  if (tokens !== `${currency0} and ${currency1}`)
    throw broken("V4-8", pool, place, log, `${currency0} and ${currency1}`, tokens, "the programme names other tokens");
  if (!holdsValueApart(hooks) || pool.caveats.includes("hook-holds-value")) return;
  const why = `the hook ${hooks} may hold value outside positions, which no log tells: name the caveat hook-holds-value to follow positions alone`;
  throw broken("V4-8", pool, place, log, "a hook that returns no amounts of its own", hooks, why);
}
