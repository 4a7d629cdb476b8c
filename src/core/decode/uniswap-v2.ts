import aerodromeAbi from "../../../abi/aerodrome-pool.json" with { type: "json" };
import solidlyAbi from "../../../abi/solidly-pair.json" with { type: "json" };
import abi from "../../../abi/uniswap-v2-pair.json" with { type: "json" };
import { partsOf } from "../accounting/holder.ts";
import type { ReservesBook } from "../accounting/pool-books.ts";
import { eventOf, type LedgerEvent, type Movement } from "../accounting/post.ts";
import type { WorkingSet } from "../accounting/working-set.ts";
import { sqrtFloor } from "../amm/sqrt.ts";
import type { Log } from "../chain.ts";
import { broken } from "../errors.ts";
import { type Address, ONE_ADDRESS, ZERO_ADDRESS } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import type { DecodeContext, DecodedLog, Place, TransactionDecoder } from "./reading.ts";
import { requireIssued } from "./shares.ts";
import { eventShapes, losslessJson, type Values } from "./words.ts";

/** The events of a Uniswap V2 pair and its byte-equal forks, by topic0. */
export const uniswapV2Shapes = eventShapes(abi, ["Transfer", "Sync", "Mint", "Burn", "Swap"]);
/** Of a Solidly pair: wider reserves, and fees that leave the pair. */
export const solidlyShapes = eventShapes(solidlyAbi, ["Transfer", "Sync", "Mint", "Burn", "Swap", "Fees"]);
/** Of an Aerodrome or Velodrome V2 pool: the same with other arguments in `Burn` and `Swap`. */
export const aerodromeShapes = eventShapes(aerodromeAbi, ["Transfer", "Sync", "Mint", "Burn", "Swap", "Fees"]);

/**
 * How the forks differ: who keeps the locked minimum, what ends at the zero address, whether the protocol mints itself
 * a fee.
 */
interface Dialect {
  readonly locked: Address;
  readonly burnsFrom: "pair" | "anybody";
  readonly protocolFee: boolean;
}

const SOLIDLY: Dialect = { locked: ZERO_ADDRESS, burnsFrom: "pair", protocolFee: false };
const DIALECTS: { readonly [protocol: string]: Dialect } = {
  "uniswap-v2": { locked: ZERO_ADDRESS, burnsFrom: "pair", protocolFee: true },
  solidly: SOLIDLY,
  // Its ERC-20 can neither mint to the zero address nor be sent there.
  aerodrome: { ...SOLIDLY, locked: ONE_ADDRESS, burnsFrom: "anybody" },
};

function dialectOf({ protocol }: Pool): Dialect {
  return DIALECTS[protocol] ?? SOLIDLY;
}

const MINIMUM_LIQUIDITY = 1000n;

type Decoded =
  | { readonly name: "Transfer"; readonly from: Address; readonly to: Address; readonly value: bigint }
  | { readonly name: "Sync"; readonly reserve0: bigint; readonly reserve1: bigint }
  | { readonly name: "Mint"; readonly amount0: bigint; readonly amount1: bigint }
  | { readonly name: "Burn"; readonly amount0: bigint; readonly amount1: bigint; readonly to: Address }
  | { readonly name: "Fees"; readonly amount0: bigint; readonly amount1: bigint }
  | {
      readonly name: "Swap";
      readonly amount0In: bigint;
      readonly amount1In: bigint;
      readonly amount0Out: bigint;
      readonly amount1Out: bigint;
    };

/**
 * The logs of pairs in one transaction. The ledger is the ERC-20 `Transfer` of the share token alone; `Mint` and `Burn`
 * name the caller and are kept as evidence; `Sync` is the pool's state (Uniswap v2-core, UniswapV2Pair; Solidly
 * BaseV1-core; Aerodrome Pool).
 */
export class PairLogs implements TransactionDecoder {
  readonly #reading: DecodeContext;

  constructor(reading: DecodeContext) {
    this.#reading = reading;
  }

