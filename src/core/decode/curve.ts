import abi from "../../../abi/curve-stableswap.json" with { type: "json" };
import ngAbi from "../../../abi/curve-stableswap-ng.json" with { type: "json" };
import type { SharesBook } from "../accounting/pool-books.ts";
import { eventOf, type LedgerEvent } from "../accounting/post.ts";
import { divCeil } from "../amm/amounts.ts";
import type { Log } from "../chain.ts";
import { E18 } from "../decimal.ts";
import { broken } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import type { DecodeContext, DecodedLog, TransactionDecoder } from "./reading.ts";
import { postTransfer, type ShareTransfer } from "./shares.ts";
import { eventShapes, losslessJson } from "./words.ts";

const NAMES = [
  "Transfer",
  "AddLiquidity",
  "RemoveLiquidity",
  "RemoveLiquidityImbalance",
  "RemoveLiquidityOne",
  "TokenExchange",
  "TokenExchangeUnderlying",
  "RampA",
  "StopRampA",
];

/** The events of a StableSwap-NG pool, which is its own share token. */
export const curveNgShapes = eventShapes(ngAbi, NAMES);
/** Of the older pools of two to four coins and their share tokens: the arrays are of fixed size. */
export const curveShapes = eventShapes(abi, NAMES);

interface Change {
  readonly name: "AddLiquidity" | "RemoveLiquidity" | "RemoveLiquidityImbalance" | "RemoveLiquidityOne";
  readonly provider: Address;
  readonly token_amounts?: readonly bigint[];
  readonly fees?: readonly bigint[];
  readonly invariant?: bigint;
  readonly token_supply?: bigint;
  /** Of `RemoveLiquidityOne`: which coin (new pools only), shares burned, coin paid. */
  readonly token_id?: bigint;
  readonly token_amount?: bigint;
  readonly coin_amount?: bigint;
}

/** Half of every fee belongs to the protocol and is no provider's any more. */
const ADMIN_SHARE = 2n;

/**
 * Curve StableSwap pools, old and new (curvefi/stableswap-ng, curvefi/curve-contract). The ledger is the `Transfer` of
 * the share token; neither kind guards the zero address, so shares sent there are burned only where a removal of the
 * same provider follows and its supply says so. `provider` in the pool's own logs is the caller and is never credited.
 */
export class CurveLogs implements TransactionDecoder {
  readonly #reading: DecodeContext;
  /** Transfers to the zero address whose meaning a later log of their pool tells: a pool pays before it logs. */
  readonly #pending = new Map<Pool, DecodedLog[]>();
  /** The mint or burn that the pool's own log must report next, and the transfer that made it. */
  readonly #moved = new Map<Pool, { readonly sum: bigint; readonly log: Log }>();

  constructor(reading: DecodeContext) {
    this.#reading = reading;
  }

