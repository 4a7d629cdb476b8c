import erc20Abi from "../../../abi/erc20.json" with { type: "json" };
import erc4626Abi from "../../../abi/erc4626.json" with { type: "json" };
import { eventOf, type Movement } from "../accounting/post.ts";
import type { WorkingSet } from "../accounting/working-set.ts";
import type { Log } from "../chain.ts";
import { broken, invariant } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import { E36 } from "../valuation/value.ts";
import type { DecodeContext, DecodedLog, Place, TransactionDecoder } from "./reading.ts";
import { eventShapes, losslessJson } from "./words.ts";

export const erc20Shapes = eventShapes(erc20Abi, ["Transfer"]);
export const erc4626Shapes = eventShapes(erc4626Abi, ["Transfer", "Deposit", "Withdraw"]);

export interface ShareTransfer {
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
}

/**
 * Posts a transfer of shares; with `burned` they are redeemed, else shares sent to the zero address stay in the supply.
 */
export function postTransfer(
  { books, place, emit }: DecodeContext,
  pool: Pool,
  { log, values }: DecodedLog,
  burned: boolean,
): void {
  const { from, to, value: amount } = values as unknown as ShareTransfer;
  const movement: Movement =
    from === ZERO_ADDRESS
      ? { from: "issuance", to, amount }
      : burned
        ? { from, to: "issuance", amount }
        : { from, to, amount };
  const provider = burned ? from : to;
  emit(eventOf(pool, log, losslessJson(values), { name: "Transfer", provider, position: "", range: null, movement }));
  const book = books.shares(pool);
  if (movement.from === "issuance") book.supply += amount;
  if (movement.to === "issuance") book.supply -= amount;
  requireIssued("C3", books, pool, book.supply, log, place);
}

/** The sum of all accounts is the supply that mints and burns add up to. */
export function requireIssued(
  identity: string,
  books: WorkingSet,
  pool: Pool,
  supply: bigint,
  log: Log,
  place: Place,
): void {
  const issued = books.issued(pool);
  invariant(supply >= 0n, "SUPPLY_SIGN", `the supply of ${pool.address} fell to ${supply}`);
  if (issued === supply) return;
  throw broken(identity, pool, place, log, supply, issued, "the holders' shares do not sum to the supply");
}

/**
 * Share tokens of any kind: the ledger is `Transfer`, and shares sent to the zero address are burned, as by every token
 * that has no other way to lower its supply. An ERC-4626 vault's deposits and withdrawals also tell what a share is
 * worth in its asset; a plain token is worth itself.
 */
export class ShareLogs implements TransactionDecoder {
  readonly #reading: DecodeContext;
  /** What was issued and redeemed, and what deposits and withdrawals say of it: "pool owner shares". */
  readonly #moved: string[] = [];
  readonly #said: { readonly key: string; readonly pool: Pool; readonly log: Log }[] = [];

  constructor(reading: DecodeContext) {
    this.#reading = reading;
  }

  read(pool: Pool, decoded: DecodedLog): void {
    const book = this.#reading.books.shares(pool);
    if (pool.protocol === "erc20") book.shareValueE36 = E36;
    if (decoded.name === "Transfer") {
      const { from, to, value } = decoded.values as unknown as ShareTransfer;
      postTransfer(this.#reading, pool, decoded, to === ZERO_ADDRESS);
      // What was redeemed last says nothing of what comes in next.
      if (book.supply === 0n && pool.protocol !== "erc20") book.shareValueE36 = null;
      if (from === ZERO_ADDRESS) this.#moved.push(`${pool.address} ${to} ${value}`);
      else if (to === ZERO_ADDRESS) this.#moved.push(`${pool.address} ${from} ${-value}`);
      return;
    }
    const { log, name, values } = decoded;
    const [assets, shares] = [values["assets"] as bigint, values["shares"] as bigint];
    const provider = values["owner"] as Address;
    const meaning = { name, provider, position: "", range: null, movement: null };
    this.#reading.emit(eventOf(pool, log, losslessJson(values), meaning));
    const key = `${pool.address} ${provider} ${name === "Deposit" ? shares : -shares}`;
    if (shares > 0n && !pool.caveats.includes("other-share-flow")) this.#said.push({ key, pool, log });
    // A sample of few units says little: rounding would be most of it. Nor does a vault that is empty by now; one that
    // logs a deposit before it issues the shares is not.
    const isEmpty = book.supply === 0n && name !== "Deposit";
    if (shares >= SAMPLE_MIN && assets >= SAMPLE_MIN && !isEmpty) book.shareValueE36 = (assets * E36) / shares;
  }

  /** S-1: the shares of a deposit are issued in its transaction, and those of a withdrawal redeemed. */
  finish(): void {
    for (const { key, pool, log } of this.#said) {
      const at = this.#moved.indexOf(key);
      if (at < 0) {
        const why = "no transfer issued or redeemed the shares that the vault reports: it is missing";
        throw broken("S-1", pool, this.#reading.place, log, "a transfer of the same shares", "none", why);
      }
      this.#moved.splice(at, 1);
    }
  }
}

const SAMPLE_MIN = 1_000_000n;