  read(pool: Pool, decodedLog: DecodedLog): void {
    readPairLog(this.#reading, pool, decodedLog);
  }
}

function readPairLog({ books, place, emit }: DecodeContext, pool: Pool, { log, name, values }: DecodedLog): void {
  const decoded = { name, ...values } as unknown as Decoded;
  const book = books.reserves(pool);
  switch (decoded.name) {
    case "Transfer": {
      const movement = movementOf(pool, decoded);
      requireFirstMint(pool, book.supply, decoded, movement, log, place);
      emit(decodedLog(pool, log, "Transfer", values, movement));
      // The locked minimum goes to nobody: the deposit it comes with has a transfer of its own.
      const locked =
        movement.from === "issuance" &&
        book.supply === 0n &&
        decoded.to === dialectOf(pool).locked &&
        decoded.value === MINIMUM_LIQUIDITY;
      book.isFirst ||= locked;
      if (movement.from === "issuance") book.supply += decoded.value;
      if (movement.to === "issuance") book.supply -= decoded.value;
      if (movement.from === "issuance" && !locked && decoded.value > 0n) book.issued.push(decoded.value);
      if (movement.to === "issuance") book.redeemed += decoded.value;
      requireIssued("V2-1", books, pool, book.supply, log, place);
      return;
    }
    case "Sync":
      book.before = book.reserves;
      book.reserves = [decoded.reserve0, decoded.reserve1];
      return;
    case "Mint":
      emit(decodedLog(pool, log, "Mint", values, null));
      requireReserves(books, pool, [decoded.amount0, decoded.amount1], log, place);
      requireMint({ pool, book, log, place }, [decoded.amount0, decoded.amount1]);
      endOfChange(book);
      return;
    case "Burn":
      emit(decodedLog(pool, log, "Burn", values, null));
      requireBurn({ pool, book, log, place }, [decoded.amount0, decoded.amount1], decoded.to);
      endOfChange(book);
      return;
    case "Fees":
      book.fees = [book.fees[0] + decoded.amount0, book.fees[1] + decoded.amount1];
      return;
    case "Swap": {
      const { amount0In, amount0Out, amount1In, amount1Out } = decoded;
      const [fee0, fee1] = book.fees;
      book.fees = [0n, 0n];
      requireReserves(books, pool, [amount0In - fee0 - amount0Out, amount1In - fee1 - amount1Out], log, place);
    }
  }
}

/** From zero is a mint; from the pair to zero is a burn; a plain transfer to zero leaves the supply as it is. */
function movementOf(pool: Pool, transfer: { from: Address; to: Address; value: bigint }): Movement {
  const { from, to, value: amount } = transfer;
  if (from === ZERO_ADDRESS) return { from: "issuance", to, amount };
  const burned = to === ZERO_ADDRESS && (from === pool.address || dialectOf(pool).burnsFrom === "anybody");
  if (burned) return { from, to: "issuance", amount };
  return { from, to, amount };
}

/** The credited side, or for a burn the pair that gives the shares up. */
function decodedLog(pool: Pool, log: Log, name: string, values: Values, movement: Movement | null): LedgerEvent {
  const side = movement?.to === "issuance" ? movement.from : movement?.to;
  const provider = side === undefined || side === "issuance" ? null : partsOf(side).provider;
  return eventOf(pool, log, losslessJson(values), { name, provider, position: "", range: null, movement });
}

/** A pair's life begins with the locked minimum; any other beginning means that we came too late. */
function requireFirstMint(
  pool: Pool,
  supply: bigint,
  transfer: { to: Address; value: bigint },
  movement: Movement,
  log: Log,
  place: Place,
): void {
  if (pool.caveats.includes("no-locked-minimum")) return;
  if (supply !== 0n || movement.from !== "issuance" || transfer.value === 0n) return;
  const { locked } = dialectOf(pool);
  if (transfer.to === locked && transfer.value === MINIMUM_LIQUIDITY) return;
  const expected = `first mint of ${MINIMUM_LIQUIDITY} to ${locked}`;
  const actual = `mint of ${transfer.value} to ${transfer.to}`;
  throw broken(
    "V2-1",
    pool,
    place,
    log,
    expected,
    actual,
    "the pair's first mint is missing: start at or before the block that created it, or name the caveat no-locked-minimum where a migrator made the pair",
  );
}

interface Here {
  readonly pool: Pool;
  readonly book: ReservesBook;
  readonly log: Log;
  readonly place: Place;
}

/**
 * V2-1: a Mint comes after the transfer of the shares it reports; V2-3: those are what its amounts buy at the reserves
 * before it. A transfer before them is the protocol's fee.
 */
function requireMint({ pool, book, log, place }: Here, amounts: readonly [bigint, bigint]): void {
  const shares = book.issued.pop();
  if (shares === undefined) {
    const why = "no shares were issued before the log that reports it: a share transfer is missing";
    throw broken("V2-1", pool, place, log, "more than 0", 0n, why);
  }
  const supply = book.supply - shares;
  if (supply === 0n) return; // Without the locked minimum, as the caveat says: a migrator's own formula.
  const expected = book.isFirst
    ? sqrtFloor(amounts[0] * amounts[1]) - MINIMUM_LIQUIDITY
    : sharesFor(book, amounts, supply);
  if (expected !== undefined && expected !== shares) {
    const why = "the shares issued are not what the amounts buy: a log before it is missing";
    throw broken("V2-3", pool, place, log, expected, shares, why);
  }
  if (!book.isFirst) requireFee({ pool, book, log, place }, supply);
}

function sharesFor({ before }: ReservesBook, amounts: readonly [bigint, bigint], supply: bigint): bigint | undefined {
  if (before === null || before[0] === 0n || before[1] === 0n) return undefined;
  const [a, b] = [(amounts[0] * supply) / before[0], (amounts[1] * supply) / before[1]];
  return a < b ? a : b;
}

/** V2-1 and V2-4: a Burn comes after the shares it redeems, and pays their part of all the pair held. */
function requireBurn({ pool, book, log, place }: Here, amounts: readonly [bigint, bigint], to: Address): void {
  const { redeemed, reserves } = book;
  if (redeemed === 0n) {
    const why = "no shares were redeemed before the log that reports it: a share transfer is missing";
    throw broken("V2-1", pool, place, log, "more than 0", 0n, why);
  }
  const supply = book.supply + redeemed;
  if (reserves !== null && !pool.caveats.includes("fee-on-transfer")) {
    // What is paid to the pair itself never leaves it.
    const paid = to === pool.address ? [0n, 0n] : amounts;
    const [expected0, expected1] = [0, 1].map(
      (side) => (redeemed * ((reserves[side] ?? 0n) + (paid[side] ?? 0n))) / supply,
    );
    if (expected0 !== amounts[0] || expected1 !== amounts[1]) {
      const why = "the amounts paid are not the shares' part of the reserves: a log before it is missing";
      const [expected, actual] = [`${expected0} and ${expected1}`, `${amounts[0]} and ${amounts[1]}`];
      throw broken("V2-4", pool, place, log, expected, actual, why);
    }
  }
  requireFee({ pool, book, log, place }, supply);
}

/**
 * V2-5: what is issued beside the shares of a Mint or Burn is the protocol's sixth of the growth of sqrt(k). Whether
 * the fee is on leaves no log, so its absence proves nothing.
 */
function requireFee({ pool, book, log, place }: Here, supplyAfter: bigint): void {
  const { issued, before, kLast } = book;
  const fee = issued[0];
  if (fee === undefined) return;
  if (issued.length > (dialectOf(pool).protocolFee ? 1 : 0)) {
    const why = "more than one transfer of new shares beside those that are reported";
    throw broken(
      "V2-5",
      pool,
      place,
      log,
      dialectOf(pool).protocolFee ? "at most one" : "none",
      BigInt(issued.length),
      why,
    );
  }
  if (before === null || kLast === null || pool.caveats.includes("other-protocol-fee")) return;
  const [root, rootLast] = [sqrtFloor(before[0] * before[1]), sqrtFloor(kLast)];
  const expected = ((supplyAfter - fee) * (root - rootLast)) / (5n * root + rootLast);
  if (expected === fee) return;
  const why =
    "the protocol's fee is not a sixth of the growth: a log before it is missing, or the pair is a fork with another fee";
  throw broken("V2-5", pool, place, log, expected, fee, why);
}

/** A Mint or Burn ends one change of the supply; the next growth is counted from here. */
function endOfChange(book: ReservesBook): void {
  book.isFirst = false;
  book.issued = [];
  book.redeemed = 0n;
  book.kLast = book.reserves === null ? null : book.reserves[0] * book.reserves[1];
}

/** V2-2: the reserves moved by exactly what the log says came in and went out. */
function requireReserves(
  books: WorkingSet,
  pool: Pool,
  moved: readonly [bigint, bigint],
  log: Log,
  place: Place,
): void {
  if (pool.caveats.includes("fee-on-transfer")) return;
  const { reserves, before } = books.reserves(pool);
  for (const side of [0, 1] as const) {
    const change = reserves === null ? undefined : reserves[side] - (before?.[side] ?? 0n);
    if (change === moved[side]) continue;
    throw broken(
      "V2-2",
      pool,
      place,
      log,
      moved[side],
      change ?? "no Sync yet",
      `the reserve of token${side} moved by another amount than the log says`,
    );
  }
}