  read(pool: Pool, decoded: DecodedLog): void {
    const { name, values } = decoded;
    if (name === "Transfer") {
      const { from, to, value } = values as unknown as ShareTransfer;
      if (to === ZERO_ADDRESS && from !== ZERO_ADDRESS && value > 0n) {
        this.#pending.set(pool, [...(this.#pending.get(pool) ?? []), decoded]);
        return;
      }
      postTransfer(this.#reading, pool, decoded, false);
      if (from === ZERO_ADDRESS) this.#issue(pool, decoded.log, value);
      return;
    }
    const book = this.#reading.books.shares(pool);
    switch (name) {
      case "RampA":
      case "StopRampA":
        book.fallsUntilSec = Number(values["future_time"] ?? values["t"]);
        this.#reading.emit(evidence(pool, decoded, null));
        return;
      case "TokenExchangeUnderlying":
        // It counts the coins of the pool beneath: what moved in this one, no log tells.
        book.amounts = null;
        return;
      case "TokenExchange":
        exchange(book, pool, values as unknown as Exchange);
        return;
      default:
        this.#change(pool, book, decoded, { name, ...values } as unknown as Change);
    }
  }

  finish(): void {
    for (const [pool, pending] of this.#pending)
      for (const decoded of pending) postTransfer(this.#reading, pool, decoded, false);
    for (const [pool, { sum, log }] of this.#moved) {
      if (sum === 0n) continue; // Anybody can have nothing transferred from the zero address.
      const why = "shares were issued or redeemed, and no log of the pool reports it";
      throw broken("C2", pool, this.#reading.place, log, "a log of the pool", sum, why);
    }
  }

  #issue(pool: Pool, log: Log, value: bigint): void {
    this.#moved.set(pool, { sum: (this.#moved.get(pool)?.sum ?? 0n) + value, log });
  }

  /** A transfer to the zero address is a burn where a removal of the pool that follows agrees, else a transfer. */
  #burn(pool: Pool, change: Change): void {
    if (change.name === "AddLiquidity") return;
    const { supply } = this.#reading.books.shares(pool);
    const pending = this.#pending.get(pool) ?? [];
    const decoded = pending.find(({ values }) => {
      const { from, value } = values as unknown as ShareTransfer;
      return (
        change.provider === from &&
        (change.token_supply === undefined || change.token_supply === supply - value) &&
        (change.token_amount === undefined || change.token_amount === value)
      );
    });
    if (decoded === undefined) return;
    pending.splice(pending.indexOf(decoded), 1);
    postTransfer(this.#reading, pool, decoded, true);
    this.#issue(pool, decoded.log, -(decoded.values as unknown as ShareTransfer).value);
  }

  #change(pool: Pool, book: SharesBook, decoded: DecodedLog, change: Change): void {
    const { log, name } = decoded;
    this.#burn(pool, change);
    const said = this.#moved.has(pool);
    const moved = this.#moved.get(pool)?.sum ?? 0n;
    this.#moved.delete(pool);
    this.#reading.emit(evidence(pool, decoded, change.provider));
    const { place } = this.#reading;
    if (change.token_supply !== undefined && change.token_supply !== book.supply) {
      const why = "the supply the pool reports is not what its transfers add up to: the history is incomplete";
      throw broken("C1", pool, place, log, change.token_supply, book.supply, why);
    }
    const added = name === "AddLiquidity";
    const expected = change.token_amount === undefined ? undefined : -change.token_amount;
    const idle = moved === 0n && change.token_amounts?.every((each) => each === 0n) === true;
    const fits =
      expected === undefined ? (!added && idle) || (added ? said && moved >= 0n : moved < 0n) : moved === expected;
    if (!fits) {
      const why = `the transfer of the shares that the ${name} reports is missing`;
      throw broken(
        "C2",
        pool,
        place,
        log,
        expected ?? (added ? "a transfer of new shares" : "less than 0"),
        said ? moved : "none",
        why,
      );
    }
    this.#value(pool, book, log, change, book.supply - moved);
    book.amounts = amountsAfter(book, pool, change, book.supply - moved);
  }

  /**
   * The value of a share out of a log's invariant, which new pools give after all fees: the supply grew in the same
   * proportion, so D before is `floor(S0 * D1 / S1)`: the integer that gives the shares that were issued, if there is
   * one.
   */
  #value(pool: Pool, book: SharesBook, log: Log, change: Change, before: bigint): void {
    const { invariant: after } = change;
    if (after === undefined || book.supply === 0n) return;
    // Since the last sample A may have changed, and D with it.
    const ramped = book.fallsUntilSec >= book.sampledSec;
    book.sampledSec = this.#reading.place.timestampSec;
    if (before === 0n || pool.protocol !== "curve-ng") {
      // The first deposit is its own measure. Old pools tell D before fees: a little high, and nothing better is said.
      book.shareValueE36 = shareValueE36(pool, after, book.supply);
      return;
    }
    const added = change.name === "AddLiquidity";
    // Where several fit, because a share is worth much more than a coin, the largest will do.
    const first = invariantsBefore(added, before, book.supply, after).at(-1);
    if (first === undefined) {
      const why = "the shares do not follow from the invariant the pool reports: a log before it is missing";
      throw broken("C4", pool, this.#reading.place, log, "an invariant before it", "none", why);
    }
    const value = shareValueE36(pool, first, before);
    const tolerance = shareValueE36(pool, 2n, before) + 1n;
    if (book.shareValueE36 !== null && !ramped && !pool.caveats.includes("share-value-may-fall")) {
      if (value + tolerance < book.shareValueE36) {
        const why =
          "the value of a share fell without a change of A: a log is missing, or the pool needs the caveat share-value-may-fall";
        throw broken("C5", pool, this.#reading.place, log, `at least ${book.shareValueE36}`, value, why);
      }
    }
    book.shareValueE36 = value;
  }
}

interface Exchange {
  readonly sold_id: bigint;
  readonly tokens_sold: bigint;
  readonly bought_id: bigint;
  readonly tokens_bought: bigint;
}

function exchange(
  book: SharesBook,
  { tokens }: Pool,
  { sold_id, tokens_sold, bought_id, tokens_bought }: Exchange,
): void {
  if (book.amounts === null) return;
  book.amounts = tokens.map(
    (_, i) =>
      (book.amounts?.[i] ?? 0n) +
      (BigInt(i) === sold_id ? tokens_sold : 0n) -
      (BigInt(i) === bought_id ? tokens_bought : 0n),
  );
}

/**
 * What the pool holds for its providers after a change. A removal in proportion tells it afresh; between two of them
 * the protocol's half of the fees of exchanges, which no log tells, is still counted in.
 */
function amountsAfter(
  book: SharesBook,
  { tokens }: Pool,
  change: Change,
  supplyBefore: bigint,
): readonly bigint[] | null {
  const { name, token_amounts: amounts, fees = [] } = change;
  if (name === "RemoveLiquidity" && amounts !== undefined) {
    const burned = supplyBefore - book.supply;
    if (burned === 0n) return book.amounts;
    return readAmounts(book.amounts, amounts, supplyBefore, burned);
  }
  const held = book.amounts ?? (supplyBefore === 0n ? tokens.map(() => 0n) : null);
  if (held === null) return null;
  if (name === "RemoveLiquidityOne") {
    if (change.token_id === undefined) return null; // Old pools do not say which coin.
    return held.map((each, i) => (BigInt(i) === change.token_id ? each - (change.coin_amount ?? 0n) : each));
  }
  const sign = name === "AddLiquidity" ? 1n : -1n;
  return held.map((each, i) => each + sign * (amounts?.[i] ?? 0n) - (fees[i] ?? 0n) / ADMIN_SHARE);
}

/**
 * A removal of few shares says little of what there was: only a reading to a millionth counts where nothing else is
 * known.
 */
const PRECISION = 1_000_000n;

/**
 * What is left after a removal in proportion, each amount of which is `floor(held * burned / supply)`: what was counted
 * so far, brought between the bounds that follow from that.
 */
function readAmounts(
  counted: readonly bigint[] | null,
  paid: readonly bigint[],
  supply: bigint,
  burned: bigint,
): readonly bigint[] | null {
  const held = paid.map((each, i): bigint | null => {
    const [low, high] = [divCeil(each * supply, burned), divCeil((each + 1n) * supply, burned) - 1n];
    const known = counted?.[i];
    if (known === undefined) return (high - low) * PRECISION <= low ? low - each : null;
    return (known < low ? low : known > high ? high : known) - each;
  });
  return held.every((each) => each !== null) ? held : null;
}

/** What a pool's own log says; it moves nothing. */
function evidence(pool: Pool, { log, name, values }: DecodedLog, provider: Address | null): LedgerEvent {
  return eventOf(pool, log, losslessJson(values), { name, provider, position: "", range: null, movement: null });
}

/** Every integer D before a change from which the shares issued or burned follow, ascending. */
export function invariantsBefore(
  added: boolean,
  supplyBefore: bigint,
  supplyAfter: bigint,
  after: bigint,
): readonly bigint[] {
  const near = (supplyBefore * after) / supplyAfter;
  const found: bigint[] = [];
  for (let candidate = near - 2n; candidate <= near + 2n; candidate++) {
    if (candidate <= 0n || (added && candidate > after)) continue;
    const follows = added
      ? (supplyBefore * (after - candidate)) / candidate === supplyAfter - supplyBefore
      : (supplyBefore * (candidate - after)) / candidate + 1n === supplyBefore - supplyAfter;
    if (follows) found.push(candidate);
  }
  return found;
}

/** D / supply in base units of the value token per base unit of a share, by 1e36; D counts whole coins by 1e18. */
function shareValueE36({ tokens, valuation }: Pool, invariantD: bigint, supply: bigint): bigint {
  const decimals = tokens[valuation.by === "share-value" ? valuation.token : 0]?.decimals ?? 18;
  return (invariantD * E18 * 10n ** BigInt(decimals)) / supply;
}
