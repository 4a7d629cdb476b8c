import pancakeAbi from "../../../abi/pancake-v3-pool.json" with { type: "json" };
import abi from "../../../abi/uniswap-v3-pool.json" with { type: "json" };
import { eventOf, movementOf } from "../accounting/post.ts";
import { addTo, custodyKey, type WorkingSet } from "../accounting/working-set.ts";
import { amountsOf, type PoolPrice } from "../amm/amounts.ts";
import { rangeId, type TickRange } from "../amm/ticks.ts";
import type { Log } from "../chain.ts";
import { broken, identityBroken, invariant } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import { type LiquidityChange, ManagerLogs, rangeOf } from "./position-manager.ts";
import type { DecodeContext, DecodedLog, Emit, Place, TransactionDecoder } from "./reading.ts";
import { requireCovered, requireTick } from "./v3-swap.ts";
import { eventShapes, losslessJson, type Values } from "./words.ts";

/** The events of a Uniswap V3 pool, by topic0. */
export const uniswapV3Shapes = eventShapes(abi, [
  "Initialize",
  "Mint",
  "Burn",
  "Collect",
  "Swap",
  "Flash",
  "CollectProtocol",
]);

/** The same of a PancakeSwap V3 pool, whose `Swap` has two more fields. */
export const pancakeV3Shapes = new Map([
  ...[...uniswapV3Shapes].filter(([, { name }]) => name !== "Swap"),
  ...eventShapes(pancakeAbi, ["Swap"]),
]);

/** An owner's range, as the pool itself knows positions. */
interface Custody {
  readonly owner: Address;
  readonly position: string;
  /** See `custodyKey`. */
  readonly key: string;
}

interface Paid {
  readonly amount0: bigint;
  readonly amount1: bigint;
}

/**
 * The pool logs of one transaction (Uniswap v3-core, UniswapV3Pool). Liquidity belongs to `owner`, never to `sender`;
 * a `Burn` of nothing is a poke; `Collect` moves tokens, not liquidity.
 */
export class PoolLogs implements TransactionDecoder {
  readonly #reading: DecodeContext;
  readonly #books: WorkingSet;
  readonly #place: Place;
  readonly #emit: Emit;
  // Most transactions only swap: what they do not need is not made.
  #managers: ManagerLogs | undefined;
  #touched: (Custody & { readonly pool: Pool; readonly logIndex: number })[] | undefined;

  constructor(reading: DecodeContext) {
    this.#reading = reading;
    this.#books = reading.books;
    this.#place = reading.place;
    this.#emit = reading.emit;
  }

  readManager(decoded: DecodedLog): void {
    this.#managerLogs().read(decoded);
  }

  #managerLogs(): ManagerLogs {
    this.#managers ??= new ManagerLogs(this.#reading);
    return this.#managers;
  }

  read(pool: Pool, { log, name, values }: DecodedLog): void {
    const book = this.#books.ticks(pool);
    if (name === "Initialize") {
      const { sqrtPriceX96, tick } = values as unknown as PoolPrice;
      book.price = { sqrtPriceX96, tick };
      requireTick("V3-4", pool, this.#place, log, book.price);
      book.amounts = pool.caveats.includes("rebasing-token") ? null : [0n, 0n];
      book.ticks.moveTo(tick);
      return;
    }
    if (book.price === null) {
      const why = "the history is incomplete: start at or before the block that created the pool";
      throw broken("V3-3", pool, this.#place, log, "Initialize as the pool's first log", name, why);
    }
    switch (name) {
      case "Flash": {
        // A loan goes out and comes back with what is paid.
        const { paid0, paid1 } = values as unknown as { readonly paid0: bigint; readonly paid1: bigint };
        requireCovered(pool, book, log, this.#place, name, [paid0, paid1]);
        return;
      }
      case "CollectProtocol":
      case "Collect": {
        const { amount0, amount1 } = values as unknown as Paid;
        requireCovered(pool, book, log, this.#place, name, [-amount0, -amount1]);
        if (name === "Collect") this.#collect(pool, log, values);
        return;
      }
      case "Mint":
      case "Burn": {
        const change = changeOf(name, values);
        // What is burned is owed from now on, and still in the pool.
        if (name === "Mint") requireCovered(pool, book, log, this.#place, name, [change.amount0, change.amount1]);
        this.#changeLiquidity(pool, log, values, change);
        return;
      }
      default:
        invariant(false, "SWAP_NOT_READ", `the ${name} ${log.logIndex} was not read by itself`);
    }
  }

  #collect(pool: Pool, log: Log, values: Values): void {
    const { owner, tickLower, tickUpper } = values as unknown as TickRange & { readonly owner: Address };
    const range = { tickLower, tickUpper };
    const event = { name: "Collect", provider: owner, position: rangeId(range), range, movement: null };
    this.#emit(eventOf(pool, log, losslessJson(values), event));
  }

  #changeLiquidity(pool: Pool, log: Log, values: Values, change: LiquidityChange): void {
    const { name, owner, amount } = change;
    const book = this.#books.ticks(pool);
    const range = rangeOf(change);
    const position = rangeId(range);
    const key = custodyKey(owner, position);
    const minted = name === "Mint";
    if (!minted) this.#requireHeld(pool, log, { owner, position, key }, amount);
    this.#requireAmounts(pool, log, change);
    const delta = minted ? amount : -amount;
    if (pool.managers.includes(owner)) addTo(book.managed, key, delta);
    addTo(book.unmatched, key, delta);
    book.ticks.change(range, delta);
    this.#touched ??= [];
    this.#touched.push({ pool, owner, position, key, logIndex: log.logIndex });
    // What others mint to the manager's address has no token: a donation, which stays at that address for ever.
    const deferred = amount > 0n && pool.managers.includes(owner) && (!minted || change.sender === owner);
    const movement = deferred || amount === 0n ? null : movementOf(minted, owner, amount);
    this.#emit(eventOf(pool, log, losslessJson(values), { name, provider: owner, position, range, movement }));
    // The manager's own log says for which of its tokens.
    if (deferred) this.#managerLogs().defer(pool, log, change);
  }

  /** V3-2: nobody burns more than it has, or pokes where it has nothing. */
  #requireHeld(pool: Pool, log: Log, at: Custody, amount: bigint): void {
    const held = this.#poolSays(pool, at);
    if (held >= amount && held > 0n) return;
    const expected = amount === 0n ? "more than 0" : `at least ${amount}`;
    const why = `${at.owner} burns at ${at.position} what it does not hold: the history is incomplete`;
    throw broken("V3-2", pool, this.#place, log, expected, held, why);
  }

  /** What the pool's logs sum to at an owner's range. Nobody but a manager has it in more than one account. */
  #poolSays(pool: Pool, { owner, position, key }: Custody): bigint {
    const { managed, unmatched } = this.#books.ticks(pool);
    if (pool.managers.includes(owner)) return managed.get(key) ?? 0n;
    return this.#books.held(pool, position, owner) + (unmatched.get(key) ?? 0n);
  }

  /**
   * V3-3: the amounts of a deposit or withdrawal follow from liquidity, range and the pool's price, to the last unit.
   */
  #requireAmounts(pool: Pool, log: Log, change: LiquidityChange): void {
    const { price } = this.#books.ticks(pool);
    if (price === null || change.amount === 0n) return;
    const expected = amountsOf(change.amount, rangeOf(change), price, change.name === "Mint" ? "up" : "down");
    if (expected[0] === change.amount0 && expected[1] === change.amount1) return;
    const why = `the amounts of the ${change.name} do not follow from its liquidity at the pool's price`;
    const actual = `${change.amount0} and ${change.amount1}`;
    throw broken("V3-3", pool, this.#place, log, expected.join(" and "), actual, why);
  }

  /** V3-5 at the transaction's end: by owner and range, the accounts hold what the pool says. */
  finish(): void {
    this.#managers?.finish();
    const touched = this.#touched ?? [];
    for (const at of touched) {
      const { pool } = at;
      const difference = this.#books.ticks(pool).unmatched.get(at.key);
      if (difference === undefined) continue;
      const says = this.#poolSays(pool, at);
      const { blockNumber } = this.#place;
      const logIndex = touched.findLast((each) => each.pool === pool && each.key === at.key)?.logIndex ?? at.logIndex;
      const [expected, actual] = [`${says}`, `${says - difference}`];
      throw identityBroken(
        { identity: "V3-5", pool: pool.address, blockNumber, logIndex, expected, actual },
        `the accounts at ${at.key} do not sum to the pool's liquidity there`,
      );
    }
  }
}

function changeOf(name: LiquidityChange["name"], values: Values): LiquidityChange {
  const { sender, owner, tickLower, tickUpper, amount, amount0, amount1 } = values as unknown as LiquidityChange;
  return { name, sender, owner, tickLower, tickUpper, amount, amount0, amount1 };
}
